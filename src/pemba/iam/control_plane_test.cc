// The control plane as a whole: many writers, restarts, its clock, and what it is set up with.
#include "pemba/iam/control_plane.h"

#include <atomic>
#include <thread>

#include "pemba/iam/testing/plane.h"

namespace pemba::iam {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Verdict;

using ThePlane = testing::Plane;

constexpr std::string_view kOwner =
    "{name: resourcemanager.miloapis.com-organizationowner, namespace: milo-system}";

TEST_F(ThePlane, KeepsOneOwnerWhenTheLastTwoLeaveAtOnce) {
  Make("Role milo-system/resourcemanager.miloapis.com-organizationowner",
       "spec: {launchStage: Beta}");
  Make("User a", "spec: {email: a@example.org}");
  Make("User b", "spec: {email: b@example.org}");
  for (int round = 0; round < 20; ++round) {
    const auto organization = fmt::format("o{}", round);
    const auto place = [&](const char* user) {
      return fmt::format("OrganizationMembership organization-{}/{}", organization, user);
    };
    Make("Organization " + organization, "spec: {type: Standard}");
    for (const char* const user : {"a", "b"}) {
      Make(
          place(user),
          fmt::format("spec: {{organizationRef: {{name: {}}}, userRef: {{name: {}}}, roles: [{}]}}",
                      organization, user, kOwner));
    }
    std::atomic<int> gone = 0;
    std::thread other([&] { gone += Delete(place("a")).ok() ? 1 : 0; });
    gone += Patch(place("b"), "spec: {roles: []}").ok() ? 1 : 0;
    other.join();
    EXPECT_EQ(gone, 1);
  }
}

TEST_F(ThePlane, ManyWritersLeaveItAsOneWouldHave) {
  MakeLibrary();
  constexpr int kWriters = 4, kEach = 15;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] {
      for (int i = 0; i < kEach; ++i) {
        const auto user = fmt::format("u{}-{}", writer, i);
        Make("User " + user, fmt::format("spec: {{email: {}@example.org}}", user));
        Make("PolicyBinding default/" + user, Binding(user, "librarian", kArchive));
        if (i % 3 == 0) Remove("PolicyBinding default/" + user);
        if (i % 5 == 0)
          Change("Role pemba-system/library-reader",
                 fmt::format("metadata: {{labels: {{writer: w{}}}}}", writer));
      }
    });
  }
  for (auto& writer : writers) writer.join();
  const auto tuples = Tuples();
  const auto audit = plane_->Audit(Projector::Repair::kReport);
  ASSERT_TRUE(audit.ok());
  EXPECT_TRUE(audit->none()) << ::testing::PrintToString(audit->examples);
  const auto revision = resources().revision();
  ASSERT_TRUE(plane_->Reconcile().ok());
  EXPECT_EQ(resources().revision(), revision);
  Open();
  EXPECT_EQ(Tuples(), tuples);
  EXPECT_EQ(Names("PolicyBinding", "default").size(), kWriters * (kEach - kEach / 3));
}

TEST_F(ThePlane, ABatchOfWhichOnePartIsRefusedChangesNothing) {
  MakeLibrary();
  const auto before = Tuples();
  const auto revision = resources().revision();
  const auto done = resources().Transact(
      As(testing::Masters()), [&](resource::Transaction& t) -> resource::Outcome<Done> {
        auto user = testing::Document("{metadata: {name: new}, spec: {email: new@example.org}}");
        PEMBA_TRY(std::ignore, t.Create(kind("User"), "", std::move(user)));
        auto twin = testing::Document("{metadata: {name: twin}, spec: {email: New@example.org}}");
        PEMBA_TRY(std::ignore, t.Create(kind("User"), "", std::move(twin)));
        return Done{};
      });
  EXPECT_EQ(Verdict(done), "Invalid: spec.email Duplicate");
  EXPECT_FALSE(Exists("User new"));
  EXPECT_EQ(Tuples(), before);
  EXPECT_EQ(resources().revision(), revision);
}

TEST_F(ThePlane, ADryRunTellsAndChangesNothing) {
  MakeLibrary();
  auto options = As(testing::Masters());
  options.dry_run = true;
  auto document = testing::Document("{metadata: {name: acme}, spec: {type: Standard}}");
  const auto made = resources().Create(kind("Organization"), "", std::move(document), options);
  EXPECT_EQ(Verdict(made), "ok");
  EXPECT_FALSE(Exists("Organization acme"));
  EXPECT_FALSE(Exists("Namespace organization-acme"));
  EXPECT_EQ(Verdict(Create("Organization acme", "spec: {type: Standard}")), "ok");
}

TEST_F(ThePlane, ADryRunOfAKindLeavesTheCatalogAsItIs) {
  auto options = As(testing::Masters());
  options.dry_run = true;
  const char* const text =
      "{metadata: {name: k}, spec: {serviceRef: {name: s.example}, kind: Thing, singular: thing, "
      "plural: things, permissions: [get]}}";
  ASSERT_TRUE(
      resources().Create(kind("ProtectedResource"), "", testing::Document(text), options).ok());
  EXPECT_EQ(plane_->catalog()->FindType("s.example/Thing"), nullptr);
  Make("Namespace other", "{}");
  EXPECT_EQ(plane_->catalog()->FindType("s.example/Thing"), nullptr);
  ASSERT_TRUE(
      resources()
          .Create(kind("ProtectedResource"), "", testing::Document(text), As(testing::Masters()))
          .ok());
  EXPECT_NE(plane_->catalog()->FindType("s.example/Thing"), nullptr);
  Open();
  EXPECT_NE(plane_->catalog()->FindType("s.example/Thing"), nullptr);
}

TEST_F(ThePlane, WakesByItself) {
  // The thread waits by the difference of the clock's times: here there is none left.
  MakeLibrary();
  Make("PlatformInvitation soon",
       "spec: {email: x@example.org, scheduleAt: '2023-11-14T22:13:21Z'}");
  clock_.Advance(std::chrono::seconds(2));
  for (int i = 0; i < 500 && Condition("PlatformInvitation soon") != "True Reconciled"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(Condition("PlatformInvitation soon"), "True Reconciled");
}

TEST_F(ThePlane, SaysWhichRolesOfItsSettingsAreMissing) {
  EXPECT_THAT(plane_->Problems(), ::testing::SizeIs(7));
  Make("Role milo-system/resourcemanager.miloapis.com-organizationowner",
       "spec: {launchStage: Beta}");
  EXPECT_THAT(plane_->Problems(), ::testing::SizeIs(6));
}

TEST_F(ThePlane, StandsGuardOverItsNamespaces) {
  MakeLibrary();
  EXPECT_EQ(Verdict(Delete("Namespace milo-system")), "Forbidden");
  EXPECT_EQ(Verdict(Delete("Namespace organization-northwind")), "Forbidden");
  EXPECT_EQ(Verdict(Create("Namespace organization-later", "{}")),
            "Forbidden: metadata.name Forbidden");
  EXPECT_EQ(Verdict(Delete("Organization northwind")), "ok");
  EXPECT_FALSE(Exists("Namespace organization-northwind"));
  EXPECT_FALSE(Exists("Project archive"));
}

// ---- What a start looks at. None of these servers stops in order: what is in the store counts
// ----

class AStart : public ThePlane {
 protected:
  AStart() {
    options_.program = "today's";
    MakeLibrary();
    Make("PolicyBinding default/mira", Binding("mira", "librarian", kArchive));
    Open(options_);
    EXPECT_TRUE(started().reconciled);  // Another program began.
  }

  // What it came upon, and that the one after it comes upon nothing.
  ControlPlane::Started Start(const ControlPlaneOptions& options) {
    Open(options);
    const auto found = started();
    const auto tuples = Tuples();
    Open(options);
    EXPECT_FALSE(started().reconciled);
    EXPECT_FALSE(started().drift.compared);
    EXPECT_EQ(Tuples(), tuples);
    return found;
  }
  ControlPlane::Started Start() { return Start(options_); }
  const ControlPlane::Started& started() const { return plane_->started(); }

  // Past the control plane.
  void Write(const store::WriteRequest& request) {
    const auto written = store().Write(request);
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  static constexpr const char* kBindingRecord = "o/iam.miloapis.com/policybindings/default/mira";
  std::string RecordOf(std::string_view key) {
    std::string value;
    EXPECT_TRUE(store()
                    .ReadRecords(key,
                                 [&](const storage::Record& record) {
                                   value = record.value;
                                   return storage::Visit::kStop;
                                 })
                    .ok());
    return value;
  }

  ControlPlaneOptions options_;
};

TEST_F(AStart, LooksAtNothingWhereAllIsSettled) {
  const auto found = Start();
  EXPECT_FALSE(found.reconciled);
  EXPECT_FALSE(found.drift.compared);
}

TEST_F(AStart, FindsEachCommitSettled) {
  const auto settled = [&](const char* what) {
    SCOPED_TRACE(what);
    EXPECT_FALSE(Start().reconciled);
  };
  Make("User vera", "spec: {email: vera@example.org}");
  settled("a user, with what is made for it");
  Make("PolicyBinding default/twin", Binding("mira", "librarian", kArchive));
  settled("a binding with the tuples of another one");
  Remove("PolicyBinding default/mira");
  settled("a binding whose tuples another one wants, too");
  Remove("PolicyBinding default/twin");
  settled("the last one");
  Change("Role pemba-system/library-reader", "metadata: {labels: {a: b}}");
  settled("a change that nothing follows from");
  Change("Role pemba-system/librarian", "spec: {inheritedRoles: []}");
  settled("a role of others");
  Remove("Organization northwind");
  settled("an organization, with what is in it");
}

TEST_F(AStart, LooksAtEverythingForAnother) {
  struct Case {
    const char* name;
    std::function<void(ControlPlaneOptions&)> change;
  };
  const Case cases[] = {
      {"program", [](auto& options) { options.program = "tomorrow's"; }},
      {"role that the settings name",
       [](auto& options) { options.settings.project_owner_role = "keeper"; }},
      {"namespace that the settings name",
       [](auto& options) { options.settings.assignable_roles_namespace = "elsewhere"; }},
      {"way to say that a grant is ready",
       [](auto& options) { options.settings.grants = Settings::Grants::kWhenProvided; }},
      {"way to confirm a deactivation",
       [](auto& options) {
         options.settings.deactivation = Settings::Deactivation::kWhenConfirmed;
       }},
      {"projection", [](auto& options) { options.projection = ProjectionKind::kDirect; }},
      {"namespace of shared roles",
       [](auto& options) { options.platform_namespaces = {"pemba-system"}; }},
  };
  for (const auto& [name, change] : cases) {
    SCOPED_TRACE(name);
    auto options = options_;
    change(options);
    EXPECT_TRUE(Start(options).reconciled);
    EXPECT_TRUE(Start().reconciled) << "and back";
  }
}

TEST_F(AStart, LooksAtEverythingForAnotherKind) {
  ASSERT_TRUE(registry_
                  .AddFromYaml("{apiVersion: apiextensions.k8s.io/v1, kind: "
                               "CustomResourceDefinition, metadata: {name: wheels.x.org}, spec: "
                               "{group: x.org, names: {kind: Wheel, plural: wheels}, scope: "
                               "Cluster, versions: [{name: v1, served: true, storage: true, "
                               "schema: {openAPIV3Schema: {type: object}}}]}}")
                  .ok());
  EXPECT_TRUE(Start().reconciled);
}

TEST_F(AStart, LooksAtEverythingForOneThatIsNoProgramOfOurs) {
  options_.program = "";
  for (int i = 0; i < 2; ++i) {
    Open(options_);
    EXPECT_TRUE(started().reconciled);
  }
}

TEST_F(AStart, FindsTuplesThatOthersWrote) {
  const auto right = Tuples();
  std::string managed;
  for (const auto& text : right) {
    if (text.find("#parent@") != text.npos) managed = text;
  }
  const auto parsed = tuple::ParseTuple(managed);
  ASSERT_TRUE(parsed.ok()) << managed;
  Write({.deletes = {&*parsed, 1}});
  auto found = Start();
  EXPECT_TRUE(found.drift.compared);
  EXPECT_EQ(found.drift.missing, 1u);
  EXPECT_EQ(Tuples(), right);

  const tuple::Tuple extra{std::string(parsed->object),
                           "parent",
                           "resourcemanager.miloapis.com/Organization:elsewhere",
                           {}};
  Write({.writes = {&extra, 1}});
  found = Start();
  EXPECT_EQ(found.drift.extra, 1u);
  EXPECT_EQ(Tuples(), right);
}

// Whoever knows nothing of the record leaves it behind its objects.
TEST_F(AStart, FindsObjectsThatOthersWrote) {
  auto value = RecordOf(kBindingRecord);
  const auto at = value.find(R"("status":"True")");
  ASSERT_NE(at, value.npos);
  value.replace(at, 15, R"("status":"False")");
  const storage::RecordChange changed{kBindingRecord, value};
  Write({.records = {&changed, 1}});
  EXPECT_TRUE(Start().reconciled);
  EXPECT_EQ(Condition("PolicyBinding default/mira"), "True ReconciliationSuccessful");

  const auto with = Tuples();
  const storage::RecordChange removed{kBindingRecord, std::nullopt};
  Write({.records = {&removed, 1}});
  const auto found = Start();
  EXPECT_TRUE(found.reconciled);
  EXPECT_GT(found.drift.extra, 0u);
  EXPECT_EQ(Tuples().size(), with.size() - found.drift.extra);
}

// The new program's first commit, and no more: whatever it has written stands for nobody.
TEST_F(AStart, BeginsAgainWhereOneWasKilledBeforeItWasDone) {
  auto value = RecordOf("iam/settled");
  const auto by = value.find(' ') + 1;
  value.replace(by, value.find(' ', by) - by, "-");
  const storage::RecordChange record{"iam/settled", value};
  Write({.records = {&record, 1}});
  EXPECT_TRUE(Start().reconciled);
}

TEST_F(AStart, MakesNothingOfARecordThatItDoesNotUnderstand) {
  const auto good = RecordOf("iam/settled");
  for (const auto& text : {std::string(), std::string("2") + good.substr(1), good + "x",
                           good.substr(0, good.size() / 2), std::string("1 a b c")}) {
    SCOPED_TRACE(text);
    const storage::RecordChange record{"iam/settled", text};
    Write({.records = {&record, 1}});
    EXPECT_TRUE(Start().reconciled);
  }
}

TEST_F(AStart, SetsTheAlarmsAgain) {
  Make("PlatformInvitation soon",
       "spec: {email: x@example.org, scheduleAt: '2023-11-14T22:13:30Z'}");
  EXPECT_FALSE(Start().reconciled);
  EXPECT_NE(Condition("PlatformInvitation soon"), "True Reconciled");
  clock_.Advance(std::chrono::seconds(20));
  ASSERT_TRUE(plane_->RunDue().ok());
  EXPECT_EQ(Condition("PlatformInvitation soon"), "True Reconciled");
}

}  // namespace
}  // namespace pemba::iam
