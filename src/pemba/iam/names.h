// The names that access has in relationship tuples: types, relations, subjects, objects,
// permissions.
//
//   permission   library.example.org/books.lend      relation a9ee38fc
//   role         pemba-system/librarian              relation role_d55f4eca39ded2b1
//   user         mira                                iam.miloapis.com/InternalUser:mira
//   group        uid 6f0c... iam.miloapis.com/InternalUserGroup:6f0c...#member object       Shelf
//   s-1 in namespace north        library.example.org/Shelf:north/s-1 all objects  of kind Shelf
//   iam.miloapis.com/Root:library.example.org/Shelf
//
// Existing stores and enforcement points know these names: none of them may change. Pure functions;
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/resource/object.h"

namespace pemba::iam {

// Types of the managed model. Tuples name users and groups by types of their own, so that a grant
// *to* a user and a grant *on* the object User are apart.
inline constexpr std::string_view kUserType = "iam.miloapis.com/InternalUser";
inline constexpr std::string_view kGroupType = "iam.miloapis.com/InternalUserGroup";
inline constexpr std::string_view kRootType = "iam.miloapis.com/Root";
inline constexpr std::string_view kRoleType = "iam.miloapis.com/InternalRole";
inline constexpr std::string_view kRoleBindingType = "iam.miloapis.com/RoleBinding";

inline constexpr std::string_view kMember = "member";
inline constexpr std::string_view kAssignee = "assignee";
inline constexpr std::string_view kParent = "parent";
// Relations of the role binding projection are called like the type that they lead to.
inline constexpr std::string_view kToRole = kRoleType;
inline constexpr std::string_view kToBinding = kRoleBindingType;
inline constexpr std::string_view kToRoot = "iam.miloapis.com/RootBinding";
inline constexpr std::string_view kToSubject = kUserType;

inline constexpr std::string_view kSchemaVersion = "1.2";
inline constexpr std::string_view kSourceFile = "dynamically_managed_iam_datumapis_com.fga";

// Groups of the kinds that declare access.
inline constexpr std::string_view kIamGroup = "iam.miloapis.com";
inline constexpr std::string_view kResourceManagerGroup = "resourcemanager.miloapis.com";
inline constexpr std::string_view kPembaGroup = "iam.pemba.dev";

inline constexpr std::string_view kOrganizationType = "resourcemanager.miloapis.com/Organization";
inline constexpr std::string_view kUserKindType = "iam.miloapis.com/User";
inline constexpr std::string_view kGroupKindType = "iam.miloapis.com/Group";
// The service under which kinds of Kubernetes' core group (no name) are registered.
inline constexpr std::string_view kCoreService = "core.miloapis.com";
// Everybody who is authenticated; the only system group that has members.
inline constexpr std::string_view kAuthenticatedGroup = "system:authenticated";
// What lies in this namespace and what follows it belongs to the organization so named.
inline constexpr std::string_view kOrganizationNamespacePrefix = "organization-";

// `type:id` has at most so many bytes, and a type so many that an id fits in any case.
inline constexpr std::size_t kObjectBytesMax = 256;
inline constexpr std::size_t kTypeBytesMax = 190;

// FNV-1a, 32 bits (Fowler, Noll, Vo).
std::uint32_t Fnv1a(std::string_view bytes);
// The relation that a permission is: 8 hexadecimal digits of its hash.
std::string PermissionRelation(std::string_view permission);
// The relation that a role is: `role_` and 16 hexadecimal digits of SHA-256 of `namespace/name`.
std::string RoleRelation(std::string_view name_space, std::string_view name);

// Subjects of tuples.
std::string UserSubject(std::string_view name);
std::string ServiceAccountSubject(std::string_view uid);
std::string GroupSubject(std::string_view uid);
std::string SystemGroupSubject(std::string_view name);  // "system:authenticated"

// Objects of tuples. A group as something to have members:
std::string GroupObject(std::string_view uid);
std::string SystemGroupObject(std::string_view name);
// All objects of a kind at once.
std::string KindRootObject(std::string_view type);
// An object of a kind, as something to have access to: `type:name` or `type:namespace/name`.
//
// Names of Kubernetes' form stay as they are. Other bytes that a tuple cannot hold, or that would
// make two objects one, are written as `%2F`; what is then too long becomes `~` and the hexadecimal
// digits of its SHA-256. So every object has a valid id, and no two the same.
std::string ObjectText(std::string_view type, std::string_view name_space, std::string_view name);
std::string ObjectText(const resource::Object& object);

// `service/Kind`. Kinds without a group are kCoreService's.
std::string TypeId(std::string_view group, std::string_view kind);
std::string TypeId(const resource::Kind& kind);
// The kind of declared objects that a type is of; null if its objects are kept elsewhere.
const resource::Kind* FindKind(const resource::Registry& registry, std::string_view type);

// `service/plural.action`; the parts have no '/', '.' only within the service.
struct Permission {
  std::string service, plural, action;
  friend bool operator==(const Permission&, const Permission&) = default;
};
// Anchored: all of the text is a permission. Errors: kInvalidArgument.
Result<Permission> ParsePermission(std::string_view text);
std::string ToText(const Permission& permission);

// What the parts of a permission, and of a kind, can be.
bool IsServiceId(std::string_view text);   // Labels of letters, digits and hyphens, dots between.
bool IsKindName(std::string_view text);    // Letters and digits, a letter first.
bool IsPluralName(std::string_view text);  // Letters, digits and hyphens, a letter first.
bool IsActionName(std::string_view text);  // Likewise.

// The full name of a role: `services/{service}/roles/{role}`, `organizations/{organization}/...`,
// `projects/{project}/...`.
struct RoleResourceName {
  std::string collection, parent, role;  // "services", "library.example.org", "librarian"
  friend bool operator==(const RoleResourceName&, const RoleResourceName&) = default;
};
// Anchored. Errors: kInvalidArgument.
Result<RoleResourceName> ParseRoleResourceName(std::string_view text);

}  // namespace pemba::iam
