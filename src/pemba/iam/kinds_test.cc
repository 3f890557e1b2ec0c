// What the kinds that ship allow, start with, and are found by.
#include "pemba/iam/kinds.h"

#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include "pemba/iam/indexes.h"
#include "pemba/iam/names.h"
#include "pemba/resource/schema.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace json = boost::json;

class KindsTest : public ::testing::Test {
 protected:
  KindsTest() {
    const auto added = AddKinds(registry_);
    EXPECT_TRUE(added.ok()) << added.error().message;
  }

  const resource::Kind& KindOf(std::string_view name) const {
    for (const auto& kind : registry_.kinds()) {
      if (kind->name == name) return *kind;
    }
    ADD_FAILURE() << "no kind " << name;
    return *registry_.kinds().front();
  }
  static json::object Parse(std::string_view text) {
    return json::parse({text.data(), text.size()}).as_object();
  }
  // The object with its defaults, in the namespace `here` if it lies in one.
  resource::Object ObjectFrom(std::string_view kind, std::string_view name, json::object document) {
    const auto& found = KindOf(kind);
    document["metadata"] = json::object{{"name", name}};
    resource::ApplyDefaults(found.schema, document);
    const bool placed = found.scope == resource::Scope::kNamespaced;
    return {{&found, placed ? "here" : "", std::string(name)}, std::move(document)};
  }

  resource::Registry registry_;
};

TEST_F(KindsTest, AreThoseOfTheirGroups) {
  std::set<std::string> names;
  for (const auto& kind : registry_.kinds()) names.insert(kind->qualified_name());
  EXPECT_THAT(
      names,
      ElementsAre(
          "folders.iam.pemba.dev", "groupmemberships.iam.miloapis.com", "groups.iam.miloapis.com",
          "namespaces", "organizationmemberships.resourcemanager.miloapis.com",
          "organizations.resourcemanager.miloapis.com", "platformaccessapprovals.iam.miloapis.com",
          "platformaccessrejections.iam.miloapis.com", "platforminvitations.iam.miloapis.com",
          "policybindings.iam.miloapis.com", "projects.resourcemanager.miloapis.com",
          "protectedresources.iam.miloapis.com", "roles.iam.miloapis.com",
          "serviceaccountkeys.identity.miloapis.com", "serviceaccounts.iam.miloapis.com",
          "services.iam.pemba.dev", "userdeactivations.iam.miloapis.com",
          "userinvitations.iam.miloapis.com", "userpreferences.iam.miloapis.com",
          "users.iam.miloapis.com"));
  for (const auto& kind : registry_.kinds()) EXPECT_TRUE(kind->has_status) << kind->name;
}

TEST_F(KindsTest, LeaveANamespaceKindThatIsThereAsItIs) {
  resource::Registry registry;
  ASSERT_TRUE(registry.AddFromYaml(KindTexts()[3].yaml).ok());
  const auto* const before = registry.FindKind("", "Namespace");
  ASSERT_NE(before, nullptr);
  EXPECT_TRUE(AddKinds(registry).ok());
  EXPECT_EQ(registry.FindKind("", "Namespace"), before);
  EXPECT_FALSE(AddKinds(registry).ok());  // The others are taken now.
}

void ExpectDescriptions(const json::object& schema, const std::string& path) {
  EXPECT_TRUE(schema.contains("description")) << path;
  if (const auto* properties = schema.if_contains("properties")) {
    for (const auto& [name, property] : properties->as_object()) {
      if (path.find('.') == path.npos && name == "metadata") continue;
      ExpectDescriptions(property.as_object(), path + "." + std::string(name));
    }
  }
  const auto* items = schema.if_contains("items");
  if (items != nullptr && items->as_object().contains("properties")) {
    ExpectDescriptions(items->as_object(), path + "[]");
  }
}

TEST_F(KindsTest, EveryFieldIsExplained) {
  for (const auto& kind : registry_.kinds()) {
    if (!kind->group.empty()) ExpectDescriptions(kind->schema_json, kind->name);
  }
}

struct StartCase {
  const char* kind;
  const char* status;  // As serialized; null: none.
};
constexpr const char* kUnknown =
    R"({"conditions":[{"type":"Ready","status":"Unknown","reason":"Unknown",)"
    R"("message":"not looked at yet","lastTransitionTime":"1970-01-01T00:00:00Z"}]})";
const StartCase kStartCases[] = {
    {"PolicyBinding", kUnknown},
    {"Role", kUnknown},
    {"Organization", kUnknown},
    {"OrganizationMembership", kUnknown},
    {"PlatformAccessApproval", kUnknown},
    {"Folder", kUnknown},
    {"PlatformInvitation",
     R"({"conditions":[{"type":"Ready","status":"Unknown","reason":"ReconcilePending",)"
     R"("message":"not looked at yet","lastTransitionTime":"1970-01-01T00:00:00Z"}]})"},
    {"UserInvitation",
     R"({"conditions":[{"type":"Unknown","status":"Unknown","reason":"Unknown",)"
     R"("message":"not looked at yet","lastTransitionTime":"1970-01-01T00:00:00Z"}]})"},
    {"User", R"({"conditions":[{"type":"Ready","status":"Unknown","reason":"Unknown",)"
             R"("message":"not looked at yet","lastTransitionTime":"1970-01-01T00:00:00Z"}],)"
             R"("state":"Active"})"},
    {"Group", nullptr},
    {"GroupMembership", nullptr},
    {"ServiceAccount", nullptr},
};

TEST_F(KindsTest, StartWithTheirConditions) {
  for (const auto& c : kStartCases) {
    SCOPED_TRACE(c.kind);
    const auto object = ObjectFrom(c.kind, "a", {});
    if (c.status == nullptr) {
      EXPECT_FALSE(object.document.contains("status"));
    } else {
      EXPECT_EQ(json::serialize(object.status()), c.status);
    }
  }
}

struct FieldCase {
  const char* name;
  const char* kind;
  const char* before;  // Spec; null: it is created.
  const char* spec;
  std::vector<std::string> errors;  // Fields.
};
const FieldCase kFieldCases[] = {
    {"a binding on an object",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"mira","uid":"1"}],
         "resourceSelector":{"resourceRef":{"kind":"Organization","name":"n","uid":"2"}}})",
     {}},
    {"a binding of a system group on a kind",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"Group","name":"system:authenticated"}],
         "resourceSelector":{"resourceKind":{"kind":"Shelf"}}})",
     {}},
    {"a binding of nothing to nobody",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{},"subjects":[],"resourceSelector":{}})",
     {"spec.roleRef.name", "spec.subjects", "spec.resourceSelector"}},
    {"a subject without a uid",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"Group","name":"g","namespace":"n"}],
         "resourceSelector":{"resourceKind":{"kind":"Shelf"}}})",
     {"spec.subjects[0].uid"}},
    {"an unknown kind of subject",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"Robot","name":"g","uid":"1"}],
         "resourceSelector":{"resourceKind":{"kind":"Shelf"}}})",
     {"spec.subjects[0].kind"}},
    {"both targets",
     "PolicyBinding",
     nullptr,
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"mira","uid":"1"}],
         "resourceSelector":{"resourceRef":{"kind":"Organization","name":"n","uid":"2"},
                             "resourceKind":{"kind":"Shelf"}}})",
     {"spec.resourceSelector"}},
    {"role and target stay, subjects change",
     "PolicyBinding",
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"mira","uid":"1"}],
         "resourceSelector":{"resourceKind":{"kind":"Shelf"}}})",
     R"({"roleRef":{"name":"q"},"subjects":[{"kind":"User","name":"ops","uid":"3"}],
         "resourceSelector":{"resourceKind":{"kind":"Book"}}})",
     {"spec.roleRef", "spec.resourceSelector"}},
    {"a role",
     "Role",
     nullptr,
     R"({"launchStage":"Early Access","includedPermissions":["a.org/bs.get"],
         "inheritedRoles":[{"name":"x"},{"name":"y","namespace":"n"}]})",
     {}},
    {"a role of no stage", "Role", nullptr, R"({})", {"spec.launchStage"}},
    {"a stage that is none, a role twice",
     "Role",
     nullptr,
     R"({"launchStage":"GA","inheritedRoles":[{"name":"x"},{"name":"x","namespace":"n"}]})",
     {"spec.launchStage", "spec.inheritedRoles[1]"}},
    {"a kind",
     "ProtectedResource",
     nullptr,
     R"({"serviceRef":{"name":"a.org"},"kind":"B","singular":"b","plural":"bs",
         "parentResources":[{"kind":"C"}],"permissions":["get"]})",
     {}},
    {"a kind keeps its names",
     "ProtectedResource",
     R"({"serviceRef":{"name":"a.org"},"kind":"B","singular":"b","plural":"bs","permissions":["get"]})",
     R"({"serviceRef":{"name":"c.org"},"kind":"D","singular":"d","plural":"ds","permissions":["list"]})",
     {"spec.serviceRef", "spec.kind", "spec.plural"}},
    {"a service",
     "Service",
     nullptr,
     R"({"resources":[{"type":"a/B","singular":"b","plural":"bs","permissions":["get"]}]})",
     {}},
    {"a kind of another service",
     "Service",
     nullptr,
     R"({"resources":[{"type":"b.org/B","singular":"b","plural":"bs","permissions":["get"]}]})",
     {"spec.resources"}},
    {"a user", "User", nullptr, R"({"email":"Mira@Example.org"})", {}},
    {"an address that is none", "User", nullptr, R"({"email":"mira at home"})", {"spec.email"}},
    {"a member by the usual form",
     "GroupMembership",
     nullptr,
     R"({"userRef":{"name":"u"},"groupRef":{"name":"g","namespace":"n"}})",
     {}},
    {"a group in a group",
     "GroupMembership",
     nullptr,
     R"({"memberRef":{"kind":"Group","name":"u"},"groupRef":{"name":"g","namespace":"n"}})",
     {}},
    {"two members",
     "GroupMembership",
     nullptr,
     R"({"userRef":{"name":"u"},"memberRef":{"kind":"Group","name":"u"},
         "groupRef":{"name":"g","namespace":"n"}})",
     {"spec"}},
    {"no member",
     "GroupMembership",
     nullptr,
     R"({"groupRef":{"name":"g","namespace":"n"}})",
     {"spec"}},
    {"a membership stays what it is",
     "GroupMembership",
     R"({"userRef":{"name":"u"},"groupRef":{"name":"g","namespace":"n"}})",
     R"({"memberRef":{"kind":"User","name":"u"},"groupRef":{"name":"h","namespace":"n"}})",
     {"spec.groupRef", "spec.userRef", "spec.memberRef"}},
    {"an organization keeps its type",
     "Organization",
     R"({"type":"Personal"})",
     R"({"type":"Standard"})",
     {"spec.type"}},
    {"a project in a folder",
     "Project",
     nullptr,
     R"({"ownerRef":{"kind":"Folder","name":"f"}})",
     {}},
    {"a project in a project",
     "Project",
     nullptr,
     R"({"ownerRef":{"kind":"Project","name":"p"}})",
     {"spec.ownerRef.kind"}},
    {"a folder in a folder", "Folder", nullptr, R"({"ownerRef":{"kind":"Folder","name":"f"}})", {}},
    {"an invitation",
     "UserInvitation",
     nullptr,
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Pending",
         "expirationDate":"2030-01-01T00:00:00Z"})",
     {}},
    {"an invitation to nothing",
     "UserInvitation",
     nullptr,
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[],"state":"Pending"})",
     {"spec.roles"}},
    {"an invitation is answered",
     "UserInvitation",
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Pending"})",
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Declined"})",
     {}},
    {"an invitation is answered once",
     "UserInvitation",
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Declined"})",
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Accepted"})",
     {"spec.state"}},
    {"an invitation stays what it is",
     "UserInvitation",
     R"({"organizationRef":{"name":"o"},"email":"a@b","roles":[{"name":"r"}],"state":"Pending"})",
     R"({"organizationRef":{"name":"p"},"email":"c@d","roles":[{"name":"s"}],"state":"Pending",
         "expirationDate":"2030-01-01T00:00:00Z"})",
     {"spec.organizationRef", "spec.email", "spec.roles", "spec.expirationDate"}},
    {"an approval of an address",
     "PlatformAccessApproval",
     nullptr,
     R"({"subjectRef":{"email":"a@b"}})",
     {}},
    {"an approval of two",
     "PlatformAccessApproval",
     nullptr,
     R"({"subjectRef":{"email":"a@b","userRef":{"name":"u"}}})",
     {"spec.subjectRef"}},
    {"an approval stays",
     "PlatformAccessApproval",
     R"({"subjectRef":{"email":"a@b"}})",
     R"({"subjectRef":{"email":"c@d"}})",
     {"spec"}},
    {"a rejection stays",
     "PlatformAccessRejection",
     R"({"subjectRef":{"name":"u"},"reason":"r"})",
     R"({"subjectRef":{"name":"u"},"reason":"q"})",
     {"spec"}},
    {"a deactivation without a reason",
     "UserDeactivation",
     nullptr,
     R"({"userRef":{"name":"u"},"deactivatedBy":"x"})",
     {"spec.reason"}},
    {"a theme that is none",
     "UserPreference",
     nullptr,
     R"({"userRef":{"name":"u"},"theme":"sepia"})",
     {"spec.theme"}},
    {"a membership stays with its organization",
     "OrganizationMembership",
     R"({"organizationRef":{"name":"o"},"userRef":{"name":"u"}})",
     R"({"organizationRef":{"name":"p"},"userRef":{"name":"v"},"roles":[{"name":"r"}]})",
     {"spec.organizationRef", "spec.userRef"}},
};

TEST_F(KindsTest, EveryRuleHasItsField) {
  for (const auto& c : kFieldCases) {
    SCOPED_TRACE(c.name);
    std::optional<resource::Object> before;
    if (c.before != nullptr) before = ObjectFrom(c.kind, "a", {{"spec", Parse(c.before)}});
    const auto now = ObjectFrom(c.kind, "a", {{"spec", Parse(c.spec)}});
    std::vector<std::string> fields;
    for (const auto& error : resource::Validate(KindOf(c.kind).schema, now.document,
                                                before ? &before->document : nullptr)) {
      fields.push_back(error.field);
    }
    EXPECT_THAT(fields, ::testing::UnorderedElementsAreArray(c.errors));
    EXPECT_THAT(resource::UnknownFields(KindOf(c.kind).schema, now.document), IsEmpty());
  }
}

TEST_F(KindsTest, NamesAreLimited) {
  const std::pair<const char*, std::size_t> limits[] = {
      {"Organization", 50}, {"Project", 55}, {"Folder", 55}};
  for (const auto& [kind, limit] : limits) {
    SCOPED_TRACE(kind);
    const char* const spec = std::string_view(kind) == "Organization"
                                 ? R"({"type":"Standard"})"
                                 : R"({"ownerRef":{"kind":"Organization","name":"o"}})";
    for (const std::size_t size : {limit, limit + 1}) {
      const auto object = ObjectFrom(kind, std::string(size, 'a'), {{"spec", Parse(spec)}});
      const auto errors = resource::Validate(KindOf(kind).schema, object.document);
      ASSERT_EQ(errors.size(), size - limit);
      for (const auto& error : errors) EXPECT_EQ(error.field, "metadata.name");
    }
  }
}

struct IndexCase {
  resource::IndexId index;
  const char* kind;
  const char* spec;
  std::vector<std::string> keys;
};
constexpr const char* kBinding =
    R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"mira","uid":"1"},
        {"kind":"Group","name":"g","namespace":"n","uid":"2"},
        {"kind":"Group","name":"system:authenticated"}],
        "resourceSelector":{"resourceRef":{"apiGroup":"resourcemanager.miloapis.com",
        "kind":"Organization","name":"o","uid":"3"}}})";
constexpr const char* kAddressed =
    R"({"organizationRef":{"name":"o"},"email":"A@B","roles":[{"name":"r"}],"state":"Pending"})";
constexpr const char* kOrganizationMember =
    R"({"organizationRef":{"name":"o"},"userRef":{"name":"u"},
        "roles":[{"name":"r"},{"name":"s","namespace":"n"}]})";
constexpr const char* kGroupMember =
    R"({"userRef":{"name":"u"},"groupRef":{"name":"g","namespace":"n"}})";
constexpr const char* kRegistered =
    R"({"serviceRef":{"name":"a.org"},"kind":"B","singular":"b","plural":"bs",
        "parentResources":[{"apiGroup":"a.org","kind":"C"}],"permissions":["get"]})";
constexpr const char* kServed =
    R"({"resources":[{"type":"a/B","singular":"b","plural":"bs","permissions":["get"],
        "parentResources":["a.org/C"]}]})";
const IndexCase kIndexCases[] = {
    {kBindingsByRole, "PolicyBinding", kBinding, {"here/r"}},
    {kBindingsByTarget, "PolicyBinding", kBinding, {"resourcemanager.miloapis.com/Organization:o"}},
    {kBindingsByTargetType, "PolicyBinding", kBinding, {std::string(kOrganizationType)}},
    {kBindingsBySubject,
     "PolicyBinding",
     kBinding,
     {SubjectIndexKey("Group", "", "system:authenticated"), SubjectIndexKey("Group", "n", "g"),
      SubjectIndexKey("User", "", "mira")}},
    {kBindingsByReason, "PolicyBinding", kBinding, {"Unknown"}},
    {kBindingsByGrantee,
     "PolicyBinding",
     kBinding,
     {UserSubject("mira"), GroupSubject("2"), SystemGroupSubject("system:authenticated")}},
    {kBindingsByTargetAndSubject,
     "PolicyBinding",
     kBinding,
     {TargetAndSubjectKey("resourcemanager.miloapis.com/Organization:o", UserSubject("mira")),
      TargetAndSubjectKey("resourcemanager.miloapis.com/Organization:o", GroupSubject("2")),
      TargetAndSubjectKey("resourcemanager.miloapis.com/Organization:o",
                          SystemGroupSubject("system:authenticated"))}},
    {kRolesByInheritedRole,
     "Role",
     R"({"launchStage":"Beta","inheritedRoles":[{"name":"x"},{"name":"y","namespace":"n"}]})",
     {"here/x", "n/y"}},
    {kRolesByPlural,
     "Role",
     R"({"launchStage":"Beta","includedPermissions":["a.org/bs.get","a.org/bs.list","odd"]})",
     {"a.org/bs", "odd"}},
    {kKindsByType, "ProtectedResource", kRegistered, {"a.org/B"}},
    {kKindsByPlural, "ProtectedResource", kRegistered, {"a.org/bs"}},
    {kKindsByParent, "ProtectedResource", kRegistered, {"a.org/C"}},
    {kServicesByType, "Service", kServed, {"a/B"}},
    {kServicesByPlural, "Service", kServed, {"a/bs"}},
    {kServicesByParent, "Service", kServed, {"a.org/C"}},
    {kUsersByEmail, "User", R"({"email":"Mira@Example.org"})", {"mira@example.org"}},
    {kMembershipsByUser, "OrganizationMembership", kOrganizationMember, {"u"}},
    {kMembershipsByOrganization, "OrganizationMembership", kOrganizationMember, {"o"}},
    {kMembershipsByUserAndOrganization, "OrganizationMembership", kOrganizationMember, {"u o"}},
    {kMembershipsByRole, "OrganizationMembership", kOrganizationMember, {"here/r", "n/s"}},
    {kGroupMembershipsByGroup, "GroupMembership", kGroupMember, {"n/g"}},
    {kGroupMembershipsByUser, "GroupMembership", kGroupMember, {"u"}},
    {kGroupMembershipsByMember,
     "GroupMembership",
     kGroupMember,
     {SubjectIndexKey("User", "", "u")}},
    {kGroupMembershipsByGroupAndMember,
     "GroupMembership",
     kGroupMember,
     {PairKey("n/g", SubjectIndexKey("User", "", "u"))}},
    {kGroupMembershipsByMember,
     "GroupMembership",
     R"({"memberRef":{"kind":"Group","name":"in"},"groupRef":{"name":"g","namespace":"n"}})",
     {SubjectIndexKey("Group", "here", "in")}},
    {kGroupMembershipsByUser,
     "GroupMembership",
     R"({"memberRef":{"kind":"ServiceAccount","name":"s"},"groupRef":{"name":"g","namespace":"n"}})",
     {}},
    {kDeactivationsByUser,
     "UserDeactivation",
     R"({"userRef":{"name":"u"},"reason":"r","deactivatedBy":"x"})",
     {"u"}},
    {kApprovalsByUser,
     "PlatformAccessApproval",
     R"({"subjectRef":{"userRef":{"name":"u"}}})",
     {"u"}},
    {kApprovalsByUser, "PlatformAccessApproval", R"({"subjectRef":{"email":"A@B"}})", {}},
    {kApprovalsByEmail, "PlatformAccessApproval", R"({"subjectRef":{"email":"A@B"}})", {"a@b"}},
    {kRejectionsByUser,
     "PlatformAccessRejection",
     R"({"subjectRef":{"name":"u"},"reason":"r"})",
     {"u"}},
    {kPreferencesByUser, "UserPreference", R"({"userRef":{"name":"u"}})", {"u"}},
    {kPlatformInvitationsByEmail, "PlatformInvitation", R"({"email":"A@B"})", {"a@b"}},
    {kInvitationsByEmail, "UserInvitation", kAddressed, {"a@b"}},
    {kInvitationsByEmailAndOrganization, "UserInvitation", kAddressed, {"a@b o"}},
    {kInvitationsByOrganization, "UserInvitation", kAddressed, {"o"}},
    {kInvitationsByRole, "UserInvitation", kAddressed, {"here/r"}},
    {kProjectsByOwner,
     "Project",
     R"({"ownerRef":{"kind":"Folder","name":"f"}})",
     {OwnerKey("Folder", "f")}},
    {kFoldersByOwner,
     "Folder",
     R"({"ownerRef":{"kind":"Organization","name":"o"}})",
     {OwnerKey("Organization", "o")}},
    {kKeysByServiceAccount, "ServiceAccountKey", R"({"serviceAccountUserName":"A@B"})", {"a@b"}},
};

TEST_F(KindsTest, ObjectsAreFoundByTheirKeys) {
  const auto indexes = MakeIndexes(registry_);
  std::set<resource::IndexId> seen;
  for (const auto& c : kIndexCases) {
    const auto& index = indexes[c.index];
    SCOPED_TRACE(index.name);
    EXPECT_EQ(index.kind, &KindOf(c.kind));
    const auto object = ObjectFrom(c.kind, "a", {{"spec", Parse(c.spec)}});
    EXPECT_THAT(index.keys(object), ::testing::UnorderedElementsAreArray(c.keys));
    seen.insert(c.index);
  }
  EXPECT_EQ(seen.size(), kIndexCount);
}

}  // namespace
}  // namespace pemba::iam
