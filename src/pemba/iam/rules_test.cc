// What is refused, and at which field. One row per rule.
#include "pemba/iam/rules.h"

#include "pemba/iam/testing/plane.h"

namespace pemba::iam {
namespace {

using testing::Verdict;

class ARule : public testing::Plane {
 protected:
  void SetUp() override {
    MakeLibrary();
    Make("Organization other", "spec: {type: Standard}");
    Make("Group organization-northwind/a", "{}");
    Make("Group organization-northwind/b", "{}");
    Make("Folder top", "spec: {ownerRef: {kind: Organization, name: northwind}}");
    Make("Folder below", "spec: {ownerRef: {kind: Folder, name: top}}");
  }
};

struct Row {
  const char* name;
  const char* place;
  const char* yaml;
  const char* verdict;
};

TEST_F(ARule, RefusesToCreate) {
  Make("ServiceAccount robot", "{}");
  Make("UserDeactivation off", "spec: {userRef: {name: ops}, reason: left}");
  Make("PlatformAccessApproval known", "spec: {subjectRef: {userRef: {name: mira}}}");
  Make("PlatformAccessRejection never", "spec: {subjectRef: {name: ops}, reason: r}");
  Make("OrganizationMembership organization-northwind/m",
       "spec: {organizationRef: {name: northwind}, userRef: {name: mira}}");
  const Row rows[] = {
      {"kind: twice", "ProtectedResource x",
       "spec: {serviceRef: {name: library.example.org}, kind: Book, singular: y, plural: ys, "
       "permissions: [get]}",
       "Invalid: spec.kind Duplicate"},
      {"kind: plural twice", "ProtectedResource x",
       "spec: {serviceRef: {name: library.example.org}, kind: Tome, singular: y, plural: books, "
       "permissions: [get]}",
       "Invalid: spec.plural Duplicate"},
      {"user: email in other case", "User x", "spec: {email: MIRA@example.org}",
       "Invalid: spec.email Duplicate"},
      {"user: no email", "User x", "spec: {email: 'a b@example.org'}",
       "Invalid: spec.email Invalid"},
      {"binding: no selector", "PolicyBinding default/x",
       "spec: {roleRef: {name: r}, subjects: [{kind: User, name: mira}], resourceSelector: {}}",
       "Invalid: spec.resourceSelector Invalid"},
      {"binding: nobody", "PolicyBinding default/x",
       "spec: {roleRef: {name: r}, subjects: [{kind: User, name: nobody}], resourceSelector: "
       "{resourceKind: {apiGroup: library.example.org, kind: Book}}}",
       "Invalid: spec.subjects[0].uid Required"},
      {"group: member of itself", "GroupMembership organization-northwind/x",
       "spec: {memberRef: {kind: Group, name: a}, groupRef: {name: a, namespace: "
       "organization-northwind}}",
       "Invalid: spec.memberRef Forbidden"},
      {"deactivation: nobody", "UserDeactivation x", "spec: {userRef: {name: nobody}, reason: r}",
       "Invalid: spec.userRef.name NotFound"},
      {"deactivation: twice", "UserDeactivation x", "spec: {userRef: {name: ops}, reason: r}",
       "AlreadyExists"},
      {"approval: of a user by address", "PlatformAccessApproval x",
       "spec: {subjectRef: {email: Tomas@example.org}}",
       "Invalid: spec.subjectRef.email Forbidden"},
      {"approval: nobody", "PlatformAccessApproval x",
       "spec: {subjectRef: {userRef: {name: nobody}}}",
       "Invalid: spec.subjectRef.userRef.name NotFound"},
      {"approval: twice", "PlatformAccessApproval x", "spec: {subjectRef: {userRef: {name: mira}}}",
       "AlreadyExists"},
      {"approval: of who is rejected", "PlatformAccessApproval x",
       "spec: {subjectRef: {userRef: {name: ops}}}",
       "Invalid: spec.subjectRef.userRef.name Forbidden"},
      {"rejection: of who is approved", "PlatformAccessRejection x",
       "spec: {subjectRef: {name: mira}, reason: r}", "Invalid: spec.subjectRef.name Forbidden"},
      {"rejection: twice", "PlatformAccessRejection x",
       "spec: {subjectRef: {name: ops}, reason: r}", "AlreadyExists"},
      {"platform invitation: of a user", "PlatformInvitation x", "spec: {email: mira@Example.org}",
       "Invalid: spec.email Duplicate"},
      {"platform invitation: in the past", "PlatformInvitation x",
       "spec: {email: n@example.org, scheduleAt: '2020-01-01T00:00:00Z'}",
       "Invalid: spec.scheduleAt Invalid"},
      {"key: of nobody", "ServiceAccountKey default/x",
       "spec: {serviceAccountUserName: nobody@serviceaccounts.pemba.dev}",
       "Invalid: spec.serviceAccountUserName NotFound"},
      {"key: of another domain", "ServiceAccountKey default/x",
       "spec: {serviceAccountUserName: robot@example.org}",
       "Invalid: spec.serviceAccountUserName NotFound"},
      {"key: private", "ServiceAccountKey default/x",
       "spec: {serviceAccountUserName: robot@serviceaccounts.pemba.dev, publicKey: "
       "\"-----BEGIN PRIVATE KEY-----\\nx\"}",
       "Invalid: spec.publicKey Forbidden"},
      {"key: none", "ServiceAccountKey default/x",
       "spec: {serviceAccountUserName: robot@serviceaccounts.pemba.dev, publicKey: x}",
       "Invalid: spec.publicKey Invalid"},
      {"key: expired already", "ServiceAccountKey default/x",
       "spec: {serviceAccountUserName: robot@serviceaccounts.pemba.dev, expirationDate: "
       "'2020-01-01T00:00:00Z'}",
       "Invalid: spec.expirationDate Invalid"},
      {"membership: second of a user", "OrganizationMembership organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, userRef: {name: mira}}",
       "Invalid: spec.userRef.name Duplicate"},
      {"membership: elsewhere", "OrganizationMembership organization-other/x",
       "spec: {organizationRef: {name: northwind}, userRef: {name: ops}}",
       "Invalid: spec.organizationRef.name Invalid"},
      {"membership: no such role", "OrganizationMembership organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, userRef: {name: ops}, roles: [{name: nothing}]}",
       "Invalid: spec.roles[0] NotFound"},
      {"project: no such organization", "Project x",
       "spec: {ownerRef: {kind: Organization, name: nowhere}}",
       "Invalid: spec.ownerRef.name NotFound"},
      {"invitation: elsewhere", "UserInvitation organization-other/x",
       "spec: {organizationRef: {name: northwind}, email: z@example.org, state: Pending, roles: "
       "[{name: library-reader, namespace: milo-system}]}",
       "Invalid: spec.organizationRef.name Invalid, spec.roles[0] NotFound"},
      {"invitation: a role of a namespace that is not for it",
       "UserInvitation organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, email: z@example.org, state: Pending, roles: "
       "[{name: librarian, namespace: pemba-system}]}",
       "Invalid: spec.roles[0].namespace NotSupported"},
      {"invitation: answered already", "UserInvitation organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, email: z@example.org, state: Accepted, roles: "
       "[{name: helper}]}",
       "Invalid: spec.state Invalid, spec.roles[0] NotFound"},
      {"invitation: expired already", "UserInvitation organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, email: z@example.org, state: Pending, "
       "expirationDate: '2020-01-01T00:00:00Z', roles: [{name: helper}]}",
       "Invalid: spec.expirationDate Invalid, spec.roles[0] NotFound"},
      {"invitation: of a member", "UserInvitation organization-northwind/x",
       "spec: {organizationRef: {name: northwind}, email: Mira@example.org, state: Pending, roles: "
       "[{name: helper}]}",
       "Invalid: spec.email Duplicate, spec.roles[0] NotFound"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto revision = resources().revision();
    EXPECT_EQ(Verdict(Create(row.place, row.yaml)), row.verdict);
    EXPECT_FALSE(Exists(row.place));
    // Nor does it leave anything of a batch, of which all else is good.
    const auto batch = resources().Transact(
        As(testing::Masters()), [&](resource::Transaction& t) -> resource::Outcome<Done> {
          PEMBA_TRY(std::ignore, t.Create(kind("User"), "",
                                          testing::Document("{metadata: {name: bystander}, spec: "
                                                            "{email: bystander@example.org}}")));
          const auto key = Key(row.place);
          auto document = testing::Document(row.yaml);
          document["metadata"] = {{"name", key.name}};
          PEMBA_TRY(std::ignore, t.Create(*key.kind, key.name_space, std::move(document)));
          return Done{};
        });
    EXPECT_EQ(Verdict(batch), row.verdict);
    EXPECT_FALSE(Exists("User bystander"));
    EXPECT_EQ(resources().revision(), revision);
  }
}

TEST_F(ARule, RefusesToChange) {
  Make("PolicyBinding default/b", Binding("mira", "librarian", kNorthwind));
  Make("UserDeactivation off", "spec: {userRef: {name: ops}, reason: left}");
  Make("OrganizationMembership organization-northwind/m",
       "spec: {organizationRef: {name: northwind}, userRef: {name: mira}}");
  Make("GroupMembership organization-northwind/ab",
       "spec: {memberRef: {kind: Group, name: a}, groupRef: {name: b, namespace: "
       "organization-northwind}}");
  const Row rows[] = {
      {"kind: its name", "ProtectedResource books-library.example.org", "spec: {kind: Tome}",
       "Invalid: spec.kind Invalid"},
      {"kind: its plural", "ProtectedResource books-library.example.org", "spec: {plural: tomes}",
       "Invalid: spec.plural Invalid"},
      {"kind: above itself", "ProtectedResource organizations-resourcemanager.miloapis.com",
       "spec: {parentResources: [{apiGroup: library.example.org, kind: Book}]}",
       "Invalid: spec.parentResources[0] Invalid"},
      {"role: inherits from itself", "Role pemba-system/library-reader",
       "spec: {inheritedRoles: [{name: librarian}]}", "Invalid: spec.inheritedRoles Forbidden"},
      {"binding: its role", "PolicyBinding default/b", "spec: {roleRef: {name: library-reader}}",
       "Invalid: spec.roleRef Invalid"},
      {"binding: its target", "PolicyBinding default/b",
       "spec: {resourceSelector: {resourceRef: {name: other}}}",
       "Invalid: spec.resourceSelector Invalid"},
      {"deactivation: its user", "UserDeactivation off", "spec: {userRef: {name: mira}}",
       "Invalid: spec.userRef Invalid"},
      {"membership: its user", "OrganizationMembership organization-northwind/m",
       "spec: {userRef: {name: ops}}", "Invalid: spec.userRef Invalid"},
      {"group membership: its group", "GroupMembership organization-northwind/ab",
       "spec: {groupRef: {name: a}}", "Invalid: spec.groupRef Invalid"},
      {"organization: its type", "Organization northwind", "spec: {type: Personal}",
       "Invalid: spec.type Invalid"},
      {"folder: into itself", "Folder top", "spec: {ownerRef: {kind: Folder, name: below}}",
       "Invalid: spec.ownerRef.name Invalid"},
      {"project: to another organization", "Project archive", "spec: {ownerRef: {name: other}}",
       "Invalid: spec.ownerRef.name Invalid"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto before = Find(row.place);
    EXPECT_EQ(Verdict(Patch(row.place, row.yaml)), row.verdict);
    EXPECT_EQ(Find(row.place)->document, before->document);
  }
}

TEST_F(ARule, KeepsGroupsOutOfThemselvesAtAnyDistance) {
  const auto in = [&](const char* member, const char* group) {
    return Verdict(
        Create(fmt::format("GroupMembership organization-northwind/{}-in-{}", member, group),
               fmt::format("spec: {{memberRef: {{kind: Group, name: {}}}, groupRef: {{name: "
                           "{}, namespace: organization-northwind}}}}",
                           member, group)));
  };
  EXPECT_EQ(in("a", "b"), "ok");
  EXPECT_EQ(in("b", "c"), "ok");
  EXPECT_EQ(in("c", "a"), "Invalid: spec.memberRef Forbidden");
  EXPECT_EQ(in("a", "c"), "ok") << "two ways are no cycle";
}

TEST_F(ARule, AnAddressIsChangedByItsUserToALinkedOne) {
  const auto mira = testing::User("mira");
  EXPECT_EQ(Verdict(Patch("User mira", "spec: {email: m@example.org}", testing::User("ops"))),
            "Forbidden: spec.email Forbidden");
  EXPECT_EQ(Verdict(Patch("User mira", "spec: {email: m@example.org}", mira)),
            "BadRequest: spec.email Forbidden");
  ControlPlaneOptions options;
  options.linked_emails = [](const resource::Caller& caller) -> Result<std::vector<std::string>> {
    return std::vector<std::string>{caller.uid == "mira" ? "M@example.org" : ""};
  };
  Open(std::move(options));
  EXPECT_EQ(Verdict(Patch("User mira", "spec: {email: m@example.org}", mira)), "ok");
  EXPECT_EQ(Verdict(Patch("User mira", "spec: {email: else@example.org}")), "ok")
      << "system:masters";
}

TEST_F(ARule, AuthorsAreWhoCalls) {
  Make("UserDeactivation off",
       "spec: {userRef: {name: ops}, reason: left, deactivatedBy: somebody}");
  EXPECT_EQ(Value("UserDeactivation off", {"spec", "deactivatedBy"}), "root");
  ASSERT_EQ(Verdict(Create("PlatformAccessRejection no",
                           "spec: {subjectRef: {name: ops}, reason: r, rejecterRef: {name: x}}",
                           testing::User("mira"))),
            "ok");
  EXPECT_EQ(Value("PlatformAccessRejection no", {"spec", "rejecterRef", "name"}), "mira");
  EXPECT_EQ(Verdict(Patch("UserDeactivation off", "spec: {description: why}")), "ok");
}

TEST(SettingsOfTheControlPlane, AreNamesOfObjects) {
  EXPECT_TRUE(Validate(Settings()).ok());
  Settings unset;
  unset.organization_owner_role = "";
  EXPECT_EQ(Validate(unset).error().message,
            "organization_owner_role must be the name of an object, not ``");
  Settings odd;
  odd.system_namespace = "Milo System";
  EXPECT_FALSE(Validate(odd).ok());
}

}  // namespace
}  // namespace pemba::iam
