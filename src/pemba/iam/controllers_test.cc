// What becomes of objects once they are declared: statuses, and the objects that follow from them.
#include "pemba/iam/internal/sha256.h"
#include "pemba/iam/testing/plane.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Controllers = testing::Plane;

TEST_F(Controllers, AKindIsReadyAndSaysWhichParentIsMissing) {
  MakeLibrary();
  EXPECT_EQ(Condition("ProtectedResource books-library.example.org"), "True IAMSystemConfigured");
  Remove("ProtectedResource shelves-library.example.org");
  EXPECT_EQ(Condition("ProtectedResource books-library.example.org"), "False ParentNotRegistered");
  EXPECT_EQ(plane_->catalog()->FindType("library.example.org/Shelf"), nullptr);
  EXPECT_NE(plane_->catalog()->FindType("library.example.org/Book"), nullptr);
}

TEST_F(Controllers, ARoleComesToWhatItInheritsAtAnyDistance) {
  MakeLibrary();
  EXPECT_EQ(Value("Role pemba-system/librarian", {"status", "effectivePermissions"}),
            R"(["library.example.org/books.get","library.example.org/books.lend",)"
            R"("library.example.org/books.list","library.example.org/shelves.get",)"
            R"("library.example.org/shelves.list"])");
  Make("Role default/head",
       "spec: {launchStage: Beta, inheritedRoles: [{name: librarian, namespace: pemba-system}]}");
  Change("Role pemba-system/library-reader",
         "spec: {includedPermissions: [library.example.org/books.get]}");
  EXPECT_EQ(Value("Role default/head", {"status", "effectivePermissions"}),
            R"(["library.example.org/books.get","library.example.org/books.lend"])");
  EXPECT_EQ(Condition("Role default/head"), "True ReconciliationSuccessful");
  Change("Role pemba-system/library-reader",
         "spec: {includedPermissions: [library.example.org/books.shred]}");
  EXPECT_EQ(Condition("Role pemba-system/library-reader", "PermissionsValid"),
            "False InvalidPermissions");
  Change("ProtectedResource books-library.example.org",
         "spec: {permissions: [get, list, create, update, delete, lend, shred]}");
  EXPECT_EQ(Condition("Role pemba-system/library-reader", "PermissionsValid"),
            "True ValidationSuccessful");
}

class ABinding : public testing::Plane {
 protected:
  std::string With(std::string_view subject, std::string_view target, std::string_view role) {
    return fmt::format(
        "spec: {{roleRef: {{name: {}, namespace: pemba-system}}, subjects: [{}], "
        "resourceSelector: {}}}",
        role, subject, target);
  }
};

TEST_F(ABinding, SaysWhatItLacks) {
  MakeLibrary();
  Make("Group organization-northwind/cataloguers", "{}");
  const std::string mira = "{kind: User, name: mira}";
  const std::string role = "librarian";
  const struct {
    const char* name;
    std::string subject, target, role;
    const char* condition;
    const char* says;
    const char* ready;
  } cases[] = {
      {"all is there", mira, std::string(kNorthwind), role, "TargetValid",
       "True ValidationSuccessful", "True ReconciliationSuccessful"},
      {"all of a kind", mira, std::string(kAllShelves), role, "TargetValid",
       "True ValidationSuccessful", "True ReconciliationSuccessful"},
      {"an object that is kept elsewhere", mira,
       "{resourceRef: {apiGroup: library.example.org, kind: Book, name: b-1, uid: u}}", role,
       "TargetValid", "True ValidationSuccessful", "True ReconciliationSuccessful"},
      {"everybody", "{kind: Group, name: 'system:authenticated'}", std::string(kNorthwind), role,
       "SubjectValid", "True ValidationSuccessful", "True ReconciliationSuccessful"},
      {"a kind that is not registered", mira,
       "{resourceRef: {apiGroup: iam.miloapis.com, kind: User, name: mira, uid: u}}", role,
       "TargetValid", "False ValidationFailed", "False ResourceSelectorValidationFailed"},
      {"a target that is not there", mira,
       "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Project, name: x, uid: u}}",
       role, "TargetValid", "False TargetNotFound", "False ResourceSelectorValidationFailed"},
      {"another target of the name", mira,
       "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Project, name: archive, "
       "uid: u}}",
       role, "TargetValid", "False TargetUIDMismatch", "False ResourceSelectorValidationFailed"},
      {"a user that is not there", "{kind: User, name: nobody, uid: u}", std::string(kNorthwind),
       role, "SubjectValid", "False ValidationFailed", "False SubjectValidationFailed"},
      {"another user of the name", "{kind: User, name: mira, uid: u}", std::string(kNorthwind),
       role, "SubjectValid", "False ValidationFailed", "False SubjectValidationFailed"},
      {"a group without its namespace", "{kind: Group, name: cataloguers, uid: u}",
       std::string(kNorthwind), role, "SubjectValid", "False ValidationFailed",
       "False SubjectValidationFailed"},
      {"a service account elsewhere", "{kind: ServiceAccount, name: robot, uid: u}",
       std::string(kNorthwind), role, "SubjectValid", "True ValidationSuccessful",
       "True ReconciliationSuccessful"},
      {"a role that is not there", mira, std::string(kNorthwind), "nothing", "RoleValid",
       "False RoleNotFoundForBinding", "False RoleNotFoundForBinding"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Make("PolicyBinding default/b", With(c.subject, c.target, c.role));
    EXPECT_EQ(Condition("PolicyBinding default/b", c.condition), c.says);
    EXPECT_EQ(Condition("PolicyBinding default/b"), c.ready);
    Remove("PolicyBinding default/b");
  }
}

TEST_F(ABinding, NamesEachSubjectThatIsWrong) {
  MakeLibrary();
  Make("PolicyBinding default/b",
       With("{kind: User, name: nobody, uid: u}, {kind: User, name: mira}, {kind: User, name: ops, "
            "uid: x}, {kind: Group, name: g, uid: y}",
            kNorthwind, "librarian"));
  const auto binding = Find("PolicyBinding default/b");
  EXPECT_THAT(boost::json::serialize(binding->status()),
              HasSubstr("User/nobody (NotFound), User/ops (UIDMismatch), "
                        "Group/g (NamespaceMissing)"));
}

TEST_F(Controllers, AUserComesWithItsOwnBindingsAndPreference) {
  Make("User mira", "spec: {email: mira@example.org, givenName: Mira, familyName: Mira}");
  EXPECT_THAT(Names("PolicyBinding", "milo-system"),
              UnorderedElementsAre("user-self-manage-mira", "userpreference-self-manage-mira"));
  EXPECT_EQ(Value("UserPreference userpreference-mira", {"spec", "theme"}), "system");
  EXPECT_EQ(Value("PolicyBinding milo-system/user-self-manage-mira",
                  {"spec", "resourceSelector", "resourceRef", "uid"}),
            UidOf("User mira"));
  EXPECT_EQ(
      Value("User mira", {"metadata", "annotations", "iam.miloapis.com/name-review-required"}),
      "true");
  EXPECT_EQ(Value("User mira", {"status", "state"}), "Active");
  EXPECT_EQ(Value("User mira", {"status", "registrationApproval"}), "Pending");
  EXPECT_EQ(Condition("User mira"), "True Reconciled");
  // Neither the role nor the kind is there: no error, no grant.
  EXPECT_EQ(Condition("PolicyBinding milo-system/user-self-manage-mira"),
            "False ResourceSelectorValidationFailed");

  Change("User mira", "spec: {familyName: Okafor}");
  EXPECT_EQ(Value("User mira", {"metadata", "annotations"}), "");
  Remove("UserPreference userpreference-mira");
  EXPECT_TRUE(Exists("UserPreference userpreference-mira")) << "back, as it was at first";
  EXPECT_EQ(Value("PolicyBinding milo-system/userpreference-self-manage-mira",
                  {"spec", "resourceSelector", "resourceRef", "uid"}),
            UidOf("UserPreference userpreference-mira"));

  Remove("User mira");
  EXPECT_THAT(Names("PolicyBinding"), IsEmpty());
  EXPECT_THAT(Names("UserPreference"), IsEmpty());
}

TEST_F(Controllers, AUserIsApprovedByNameOrAddressAndInactiveWhileDeactivated) {
  const auto approval = [&] { return Value("User mira", {"status", "registrationApproval"}); };
  Make("PlatformAccessApproval early", "spec: {subjectRef: {email: Mira@Example.ORG}}");
  Make("User mira", "spec: {email: mira@example.org}");
  EXPECT_EQ(approval(), "Approved") << "case does not matter";
  Remove("PlatformAccessApproval early");
  EXPECT_EQ(approval(), "Pending");
  Make("PlatformAccessRejection no", "spec: {subjectRef: {name: mira}, reason: unknown}");
  EXPECT_EQ(approval(), "Rejected");
  Remove("PlatformAccessRejection no");
  Make("PlatformAccessApproval yes", "spec: {subjectRef: {userRef: {name: mira}}}");
  EXPECT_EQ(approval(), "Approved");

  Make("UserDeactivation off", "spec: {userRef: {name: mira}, reason: left, deactivatedBy: x}");
  EXPECT_EQ(Value("User mira", {"status", "state"}), "Inactive");
  EXPECT_EQ(Value("UserDeactivation off", {"spec", "deactivatedBy"}), "root");
  Remove("UserDeactivation off");
  EXPECT_EQ(Value("User mira", {"status", "state"}), "Active");
}

TEST_F(Controllers, ADeactivationMayWaitForTheIdentityProvider) {
  ControlPlaneOptions options;
  options.settings.deactivation = Settings::Deactivation::kWhenConfirmed;
  Open(std::move(options));
  Make("User mira", "spec: {email: mira@example.org}");
  Make("UserDeactivation off", "spec: {userRef: {name: mira}, reason: left}");
  EXPECT_EQ(Value("User mira", {"status", "state"}), "Active");
  ASSERT_EQ(testing::Verdict(Patch(
                "UserDeactivation off",
                "status: {conditions: [{type: Ready, status: 'True', reason: Reconciled, message: "
                "blocked, lastTransitionTime: '2023-11-14T22:13:20Z'}]}",
                testing::Masters(), resource::Part::kStatus)),
            "ok");
  EXPECT_EQ(Value("User mira", {"status", "state"}), "Inactive");
}

TEST_F(Controllers, AnOrganizationComesWithItsNamespaceAndItsMakerAsOwner) {
  Make("User mira", "spec: {email: mira@example.org}");
  ASSERT_EQ(testing::Verdict(
                Create("Organization acme", "spec: {type: Standard}", testing::User("mira"))),
            "ok");
  EXPECT_EQ(Value("Namespace organization-acme",
                  {"metadata", "labels", "resourcemanager.miloapis.com/organization"}),
            "acme");
  const char* const member = "OrganizationMembership organization-acme/member-mira";
  EXPECT_EQ(Condition(member), "True Ready");
  EXPECT_EQ(Condition(member, "RolesApplied"), "False PartialRolesApplied");
  EXPECT_EQ(Value(member, {"status", "user", "email"}), "mira@example.org");
  EXPECT_EQ(Value(member, {"status", "organization", "displayName"}), "acme");
  EXPECT_THAT(Value(member, {"status", "appliedRoles"}), HasSubstr(R"("status":"Failed")"));
  // Its role appears: the membership has it at once, the grant when the kind is there.
  Make("Role milo-system/resourcemanager.miloapis.com-organizationowner",
       "spec: {launchStage: Beta}");
  EXPECT_THAT(Value(member, {"status", "appliedRoles"}), HasSubstr(R"("status":"Pending")"));
  Make("ProtectedResource organizations",
       "spec: {serviceRef: {name: resourcemanager.miloapis.com}, kind: Organization, singular: "
       "organization, plural: organizations, permissions: [get]}");
  EXPECT_THAT(Value(member, {"status", "appliedRoles"}), HasSubstr(R"("status":"Applied")"));
  EXPECT_EQ(Condition(member, "RolesApplied"), "True AllRolesApplied");

  Remove("Organization acme");
  EXPECT_FALSE(Exists("Namespace organization-acme"));
  EXPECT_FALSE(Exists(member));
}

TEST_F(Controllers, AMembershipsBindingsAreCalledByTheNormalisedRole) {
  MakeLibrary();
  Make("Role organization-northwind/helper", "spec: {launchStage: Beta}");
  Make("OrganizationMembership organization-northwind/member-mira",
       "spec: {organizationRef: {name: northwind}, userRef: {name: mira}, roles: [{name: helper}, "
       "{name: librarian, namespace: pemba-system}]}");
  const auto helper = "member-mira-" + internal::Sha256Hex("organization-northwind/helper");
  const auto librarian = "member-mira-" + internal::Sha256Hex("pemba-system/librarian");
  EXPECT_THAT(Names("PolicyBinding", "organization-northwind"),
              UnorderedElementsAre(helper, librarian, "usermembership-self-delete-mira"));
  const auto uid = UidOf("PolicyBinding organization-northwind/" + helper);
  ASSERT_TRUE(plane_->Reconcile().ok());
  EXPECT_EQ(UidOf("PolicyBinding organization-northwind/" + helper), uid) << "made once";
  Change("OrganizationMembership organization-northwind/member-mira",
         "spec: {roles: [{name: helper}]}");
  EXPECT_FALSE(Exists("PolicyBinding organization-northwind/" + librarian));
  Change("OrganizationMembership organization-northwind/member-mira", "spec: {roles: []}");
  EXPECT_EQ(Condition("OrganizationMembership organization-northwind/member-mira", "RolesApplied"),
            "True NoRolesSpecified");
}

TEST_F(Controllers, AMembershipWaitsForItsUserAndGoesWithIt) {
  MakeLibrary();
  const char* const member = "OrganizationMembership organization-northwind/m";
  Make(member, "spec: {organizationRef: {name: northwind}, userRef: {name: late}}");
  EXPECT_EQ(Condition(member), "False UserNotFound");
  Make("User late", "spec: {email: late@example.org}");
  EXPECT_EQ(Condition(member), "True Ready");
  Remove("User late");
  EXPECT_FALSE(Exists(member));
}

TEST_F(Controllers, AGroupMembershipCountsWhileBothAreThere) {
  MakeLibrary();
  const char* const member = "GroupMembership organization-northwind/m";
  Make(member,
       "spec: {userRef: {name: tomas}, groupRef: {name: g, namespace: organization-northwind}}");
  EXPECT_EQ(Condition(member), "False ReferenceInvalid");
  EXPECT_EQ(Condition(member, "UserRefValid"), "True ValidationSuccessful");
  EXPECT_EQ(Condition(member, "GroupRefValid"), "False ValidationFailed");
  Make("Group organization-northwind/g", "{}");
  EXPECT_EQ(Condition(member), "True Reconciled");
  EXPECT_EQ(Condition("Group organization-northwind/g"), "True Reconciled");
  Remove("Group organization-northwind/g");
  EXPECT_FALSE(Exists(member));
}

TEST_F(Controllers, AGroupThatGoesIsTakenFromBindingsInEveryNamespace) {
  MakeLibrary();
  Make("Group organization-northwind/g", "{}");
  const std::string group =
      fmt::format("{{kind: Group, name: g, namespace: organization-northwind, uid: {}}}",
                  UidOf("Group organization-northwind/g"));
  const auto spec = [&](const std::string& subjects) {
    return fmt::format(
        "spec: {{roleRef: {{name: librarian, namespace: pemba-system}}, subjects: "
        "[{}], resourceSelector: {}}}",
        subjects, kNorthwind);
  };
  Make("PolicyBinding organization-northwind/alone", spec(group));
  Make("PolicyBinding default/among", spec(group + ", {kind: User, name: mira}"));
  Remove("Group organization-northwind/g");
  EXPECT_FALSE(Exists("PolicyBinding organization-northwind/alone"));
  EXPECT_THAT(Value("PolicyBinding default/among", {"spec", "subjects"}),
              ::testing::Not(HasSubstr("Group")));
  EXPECT_EQ(Condition("PolicyBinding default/among"), "True ReconciliationSuccessful");
}

TEST_F(Controllers, WhoGoesTakesNothingFromOthersInABinding) {
  MakeLibrary();
  Make(
      "PolicyBinding default/two",
      fmt::format("spec: {{roleRef: {{name: librarian, namespace: pemba-system}}, subjects: "
                  "[{{kind: User, name: mira}}, {{kind: User, name: ops}}], resourceSelector: {}}}",
                  kNorthwind));
  Make("PolicyBinding default/one", Binding("ops", "librarian", kNorthwind));
  Remove("User ops");
  EXPECT_EQ(Condition("PolicyBinding default/two"), "True ReconciliationSuccessful");
  EXPECT_EQ(Condition("PolicyBinding default/one"), "False SubjectValidationFailed");
  Make("User ops", "spec: {email: ops@example.org}");
  EXPECT_EQ(Condition("PolicyBinding default/one"), "False SubjectValidationFailed")
      << "somebody else of the name";
}

TEST_F(Controllers, AProjectIsOfItsOrganizationAndGoesWithIt) {
  MakeLibrary();
  EXPECT_EQ(Condition("Project archive"), "True Ready");
  EXPECT_EQ(Value("Project archive",
                  {"metadata", "labels", "resourcemanager.miloapis.com/organization-name"}),
            "northwind");
  Make("Folder north", "spec: {ownerRef: {kind: Organization, name: northwind}}");
  Make("Project deep", "spec: {ownerRef: {kind: Folder, name: north}}");
  EXPECT_EQ(Value("Project deep",
                  {"metadata", "labels", "resourcemanager.miloapis.com/organization-name"}),
            "northwind");
  Change("Project archive", "spec: {ownerRef: {kind: Folder, name: north}}");
  Remove("Folder north");
  EXPECT_FALSE(Exists("Project deep"));
  EXPECT_FALSE(Exists("Project archive")) << "it had been moved there";
}

TEST_F(Controllers, WhoMakesAProjectOwnsIt) {
  MakeLibrary();
  auto caller = testing::User("mira");
  caller.extra = {{"iam.miloapis.com/parent-api-group", {"resourcemanager.miloapis.com"}},
                  {"iam.miloapis.com/parent-type", {"Organization"}},
                  {"iam.miloapis.com/parent-name", {"northwind"}}};
  ASSERT_EQ(testing::Verdict(Create(
                "Project mine", "spec: {ownerRef: {kind: Organization, name: elsewhere}}", caller)),
            "ok");
  EXPECT_EQ(Value("Project mine", {"spec", "ownerRef", "name"}), "northwind");
  const auto bindings = Names("PolicyBinding", "organization-northwind");
  ASSERT_EQ(bindings.size(), 1u);
  EXPECT_THAT(bindings.front(), HasSubstr("project-mine-owner-"));
  Remove("Project mine");
  EXPECT_THAT(Names("PolicyBinding", "organization-northwind"), IsEmpty());
}

TEST_F(Controllers, APlatformInvitationApprovesWhenItIsTime) {
  Make("PlatformInvitation now", "spec: {email: a@example.org}");
  EXPECT_EQ(Condition("PlatformInvitation now"), "True Reconciled");
  Make("PlatformInvitation then",
       "spec: {email: b@example.org, scheduleAt: '2023-11-14T23:13:20Z'}");
  EXPECT_EQ(Condition("PlatformInvitation then"), "False Scheduled");
  EXPECT_THAT(Names("PlatformAccessApproval"), ::testing::SizeIs(1));
  clock_.Advance(std::chrono::hours(1));
  ASSERT_TRUE(plane_->RunDue().ok());
  EXPECT_EQ(Condition("PlatformInvitation then"), "True Reconciled");
  Make("User b", "spec: {email: B@example.org}");
  EXPECT_EQ(Value("User b", {"status", "registrationApproval"}), "Approved");
}

TEST_F(Controllers, AKeyCountsWhileItsAccountIsActiveAndUntilItExpires) {
  Make("ServiceAccount robot", "{}");
  EXPECT_EQ(Value("ServiceAccount robot", {"status", "email"}), "robot@serviceaccounts.pemba.dev");
  const auto key = [&](const char* place, const char* more) {
    Make(place,
         fmt::format("spec: {{serviceAccountUserName: robot@serviceaccounts.pemba.dev{}}}", more));
  };
  constexpr const char* kPublic = ", publicKey: \"-----BEGIN PUBLIC KEY-----\\nMCow\"";
  key("ServiceAccountKey default/empty", "");
  EXPECT_EQ(Condition("ServiceAccountKey default/empty"), "False PublicKeyMissing");
  key("ServiceAccountKey default/k", kPublic);
  key("ServiceAccountKey default/short",
      (std::string(kPublic) + ", expirationDate: '2023-11-14T23:13:20Z'").c_str());
  EXPECT_EQ(Condition("ServiceAccountKey default/k"), "True Reconciled");
  EXPECT_EQ(Condition("ServiceAccountKey default/short"), "True Reconciled");

  Change("ServiceAccount robot", "spec: {state: Inactive}");
  EXPECT_EQ(Condition("ServiceAccountKey default/k"), "False ServiceAccountInactive");
  Change("ServiceAccount robot", "spec: {state: Active}");
  EXPECT_EQ(Condition("ServiceAccountKey default/k"), "True Reconciled");

  Open();  // Nobody forgets when a key expires.
  clock_.Advance(std::chrono::hours(1));
  ASSERT_TRUE(plane_->RunDue().ok());
  EXPECT_EQ(Condition("ServiceAccountKey default/short"), "False Expired");
  EXPECT_EQ(Condition("ServiceAccountKey default/k"), "True Reconciled");

  Remove("ServiceAccount robot");
  EXPECT_THAT(Names("ServiceAccountKey", "default"), IsEmpty());
}

TEST_F(Controllers, LookingAgainChangesNothing) {
  MakeLibrary();
  Make("PolicyBinding default/b", Binding("mira", "librarian", kNorthwind));
  const auto revision = resources().revision();
  ASSERT_TRUE(plane_->Reconcile().ok());
  ASSERT_TRUE(plane_->Reconcile().ok());
  EXPECT_EQ(resources().revision(), revision);
  Open();
  EXPECT_EQ(resources().revision(), revision);
}

TEST_F(Controllers, AGrantWaitsForARemoteProvider) {
  ControlPlaneOptions options;
  options.settings.grants = Settings::Grants::kWhenProvided;
  Open(std::move(options));
  MakeLibrary();
  Make("PolicyBinding default/b", Binding("mira", "librarian", kNorthwind));
  const auto made = resources().revision();
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False Reconciling");
  ASSERT_TRUE(plane_->Provided(made - 1).ok());
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False Reconciling");
  const ControlPlane::Refusal refusal{"resourcemanager.miloapis.com/Organization:northwind",
                                      UserSubject("mira"), "too long"};
  ASSERT_TRUE(plane_->Provided(made, {&refusal, 1}).ok());
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False Reconciling");
  ASSERT_TRUE(plane_->Provided(resources().revision()).ok());
  EXPECT_EQ(Condition("PolicyBinding default/b"), "True ReconciliationSuccessful");
  ASSERT_TRUE(plane_->Reconcile().ok());
  EXPECT_EQ(Condition("PolicyBinding default/b"), "True ReconciliationSuccessful");
  Change("Role pemba-system/library-reader", "spec: {includedPermissions: []}");
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False Reconciling") << "another grant";
  Remove("Project archive");
  Remove("Organization northwind");
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False ResourceSelectorValidationFailed");
}

}  // namespace
}  // namespace pemba::iam
