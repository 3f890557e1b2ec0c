#include <algorithm>
#include <array>

#include "pemba/iam/internal/model_builder.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"

namespace pemba::iam {
namespace {

using internal::AddRelation;
using internal::Computed;
using internal::EveryOf;
using internal::From;
using internal::Intersection;
using internal::ManagedType;
using internal::OfType;
using internal::This;
using internal::Union;
using internal::UsersetOf;
using model::RelationReference;
using model::Rewrite;
using model::TypeDefinition;

// Who can be granted something.
std::vector<RelationReference> Grantees() {
  return {OfType(kUserType), UsersetOf(kGroupType, kMember)};
}

// A group may have groups as members. Service accounts are of the users' type.
TypeDefinition GroupType() {
  auto type = ManagedType(kGroupType);
  AddRelation(type, kMember, This(), Grantees());
  AddRelation(type, kAssignee, Computed(kMember));
  return type;
}

// What a grant on all objects of a kind is on; such grants are direct in every projection, so that
// a role means on a kind's root what it means on the kind.
TypeDefinition RootType(const Catalog& catalog) {
  auto type = ManagedType(kRootType);
  for (const auto& permission : catalog.permissions()) {
    AddRelation(type, PermissionRelation(permission), This(), Grantees());
  }
  return type;
}

void AddParents(TypeDefinition& type, std::span<const std::string> parents) {
  std::vector<RelationReference> related;
  for (const auto& parent : parents) related.push_back(OfType(parent));
  if (!related.empty()) AddRelation(type, kParent, This(), std::move(related));
}

// The relations of the roles that have `permission`.
using RolesByPermission = StringMap<std::vector<std::string>>;

RolesByPermission RelationsOf(std::span<const RoleGrant> roles) {
  RolesByPermission relations;
  for (const auto& role : roles) {
    const auto relation = RoleRelation(role.key.name_space, role.key.name);
    for (const auto& permission : role.permissions) relations[permission].push_back(relation);
  }
  for (auto& [permission, list] : relations) std::ranges::sort(list);
  return relations;
}

TypeDefinition KindType(const Catalog& catalog, const KindEntry& kind,
                        const RolesByPermission& roles) {
  auto type = ManagedType(kind.type);
  const auto parents = catalog.Parents(kind.type);
  AddParents(type, parents);
  for (const auto& permission : catalog.HierarchicalPermissions(kind.type)) {
    const auto relation = PermissionRelation(permission);
    std::vector<Rewrite> ways = {This()};
    if (const auto found = roles.find(permission); found != roles.end()) {
      for (const auto& role : found->second) {
        ways.push_back(Computed(role));
        if (!type.relations.contains(role)) AddRelation(type, role, This(), Grantees());
      }
    }
    if (!parents.empty()) ways.push_back(From(relation, kParent));
    AddRelation(type, relation, Union(std::move(ways)), Grantees());
  }
  return type;
}

TypeDefinition BoundKindType(const Catalog& catalog, const KindEntry& kind) {
  auto type = ManagedType(kind.type);
  const auto parents = catalog.Parents(kind.type);
  AddParents(type, parents);
  AddRelation(type, kToBinding, This(), {OfType(kRoleBindingType)});
  AddRelation(type, kToRoot, This(), {OfType(kRootType)});
  for (const auto& permission : catalog.HierarchicalPermissions(kind.type)) {
    const auto relation = PermissionRelation(permission);
    std::vector<Rewrite> ways = {From(relation, kToBinding), From(relation, kToRoot)};
    if (!parents.empty()) ways.push_back(From(relation, kParent));
    AddRelation(type, relation, Union(std::move(ways)));
  }
  return type;
}

TypeDefinition RoleType(const Catalog& catalog) {
  auto type = ManagedType(kRoleType);
  AddRelation(type, kAssignee, This(), {OfType(kUserType)});
  for (const auto& permission : catalog.permissions()) {
    AddRelation(type, PermissionRelation(permission), This(), {EveryOf(kUserType)});
  }
  return type;
}

TypeDefinition RoleBindingType(const Catalog& catalog) {
  auto type = ManagedType(kRoleBindingType);
  AddRelation(type, kToRole, This(), {OfType(kRoleType)});
  AddRelation(type, kToSubject, This(),
              {OfType(kUserType), EveryOf(kUserType), UsersetOf(kGroupType, kAssignee)});
  for (const auto& permission : catalog.permissions()) {
    const auto relation = PermissionRelation(permission);
    AddRelation(type, relation, Intersection({Computed(kToSubject), From(relation, kToRole)}));
  }
  return type;
}

void AddKinds(model::Model& model, const Catalog& catalog, std::span<const RoleGrant> roles,
              ProjectionKind projection) {
  const auto relations =
      projection == ProjectionKind::kRoleRelation ? RelationsOf(roles) : RolesByPermission();
  for (const auto& kind : catalog.kinds()) {
    model.types.push_back(projection == ProjectionKind::kRoleBinding
                              ? BoundKindType(catalog, kind)
                              : KindType(catalog, kind, relations));
  }
}

}  // namespace

model::Model ManagedModel(const Catalog& catalog, std::span<const RoleGrant> platform_roles,
                          ProjectionKind kind) {
  model::Model model;
  model.schema_version = kSchemaVersion;
  model.types.push_back(ManagedType(kUserType));
  model.types.push_back(GroupType());
  if (catalog.kinds().empty()) return model;
  if (kind == ProjectionKind::kRoleBinding) {
    model.types.push_back(RoleType(catalog));
    model.types.push_back(RoleBindingType(catalog));
  }
  AddKinds(model, catalog, platform_roles, kind);
  model.types.push_back(RootType(catalog));
  return model;
}

}  // namespace pemba::iam
