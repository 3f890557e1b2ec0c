// Several servers' control planes over one PostgreSQL: every rule holds over what any of them does
// at the same time, and what one commits the others decide by.
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "pemba/iam/decider.h"
#include "pemba/iam/testing/plane.h"
#include "pemba/provider/embedded.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::iam {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::User;
using testing::Verdict;

const StoreId kStore{"01J0000000000000000000000A"};

// One server: everything but the wire.
class Node final : public testing::Plane {
 public:
  explicit Node(std::unique_ptr<storage::Datastore> datastore)
      : Plane(std::move(datastore), kStore),
        provider_(*provider::Embedded::Open(*stores_, kStore, clock_)),
        decider_(store(), resources(), *provider_, [this] { return plane_->catalog(); }) {}

  using Plane::authority_;
  using Plane::Binding;
  using Plane::Change;
  using Plane::clock_;
  using Plane::Condition;
  using Plane::Create;
  using Plane::Delete;
  using Plane::Exists;
  using Plane::kAllShelves;
  using Plane::kArchive;
  using Plane::Key;
  using Plane::kNorthwind;
  using Plane::Make;
  using Plane::MakeLibrary;
  using Plane::Names;
  using Plane::Open;
  using Plane::Patch;
  using Plane::plane_;
  using Plane::Remove;
  using Plane::resources;
  using Plane::store;
  using Plane::Tuples;

  // As of that revision, which another server may have committed.
  bool Allows(std::string_view user, std::string_view permission, std::string_view type,
              std::string_view name, resource::Revision at) {
    AccessOptions options;
    options.read = {.at_least = at, .deadline = steady_clock::now() + seconds(20)};
    const auto decision = decider_.Decide({std::string(user),
                                           std::string(permission),
                                           {std::string(type), "", std::string(name)},
                                           std::nullopt},
                                          options);
    EXPECT_NE(decision.answer, AccessDecision::Answer::kUndecided) << decision.message;
    return decision.allowed();
  }
  std::string DriftText() {
    const auto drift = plane_->Audit(Projector::Repair::kReport);
    if (!drift.ok()) return drift.error().message;
    return drift->none()
               ? ""
               : fmt::format("{} missing, {} extra, model {}: {}", drift->missing, drift->extra,
                             drift->model_differs, fmt::join(drift->examples, ", "));
  }

 private:
  void TestBody() override {}

  std::unique_ptr<provider::Embedded> provider_;
  Decider decider_;
};

class SharedPlane : public storage::testing::OnPostgres {
 protected:
  static constexpr const char* kInvitation = "UserInvitation organization-northwind/i";
  resource::Revision invited_at_ = 0;

  // By one server, and known to both. It ends within a day.
  void TakeInvitation() {
    a_->MakeLibrary();
    a_->Make("Role datum-cloud/viewer", "spec: {launchStage: Beta}");
    invited_at_ =
        a_->Make(
              kInvitation,
              "spec: {organizationRef: {name: northwind}, email: new@example.org, state: Pending, "
              "roles: "
              "[{name: viewer, namespace: datum-cloud}], expirationDate: '2023-11-15T22:13:20Z'}")
            ->revision;
    ASSERT_TRUE(b_->resources().AwaitRevision(invited_at_, steady_clock::now() + seconds(20)).ok());
    ASSERT_TRUE(b_->plane_->RunDue().ok());
  }

  std::unique_ptr<Node> NewNode() { return std::make_unique<Node>(OpenDatastore()); }

  // Both at the same time; each starts when the other is ready to.
  static void AtOnce(const std::function<void()>& one, const std::function<void()>& other) {
    std::atomic<int> ready{0};
    const auto when_both = [&](const std::function<void()>& what) {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      what();
    };
    std::thread thread([&] { when_both(other); });
    when_both(one);
    thread.join();
  }

  std::unique_ptr<Node> a_ = NewNode(), b_ = NewNode();
};

constexpr int kTimes = 12;

TEST_F(SharedPlane, WhatOneGrantsAndRevokesTheOtherDecidesBy) {
  a_->MakeLibrary();
  const auto lends = [&](Node& node, resource::Revision at) {
    return node.Allows("mira", "library.example.org/books.lend",
                       "resourcemanager.miloapis.com/Project", "archive", at);
  };
  for (int i = 0; i < kTimes; ++i) {
    Node& here = i % 2 == 0 ? *a_ : *b_;
    Node& there = i % 2 == 0 ? *b_ : *a_;
    const auto place = "PolicyBinding organization-northwind/b";
    const auto made = here.Create(place, here.Binding("mira", "librarian", Node::kArchive));
    ASSERT_EQ(Verdict(made), "ok");
    EXPECT_TRUE(lends(there, made->object->revision));
    // The role goes without the permission, on the other server: a change of the model alone.
    const auto less = there.Patch("Role pemba-system/librarian", "spec: {includedPermissions: []}");
    ASSERT_EQ(Verdict(less), "ok");
    EXPECT_FALSE(lends(here, less->object->revision)) << "round " << i;
    const auto more = here.Patch("Role pemba-system/librarian",
                                 "spec: {includedPermissions: [library.example.org/books.lend]}");
    ASSERT_EQ(Verdict(more), "ok");
    EXPECT_TRUE(lends(there, more->object->revision));
    ASSERT_EQ(Verdict(there.Delete(place)), "ok");
    EXPECT_FALSE(lends(here, there.resources().revision()));
  }
  EXPECT_EQ(a_->DriftText(), "");
  EXPECT_EQ(b_->DriftText(), "");
}

TEST_F(SharedPlane, ADeactivatedUserIsDeniedEverywhere) {
  a_->MakeLibrary();
  a_->Make("PolicyBinding organization-northwind/b",
           a_->Binding("mira", "librarian", Node::kArchive));
  ASSERT_TRUE(a_->resources().Refresh().ok());
  const auto gets = [&](Node& node, resource::Revision at) {
    return node.Allows("mira", "library.example.org/books.get",
                       "resourcemanager.miloapis.com/Project", "archive", at);
  };
  EXPECT_TRUE(gets(*b_, a_->resources().revision()));
  const auto off = a_->Make("UserDeactivation d", "spec: {userRef: {name: mira}, reason: left}");
  EXPECT_FALSE(gets(*b_, off->revision));
}

TEST_F(SharedPlane, OneOfTwoOwnersStays) {
  a_->Make("Role milo-system/resourcemanager.miloapis.com-organizationowner",
           "spec: {launchStage: Beta}");
  a_->Make("User mira", "spec: {email: mira@example.org}");
  a_->Make("User tomas", "spec: {email: tomas@example.org}");
  for (int i = 0; i < kTimes; ++i) {
    const auto name = fmt::format("acme{}", i);
    ASSERT_EQ(Verdict(a_->Create("Organization " + name, "spec: {type: Standard}", User("mira"))),
              "ok");
    const auto place = [&](std::string_view user) {
      return fmt::format("OrganizationMembership organization-{}/member-{}", name, user);
    };
    a_->Make(place("tomas"),
             fmt::format("spec: {{organizationRef: {{name: {}}}, userRef: {{name: tomas}}, roles: "
                         "[{{name: resourcemanager.miloapis.com-organizationowner, namespace: "
                         "milo-system}}]}}",
                         name));
    std::string one, other;
    AtOnce([&] { one = Verdict(a_->Delete(place("mira"))); },
           [&] { other = Verdict(b_->Delete(place("tomas"))); });
    EXPECT_EQ((one == "ok" ? 1 : 0) + (other == "ok" ? 1 : 0), 1) << one << " / " << other;
    EXPECT_THAT(one, AnyOf("ok", "Forbidden"));
    EXPECT_THAT(other, AnyOf("ok", "Forbidden"));
    ASSERT_TRUE(a_->resources().Refresh().ok());
    EXPECT_EQ(a_->Exists(place("mira")), one != "ok");
    EXPECT_EQ(a_->Exists(place("tomas")), other != "ok");
  }
}

TEST_F(SharedPlane, AnAddressIsOneUsers) {
  for (int i = 0; i < kTimes; ++i) {
    const auto spec = fmt::format("spec: {{email: same{}@example.org}}", i);
    std::string one, other;
    AtOnce([&] { one = Verdict(a_->Create(fmt::format("User a{}", i), spec)); },
           [&] { other = Verdict(b_->Create(fmt::format("User b{}", i), spec)); });
    EXPECT_EQ((one == "ok" ? 1 : 0) + (other == "ok" ? 1 : 0), 1) << one << " / " << other;
    EXPECT_THAT(one == "ok" ? other : one, HasSubstr("spec.email Duplicate"));
  }
}

// Folders that each server puts into the other's at the same time would lie in themselves.
TEST_F(SharedPlane, FoldersDoNotComeToLieInThemselves) {
  a_->MakeLibrary();
  for (int i = 0; i < kTimes; ++i) {
    const auto one = fmt::format("Folder f{}", i), other = fmt::format("Folder g{}", i);
    a_->Make(one, "spec: {ownerRef: {kind: Organization, name: northwind}}");
    a_->Make(other, "spec: {ownerRef: {kind: Organization, name: northwind}}");
    std::string first, second;
    AtOnce(
        [&] {
          first = Verdict(
              a_->Patch(one, fmt::format("spec: {{ownerRef: {{kind: Folder, name: g{}}}}}", i)));
        },
        [&] {
          second = Verdict(
              b_->Patch(other, fmt::format("spec: {{ownerRef: {{kind: Folder, name: f{}}}}}", i)));
        });
    EXPECT_LE((first == "ok" ? 1 : 0) + (second == "ok" ? 1 : 0), 1) << first << " / " << second;
  }
}

// Whichever comes first: nothing is granted by a role that is gone.
TEST_F(SharedPlane, ARoleThatGoesWhileItIsBoundElsewhereGrantsNothing) {
  a_->MakeLibrary();
  for (int i = 0; i < kTimes; ++i) {
    const auto role = fmt::format("Role pemba-system/r{}", i);
    const auto place = fmt::format("PolicyBinding organization-northwind/b{}", i);
    a_->Make(role,
             "spec: {launchStage: Beta, includedPermissions: [library.example.org/books.lend]}");
    std::string gone, bound;
    AtOnce([&] { gone = Verdict(a_->Delete(role)); },
           [&] {
             bound = Verdict(
                 b_->Create(place, b_->Binding("ops", fmt::format("r{}", i), Node::kArchive)));
           });
    ASSERT_TRUE(a_->resources().Refresh().ok());
    ASSERT_TRUE(b_->resources().Refresh().ok());
    for (Node* node : {a_.get(), b_.get()}) {
      EXPECT_EQ(node->Allows("ops", "library.example.org/books.lend",
                             "resourcemanager.miloapis.com/Project", "archive",
                             node->resources().revision()),
                gone != "ok" && bound == "ok")
          << gone << " / " << bound;
    }
    if (b_->Exists(place)) {
      ASSERT_EQ(Verdict(b_->Delete(place)), "ok");
    }
  }
  EXPECT_EQ(a_->DriftText(), "");
  EXPECT_EQ(b_->DriftText(), "");
}

TEST_F(SharedPlane, ServersThatStartAtTheSameTimeAgree) {
  a_->MakeLibrary();
  a_->Make("PolicyBinding organization-northwind/b",
           a_->Binding("mira", "librarian", Node::kArchive));
  const auto tuples = a_->Tuples();
  for (int i = 0; i < 3; ++i) {
    std::unique_ptr<Node> c, d;
    AtOnce([&] { c = NewNode(); }, [&] { d = NewNode(); });
    EXPECT_EQ(c->DriftText(), "");
    EXPECT_EQ(d->Tuples(), tuples);
    EXPECT_EQ(Verdict(c->Create(fmt::format("User c{}", i), "spec: {email: c@example.org}")), "ok");
    EXPECT_EQ(Verdict(d->Delete(fmt::format("User c{}", i))), "ok");
  }
}

// An upgrade, server by server: what it finds is put right before it is changed further, and the
// old servers leave it alone.
TEST_F(SharedPlane, AServerWithAnotherProjectionTakesOver) {
  a_->MakeLibrary();
  a_->Make("PolicyBinding organization-northwind/b",
           a_->Binding("mira", "librarian", Node::kArchive));
  ControlPlaneOptions options;
  options.projection = ProjectionKind::kDirect;
  options.platform_namespaces = {"pemba-system"};
  b_->Open(std::move(options));
  EXPECT_EQ(b_->DriftText(), "");
  EXPECT_THAT(Verdict(a_->Create("User late", "spec: {email: late@example.org}")), "Storage");
  EXPECT_THAT(Verdict(a_->Delete("PolicyBinding organization-northwind/b")), "Storage");
  ASSERT_EQ(Verdict(b_->Delete("PolicyBinding organization-northwind/b")), "ok");
  for (const auto& tuple : b_->Tuples()) EXPECT_THAT(tuple, ::testing::Not(HasSubstr("mira@")));
  // Questions are still answered, by what the newer one does.
  EXPECT_FALSE(a_->Allows("mira", "library.example.org/books.get",
                          "resourcemanager.miloapis.com/Project", "archive",
                          b_->resources().revision()));
}

// Nobody needs the server that took an invitation for it to end in time.
TEST_F(SharedPlane, AnInvitationExpiresWithoutTheServerThatTookIt) {
  TakeInvitation();
  a_.reset();
  b_->clock_.Advance(hours(24));
  // Its own thread may be just about to look at the invitation for the first time.
  const auto give_up = steady_clock::now() + seconds(20);
  do {
    ASSERT_TRUE(b_->plane_->RunDue().ok());
  } while (b_->Condition(kInvitation, "Expired").empty() && steady_clock::now() < give_up);
  EXPECT_EQ(b_->Condition(kInvitation, "Expired"), "True Expired");
}

// Every server's clock rings; what is to be done is done once.
TEST_F(SharedPlane, AnInvitationExpiresOnceOnManyServers) {
  TakeInvitation();
  for (Node* node : {a_.get(), b_.get()}) node->clock_.Advance(hours(24));
  AtOnce([&] { EXPECT_TRUE(a_->plane_->RunDue().ok()); },
         [&] { EXPECT_TRUE(b_->plane_->RunDue().ok()); });
  ASSERT_TRUE(a_->resources().Refresh().ok());
  ASSERT_TRUE(b_->resources().Refresh().ok());
  EXPECT_EQ(a_->Condition(kInvitation, "Expired"), "True Expired");
  resource::WatchRequest watch;
  watch.kind = a_->Key(kInvitation).kind;
  const auto events = a_->resources().EventsAfter(watch, invited_at_);
  ASSERT_TRUE(events.ok());
  EXPECT_THAT(events->events, SizeIs(1));
  EXPECT_EQ(a_->DriftText(), "");
}

// What one server has settled no other one needs to look at, whoever wrote last.
TEST_F(SharedPlane, AStartPassesOverWhatIsSettled) {
  a_->MakeLibrary();
  int bindings = 0;
  for (Node* const node : {a_.get(), b_.get(), a_.get()}) {
    const auto place = fmt::format("PolicyBinding organization-northwind/b{}", ++bindings);
    ASSERT_EQ(Verdict(node->Create(place, node->Binding("mira", "librarian", Node::kArchive))),
              "ok");
    const auto started = NewNode()->plane_->started();
    EXPECT_FALSE(started.reconciled);
    EXPECT_FALSE(started.drift.compared);
  }
}

// Somebody writes to the store, past all rules, while servers go on with what is theirs.
TEST_F(SharedPlane, AStartNoticesWhatSomebodyElseWrote) {
  a_->MakeLibrary();
  a_->Make("PolicyBinding organization-northwind/b",
           a_->Binding("mira", "librarian", Node::kArchive));
  ASSERT_TRUE(b_->resources().Refresh().ok());
  const auto page = b_->store().Read({.page_size = 1});
  ASSERT_TRUE(page.ok() && !page->tuples.empty());
  const auto lost = page->tuples.front().tuple;
  const auto view = lost.view();
  ASSERT_TRUE(b_->store().Write({.deletes = {&view, 1}}).ok());
  a_->Make("User ops2", "spec: {email: ops2@example.org}");
  {
    const auto found = NewNode();
    EXPECT_TRUE(found->plane_->started().reconciled);
    EXPECT_EQ(found->plane_->started().drift.missing, 1u);
    EXPECT_EQ(found->DriftText(), "");
  }
  EXPECT_FALSE(NewNode()->plane_->started().reconciled);
  // They know of it, too: what they sign for is what is there.
  b_->Make("User ops3", "spec: {email: ops3@example.org}");
  EXPECT_FALSE(NewNode()->plane_->started().reconciled);
}

// Another program brings everything to where it wants it; the first one's word counts no longer,
// also for those of the first that still run.
TEST_F(SharedPlane, WhatAnotherProgramLeftIsLookedAt) {
  a_->MakeLibrary();
  ControlPlaneOptions other;
  other.program = "another";
  b_->Open(std::move(other));
  EXPECT_TRUE(b_->plane_->started().reconciled);
  const auto back = NewNode();
  EXPECT_TRUE(back->plane_->started().reconciled);
  a_->Make("User late", "spec: {email: late@example.org}");  // Its terms count again.
  EXPECT_FALSE(NewNode()->plane_->started().reconciled);
}

// With both servers' hands full nothing is refused, and a third one starts.
TEST_F(SharedPlane, BusyServersRefuseNothingAndOthersStart) {
  a_->MakeLibrary();
  constexpr int kWriters = 6, kAtLeast = 6, kStarts = 3;
  std::atomic<int> starts{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      Node& node = i % 2 == 0 ? *a_ : *b_;
      const auto place = fmt::format("PolicyBinding organization-northwind/w{}", i);
      for (int k = 0; k < kAtLeast || starts < kStarts; ++k) {
        ASSERT_EQ(Verdict(node.Create(place, node.Binding("mira", "librarian", Node::kArchive))),
                  "ok");
        ASSERT_EQ(Verdict(node.Delete(place)), "ok");
      }
    });
  }
  for (int i = 0; i < kStarts; ++i) {
    EXPECT_FALSE(NewNode()->plane_->started().reconciled);
    ++starts;
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(a_->DriftText(), "");
  EXPECT_EQ(b_->DriftText(), "");
}

}  // namespace
}  // namespace pemba::iam
