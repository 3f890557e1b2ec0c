#include "pemba/iam/rules/grants.h"

#include <set>

#include <fmt/format.h>

#include "pemba/iam/internal/binding_parts.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"
#include "pemba/iam/internal/role_tree.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

constexpr std::string_view kRoleKind = "iam.miloapis.com/Role";

// The first of the permissions that is not held; nullopt: none.
Result<std::optional<std::string>> Lacks(const Work& work,
                                         const std::vector<std::string>& permissions,
                                         const Target& target) {
  if (permissions.empty()) return std::optional<std::string>();
  auto* authority = work.environment.authority;
  if (authority == nullptr) return std::optional(permissions.front());
  return authority->Lacks(work.transaction.caller(), permissions, target);
}

}  // namespace

std::string ToText(const Target& target) {
  if (target.name.empty()) return "all of " + target.type;
  if (target.name_space.empty()) return target.type + ":" + target.name;
  return fmt::format("{}:{}/{}", target.type, target.name_space, target.name);
}

Result<Held> Holds(const Work& work, std::string_view permission, const Target& target) {
  PEMBA_TRY(const auto lacking, Lacks(work, {std::string(permission)}, target));
  return lacking ? Held::kNo : Held::kYes;
}

Outcome<Done> CheckUsable(Review& review, const RoleKey& role, const std::string& field) {
  if (!review.GuardsCaller()) return Done{};
  const auto& work = review.work;
  auto usable = Held::kNo;
  if (work.FindRole(role) != nullptr) {
    usable = Held::kYes;
    if (role.name_space != work.settings().assignable_roles_namespace) {
      PEMBA_TRY(usable,
                Holds(work, kUseRoles, {std::string(kRoleKind), role.name_space, role.name}));
    }
  }
  if (usable == Held::kNo) {
    review.errors.push_back(
        resource::Invalid(field, Quoted(role.ToText()), "there is no such role that you may use"));
  }
  return Done{};
}

Outcome<Done> CheckHolds(Review& review, const std::vector<std::string>& permissions,
                         const Target& target, const std::string& field) {
  if (!review.GuardsCaller()) return Done{};
  PEMBA_TRY(const auto lacking, Lacks(review.work, permissions, target));
  if (!lacking) return Done{};
  return ForbiddenTo(
      review,
      fmt::format("it would grant `{}` on `{}`, which you do not hold", *lacking, ToText(target)),
      field);
}

namespace {

// Permissions that no kind there has, now: a kind that is registered below the target later makes
// them count. Who holds them on the whole of an organization that the target lies in, or on all
// objects of their kind, will hold them there, too.
Outcome<Done> CheckHoldsLater(Review& review, std::vector<std::string> permissions,
                              const PlannedGrant& grant) {
  const auto& work = review.work;
  std::set<std::string> organizations;
  const auto* kind = DeclaredKind(work.transaction.registry(), grant.target.type);
  if (kind != nullptr && !grant.target.name.empty()) {
    const ObjectPtr object = work.Find(kind, grant.target.name_space, grant.target.name);
    if (object != nullptr) organizations = OrganizationsOf(work, object);
  }
  for (const auto& permission : permissions) {
    auto held = Held::kNo;
    for (const auto& organization : organizations) {
      if (held == Held::kYes || !work.catalog.Applies(kOrganizationType, permission)) break;
      PEMBA_TRY(held, Holds(work, permission, {std::string(kOrganizationType), "", organization}));
    }
    const auto parts = ParsePermission(permission);
    const auto* of = parts.ok() ? work.catalog.FindPlural(parts->service, parts->plural) : nullptr;
    if (held == Held::kNo && of != nullptr) {
      PEMBA_TRY(held, Holds(work, permission, {of->type, "", ""}));
    }
    if (held == Held::kYes) continue;
    return ForbiddenTo(
        review,
        fmt::format("it would grant `{}` on `{}` as soon as a kind there has it, and you do not "
                    "hold it",
                    permission, ToText(grant.target)),
        grant.role_field);
  }
  return Done{};
}

}  // namespace

Outcome<Done> CheckGrant(Review& review, const PlannedGrant& grant) {
  if (!review.GuardsCaller()) return Done{};
  const auto errors_before = review.errors.size();
  PEMBA_TRY(std::ignore, CheckUsable(review, grant.role, grant.role_field));
  if (review.errors.size() > errors_before) return Done{};
  PEMBA_TRY(const auto bind, Holds(review.work, kBind, grant.target));
  if (bind == Held::kYes) return Done{};
  const auto lookup = LookupIn(review.work);
  const auto role = lookup(grant.role);
  std::vector<std::string> now, later;
  for (auto& permission : EffectivePermissions(*role, lookup).permissions) {
    const bool applies = review.work.catalog.Applies(grant.target.type, permission);
    (applies ? now : later).push_back(std::move(permission));
  }
  PEMBA_TRY(std::ignore, CheckHolds(review, now, grant.target, grant.role_field));
  return CheckHoldsLater(review, std::move(later), grant);
}

void CheckRoles(Review& review) {
  std::set<RoleKey> seen;
  for (const auto& role : RolesOf(*review.is(), review.key().name_space)) {
    const auto field = fmt::format("spec.roles[{}]", role.index);
    if (!seen.insert(role.key).second) {
      review.errors.push_back(resource::Duplicate(field, Quoted(role.key.ToText())));
    } else if (review.work.FindRole(role.key) == nullptr && !review.operation.derived &&
               !review.GuardsCaller()) {
      // Others are told the same of a role that they may not use. What the control plane makes
      // itself may be ahead of its roles.
      review.errors.push_back(resource::NotFound(field, Quoted(role.key.ToText())));
    }
  }
}

Outcome<Done> CheckRoleGrants(Review& review, const std::string& organization) {
  std::set<RoleKey> before;
  if (review.was() != nullptr) {
    for (auto& role : RolesOf(*review.was(), review.key().name_space)) before.insert(role.key);
  }
  for (const auto& role : RolesOf(*review.is(), review.key().name_space)) {
    if (before.contains(role.key)) continue;
    PEMBA_TRY(std::ignore,
              CheckGrant(review, {.role = role.key,
                                  .role_field = fmt::format("spec.roles[{}]", role.index),
                                  .target = {std::string(kOrganizationType), "", organization}}));
  }
  return Done{};
}

}  // namespace pemba::iam::internal
