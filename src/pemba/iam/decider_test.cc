// Decisions on a small library: the words of the wire contract's scenario, and what must not pass.
#include "pemba/iam/decider.h"

#include <gtest/gtest.h>

#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"
#include "pemba/iam/testing/library.h"
#include "pemba/provider/embedded.h"
#include "pemba/resource/testing/world.h"

namespace pemba::iam {
namespace {

using Answer = AccessDecision::Answer;

constexpr std::string_view kAccounts = R"(
kind: CustomResourceDefinition
spec:
  group: iam.miloapis.com
  scope: Cluster
  names: {kind: User, plural: users}
  versions:
  - {name: v1alpha1, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object,
     x-kubernetes-preserve-unknown-fields: true}}}
---
kind: CustomResourceDefinition
spec:
  group: iam.miloapis.com
  scope: Cluster
  names: {kind: ServiceAccount, plural: serviceaccounts}
  versions:
  - {name: v1alpha1, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object,
     x-kubernetes-preserve-unknown-fields: true}}}
---
kind: CustomResourceDefinition
spec:
  group: iam.miloapis.com
  scope: Namespaced
  names: {kind: Group, plural: groups}
  versions:
  - {name: v1alpha1, storage: true, schema: {openAPIV3Schema: {type: object,
     x-kubernetes-preserve-unknown-fields: true}}}
)";

const std::string kRm = "resourcemanager.miloapis.com", kL = "library.example.org";
const std::string kI = "iam.miloapis.com";
const std::vector<std::string> kTrusted = {kRm + "/Project"};

// A provider that can be made to fail.
class Breakable final : public provider::Provider {
 public:
  explicit Breakable(std::unique_ptr<provider::Provider> inner) : inner_(std::move(inner)) {}
  provider::Capabilities capabilities() const override { return inner_->capabilities(); }
  Result<model::Model> ReadModel() override { return inner_->ReadModel(); }
  Result<std::string> WriteModel(const model::Model& m, std::string_view id) override {
    return inner_->WriteModel(m, id);
  }
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) override {
    return inner_->Apply(removes, adds);
  }
  std::vector<Result<provider::Decision>> Check(std::span<const tuple::Tuple> questions,
                                                const provider::ReadOptions& options) override {
    auto answers = inner_->Check(questions, options);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (!broken.empty() && questions[i].object.find(broken) != std::string::npos) {
        answers[i] = Error{ErrorCode::kUnavailable, "gone"};
      }
    }
    return answers;
  }
  Result<provider::Names> ListObjects(std::string_view type, std::string_view relation,
                                      std::string_view user, const provider::ReadOptions& options,
                                      std::size_t max) override {
    return inner_->ListObjects(type, relation, user, options, max);
  }
  Result<provider::Names> ListUsers(std::string_view object, std::string_view relation,
                                    std::span<const std::string> types,
                                    const provider::ReadOptions& options) override {
    return inner_->ListUsers(object, relation, types, options);
  }
  Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) override {
    return inner_->ReadTuples(visit);
  }
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const provider::ReadOptions& options) override {
    return inner_->Explain(question, options);
  }
  provider::Health health() const override { return inner_->health(); }

  std::string broken;  // Checks of objects whose text has this fail; empty: none.

 private:
  const std::unique_ptr<provider::Provider> inner_;
};

class DeciderTest : public resource::testing::World {
 protected:
  DeciderTest() {
    EXPECT_TRUE(registry_.AddFromYaml(kAccounts).ok());
    Open();
    auto entries = testing::Library();
    entries.push_back(testing::Kind(kI, "User", "users", {"get", "update"}));
    entries.push_back(
        testing::Kind(kI, "Note", "notes", {"get"}, {kRm + "/Organization", kRm + "/Project"}));
    entries.push_back(
        testing::Kind(kI, "ServiceAccount", "serviceaccounts", {"get"}, {kRm + "/Project"}));
    catalog_ = std::make_shared<const Catalog>(Catalog::Build(entries));
    provider_ = std::make_unique<Breakable>(*provider::Embedded::Open(*stores_, id_, clock_));
    const auto before = provider_->ReadModel();
    EXPECT_TRUE(before.ok());
    const auto written =
        provider_->WriteModel(ManagedModel(*catalog_, {}, ProjectionKind::kDirect), before->id);
    EXPECT_TRUE(written.ok()) << (written.ok() ? "" : written.error().message);
    const auto librarian = {"books.get", "books.list", "books.lend", "shelves.get", "shelves.list"};
    const auto reader = {"books.get", "books.list", "shelves.get", "shelves.list"};
    const std::string group = "6f0c2a9e-51d7-4c3b-9a7e-2d1f8e5b7a10";
    std::vector<tuple::Tuple> tuples = {
        {GroupObject(group), "member", UserSubject("tomas"), {}},
        {kRm + "/Project:archive", "parent", kRm + "/Organization:northwind", {}},
    };
    for (const char* action : librarian) {
      tuples.push_back(
          {kRm + "/Organization:northwind", Relation(action), UserSubject("mira"), {}});
    }
    for (const char* action : reader) {
      tuples.push_back({kRm + "/Project:archive", Relation(action), GroupSubject(group), {}});
      tuples.push_back({KindRootObject(kL + "/Shelf"), Relation(action), UserSubject("ops"), {}});
    }
    Apply(tuples);
    Make({});
  }

  void Make(DeciderOptions options) {
    decider_ = std::make_unique<Decider>(
        store(), resources(), *provider_, [this] { return catalog_; }, std::move(options));
  }
  void Apply(const std::vector<tuple::Tuple>& tuples) {
    const auto applied = provider_->Apply({}, tuples);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  static std::string Relation(const std::string& action) {
    return PermissionRelation(kL + "/" + action);
  }
  void AddAccount(const char* kind_name, const std::string& name, const std::string& document) {
    const auto* kind = registry_.FindKind(kI, kind_name);
    auto made = resources().Create(*kind, "", resource::testing::Parse(document), options_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    auto object = made->object->document;
    object["status"] = resource::testing::Parse(document)["status"];
    made = resources().Update({kind, "", name}, object, resource::Part::kStatus, options_);
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  AccessDecision Ask(const AccessReview& review) {
    return decider_->Review(review, {.read = {}, .trusted_parents = kTrusted});
  }

  std::shared_ptr<const Catalog> catalog_;
  std::unique_ptr<Breakable> provider_;
  std::unique_ptr<Decider> decider_;
};

const ParentContext kArchive{kRm, "Project", "archive"};
const ParentContext kNorthwind{kRm, "Organization", "northwind"};
const ParentContext kShelf{kL, "Shelf", "s-999"};

struct Case {
  const char* name;
  AccessReview review;
  Answer answer;
  AccessReason reason;
  const char* deciding;  // "scope-parent resourcemanager.miloapis.com/Project:archive" or empty.
};

std::string Deciding(const AccessDecision& decision) {
  if (!decision.deciding) return "";
  const auto& item = decision.items[*decision.deciding];
  return std::string(ToText(item.kind)) + " " + item.object;
}

TEST_F(DeciderTest, AnswersTheScenario) {
  constexpr auto kGranted = AccessReason::kGranted;
  constexpr auto kNo = AccessReason::kNoGrant;
  const Case cases[] = {
      {"1",
       {"mira", "get", kL, "shelves", "", "", "s-100", kArchive},
       Answer::kAllowed,
       kGranted,
       "scope-parent resourcemanager.miloapis.com/Project:archive"},
      {"2", {"mira", "delete", kL, "shelves", "", "", "s-100", kArchive}, Answer::kDenied, kNo, ""},
      {"3",
       {"mira", "lend", kL, "books", "", "", "b-7", kArchive},
       Answer::kAllowed,
       kGranted,
       "scope-parent resourcemanager.miloapis.com/Project:archive"},
      {"4",
       {"tomas", "list", kL, "books", "", "", "", kArchive},
       Answer::kAllowed,
       kGranted,
       "instance resourcemanager.miloapis.com/Project:archive"},
      {"5", {"tomas", "lend", kL, "books", "", "", "b-7", kArchive}, Answer::kDenied, kNo, ""},
      {"6", {"mira", "get", kL, "books", "", "", "b-7"}, Answer::kDenied, kNo, ""},
      {"7",
       {"mira", "shred", kL, "books", "", "", "b-7", kArchive},
       Answer::kUndecided,
       AccessReason::kNotRegistered,
       ""},
      {"8",
       {"", "get", kL, "books", "", "", "b-7", kArchive},
       Answer::kUndecided,
       AccessReason::kNoSubject,
       ""},
      {"9",
       {"ops", "get", kL, "shelves", "", "", "s-999"},
       Answer::kAllowed,
       kGranted,
       "root iam.miloapis.com/Root:library.example.org/Shelf"},
      {"10", {"ops", "get", kL, "books", "", "", "b-7"}, Answer::kDenied, kNo, ""},
      {"11",
       {"ops", "list", kL, "shelves", "", "", ""},
       Answer::kAllowed,
       kGranted,
       "instance iam.miloapis.com/Root:library.example.org/Shelf"},
      {"12",
       {"ops", "get", kL, "books", "", "", "b-7", kShelf},
       Answer::kAllowed,
       kGranted,
       "scope-root iam.miloapis.com/Root:library.example.org/Shelf"},
      {"13",
       {"mira", "list", kI, "groups", "", "organization-other", "", kNorthwind},
       Answer::kUndecided,
       AccessReason::kNamespaceMismatch,
       ""},
      {"all namespaces at once",
       {"mira", "list", kI, "groups", "", "", "", kNorthwind},
       Answer::kUndecided,
       AccessReason::kNamespaceMissing,
       ""},
      {"a namespace is its organization",
       {"mira", "list", kL, "books", "", "organization-northwind", ""},
       Answer::kAllowed,
       kGranted,
       "instance resourcemanager.miloapis.com/Organization:northwind"},
      {"and for names in it",
       {"mira", "get", kL, "books", "", "organization-northwind", "b-1"},
       Answer::kAllowed,
       kGranted,
       "scope-parent resourcemanager.miloapis.com/Organization:northwind"},
      {"a subresource is its resource",
       {"mira", "get", kL, "shelves", "status", "", "s-100", kArchive},
       Answer::kAllowed,
       kGranted,
       "scope-parent resourcemanager.miloapis.com/Project:archive"},
      {"a collection's deletion is deletion",
       {"mira", "deletecollection", kL, "books", "", "", "", kArchive},
       Answer::kDenied,
       kNo,
       ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto got = Ask(c.review);
    EXPECT_EQ(got.answer, c.answer) << got.message;
    EXPECT_EQ(ToText(got.reason), ToText(c.reason)) << got.message;
    EXPECT_EQ(Deciding(got), c.deciding);
  }
}

// The way into another tenant that 1 to 13 leave open where parents are believed.
TEST_F(DeciderTest, AClaimedParentIsVerified) {
  const ParentContext acme{kRm, "Organization", "acme"};
  const auto get = PermissionRelation(kRm + "/projects.get");
  const auto get_note = PermissionRelation(kI + "/notes.get");
  Apply({{kRm + "/Project:other", "parent", kRm + "/Organization:other", {}},
         {kRm + "/Organization:acme", get, UserSubject("eve"), {}},
         {kRm + "/Project:mine", "parent", kRm + "/Organization:acme", {}},
         {KindRootObject(kRm + "/Organization"), get, UserSubject("staff"), {}},
         {KindRootObject(kRm + "/Project"), get_note, UserSubject("staff"), {}}});
  const auto ask = [&](const char* uid, const char* resource, const std::string& group,
                       const char* name, ParentContext parent) {
    return decider_->Review({uid, "get", group, resource, "", "", name, std::move(parent)}, {});
  };
  EXPECT_EQ(ask("eve", "projects", kRm, "other", acme).reason, AccessReason::kParentNotVerified);
  EXPECT_TRUE(ask("eve", "projects", kRm, "mine", acme).allowed());
  // Kind-wide grants follow the stored parents, whatever the request says (T18).
  EXPECT_EQ(Deciding(Ask({"staff", "get", kRm, "projects", "", "", "other"})),
            "scope-root iam.miloapis.com/Root:resourcemanager.miloapis.com/Organization");
  // A note may lie in an organization alone: that it lies in a project is a mere claim.
  EXPECT_FALSE(ask("staff", "notes", kI, "n", {kRm, "Project", "mine"}).allowed());
  // Books lie on shelves, always.
  EXPECT_TRUE(ask("ops", "books", kL, "b-7", kShelf).allowed());
  // Nobody vouches for projects here.
  EXPECT_EQ(ask("mira", "shelves", kL, "s-100", kArchive).reason, AccessReason::kParentNotVerified);
}

TEST_F(DeciderTest, NobodyVouchesForWhatIsKeptHere) {
  Apply({{kRm + "/Project:archive",
          PermissionRelation(kI + "/serviceaccounts.get"),
          UserSubject("mira"),
          {}}});
  const AccessReview review{"mira", "get", kI, "serviceaccounts", "", "", "robot", kArchive};
  EXPECT_EQ(Ask(review).reason, AccessReason::kParentNotVerified);
  Apply({{kI + "/ServiceAccount:robot", "parent", kRm + "/Project:archive", {}}});
  EXPECT_TRUE(Ask(review).allowed());
}

TEST_F(DeciderTest, AnErrorIsNeverADenialAndHidesNoAllow) {
  provider_->broken = "Root:";
  EXPECT_TRUE(Ask({"mira", "get", kL, "shelves", "", "", "s-100", kArchive}).allowed());
  const auto got = Ask({"mira", "delete", kL, "shelves", "", "", "s-100", kArchive});
  EXPECT_EQ(got.answer, Answer::kUndecided);
  EXPECT_EQ(got.reason, AccessReason::kProviderError);
  EXPECT_EQ(got.message, "gone");
  const std::vector<std::string> permissions = {kL + "/shelves.delete"};
  const Target target{kRm + "/Project", "", "archive"};
  EXPECT_FALSE(decider_->Lacks({"mira", "mira", {}, {}}, permissions, target).ok());
}

TEST_F(DeciderTest, AccountsThatMayDoNothing) {
  AddAccount("User", "mira", R"({"metadata":{"name":"mira"},"status":{"state":"Inactive"}})");
  const AccessReview review{"mira", "get", kL, "shelves", "", "", "s-100", kArchive};
  EXPECT_EQ(Ask(review).reason, AccessReason::kAccountDeactivated);
  EXPECT_EQ(Ask(review).answer, Answer::kDenied);

  AddAccount("ServiceAccount", "robot",
             R"({"metadata":{"name":"robot"},"spec":{"state":"Inactive"},"status":{}})");
  const auto robot = *resources().Get({registry_.FindKind(kI, "ServiceAccount"), "", "robot"});
  AccessReview of_robot = review;
  of_robot.uid = std::string(robot->uid());
  EXPECT_EQ(Ask(of_robot).reason, AccessReason::kAccountDeactivated);
}

TEST_F(DeciderTest, WhoIsNotApprovedSeesOnlyTheirOwnUser) {
  AddAccount("User", "tomas",
             R"({"metadata":{"name":"tomas"},"status":{"registrationApproval":"Pending"}})");
  const AccessReview list{"tomas", "list", kL, "books", "", "", "", kArchive};
  const AccessReview self{"tomas", "get", kI, "users", "", "", "tomas"};
  AccessReview elsewhere = list;
  elsewhere.uid = "mira";
  elsewhere.extra = {{"iam.miloapis.com/registrationApproval", {"Pending"}}};
  EXPECT_TRUE(Ask(list).allowed());
  EXPECT_TRUE(Ask(elsewhere).allowed());
  Make({.approval = DeciderOptions::Approval::kNeeded});
  EXPECT_EQ(Ask(list).reason, AccessReason::kAccountNotApproved);
  EXPECT_EQ(Ask(self).reason, AccessReason::kOwnAccount);
  EXPECT_EQ(Ask(elsewhere).reason, AccessReason::kAccountNotApproved);
  elsewhere.extra.clear();
  EXPECT_TRUE(Ask(elsewhere).allowed());
}

TEST_F(DeciderTest, SubresourcesMayHaveActionsOfTheirOwn) {
  Make({.subresources = {{"books", "loan", "lend"}, {"books", "pulp", "shred"}}});
  AccessReview review{"tomas", "get", kL, "books", "loan", "", "b-7", kArchive};
  EXPECT_EQ(Ask(review).permission, kL + "/books.lend");
  EXPECT_EQ(Ask(review).answer, Answer::kDenied);
  review.subresource = "pulp";
  EXPECT_EQ(Ask(review).reason, AccessReason::kNotRegistered);
}

TEST_F(DeciderTest, LacksNamesTheFirstThatIsMissing) {
  const Target archive{kRm + "/Project", "", "archive"};
  const std::vector<std::string> held = {kL + "/books.get", kL + "/books.lend"};
  const std::vector<std::string> more = {kL + "/books.get", kL + "/books.delete", kL + "/x.y"};
  const auto ask = [&](const char* uid, const auto& permissions, const Target& target) {
    return *decider_->Lacks({uid, uid, {}, {}}, permissions, target);
  };
  EXPECT_EQ(ask("mira", held, archive), std::nullopt);
  EXPECT_EQ(ask("tomas", held, archive), kL + "/books.lend");
  EXPECT_EQ(ask("mira", more, archive), kL + "/books.delete");
  const std::vector<std::string> shelves = {kL + "/shelves.get"};
  EXPECT_EQ(ask("ops", shelves, {kL + "/Shelf", "", ""}), std::nullopt);
  EXPECT_EQ(ask("mira", shelves, {kL + "/Shelf", "", ""}), kL + "/shelves.get");
}

}  // namespace
}  // namespace pemba::iam
