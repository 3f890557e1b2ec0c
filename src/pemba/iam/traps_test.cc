// The traps of the systems that this one follows: each of them was a way to gain access, or to keep
// it. T10 to T12 are about decisions: decider_test.cc has more of them.
#include "pemba/iam/names.h"
#include "pemba/iam/testing/plane.h"

namespace pemba::iam {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::Not;
using testing::User;
using testing::Verdict;

class Trap : public testing::Plane {
 protected:
  void SetUp() override {
    ControlPlaneOptions options;
    options.projection = ProjectionKind::kDirect;
    options.platform_namespaces = {"pemba-system"};
    Open(std::move(options));
    MakeLibrary();
  }

  // Whether somebody has a permission by a tuple of their own on the object.
  bool Has(std::string_view user, std::string_view permission, std::string_view object) {
    return Tuples().contains(
        fmt::format("{}#{}@{}", object, PermissionRelation(permission), UserSubject(user)));
  }
  std::size_t TuplesOf(std::string_view user) {
    const auto subject = "@" + UserSubject(user);
    std::size_t count = 0;
    for (const auto& tuple : Tuples()) {
      // Not that it is authenticated.
      if (tuple.ends_with(subject) && tuple.find("system_authenticated") == std::string::npos) {
        ++count;
      }
    }
    return count;
  }
  void Hold(std::string_view user, std::initializer_list<std::string_view> permissions,
            std::string_view object) {
    for (const auto permission : permissions) {
      authority_.held.insert(fmt::format("{} {} {}", user, permission, object));
    }
  }

  static constexpr std::string_view kOrg = "resourcemanager.miloapis.com/Organization:northwind";
  static constexpr std::string_view kProject = "resourcemanager.miloapis.com/Project:archive";
  static constexpr std::string_view kReader = "iam.miloapis.com/Role:pemba-system/library-reader";
};

TEST_F(Trap, T01_NobodyPassesOnMoreThanTheyHoldNorOutsideTheirScope) {
  Make("Organization other", "spec: {type: Standard}");
  const char* const place = "PolicyBinding organization-northwind/b";
  const auto mira = User("mira");
  const auto bind = [&](std::string_view target) {
    const auto verdict = Verdict(Create(place, Binding("mira", "library-reader", target), mira));
    if (verdict == "ok") Remove(place);
    return verdict;
  };
  EXPECT_EQ(bind("{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Organization, name: "
                 "other}}"),
            "Forbidden: spec.resourceSelector.resourceRef Forbidden");
  EXPECT_EQ(bind("{resourceRef: {apiGroup: library.example.org, kind: Book, name: b, uid: u}}"),
            "Forbidden: spec.resourceSelector.resourceRef Forbidden");
  EXPECT_EQ(bind(kAllShelves), "Forbidden: spec.resourceSelector.resourceKind Forbidden");
  // What lies below the organization is in its scope, but the role is not open to her.
  EXPECT_EQ(bind(kArchive), "Invalid: spec.roleRef Invalid");
  Hold("mira", {"iam.miloapis.com/roles.use"}, kReader);
  EXPECT_EQ(bind(kArchive), "Forbidden: spec.roleRef Forbidden");
  Hold("mira",
       {"library.example.org/books.get", "library.example.org/books.list",
        "library.example.org/shelves.get"},
       kProject);
  EXPECT_EQ(bind(kArchive), "Forbidden: spec.roleRef Forbidden") << "shelves.list is missing";
  Hold("mira", {"library.example.org/shelves.list"}, kProject);
  EXPECT_EQ(bind(kArchive), "ok");
  EXPECT_EQ(bind(kNorthwind), "Forbidden: spec.roleRef Forbidden") << "there she holds nothing";
  Hold("mira", {"iam.miloapis.com/policybindings.bind"}, kOrg);
  EXPECT_EQ(bind(kNorthwind), "ok");
  // A role that is not there looks like one that she may not use.
  EXPECT_EQ(Verdict(Create(place, Binding("mira", "nothing", kNorthwind), mira)),
            "Invalid: spec.roleRef Invalid");
}

TEST_F(Trap, T01_OtherWaysToGrantAreGuardedAlike) {
  const auto mira = User("mira");
  Make("PolicyBinding organization-northwind/b", Binding("ops", "library-reader", kNorthwind));
  EXPECT_EQ(Verdict(Patch("PolicyBinding organization-northwind/b",
                          "spec: {subjects: [{kind: User, name: mira}]}", mira)),
            "Invalid: spec.roleRef Invalid");
  EXPECT_EQ(Verdict(Create("OrganizationMembership organization-northwind/m",
                           "spec: {organizationRef: {name: northwind}, userRef: {name: mira}, "
                           "roles: [{name: library-reader, namespace: pemba-system}]}",
                           mira)),
            "Invalid: spec.roles[0] Invalid");
  EXPECT_EQ(Verdict(Create("Role organization-northwind/mine",
                           "spec: {launchStage: Beta, includedPermissions: "
                           "[library.example.org/books.lend]}",
                           mira)),
            "Forbidden: spec.includedPermissions Forbidden");
  Hold("mira", {"library.example.org/books.lend"}, kOrg);
  EXPECT_EQ(Verdict(Create("Role organization-northwind/mine",
                           "spec: {launchStage: Beta, includedPermissions: "
                           "[library.example.org/books.lend]}",
                           mira)),
            "ok");
  EXPECT_EQ(Verdict(Patch("Role organization-northwind/mine",
                          "spec: {includedPermissions: [library.example.org/books.delete]}", mira)),
            "Forbidden: spec.includedPermissions Forbidden");
  EXPECT_EQ(
      Verdict(Patch("Role organization-northwind/mine",
                    "spec: {inheritedRoles: [{name: librarian, namespace: pemba-system}]}", mira)),
      "Invalid: spec.inheritedRoles[0] Invalid");
}

TEST_F(Trap, T01_NothingIsGrantedAheadOfItsKind) {
  const auto mira = User("mira");
  Make("Role pemba-system/ahead",
       "spec: {launchStage: Beta, includedPermissions: [library.example.org/books.get, "
       "library.example.org/tapes.get]}");
  Make("Role pemba-system/wide",
       "spec: {launchStage: Beta, includedPermissions: [library.example.org/books.get, "
       "resourcemanager.miloapis.com/organizations.get]}");
  Hold("mira", {"iam.miloapis.com/roles.use"}, "iam.miloapis.com/Role:pemba-system/ahead");
  Hold("mira", {"iam.miloapis.com/roles.use"}, "iam.miloapis.com/Role:pemba-system/wide");
  Hold("mira", {"library.example.org/books.get"}, kProject);
  const char* const place = "PolicyBinding organization-northwind/b";
  const auto bind = [&](std::string_view role) {
    const auto verdict = Verdict(Create(place, Binding("tomas", role, kArchive), mira));
    if (verdict == "ok") Remove(place);
    return verdict;
  };
  // A kind that nobody has registered yet: its registration would be tomas's grant.
  EXPECT_EQ(bind("ahead"), "Forbidden: spec.roleRef Forbidden");
  const auto tapes = [](std::string_view parents) {
    return fmt::format(
        "spec: {{serviceRef: {{name: library.example.org}}, kind: Tape, singular: "
        "tape, plural: tapes, permissions: [get], parentResources: [{}]}}",
        parents);
  };
  // One that is not below projects yet: moving it there would be.
  Make("ProtectedResource tapes", tapes(""));
  EXPECT_EQ(bind("ahead"), "Forbidden: spec.roleRef Forbidden");
  Hold("mira", {"library.example.org/tapes.get"}, "iam.miloapis.com/Root:library.example.org/Tape");
  EXPECT_EQ(bind("ahead"), "ok") << "she holds it wherever tapes may come to lie";
  // And one that is there already takes the permission on the target itself.
  Change("ProtectedResource tapes",
         tapes("{apiGroup: resourcemanager.miloapis.com, kind: Project}"));
  EXPECT_EQ(bind("ahead"), "Forbidden: spec.roleRef Forbidden");
  Hold("mira", {"library.example.org/tapes.get"}, kProject);
  EXPECT_EQ(bind("ahead"), "ok");

  // What is above the target: held there, it would be held here.
  EXPECT_EQ(bind("wide"), "Forbidden: spec.roleRef Forbidden");
  Hold("mira", {"resourcemanager.miloapis.com/organizations.get"}, kOrg);
  EXPECT_EQ(bind("wide"), "ok");
}

TEST_F(Trap, T02_ASubjectThatIsRemovedLosesAccess) {
  Make("PolicyBinding default/b", Binding("mira", "librarian", kArchive));
  Change("PolicyBinding default/b",
         "spec: {subjects: [{kind: User, name: mira}, {kind: User, name: ops}]}");
  EXPECT_EQ(TuplesOf("ops"), 5u);
  Change("PolicyBinding default/b", "spec: {subjects: [{kind: User, name: mira}]}");
  EXPECT_EQ(TuplesOf("ops"), 0u);
  EXPECT_EQ(TuplesOf("mira"), 5u);
}

TEST_F(Trap, T03_AGroupMembershipNeverChangesAndGoesWithItsGroup) {
  Make("Group organization-northwind/g", "{}");
  const char* const member = "GroupMembership organization-northwind/m";
  Make(member,
       "spec: {userRef: {name: tomas}, groupRef: {name: g, namespace: organization-northwind}}");
  EXPECT_EQ(TuplesOf("tomas"), 1u);
  EXPECT_THAT(Verdict(Patch(member, "spec: {userRef: {name: ops}}")), HasSubstr("Invalid"));
  Remove("Group organization-northwind/g");
  EXPECT_EQ(TuplesOf("tomas"), 0u);
}

TEST_F(Trap, T04_NothingOfADeletedNameIsInherited) {
  Make("PolicyBinding default/b", Binding("mira", "librarian", kArchive));
  Make("OrganizationMembership organization-northwind/m",
       "spec: {organizationRef: {name: northwind}, userRef: {name: mira}, roles: [{name: "
       "librarian, namespace: pemba-system}]}");
  EXPECT_EQ(TuplesOf("mira"), 10u);
  Remove("Project archive");
  EXPECT_EQ(TuplesOf("mira"), 5u);
  Make("Project archive", "spec: {ownerRef: {kind: Organization, name: northwind}}");
  EXPECT_EQ(TuplesOf("mira"), 5u) << "another project of the name";
  Remove("User mira");
  EXPECT_EQ(TuplesOf("mira"), 0u);
  Make("User mira", "spec: {email: mira@example.org}");
  EXPECT_EQ(TuplesOf("mira"), 0u) << "another user of the name";
}

TEST_F(Trap, T04_ARoleInUseStaysUnlessForcedAndThenRevokes) {
  Make("PolicyBinding default/b", Binding("mira", "library-reader", kArchive));
  EXPECT_EQ(Verdict(Delete("Role pemba-system/library-reader")), "Conflict");
  Remove("PolicyBinding default/b");
  EXPECT_EQ(Verdict(Delete("Role pemba-system/library-reader")), "Conflict") << "inherited";
  Make("PolicyBinding default/b", Binding("mira", "library-reader", kArchive));
  Change("Role pemba-system/library-reader",
         "metadata: {annotations: {iam.pemba.dev/force-delete: 'true'}}");
  Remove("Role pemba-system/library-reader");
  EXPECT_FALSE(Exists("PolicyBinding default/b"));
  EXPECT_EQ(TuplesOf("mira"), 0u);
  EXPECT_EQ(Condition("Role pemba-system/librarian"), "False EffectivePermissionsError");
}

TEST_F(Trap, T05_WhatABindingIsMadeOfMayComeLaterAndChange) {
  Make("PolicyBinding default/b",
       "spec: {roleRef: {name: later, namespace: pemba-system}, subjects: [{kind: User, name: "
       "mira}], resourceSelector: {resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: "
       "Organization, name: northwind}}}");
  EXPECT_EQ(Condition("PolicyBinding default/b"), "False RoleNotFoundForBinding");
  Make("Role pemba-system/later", "spec: {launchStage: Beta, inheritedRoles: [{name: librarian}]}");
  EXPECT_EQ(Condition("PolicyBinding default/b"), "True ReconciliationSuccessful");
  EXPECT_EQ(TuplesOf("mira"), 5u);
  Change("Role pemba-system/library-reader", "spec: {includedPermissions: []}");
  EXPECT_EQ(TuplesOf("mira"), 1u) << "two levels of inheritance away";
}

TEST_F(Trap, T06_AKindWithoutItsParentStandsAloneAndSaysSo) {
  Make("ProtectedResource roles",
       "spec: {serviceRef: {name: iam.miloapis.com}, kind: Role, singular: role, plural: roles, "
       "permissions: [get, use], parentResources: [{apiGroup: iam.miloapis.com, kind: Service}]}");
  EXPECT_EQ(Condition("ProtectedResource roles"), "False ParentNotRegistered");
  EXPECT_TRUE(plane_->catalog()->Knows("iam.miloapis.com/roles.use"));
  Make("Role pemba-system/user-of-roles",
       "spec: {launchStage: Beta, includedPermissions: [iam.miloapis.com/roles.use]}");
  Make("PolicyBinding default/b",
       Binding("mira", "user-of-roles",
               "{resourceRef: {apiGroup: iam.miloapis.com, kind: Role, name: librarian, namespace: "
               "pemba-system}}"));
  EXPECT_TRUE(
      Has("mira", "iam.miloapis.com/roles.use", "iam.miloapis.com/Role:pemba-system/librarian"));
}

TEST_F(Trap, T07_ACycleOfKindsIsRefusedAndHoldsNobodyUp) {
  EXPECT_THAT(Verdict(Patch("ProtectedResource organizations-resourcemanager.miloapis.com",
                            "spec: {parentResources: [{apiGroup: library.example.org, kind: "
                            "Book}]}")),
              HasSubstr("Invalid"));
  Make("ProtectedResource later",
       "spec: {serviceRef: {name: s.example.org}, kind: Thing, singular: thing, plural: things, "
       "permissions: [get]}");
  EXPECT_EQ(Condition("ProtectedResource later"), "True IAMSystemConfigured");
}

TEST_F(Trap, T08_ObjectsOfOneNameInTwoNamespacesAreTwo) {
  Make("Organization other", "spec: {type: Standard}");
  Make("ProtectedResource groups",
       "spec: {serviceRef: {name: iam.miloapis.com}, kind: Group, singular: group, plural: groups, "
       "permissions: [get]}");
  Make("Role pemba-system/group-reader",
       "spec: {launchStage: Beta, includedPermissions: [iam.miloapis.com/groups.get]}");
  Make("Group organization-northwind/admins", "{}");
  Make("Group organization-other/admins", "{}");
  Make("PolicyBinding default/b",
       Binding("mira", "group-reader",
               "{resourceRef: {apiGroup: iam.miloapis.com, kind: Group, name: admins, namespace: "
               "organization-northwind}}"));
  EXPECT_TRUE(Has("mira", "iam.miloapis.com/groups.get",
                  "iam.miloapis.com/Group:organization-northwind/admins"));
  EXPECT_FALSE(Has("mira", "iam.miloapis.com/groups.get",
                   "iam.miloapis.com/Group:organization-other/admins"));
  EXPECT_EQ(TuplesOf("mira"), 1u);
}

TEST_F(Trap, T08_NoUserIsAServiceAccount) {
  Make("ServiceAccount robot", "{}");
  EXPECT_THAT(
      Verdict(Create("User " + UidOf("ServiceAccount robot"), "spec: {email: r@example.org}")),
      HasSubstr("metadata.name Forbidden"));
}

TEST_F(Trap, T09_ARoleOfManyPermissionsIsGrantedAsAWhole) {
  constexpr int kPermissions = 400;
  std::string actions, permissions;
  for (int i = 0; i < kPermissions; ++i) {
    actions += fmt::format("{}a{}", i == 0 ? "" : ", ", i);
    permissions += fmt::format("{}s.example.org/things.a{}", i == 0 ? "" : ", ", i);
  }
  Make("ProtectedResource things",
       fmt::format("spec: {{serviceRef: {{name: s.example.org}}, kind: Thing, singular: thing, "
                   "plural: things, permissions: [{}]}}",
                   actions));
  Make("Role pemba-system/many",
       fmt::format("spec: {{launchStage: Beta, includedPermissions: [{}]}}", permissions));
  Make("PolicyBinding default/b",
       Binding("mira", "many", "{resourceKind: {apiGroup: s.example.org, kind: Thing}}"));
  EXPECT_EQ(TuplesOf("mira"), kPermissions);
  Remove("PolicyBinding default/b");
  EXPECT_EQ(TuplesOf("mira"), 0u);
}

// An authority that cannot decide.
class Undecided final : public Authority {
 public:
  Result<std::optional<std::string>> Lacks(const resource::Caller&, std::span<const std::string>,
                                           const Target&) override {
    return Error{ErrorCode::kUnavailable, "cannot be reached"};
  }
};

TEST_F(Trap, T10_ThatItCouldNotBeDecidedIsNoPermission) {
  Undecided undecided;
  plane_->UseAuthority(undecided);
  EXPECT_EQ(Verdict(Create("PolicyBinding organization-northwind/b",
                           Binding("mira", "library-reader", kNorthwind), User("mira"))),
            "Storage");
  EXPECT_FALSE(Exists("PolicyBinding organization-northwind/b"));
}

TEST_F(Trap, T11_AParentContextProvesNothingAboutTheTarget) {
  Make("Organization other", "spec: {type: Standard}");
  auto mira = User("mira");
  mira.extra = {{"iam.miloapis.com/parent-api-group", {"resourcemanager.miloapis.com"}},
                {"iam.miloapis.com/parent-type", {"Organization"}},
                {"iam.miloapis.com/parent-name", {"other"}}};
  Hold("mira", {"iam.miloapis.com/policybindings.bind", "iam.miloapis.com/roles.use"}, kOrg);
  EXPECT_EQ(Verdict(Create("PolicyBinding organization-other/b",
                           Binding("mira", "library-reader", kNorthwind), mira)),
            "Forbidden: spec.resourceSelector.resourceRef Forbidden");
}

TEST_F(Trap, T12_APermissionIsOfAKindAsAWhole) {
  // There are no permissions of parts of objects that a role could seem to grant.
  Make("Role pemba-system/odd",
       "spec: {launchStage: Beta, includedPermissions: [library.example.org/books/pages.get, "
       "library.example.org/books.deletecollection]}");
  EXPECT_EQ(Condition("Role pemba-system/odd", "PermissionsValid"), "False InvalidPermissions");
  Make("PolicyBinding default/b", Binding("mira", "odd", kNorthwind));
  EXPECT_EQ(TuplesOf("mira"), 0u);
}

TEST_F(Trap, T13_FormsThatOnlySamplesHaveAreRefused) {
  EXPECT_THAT(Verdict(Create("PolicyBinding default/b",
                             "spec: {roleRef: {name: r}, subjects: [{kind: User, name: mira}], "
                             "targetRef: {kind: Organization, name: northwind}}")),
              HasSubstr("spec.resourceSelector"));
  EXPECT_THAT(
      Verdict(Create("UserInvitation organization-northwind/i",
                     "spec: {organizationRef: {name: northwind}, email: a@example.org, state: "
                     "Expired, roles: [{name: r}]}")),
      HasSubstr("spec.state NotSupported"));
  Make("Role default/dotted",
       "spec: {launchStage: Beta, includedPermissions: [library.books.get]}");
  EXPECT_EQ(Condition("Role default/dotted", "PermissionsValid"), "False InvalidPermissions");
  // A role without a namespace is the binding's neighbour.
  Make("PolicyBinding default/b",
       fmt::format("spec: {{roleRef: {{name: dotted}}, subjects: [{{kind: User, name: mira}}], "
                   "resourceSelector: {}}}",
                   kNorthwind));
  EXPECT_EQ(Value("PolicyBinding default/b", {"spec", "roleRef", "namespace"}), "default");
  EXPECT_EQ(Condition("PolicyBinding default/b", "RoleValid"), "True ValidationSuccessful");
}

TEST_F(Trap, T14_WhatCannotBeCompletedLeavesNothingBehind) {
  // Nobody who could own it: neither the organization nor its namespace is there afterwards.
  EXPECT_EQ(Verdict(Create("Organization acme", "spec: {type: Standard}", User("stranger"))),
            "Forbidden");
  EXPECT_FALSE(Exists("Organization acme"));
  EXPECT_FALSE(Exists("Namespace organization-acme"));
  EXPECT_EQ(Verdict(Create("Organization acme", "spec: {type: Standard}", User("mira"))), "ok");
  EXPECT_TRUE(Exists("OrganizationMembership organization-acme/member-mira"));
}

TEST_F(Trap, T15_ACatalogIsASnapshotThatEachCommitReplaces) {
  const auto before = plane_->catalog();
  Change("ProtectedResource books-library.example.org", "spec: {permissions: [get]}");
  EXPECT_TRUE(before->Knows("library.example.org/books.lend"));
  EXPECT_FALSE(plane_->catalog()->Knows("library.example.org/books.lend"));
}

TEST_F(Trap, T16_ProtectionOfTheLastOwnerIsNeverOff) {
  Settings settings;
  settings.organization_owner_role = "";
  EXPECT_FALSE(Validate(settings).ok());
  Make("Role milo-system/resourcemanager.miloapis.com-organizationowner",
       "spec: {launchStage: Beta}");
  ASSERT_EQ(Verdict(Create("Organization acme", "spec: {type: Standard}", User("mira"))), "ok");
  const char* const member = "OrganizationMembership organization-acme/member-mira";
  EXPECT_EQ(Verdict(Delete(member)), "Forbidden");
  EXPECT_EQ(Verdict(Patch(member, "spec: {roles: []}")), "Forbidden: spec.roles Forbidden");
  EXPECT_EQ(Verdict(Delete("User mira")), "ok") << "who goes may go";
  EXPECT_FALSE(Exists(member));
}

TEST_F(Trap, T17_AnAddressIsNobodysName) {
  EXPECT_THAT(Verdict(Create("User mira@example.org", "spec: {email: x@example.org}")),
              HasSubstr("metadata.name"));
  EXPECT_EQ(Verdict(Create("User twin", "spec: {email: MIRA@EXAMPLE.ORG}")),
            "Invalid: spec.email Duplicate");
  for (const auto& tuple : Tuples()) EXPECT_THAT(tuple, Not(HasSubstr("example.org@")));
}

TEST_F(Trap, T18_AGrantOnAllOfAKindReachesWhatLiesBelowIt) {
  Make("PolicyBinding pemba-system/b", Binding("ops", "librarian", kAllShelves));
  const auto root = KindRootObject("library.example.org/Shelf");
  EXPECT_TRUE(Has("ops", "library.example.org/shelves.get", root));
  EXPECT_TRUE(Has("ops", "library.example.org/books.lend", root)) << "books lie on shelves";
  EXPECT_EQ(TuplesOf("ops"), 5u);
}

}  // namespace
}  // namespace pemba::iam
