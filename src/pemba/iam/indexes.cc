#include "pemba/iam/indexes.h"

#include <algorithm>

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "pemba/base/assert.h"
#include "pemba/iam/catalog.h"
#include "pemba/iam/internal/fields.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"
#include "pemba/iam/roles.h"

namespace pemba::iam {
namespace {

using internal::ListIn;
using internal::ObjectIn;
using internal::TextIn;
using internal::TextsIn;
using resource::Index;
using resource::Object;
using Keys = std::vector<std::string>;

// A key that is not there is no key.
Keys One(std::string key) {
  if (key.empty()) return {};
  return {std::move(key)};
}
Keys One(std::string_view key) { return One(std::string(key)); }

Keys EachOnce(Keys keys) {
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  return keys;
}

// The name in `spec.FIELD.name`.
std::string_view NameIn(const Object& object, std::string_view field) {
  return TextIn(ObjectIn(object.spec(), field), "name");
}

// A reference of an object that, without a namespace, is to the object's own.
std::string PlaceOf(const boost::json::object& reference, const Object& object) {
  const auto name = TextIn(reference, "name");
  if (name.empty()) return {};
  const auto name_space = TextIn(reference, "namespace");
  return PlaceKey(name_space.empty() ? std::string_view(object.key.name_space) : name_space, name);
}

Keys PlacesOf(const Object& object, std::string_view list) {
  Keys keys;
  for (const auto& item : ListIn(object.spec(), list)) {
    if (const auto* reference = item.if_object()) keys.push_back(PlaceOf(*reference, object));
  }
  return EachOnce(std::move(keys));
}

Keys SubjectsOf(const Object& binding) {
  Keys keys;
  for (const auto& item : ListIn(binding.spec(), "subjects")) {
    const auto* subject = item.if_object();
    if (subject == nullptr) continue;
    keys.push_back(SubjectIndexKey(TextIn(*subject, "kind"), TextIn(*subject, "namespace"),
                                   TextIn(*subject, "name")));
  }
  return EachOnce(std::move(keys));
}

std::string TargetTypeOf(const Object& binding) {
  const auto& selector = ObjectIn(binding.spec(), "resourceSelector");
  for (const char* const form : {"resourceRef", "resourceKind"}) {
    const auto& target = ObjectIn(selector, form);
    if (const auto kind = TextIn(target, "kind"); !kind.empty()) {
      return TypeId(TextIn(target, "apiGroup"), kind);
    }
  }
  return {};
}

Keys PluralsOf(const Object& role) {
  Keys keys;
  for (const auto& text : TextsIn(role.spec(), "includedPermissions")) {
    // Of a malformed permission, too: what is registered may make it right.
    keys.push_back(text.substr(0, text.rfind('.')));
  }
  return EachOnce(std::move(keys));
}

Keys TypesOf(const Object& object) {
  Keys keys;
  for (const auto& entry : KindEntriesOf(object)) keys.push_back(entry.type);
  return EachOnce(std::move(keys));
}
Keys PluralsOfKinds(const Object& object) {
  Keys keys;
  for (const auto& entry : KindEntriesOf(object)) {
    keys.push_back(fmt::format("{}/{}", entry.service, entry.plural));
  }
  return EachOnce(std::move(keys));
}
Keys ParentsOfKinds(const Object& object) {
  Keys keys;
  for (const auto& entry : KindEntriesOf(object)) {
    keys.insert(keys.end(), entry.parents.begin(), entry.parents.end());
  }
  return EachOnce(std::move(keys));
}

std::string MemberOf(const Object& membership) {
  const auto& any = ObjectIn(membership.spec(), "memberRef");
  const auto name = TextIn(any, "name");
  if (name.empty()) return SubjectIndexKey("User", "", NameIn(membership, "userRef"));
  const auto kind = TextIn(any, "kind");
  auto name_space = TextIn(any, "namespace");
  if (kind == "Group" && name_space.empty()) name_space = membership.key.name_space;
  return SubjectIndexKey(kind, name_space, name);
}
std::string_view UserOf(const Object& membership) {
  const auto& any = ObjectIn(membership.spec(), "memberRef");
  return TextIn(any, "kind") == "User" ? TextIn(any, "name") : NameIn(membership, "userRef");
}
std::string GroupOf(const Object& membership) {
  return PlaceOf(ObjectIn(membership.spec(), "groupRef"), membership);
}

std::string OwnerOf(const Object& object) {
  const auto& owner = ObjectIn(object.spec(), "ownerRef");
  return OwnerKey(TextIn(owner, "kind"), TextIn(owner, "name"));
}

Keys NameOf(const Object& object, std::string_view field) { return One(NameIn(object, field)); }

// Puts indexes at their places.
class Builder {
 public:
  explicit Builder(const resource::Registry& registry) : registry_(registry), made_(kIndexCount) {}

  void Add(resource::IndexId id, std::string name, std::string_view group, std::string_view kind,
           std::function<Keys(const Object&)> keys) {
    const auto* found = registry_.FindKind(group, kind);
    PEMBA_CHECK(found != nullptr && !made_[id].keys);
    made_[id] = {std::move(name), found, std::move(keys)};
  }

  std::vector<Index> Done() && {
    PEMBA_CHECK(std::ranges::all_of(made_, [](const Index& each) { return each.kind != nullptr; }));
    return std::move(made_);
  }

 private:
  const resource::Registry& registry_;
  std::vector<Index> made_;
};

void AddBindings(Builder& builder, const resource::Registry& registry) {
  const auto add = [&](resource::IndexId id, std::string name,
                       std::function<Keys(const Object&)> keys) {
    builder.Add(id, std::move(name), kIamGroup, "PolicyBinding", std::move(keys));
  };
  const auto grant = [&registry](const Object& object) { return BindingGrantOf(object, registry); };
  add(kBindingsByRole, "bindings by role", [](const Object& object) {
    return One(PlaceOf(ObjectIn(object.spec(), "roleRef"), object));
  });
  add(kBindingsByTarget, "bindings by target", [grant](const Object& object) {
    const auto target = grant(object).target;
    return target.type.empty() ? Keys() : One(target.ToObject());
  });
  add(kBindingsByTargetType, "bindings by kind of target",
      [](const Object& object) { return One(TargetTypeOf(object)); });
  add(kBindingsByTargetAndSubject, "bindings by target and subject", [grant](const Object& object) {
    const auto [uid, subjects, role, target] = grant(object);
    if (target.type.empty()) return Keys();
    const auto text = target.ToObject();
    Keys keys;
    for (const auto& subject : subjects) keys.push_back(TargetAndSubjectKey(text, subject));
    return keys;
  });
  add(kBindingsBySubject, "bindings by subject", SubjectsOf);
  add(kBindingsByReason, "bindings by reason", [](const Object& object) {
    for (const auto& one : ListIn(object.status(), "conditions")) {
      const auto* condition = one.if_object();
      if (condition == nullptr || TextIn(*condition, "type") != "Ready") continue;
      // Most are: they would all be under one key that nobody asks for.
      return TextIn(*condition, "status") == "True" ? Keys() : One(TextIn(*condition, "reason"));
    }
    return Keys();
  });
  add(kBindingsByGrantee, "bindings by subject in tuples",
      [grant](const Object& object) { return grant(object).subjects; });
}

void AddRolesAndKinds(Builder& builder) {
  builder.Add(kRolesByInheritedRole, "roles by inherited role", kIamGroup, "Role",
              [](const Object& object) { return PlacesOf(object, "inheritedRoles"); });
  builder.Add(kRolesByPlural, "roles by kind of their permissions", kIamGroup, "Role", PluralsOf);
  builder.Add(kKindsByType, "kinds by type", kIamGroup, "ProtectedResource", TypesOf);
  builder.Add(kKindsByPlural, "kinds by plural", kIamGroup, "ProtectedResource", PluralsOfKinds);
  builder.Add(kKindsByParent, "kinds by parent", kIamGroup, "ProtectedResource", ParentsOfKinds);
  builder.Add(kServicesByType, "services by type", kPembaGroup, "Service", TypesOf);
  builder.Add(kServicesByPlural, "services by plural", kPembaGroup, "Service", PluralsOfKinds);
  builder.Add(kServicesByParent, "services by parent", kPembaGroup, "Service", ParentsOfKinds);
}

void AddMemberships(Builder& builder) {
  const auto organization = [&](resource::IndexId id, std::string name,
                                std::function<Keys(const Object&)> keys) {
    builder.Add(id, std::move(name), kResourceManagerGroup, "OrganizationMembership",
                std::move(keys));
  };
  organization(kMembershipsByUser, "memberships by user",
               [](const Object& object) { return NameOf(object, "userRef"); });
  organization(kMembershipsByOrganization, "memberships by organization",
               [](const Object& object) { return NameOf(object, "organizationRef"); });
  organization(kMembershipsByUserAndOrganization, "memberships by user and organization",
               [](const Object& object) {
                 return One(PairKey(NameIn(object, "userRef"), NameIn(object, "organizationRef")));
               });
  organization(kMembershipsByRole, "memberships by role",
               [](const Object& object) { return PlacesOf(object, "roles"); });

  const auto group = [&](resource::IndexId id, std::string name,
                         std::function<Keys(const Object&)> keys) {
    builder.Add(id, std::move(name), kIamGroup, "GroupMembership", std::move(keys));
  };
  group(kGroupMembershipsByGroup, "group memberships by group",
        [](const Object& object) { return One(GroupOf(object)); });
  group(kGroupMembershipsByUser, "group memberships by user",
        [](const Object& object) { return One(UserOf(object)); });
  group(kGroupMembershipsByMember, "group memberships by member",
        [](const Object& object) { return One(MemberOf(object)); });
  group(kGroupMembershipsByGroupAndMember, "group memberships by group and member",
        [](const Object& object) { return One(PairKey(GroupOf(object), MemberOf(object))); });
}

void AddPeople(Builder& builder) {
  const auto add = [&](resource::IndexId id, std::string name, std::string_view kind,
                       std::function<Keys(const Object&)> keys) {
    builder.Add(id, std::move(name), kIamGroup, kind, std::move(keys));
  };
  const auto email = [](const Object& object) {
    return One(FoldedEmail(TextIn(object.spec(), "email")));
  };
  const auto user = [](const Object& object) { return NameOf(object, "userRef"); };
  add(kUsersByEmail, "users by email", "User", email);
  add(kDeactivationsByUser, "deactivations by user", "UserDeactivation", user);
  add(kApprovalsByUser, "approvals by user", "PlatformAccessApproval", [](const Object& object) {
    return One(TextIn(ObjectIn(ObjectIn(object.spec(), "subjectRef"), "userRef"), "name"));
  });
  add(kApprovalsByEmail, "approvals by email", "PlatformAccessApproval", [](const Object& object) {
    return One(FoldedEmail(TextIn(ObjectIn(object.spec(), "subjectRef"), "email")));
  });
  add(kRejectionsByUser, "rejections by user", "PlatformAccessRejection",
      [](const Object& object) { return NameOf(object, "subjectRef"); });
  add(kPreferencesByUser, "preferences by user", "UserPreference", user);
  add(kPlatformInvitationsByEmail, "platform invitations by email", "PlatformInvitation", email);

  builder.Add(kKeysByServiceAccount, "keys by service account", "identity.miloapis.com",
              "ServiceAccountKey", [](const Object& object) {
                return One(FoldedEmail(TextIn(object.spec(), "serviceAccountUserName")));
              });

  add(kInvitationsByEmail, "invitations by email", "UserInvitation", email);
  add(kInvitationsByEmailAndOrganization, "invitations by email and organization", "UserInvitation",
      [](const Object& object) {
        return One(PairKey(FoldedEmail(TextIn(object.spec(), "email")),
                           NameIn(object, "organizationRef")));
      });
  add(kInvitationsByOrganization, "invitations by organization", "UserInvitation",
      [](const Object& object) { return NameOf(object, "organizationRef"); });
  add(kInvitationsByRole, "invitations by role", "UserInvitation",
      [](const Object& object) { return PlacesOf(object, "roles"); });
}

void AddHierarchy(Builder& builder) {
  const auto owner = [](const Object& object) { return One(OwnerOf(object)); };
  builder.Add(kProjectsByOwner, "projects by owner", kResourceManagerGroup, "Project", owner);
  builder.Add(kFoldersByOwner, "folders by owner", kPembaGroup, "Folder", owner);
}

}  // namespace

std::vector<Index> MakeIndexes(const resource::Registry& registry) {
  Builder builder(registry);
  AddBindings(builder, registry);
  AddRolesAndKinds(builder);
  AddMemberships(builder);
  AddPeople(builder);
  AddHierarchy(builder);
  return std::move(builder).Done();
}

std::string PlaceKey(std::string_view name_space, std::string_view name) {
  return fmt::format("{}/{}", name_space, name);
}

std::string SubjectIndexKey(std::string_view kind, std::string_view name_space,
                            std::string_view name) {
  // Only groups lie in namespaces, and those of the system do not either.
  const bool placed = kind == "Group" && !name.starts_with("system:");
  return fmt::format("{}:{}", kind, PlaceKey(placed ? name_space : "", name));
}

std::string TargetAndSubjectKey(std::string_view target, std::string_view subject) {
  return PairKey(target, subject);
}

std::string OwnerKey(std::string_view kind, std::string_view name) {
  return fmt::format("{}/{}", kind, name);
}

// Neither names nor what stands in tuples has blanks in it.
std::string PairKey(std::string_view first, std::string_view second) {
  return fmt::format("{} {}", first, second);
}

std::string FoldedEmail(std::string_view email) {
  std::string folded(email);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

}  // namespace pemba::iam
