// Projection: what kinds, roles and bindings come to in an authorization model and its tuples.
//
// Three shapes decide alike and differ in what a change costs:
//
//   direct         one tuple for each (subject, permission); the model knows no roles
//   role-relation  one tuple for each (subject, role); the model says which permissions a role has.
//                  Roles of tenants, and grants on all objects of a kind, are direct
//   rolebinding    objects for roles and for bindings, as older stores have them
//
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/iam/roles.h"
#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::iam {

enum class ProjectionKind : std::uint8_t { kDirect, kRoleRelation, kRoleBinding };
// "direct", "role-relation", "rolebinding".
std::string_view ToText(ProjectionKind kind);
std::optional<ProjectionKind> ParseProjectionKind(std::string_view text);

// A role with the permissions that it comes to, sorted.
struct RoleGrant {
  RoleKey key;
  std::string uid;
  std::vector<std::string> permissions;
  friend bool operator==(const RoleGrant&, const RoleGrant&) = default;
};

// What is bound: an object or all objects of a kind.
struct GrantTarget {
  std::string type;
  std::string name_space, name;  // Name empty: all objects of the kind.
  std::string ToObject() const;
  friend bool operator==(const GrantTarget&, const GrantTarget&) = default;
};

// A binding that holds.
struct BindingGrant {
  std::string uid;                    // Of the binding.
  std::vector<std::string> subjects;  // As in tuples (names.h).
  RoleKey role;
  GrantTarget target;
  friend bool operator==(const BindingGrant&, const BindingGrant&) = default;
};
// What a PolicyBinding object says, whether it holds or not. Subjects and targets that are not
// understood are left out; without any of either it grants nothing.
BindingGrant BindingGrantOf(const resource::Object& binding, const resource::Registry& registry);
// Whether it holds: its condition Ready is true, or only the provider is yet to catch up.
bool Holds(const resource::Object& binding);

// Roles in these namespaces are the platform's: few, shared by all, part of the model.
struct ProjectionOptions {
  ProjectionKind kind = ProjectionKind::kRoleRelation;
  std::vector<std::string> platform_namespaces = {};
  bool IsPlatform(const RoleKey& role) const;
};

// The types that kinds and roles come to: user, group, kinds by type id, root. `roles` are the
// platform's; only kRoleRelation looks at them.
model::Model ManagedModel(const Catalog& catalog, std::span<const RoleGrant> platform_roles,
                          ProjectionKind kind);

// What one binding with its role comes to. Permissions that do not apply to the target's kind are
// left out. O(subjects x permissions of the role).
std::vector<tuple::Tuple> TuplesOf(const BindingGrant& grant, const RoleGrant& role,
                                   const Catalog& catalog, const ProjectionOptions& options);
// What a role alone comes to: the permissions on its object, with kRoleBinding; else nothing.
std::vector<tuple::Tuple> TuplesOf(const RoleGrant& role, const Catalog& catalog,
                                   const ProjectionOptions& options);

// The size of the model as a message of the wire, without its id: what providers limit. O(size).
std::size_t ModelWireBytes(const model::Model& model);

// `before`, and what it lacks for tuples of `after` to be written. Nothing follows from any tuple
// that did not before: if they are not written after all, this model can stay.
model::Model Accepting(const model::Model& before, const model::Model& after);

}  // namespace pemba::iam
