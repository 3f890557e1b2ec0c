#include "pemba/api/access/convert.h"

#include <algorithm>

#include "pemba/iam/names.h"
#include "pemba/tuple/tuple.h"

namespace pemba::api::access {
namespace {

std::string_view AnnotationOf(const resource::Object& object, std::string_view name) {
  const auto* annotations = object.annotations();
  const auto* value = annotations == nullptr ? nullptr : annotations->if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

// By way of which of `groups` a user is among the principals.
std::vector<std::string> GroupsOf(const iam::Grants& grants, std::string_view uid,
                                  const std::set<std::string>& groups) {
  constexpr std::string_view kGroupPrefix = "Group ";
  std::vector<std::string> via;
  for (const auto& membership : grants.MembershipsOf(uid)) {
    if (!groups.contains(membership.subject)) continue;
    via.push_back(membership.path.back().substr(kGroupPrefix.size()));
  }
  return via;
}

}  // namespace

iam::Target TargetOf(const wire::Resource& resource) {
  return {iam::TypeId(resource.api_group(), resource.kind()), resource.namespace_(),
          resource.name()};
}

const resource::Kind* KindOf(const resource::Registry& registry, std::string_view type) {
  const auto slash = type.find('/');
  if (slash == type.npos) return nullptr;
  const auto group = type.substr(0, slash);
  return registry.FindKind(group == iam::kCoreService ? std::string_view() : group,
                           type.substr(slash + 1));
}

bool Exists(const resource::ResourceStore& resources, const iam::Target& target) {
  const auto* const kind = KindOf(resources.registry(), target.type);
  if (kind == nullptr || target.name.empty()) return true;
  return resources.Get({kind, target.name_space, target.name}).ok();
}

Result<std::vector<resource::ObjectPtr>> ObjectsOf(const resource::ResourceStore& resources,
                                                   const resource::Kind& kind) {
  auto list = resources.List({.kind = &kind});
  if (!list.ok()) return Error{ErrorCode::kUnavailable, list.error().message};
  return std::move(list->objects);
}

void ToWire(std::string_view object, const resource::Kind* kind, wire::Resource& out) {
  const auto parts = tuple::SplitObject(object);
  const auto slash = parts.type.find('/');
  const auto group = parts.type.substr(0, slash);
  out.set_api_group(group == iam::kCoreService ? std::string() : std::string(group));
  out.set_kind(std::string(slash == parts.type.npos ? parts.type : parts.type.substr(slash + 1)));
  const bool namespaced = kind == nullptr || kind->scope == resource::Scope::kNamespaced;
  const auto within = namespaced ? parts.id.find('/') : parts.id.npos;
  if (within != parts.id.npos) out.set_namespace_(std::string(parts.id.substr(0, within)));
  out.set_name(std::string(within == parts.id.npos ? parts.id : parts.id.substr(within + 1)));
}

void ToWire(const iam::GrantPath& path, wire::Grant& out) {
  out.set_binding(path.binding);
  out.set_subject(path.subject);
  for (const auto& step : path.group_path) out.add_group_path(step);
  for (const auto& step : path.role_path) out.add_role_path(step);
  for (const auto& step : path.parent_path) out.add_parent_path(step);
  out.set_target(path.target);
  out.set_ready(path.ready);
}

void ToWire(const iam::GrantNearMiss& miss, wire::NearMiss& out) {
  out.set_reason(std::string(iam::ToText(miss.reason)));
  out.set_message(miss.message);
  if (!miss.grant.binding.empty()) ToWire(miss.grant, *out.mutable_grant());
}

std::vector<std::string> PermissionsOf(const resource::Object& role, const iam::Catalog& catalog,
                                       std::string_view type) {
  std::vector<std::string> permissions;
  const auto* all = role.status().if_contains("effectivePermissions");
  if (all == nullptr || !all->is_array()) return permissions;
  for (const auto& one : all->get_array()) {
    if (one.is_string() && catalog.Applies(type, std::string_view(one.get_string()))) {
      permissions.emplace_back(one.get_string());
    }
  }
  return permissions;
}

void Fill(const resource::Object& role, const iam::RoleEntry& entry,
          const std::vector<std::string>& permissions, wire::GrantableRole& out) {
  out.set_namespace_(entry.key.name_space);
  out.set_name(entry.key.name);
  out.set_display_name(std::string(AnnotationOf(role, "kubernetes.io/display-name")));
  out.set_launch_stage(std::string(iam::ToText(entry.stage)));
  for (const auto& permission : permissions) out.add_permissions(permission);
}

void AddPrincipals(const iam::Grants& grants, const resource::ResourceStore& resources,
                   const std::set<std::string>& users, const std::set<std::string>& groups,
                   std::size_t count_max, wire::ListPrincipalsResponse& out) {
  const auto full = [&] {
    const bool cut = static_cast<std::size_t>(out.principals_size()) >= count_max;
    if (cut) out.set_truncated(true);
    return cut;
  };
  for (const auto& subject : groups) {
    if (full()) return;
    auto& principal = *out.add_principals();
    principal.set_kind("Group");
    const auto id = tuple::SplitSubject(subject).id;
    if (const auto group = resources.FindByUid(id)) {
      principal.set_namespace_(group->key.name_space);
      principal.set_name(group->key.name);
      principal.set_uid(std::string(id));
    } else {
      const bool everyone = subject == iam::SystemGroupSubject(iam::kAuthenticatedGroup);
      principal.set_name(everyone ? std::string(iam::kAuthenticatedGroup) : std::string(id));
    }
  }
  const auto* const user_kind = resources.registry().FindKind(iam::kIamGroup, "User");
  for (const auto& subject : users) {
    if (full()) return;
    auto& principal = *out.add_principals();
    const std::string id(tuple::SplitSubject(subject).id);
    const auto user = resources.Get({user_kind, "", id});
    const auto account = user.ok() ? nullptr : resources.FindByUid(id);
    principal.set_kind(account == nullptr ? "User" : account->key.kind->name);
    principal.set_name(account == nullptr ? id : account->key.name);
    principal.set_uid(user.ok() ? std::string((*user)->uid()) : account == nullptr ? "" : id);
    for (auto& via : GroupsOf(grants, id, groups)) principal.add_via_groups(std::move(via));
  }
}

}  // namespace pemba::api::access
