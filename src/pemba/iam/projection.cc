#include "pemba/iam/projection.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pemba/iam/internal/fields.h"
#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using internal::ListIn;
using internal::ObjectIn;
using internal::TextIn;
using tuple::Tuple;

constexpr std::array<std::string_view, 3> kProjectionNames = {"direct", "role-relation",
                                                              "rolebinding"};
constexpr std::string_view kSystemGroupPrefix = "system:";

// Empty: it is none that a tuple can have.
std::string SubjectOf(const boost::json::object& subject) {
  const auto kind = TextIn(subject, "kind");
  const auto name = TextIn(subject, "name");
  const auto uid = TextIn(subject, "uid");
  if (kind == "User" && !name.empty()) return UserSubject(name);
  if (kind == "ServiceAccount" && !uid.empty()) return ServiceAccountSubject(uid);
  if (kind != "Group") return {};
  if (name.starts_with(kSystemGroupPrefix)) return SystemGroupSubject(name);
  return uid.empty() ? std::string() : GroupSubject(uid);
}

// Objects of a kind of cluster scope have no namespace, whatever a reference says.
std::string NamespaceOf(const boost::json::object& reference, std::string_view type,
                        const resource::Registry& registry) {
  const auto* kind = FindKind(registry, type);
  if (kind != nullptr && kind->scope == resource::Scope::kCluster) return {};
  return std::string(TextIn(reference, "namespace"));
}

GrantTarget TargetOf(const boost::json::object& selector, const resource::Registry& registry) {
  const auto& object = ObjectIn(selector, "resourceRef");
  const auto& all = ObjectIn(selector, "resourceKind");
  if (!TextIn(object, "name").empty()) {
    auto type = TypeId(TextIn(object, "apiGroup"), TextIn(object, "kind"));
    auto name_space = NamespaceOf(object, type, registry);
    return {std::move(type), std::move(name_space), std::string(TextIn(object, "name"))};
  }
  if (TextIn(all, "kind").empty()) return {};
  return {TypeId(TextIn(all, "apiGroup"), TextIn(all, "kind")), {}, {}};
}

std::vector<std::string> ApplicablePermissions(const RoleGrant& role, const GrantTarget& target,
                                               const Catalog& catalog) {
  std::vector<std::string> permissions;
  for (const auto& permission : role.permissions) {
    if (catalog.Applies(target.type, permission)) permissions.push_back(permission);
  }
  return permissions;
}

std::vector<Tuple> DirectTuples(const BindingGrant& grant,
                                const std::vector<std::string>& permissions) {
  std::vector<Tuple> tuples;
  tuples.reserve(grant.subjects.size() * permissions.size());
  const auto object = grant.target.ToObject();
  for (const auto& permission : permissions) {
    const auto relation = PermissionRelation(permission);
    for (const auto& subject : grant.subjects) tuples.push_back({object, relation, subject, {}});
  }
  return tuples;
}

std::vector<Tuple> RoleTuples(const BindingGrant& grant) {
  std::vector<Tuple> tuples;
  const auto object = grant.target.ToObject();
  const auto relation = RoleRelation(grant.role.name_space, grant.role.name);
  for (const auto& subject : grant.subjects) tuples.push_back({object, relation, subject, {}});
  return tuples;
}

std::string RoleObject(std::string_view uid) { return ObjectText(kRoleType, "", uid); }

// A group's members are called assignees there.
std::string AsAssignee(const std::string& subject) {
  const auto parts = tuple::SplitSubject(subject);
  if (parts.kind != tuple::SubjectKind::kUserset) return subject;
  return fmt::format("{}:{}#{}", parts.type, parts.id, kAssignee);
}

std::vector<Tuple> RoleBindingTuples(const BindingGrant& grant, const RoleGrant& role) {
  const auto binding = ObjectText(kRoleBindingType, "", grant.uid);
  std::vector<Tuple> tuples = {{grant.target.ToObject(), std::string(kToBinding), binding, {}},
                               {binding, std::string(kToRole), RoleObject(role.uid), {}}};
  for (const auto& subject : grant.subjects) {
    tuples.push_back({binding, std::string(kToSubject), AsAssignee(subject), {}});
  }
  return tuples;
}

}  // namespace

std::string_view ToText(ProjectionKind kind) {
  return kProjectionNames[static_cast<std::size_t>(kind)];
}

std::optional<ProjectionKind> ParseProjectionKind(std::string_view text) {
  const auto found = std::ranges::find(kProjectionNames, text);
  if (found == kProjectionNames.end()) return std::nullopt;
  return static_cast<ProjectionKind>(found - kProjectionNames.begin());
}

std::string GrantTarget::ToObject() const {
  return name.empty() ? KindRootObject(type) : ObjectText(type, name_space, name);
}

bool ProjectionOptions::IsPlatform(const RoleKey& role) const {
  return std::ranges::find(platform_namespaces, role.name_space) != platform_namespaces.end();
}

BindingGrant BindingGrantOf(const resource::Object& binding, const resource::Registry& registry) {
  const auto& spec = binding.spec();
  BindingGrant grant;
  grant.uid = binding.uid();
  const auto& role = ObjectIn(spec, "roleRef");
  const auto name_space = TextIn(role, "namespace");
  grant.role = {std::string(name_space.empty() ? binding.key.name_space : name_space),
                std::string(TextIn(role, "name"))};
  for (const auto& item : ListIn(spec, "subjects")) {
    const auto* reference = item.if_object();
    auto subject = reference == nullptr ? std::string() : SubjectOf(*reference);
    if (!subject.empty()) grant.subjects.push_back(std::move(subject));
  }
  std::ranges::sort(grant.subjects);
  const auto repeated = std::ranges::unique(grant.subjects);
  grant.subjects.erase(repeated.begin(), repeated.end());
  grant.target = TargetOf(ObjectIn(spec, "resourceSelector"), registry);
  return grant;
}

bool Holds(const resource::Object& binding) {
  if (binding.deleting()) return false;
  for (const auto& item : ListIn(binding.status(), "conditions")) {
    const auto* condition = item.if_object();
    if (condition == nullptr || TextIn(*condition, "type") != "Ready") continue;
    return TextIn(*condition, "status") == "True" || TextIn(*condition, "reason") == "Reconciling";
  }
  return false;
}

std::vector<Tuple> TuplesOf(const BindingGrant& grant, const RoleGrant& role,
                            const Catalog& catalog, const ProjectionOptions& options) {
  const auto permissions = ApplicablePermissions(role, grant.target, catalog);
  if (permissions.empty() || grant.subjects.empty()) return {};
  if (grant.target.name.empty()) return DirectTuples(grant, permissions);
  switch (options.kind) {
    case ProjectionKind::kDirect:
      return DirectTuples(grant, permissions);
    case ProjectionKind::kRoleRelation:
      return options.IsPlatform(grant.role) ? RoleTuples(grant) : DirectTuples(grant, permissions);
    case ProjectionKind::kRoleBinding:
      return RoleBindingTuples(grant, role);
  }
  return {};
}

std::vector<Tuple> TuplesOf(const RoleGrant& role, const Catalog& catalog,
                            const ProjectionOptions& options) {
  if (options.kind != ProjectionKind::kRoleBinding) return {};
  std::vector<Tuple> tuples;
  const auto object = RoleObject(role.uid);
  const auto everyone = std::string(kUserType) + ":*";
  for (const auto& permission : role.permissions) {
    if (!catalog.Knows(permission)) continue;
    tuples.push_back({object, PermissionRelation(permission), everyone, {}});
  }
  return tuples;
}

}  // namespace pemba::iam
