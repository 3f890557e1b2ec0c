// Declared access on a provider elsewhere: objects are declared here, a second server keeps the
// tuples and decides. Each step says which tuples may come and go there, and what is decided then.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faulty_front.h"
#include "pemba/base/testing/temporary_directory.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/testing/declared_world.h"
#include "pemba/iam/testing/library.h"
#include "pemba/iam/testing/plane.h"
#include "pemba/provider/model_merge.h"
#include "pemba/provider/openfga.h"
#include "pemba/provider/outbox.h"
#include "pemba/provider/replica.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using iam::AccessDecision;
using iam::AccessReview;
using iam::ParentContext;
using Answer = AccessDecision::Answer;

const std::string kRm = "resourcemanager.miloapis.com", kL = "library.example.org";
const std::string kI = "iam.miloapis.com";
const std::string kOrganization = kRm + "/Organization:northwind";
const std::string kArchive = kRm + "/Project:archive";
const std::string kShelves = kI + "/Root:" + kL + "/Shelf";
const std::string kUser = kI + "/InternalUser:";
const std::vector<std::string> kReads = {"ddffb4db", "eb0fdd25", "fcc2cccd", "9e7bf34b"};
const std::string kList = "eb0fdd25", kLend = "a9ee38fc";
const std::vector<std::string> kTrusted = {kRm + "/Project"};
const ParentContext kInArchive{kRm, "Project", "archive"};
const ParentContext kInNorthwind{kRm, "Organization", "northwind"};
const ParentContext kInShelf{kL, "Shelf", "s-999"};

constexpr std::string_view kReader = R"({"launchStage": "Beta", "includedPermissions": [
    "library.example.org/books.get", "library.example.org/books.list",
    "library.example.org/shelves.get", "library.example.org/shelves.list"]})";
constexpr std::string_view kReaderWithoutList = R"({"launchStage": "Beta", "includedPermissions": [
    "library.example.org/books.get",
    "library.example.org/shelves.get", "library.example.org/shelves.list"]})";
constexpr std::string_view kLibrarian = R"({"launchStage": "Beta",
    "includedPermissions": ["library.example.org/books.lend"],
    "inheritedRoles": [{"name": "library-reader"}]})";
constexpr std::string_view kArchiveSpec =
    R"({"ownerRef": {"kind": "Organization", "name": "northwind"}})";
constexpr std::string_view kTomas = R"({"userRef": {"name": "tomas"},
    "groupRef": {"name": "cataloguers", "namespace": "organization-northwind"}})";

using Texts = std::set<std::string>;

Texts Each(const std::string& object, const std::string& subject,
           const std::vector<std::string>& relations) {
  Texts texts;
  for (const auto& relation : relations) {
    texts.insert(object + " " + relation + " " + subject);
  }
  return texts;
}
Texts operator+(Texts a, Texts b) {
  a.merge(b);
  return a;
}

class DeclaredAccess : public ::testing::Test {
 protected:
  void SetUp() override {
    remote_ =
        *provider::OpenFga::Open({.address = front_.address(), .store_name = "declared"}, clock_);
    outbox_ = *provider::Outbox::Start(world_.stores(), world_.store_id(), *remote_, clock_,
                                       {.model_quiet = 20ms,
                                        .model_poll = 50ms,
                                        .drift = {.mode = provider::DriftMode::kOff},
                                        .metrics = &metrics_});
    replica_ = std::make_unique<provider::Replica>(*remote_, *outbox_, clock_);
    decider_ = std::make_unique<iam::Decider>(world_.store(), world_.resources(), *replica_,
                                              [this] { return world_.projector().catalog(); });
    for (const auto& entry : iam::testing::Library()) world_.Register(entry.plural, entry);
    world_.Put("Role", "pemba-system/library-reader", kReader);
    world_.Put("Role", "pemba-system/librarian", kLibrarian);
    for (const std::string_view user : {"mira", "tomas", "ops"}) {
      world_.Put("User", user, R"({"email": "someone@example.org"})");
    }
    world_.Put("Organization", "northwind", R"({"type": "Standard"})");
    world_.Put("Project", "archive", kArchiveSpec);
    world_.Put("Group", "organization-northwind/cataloguers");
    world_.Put("GroupMembership", "organization-northwind/tomas", kTomas);
    PutB1();
    PutB2("");
    world_.Put("PolicyBinding", "organization-northwind/b3",
               iam::testing::DeclaredWorld::Binding(
                   "pemba-system/library-reader", world_.User("ops"),
                   R"({"resourceKind": {"apiGroup": "library.example.org", "kind": "Shelf"}})"));
    members_ = iam::GroupSubject(world_.Uid("Group", "organization-northwind/cataloguers"));
    membership_ = Each(members_.substr(0, members_.find('#')), kUser + "tomas", {"member"});
    Settle();
  }

  void PutB1() {
    world_.Put("PolicyBinding", "organization-northwind/b1",
               iam::testing::DeclaredWorld::Binding("pemba-system/librarian", world_.User("mira"),
                                                    world_.On("Organization", "northwind")));
  }
  void PutB2(const std::string& more) {
    world_.Put("PolicyBinding", "organization-northwind/b2",
               iam::testing::DeclaredWorld::Binding(
                   "pemba-system/library-reader",
                   world_.Group("organization-northwind/cataloguers") + more,
                   world_.On("Project", "archive")));
  }

  // All that was declared is there, model and tuples.
  void Settle() {
    const auto applied = outbox_->AwaitApplied(Head(), clock_.Steady() + 20s);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  ::testing::AssertionResult AwaitModel() {
    const auto here = world_.store().ListModels(1, "")->models.front();
    for (const auto end = clock_.Steady() + 10s; clock_.Steady() < end;) {
      const auto there = remote_->ReadModel();
      if (there.ok() &&
          provider::SameModels(provider::ManagedPart(*there), provider::ManagedPart(here))) {
        return ::testing::AssertionSuccess();
      }
      std::this_thread::sleep_for(20ms);
    }
    return ::testing::AssertionFailure() << "the model is not published";
  }
  store::Revision Head() { return world_.store().Pin().revision(); }

  Texts There() {
    Texts texts;
    const auto read = remote_->ReadTuples([&](const tuple::Tuple& t) -> Status {
      texts.insert(t.object + " " + t.relation + " " + t.subject);
      return Done{};
    });
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return texts;
  }

  // A change of what is declared, and exactly what comes and goes there.
  template <class Change>
  void Step(const char* name, const Change& change, const Texts& come, const Texts& gone) {
    SCOPED_TRACE(name);
    const auto before = There();
    const auto begin = clock_.Steady();
    change();
    Settle();
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Steady() - begin);
    const auto after = There();
    Texts came, went;
    std::ranges::set_difference(after, before, std::inserter(came, came.end()));
    std::ranges::set_difference(before, after, std::inserter(went, went.end()));
    EXPECT_EQ(came, come);
    EXPECT_EQ(went, gone);
    EXPECT_EQ(after, world_.Tuples());
    RecordProperty(std::string("propagation_ms ") + name, std::to_string(took.count()));
    EXPECT_LT(took, 1s);  // The target for a provider elsewhere.
  }

  AccessDecision Ask(const AccessReview& review) {
    return decider_->Review(review, {.read = {.at_least = Head()}, .trusted_parents = kTrusted});
  }
  Answer Check1() {
    return Ask({"mira", "get", kL, "shelves", "", "", "s-100", kInArchive}).answer;
  }
  Answer Check3() { return Ask({"mira", "lend", kL, "books", "", "", "b-7", kInArchive}).answer; }
  Answer Check4() { return Ask({"tomas", "list", kL, "books", "", "", "", kInArchive}).answer; }
  std::string Metric(const std::string& name) {
    const auto text = metrics_.Scrape();
    const auto at = text.find("\n" + name + " ");
    if (at == text.npos) return "";
    const auto begin = at + name.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  const SystemClock clock_;
  const TemporaryDirectory directory_;
  const ServerProcess server_{directory_.path() / "data", {"--metrics-enabled=false"}};
  FaultyFront front_{server_.grpc_address()};
  telemetry::Registry metrics_;
  iam::testing::DeclaredWorld world_{{.projection = {.kind = iam::ProjectionKind::kDirect,
                                                     .platform_namespaces = {"pemba-system"}}}};
  std::unique_ptr<provider::OpenFga> remote_;
  std::unique_ptr<provider::Outbox> outbox_;
  std::unique_ptr<provider::Replica> replica_;
  std::unique_ptr<iam::Decider> decider_;
  std::string members_;
  Texts membership_;
};

TEST_F(DeclaredAccess, HasTheModelAndTheTuplesOfTheScenario) {
  const std::string everybody = kI + "/InternalUserGroup:system_authenticated";
  const auto want =
      Each(everybody, kUser + "mira", {"member"}) + Each(everybody, kUser + "tomas", {"member"}) +
      Each(everybody, kUser + "ops", {"member"}) + membership_ +
      Each(kArchive, kOrganization, {"parent"}) + Each(kOrganization, kUser + "mira", {kLend}) +
      Each(kOrganization, kUser + "mira", kReads) + Each(kArchive, members_, kReads) +
      Each(kShelves, kUser + "ops", kReads);
  ASSERT_EQ(want.size(), 18U);
  EXPECT_EQ(There(), want);
  ASSERT_TRUE(AwaitModel());
  const auto model = remote_->ReadModel();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->schema_version, "1.2");
  std::map<std::string, std::size_t> relations;
  for (const auto& type : model->types) {
    relations[type.type] = type.relations.size() - type.relations.count("parent");
  }
  EXPECT_EQ(relations, (std::map<std::string, std::size_t>{{kI + "/InternalUser", 0},
                                                           {kI + "/InternalUserGroup", 2},
                                                           {kL + "/Book", 6},
                                                           {kL + "/Shelf", 11},
                                                           {kRm + "/Organization", 20},
                                                           {kRm + "/Project", 16},
                                                           {kI + "/Root", 20}}));
}

TEST_F(DeclaredAccess, DecidesTheScenario) {
  struct Case {
    const char* name;
    AccessReview review;
    Answer answer;
    const char* deciding;
  };
  const auto no = Answer::kDenied, yes = Answer::kAllowed, neither = Answer::kUndecided;
  const Case cases[] = {
      {"1", {"mira", "get", kL, "shelves", "", "", "s-100", kInArchive}, yes, "scope-parent"},
      {"2", {"mira", "delete", kL, "shelves", "", "", "s-100", kInArchive}, no, ""},
      {"3", {"mira", "lend", kL, "books", "", "", "b-7", kInArchive}, yes, "scope-parent"},
      {"4", {"tomas", "list", kL, "books", "", "", "", kInArchive}, yes, "instance"},
      {"5", {"tomas", "lend", kL, "books", "", "", "b-7", kInArchive}, no, ""},
      {"6", {"mira", "get", kL, "books", "", "", "b-7"}, no, ""},
      {"7", {"mira", "shred", kL, "books", "", "", "b-7", kInArchive}, neither, ""},
      {"8", {"", "get", kL, "books", "", "", "b-7", kInArchive}, neither, ""},
      {"9", {"ops", "get", kL, "shelves", "", "", "s-999"}, yes, "root"},
      {"10", {"ops", "get", kL, "books", "", "", "b-7"}, no, ""},
      {"11", {"ops", "list", kL, "shelves", "", "", ""}, yes, "instance"},
      {"12", {"ops", "get", kL, "books", "", "", "b-7", kInShelf}, yes, "scope-root"},
      {"13",
       {"mira", "list", kI, "groups", "", "organization-other", "", kInNorthwind},
       neither,
       ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto decision = Ask(c.review);
    EXPECT_EQ(decision.answer, c.answer) << decision.message;
    EXPECT_EQ(decision.deciding ? ToText(decision.items[*decision.deciding].kind) : "", c.deciding);
  }
}

TEST_F(DeclaredAccess, FollowsTheChangesOfTheScenario) {
  const auto mira = kUser + "mira", ops = kUser + "ops";
  const std::string ns = "organization-northwind/";
  Step(
      "the membership goes", [&] { world_.Drop("GroupMembership", ns + "tomas"); }, {},
      membership_);
  EXPECT_EQ(Check4(), Answer::kDenied);
  Step("the membership comes", [&] { world_.Put("GroupMembership", ns + "tomas", kTomas); },
       membership_, {});
  EXPECT_EQ(Check4(), Answer::kAllowed);

  Step("a binding of what is there",
       [&] {
         world_.Put("PolicyBinding", ns + "b4",
                    iam::testing::DeclaredWorld::Binding("pemba-system/library-reader",
                                                         world_.User("mira"),
                                                         world_.On("Organization", "northwind")));
       },
       {}, {});
  Step(
      "b1 goes", [&] { world_.Drop("PolicyBinding", ns + "b1"); }, {},
      Each(kOrganization, mira, {kLend}));
  EXPECT_EQ(Check3(), Answer::kDenied);
  EXPECT_EQ(Check1(), Answer::kAllowed);
  Step(
      "b4 goes", [&] { world_.Drop("PolicyBinding", ns + "b4"); }, {},
      Each(kOrganization, mira, kReads));
  EXPECT_EQ(Check1(), Answer::kDenied);

  Step("a subject comes", [&] { PutB2(", " + world_.User("ops")); }, Each(kArchive, ops, kReads),
       {});
  const AccessReview ops_in_archive{"ops", "list", kL, "books", "", "", "", kInArchive};
  EXPECT_EQ(Ask(ops_in_archive).answer, Answer::kAllowed);
  Step(
      "the subject goes", [&] { PutB2(""); }, {}, Each(kArchive, ops, kReads));
  EXPECT_EQ(Ask(ops_in_archive).answer, Answer::kDenied);

  Step(
      "the role shrinks",
      [&] { world_.Put("Role", "pemba-system/library-reader", kReaderWithoutList); }, {},
      Each(kArchive, members_, {kList}) + Each(kShelves, ops, {kList}));
  EXPECT_EQ(Check4(), Answer::kDenied);
  Step("the role grows", [&] { world_.Put("Role", "pemba-system/library-reader", kReader); },
       Each(kArchive, members_, {kList}) + Each(kShelves, ops, {kList}), {});
  EXPECT_EQ(Check4(), Answer::kAllowed);

  Step("b1 comes", [&] { PutB1(); },
       Each(kOrganization, mira, kReads) + Each(kOrganization, mira, {kLend}), {});
  const std::vector<std::string> books = {"ddffb4db", kList};
  const auto of_books = Each(kOrganization, mira, {"ddffb4db", kList, kLend}) +
                        Each(kArchive, members_, books) + Each(kShelves, ops, books);
  Step(
      "a kind goes", [&] { world_.Drop("ProtectedResource", "books"); }, {}, of_books);
  ASSERT_TRUE(AwaitModel());
  const tuple::Tuple book{kL + "/Book:b-7", "ddffb4db", mira, {}};
  EXPECT_FALSE(remote_->Check({&book, 1}, {}).front().ok());
  Step("the kind comes", [&] { world_.Register("books", iam::testing::Library()[3]); }, of_books,
       {});

  const auto parent = Each(kArchive, kOrganization, {"parent"});
  Step(
      "the project goes", [&] { world_.Drop("Project", "archive"); }, {},
      parent + Each(kArchive, members_, kReads));
  Step("another of its name comes", [&] { world_.Put("Project", "archive", kArchiveSpec); }, parent,
       {});
  EXPECT_EQ(Check4(), Answer::kDenied);
}

TEST_F(DeclaredAccess, NothingIsWrittenWhenNothingChanges) {
  ASSERT_TRUE(AwaitModel());
  const auto writes = front_.calls("Write"), models = front_.calls("WriteAuthorizationModel");
  for (int i = 0; i < 2; ++i) {
    for (const auto& entry : iam::testing::Library()) world_.Register(entry.plural, entry);
    const auto audit = world_.projector().Audit(world_.resources(), iam::Projector::Repair::kFix);
    EXPECT_TRUE(audit.ok() && audit->none());
    const auto compared = outbox_->Compare(provider::DriftMode::kFix);
    ASSERT_TRUE(compared.ok()) << compared.error().message;
    EXPECT_EQ(compared->size(), 0U);
  }
  Settle();
  EXPECT_EQ(front_.calls("Write"), writes);
  EXPECT_EQ(front_.calls("WriteAuthorizationModel"), models);
}

TEST_F(DeclaredAccess, ATupleDeletedBehindTheControlPlaneComesBack) {
  const tuple::Tuple lost{kOrganization, kLend, kUser + "mira", {}};
  ASSERT_TRUE(remote_->Apply({&lost, 1}, {}).ok());
  EXPECT_EQ(Check3(), Answer::kDenied);
  ASSERT_TRUE(outbox_->Compare(provider::DriftMode::kReport).ok());
  EXPECT_EQ(Metric("provider_drift_tuples{kind=\"missing\"}"), "1");
  const auto fixed = outbox_->Compare(provider::DriftMode::kFix);
  ASSERT_TRUE(fixed.ok()) << fixed.error().message;
  EXPECT_EQ(fixed->size(), 1U);
  EXPECT_EQ(Metric("provider_drift_tuples{kind=\"missing\"}"), "0");
  EXPECT_EQ(There(), world_.Tuples());
  EXPECT_EQ(Check3(), Answer::kAllowed);
}

TEST_F(DeclaredAccess, AProviderThatDoesNotFollowIsAnErrorAndNotAnOldAnswer) {
  front_.Add({.method = "Write", .status = 14, .message = "down", .times = 1'000'000});
  world_.Drop("PolicyBinding", "organization-northwind/b1");
  const auto decision =
      decider_->Review({"mira", "lend", kL, "books", "", "", "b-7", kInArchive},
                       {.read = {.at_least = Head(), .deadline = clock_.Steady() + 200ms},
                        .trusted_parents = kTrusted});
  EXPECT_EQ(decision.answer, Answer::kUndecided);
  EXPECT_EQ(decision.reason, iam::AccessReason::kProviderError);
}

// The whole control plane, which says of a grant that it is Ready when the provider has it.
class ReadyGrants : public iam::testing::Plane {
 protected:
  ReadyGrants() {
    iam::ControlPlaneOptions options;
    options.projection = iam::ProjectionKind::kDirect;
    options.settings.grants = iam::Settings::Grants::kWhenProvided;
    Open(std::move(options));
    remote_ = *provider::OpenFga::Open({.address = front_.address(),
                                        .store_name = "declared",
                                        .retry_min = 10ms,
                                        .open_max = 50ms},
                                       system_clock_);
    outbox_ = *provider::Outbox::Start(*stores_, store().id(), *remote_, system_clock_,
                                       {.retry_min = 10ms,
                                        .retry_max = 100ms,
                                        .drift = {.mode = provider::DriftMode::kOff},
                                        .on_applied = [this](store::Revision revision) {
                                          const auto told = plane_->Provided(revision);
                                          EXPECT_TRUE(told.ok()) << told.error().message;
                                        }});
  }
  bool Becomes(std::string_view place, std::string_view condition) {
    for (int i = 0; i < 1'000 && Condition(place) != condition; ++i) {
      std::this_thread::sleep_for(10ms);
    }
    return Condition(place) == condition;
  }

  const SystemClock system_clock_;
  const TemporaryDirectory directory_;
  const ServerProcess server_{directory_.path() / "data", {"--metrics-enabled=false"}};
  // Undecided while the connection is being made anew, and then asked again.
  provider::Decision Decided(const tuple::Tuple& question) {
    for (int attempt = 0; attempt < 2'000; ++attempt) {
      const auto decision = remote_->Check({&question, 1}, {}).front();
      if (decision.ok()) return *decision;
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "never decided";
    return {};
  }

  FaultyFront front_{server_.grpc_address()};
  std::unique_ptr<provider::OpenFga> remote_;
  std::unique_ptr<provider::Outbox> outbox_;
};

TEST_F(ReadyGrants, AreThoseThatTheProviderHas) {
  MakeLibrary();
  ASSERT_TRUE(outbox_->AwaitApplied(store().Pin().revision(), system_clock_.Steady() + 20s).ok());
  front_.Add({.method = "Write", .status = 14, .message = "down", .times = 1'000'000});
  const std::string binding = "PolicyBinding default/b";
  Make(binding, Binding("mira", "librarian", kNorthwind));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(Condition(binding), "False Reconciling");
  const tuple::Tuple lend{kOrganization, kLend, kUser + "mira", {}};
  EXPECT_EQ(Decided(lend), provider::Decision::kDenied);

  front_.Heal();
  EXPECT_TRUE(Becomes(binding, "True ReconciliationSuccessful")) << Condition(binding);
  EXPECT_EQ(Decided(lend), provider::Decision::kAllowed);
  Remove(binding);
  ASSERT_TRUE(outbox_->AwaitApplied(store().Pin().revision(), system_clock_.Steady() + 20s).ok());
  EXPECT_EQ(Decided(lend), provider::Decision::kDenied);
}

}  // namespace
}  // namespace pemba::e2e
