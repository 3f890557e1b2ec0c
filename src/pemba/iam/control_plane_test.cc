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

}  // namespace
}  // namespace pemba::iam
