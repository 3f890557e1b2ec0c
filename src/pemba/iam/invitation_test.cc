// The life of an invitation: what it goes through, who may answer, and what is left of it.
#include "pemba/iam/testing/plane.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::Verdict;

class AnInvitation : public testing::Plane {
 protected:
  static constexpr std::string_view kPlace = "UserInvitation organization-northwind/i";

  void SetUp() override {
    MakeLibrary();
    for (const char* const name :
         {"iam.miloapis.com-getinvitation", "iam.miloapis.com-acceptinvitation"}) {
      Make(fmt::format("Role milo-system/{}", name), "spec: {launchStage: Beta}");
    }
    Make("Role datum-cloud/viewer", "spec: {launchStage: Beta}");
  }
  std::string Spec(std::string_view email, std::string_view more = "") {
    return fmt::format(
        "spec: {{organizationRef: {{name: northwind}}, email: {}, state: Pending, "
        "roles: [{{name: viewer, namespace: datum-cloud}}]{}}}",
        email, more);
  }
  // Its bindings in the system's namespace.
  std::vector<std::string> Bindings() {
    std::vector<std::string> mine;
    for (auto& name : Names("PolicyBinding", "milo-system")) {
      if (name.find("invitation") != std::string::npos) mine.push_back(name.substr(37));
    }
    return mine;
  }
};

TEST_F(AnInvitation, WaitsForItsUserThenForTheAnswer) {
  Make(kPlace, Spec("New@Example.org"));
  EXPECT_EQ(Condition(kPlace, "Pending"), "True Pending");
  EXPECT_EQ(Condition(kPlace, "InviteeUserStatusUpdate"), "False InvitedUserNotRegistered");
  EXPECT_EQ(Condition(kPlace, "Unknown"), "");
  EXPECT_THAT(Bindings(), IsEmpty());
  EXPECT_THAT(Names("PlatformAccessApproval"), SizeIs(1));

  Make("User new", "spec: {email: new@example.org}");
  EXPECT_EQ(Value("User new", {"status", "registrationApproval"}), "Approved");
  EXPECT_EQ(Value(kPlace, {"status", "inviteeUser", "name"}), "new");
  EXPECT_EQ(Value(kPlace, {"status", "organization", "displayName"}), "northwind");
  EXPECT_EQ(Condition(kPlace, "InviteeUserStatusUpdate"), "True InvitedUserRegistered");
  EXPECT_THAT(Bindings(),
              ElementsAre("iam.miloapis.com-acceptinvitation", "iam.miloapis.com-getinvitation"));

  EXPECT_EQ(Verdict(Patch(kPlace, "spec: {state: Accepted}", testing::User("tomas"))),
            "Forbidden: spec.state Forbidden");
  EXPECT_EQ(Verdict(Patch(kPlace, "spec: {state: Accepted}", testing::User("new"))), "ok");
  EXPECT_FALSE(Exists(kPlace));
  EXPECT_THAT(Bindings(), IsEmpty());
  const char* const member = "OrganizationMembership organization-northwind/member-new";
  EXPECT_EQ(Condition(member), "True Ready");
  EXPECT_THAT(Value(member, {"spec", "roles"}), HasSubstr(R"("name":"viewer")"));
}

TEST_F(AnInvitation, ThatIsDeclinedKeepsNothingToAcceptAndMakesRoomForTheNext) {
  Make("User new", "spec: {email: new@example.org}");
  Make(kPlace, Spec("new@example.org"));
  EXPECT_EQ(Verdict(Patch(kPlace, "spec: {state: Declined}", testing::User("new"))), "ok");
  EXPECT_EQ(Condition(kPlace), "True Declined");
  EXPECT_THAT(Bindings(), ElementsAre("iam.miloapis.com-getinvitation"));
  EXPECT_THAT(Verdict(Patch(kPlace, "spec: {state: Accepted}", testing::User("new"))),
              HasSubstr("Invalid: spec.state"));
  EXPECT_EQ(Verdict(Create("UserInvitation organization-northwind/again", Spec("new@example.org"))),
            "ok");
  EXPECT_FALSE(Exists(kPlace));
  EXPECT_THAT(Bindings(), SizeIs(2));
}

TEST_F(AnInvitation, ExpiresByTheClockAlone) {
  Make("User new", "spec: {email: new@example.org}");
  Make(kPlace, Spec("new@example.org", ", expirationDate: '2023-11-15T22:13:20Z'"));
  EXPECT_EQ(Condition(kPlace, "Expired"), "");
  clock_.Advance(std::chrono::hours(24));
  // Late answers do not count, even before the clock has been looked at.
  EXPECT_EQ(Verdict(Patch(kPlace, "spec: {state: Accepted}", testing::User("new"))),
            "Invalid: spec.state Forbidden");
  ASSERT_TRUE(plane_->RunDue().ok());
  EXPECT_EQ(Condition(kPlace, "Expired"), "True Expired");
  EXPECT_EQ(Condition(kPlace, "Pending"), "");
  EXPECT_THAT(Bindings(), ElementsAre("iam.miloapis.com-getinvitation"));
  EXPECT_EQ(Verdict(Create("UserInvitation organization-northwind/again", Spec("new@example.org"))),
            "ok");
}

TEST_F(AnInvitation, ExpiresAfterARestartToo) {
  Make(kPlace, Spec("new@example.org", ", expirationDate: '2023-11-15T22:13:20Z'"));
  Open();
  clock_.Advance(std::chrono::hours(24));
  ASSERT_TRUE(plane_->RunDue().ok());
  EXPECT_EQ(Condition(kPlace, "Expired"), "True Expired");
}

TEST_F(AnInvitation, AddsItsRolesToThoseThatAMemberHas) {
  Make("User new", "spec: {email: new@example.org}");
  Make(kPlace, Spec("new@example.org"));
  // Somebody else makes the user a member meanwhile.
  Make("OrganizationMembership organization-northwind/m",
       "spec: {organizationRef: {name: northwind}, userRef: {name: new}, roles: [{name: librarian, "
       "namespace: pemba-system}]}");
  EXPECT_EQ(Verdict(Patch(kPlace, "spec: {state: Accepted}", testing::User("new"))), "ok");
  const auto roles = Value("OrganizationMembership organization-northwind/m", {"spec", "roles"});
  EXPECT_THAT(roles, HasSubstr("librarian"));
  EXPECT_THAT(roles, HasSubstr("viewer"));
  EXPECT_FALSE(Exists("OrganizationMembership organization-northwind/member-new"));
}

TEST_F(AnInvitation, TakesBackARejectionOnce) {
  Make("User new", "spec: {email: new@example.org}");
  Make("PlatformAccessRejection no", "spec: {subjectRef: {name: new}, reason: unknown}");
  Make(kPlace, Spec("new@example.org"));
  EXPECT_FALSE(Exists("PlatformAccessRejection no"));
  EXPECT_EQ(Value("User new", {"status", "registrationApproval"}), "Approved");
  for (const auto& approval : Names("PlatformAccessApproval")) {
    Remove("PlatformAccessApproval " + approval);
  }
  Make("PlatformAccessRejection still", "spec: {subjectRef: {name: new}, reason: unknown}");
  Change("User new", "spec: {givenName: Nia}");
  ASSERT_TRUE(plane_->Reconcile().ok());
  EXPECT_TRUE(Exists("PlatformAccessRejection still"));
  EXPECT_EQ(Value("User new", {"status", "registrationApproval"}), "Rejected");
}

TEST_F(AnInvitation, SaysWhoInvites) {
  Change("User mira", "spec: {givenName: Mira, familyName: Okafor}");
  const auto mira = testing::User("mira");
  authority_.held = {
      "mira iam.miloapis.com/policybindings.bind "
      "resourcemanager.miloapis.com/Organization:northwind"};
  ASSERT_EQ(Verdict(Create(kPlace, Spec("new@example.org", ", invitedBy: {name: tomas}"), mira)),
            "ok");
  EXPECT_EQ(Value(kPlace, {"spec", "invitedBy", "name"}), "mira");
  EXPECT_EQ(Value(kPlace, {"status", "inviterUser", "displayName"}), "Mira Okafor");
  EXPECT_EQ(Value(kPlace, {"status", "inviterUser", "emailAddress"}), "mira@example.org");
}

}  // namespace
}  // namespace pemba::iam
