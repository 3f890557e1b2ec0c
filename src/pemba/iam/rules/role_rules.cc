#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/internal/role_tree.h"
#include "pemba/iam/names.h"
#include "pemba/iam/rules/grants.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

// On a role: delete it although it is in use. Its bindings go first.
constexpr std::string_view kForceDelete = "iam.pemba.dev/force-delete";

void CheckCycle(Review& review) {
  const auto effective = EffectivePermissions(RoleEntryOf(*review.is()), LookupIn(review.work));
  if (effective.cycle.empty()) return;
  std::vector<std::string> names;
  for (const auto& role : effective.cycle) names.push_back(role.ToText());
  review.errors.push_back(resource::Forbidden(
      "spec.inheritedRoles",
      fmt::format("a role cannot inherit from itself: {}", fmt::join(names, " -> "))));
}

// Where the role's permissions may come to be used: in the organization that it is of, or anywhere.
Target ScopeOf(const Review& review, const Permission& permission) {
  const auto organization = OrganizationOfNamespace(review.key().name_space);
  if (!organization.empty()) {
    return {std::string(kOrganizationType), "", std::string(organization)};
  }
  const auto* kind = review.work.catalog.FindPlural(permission.service, permission.plural);
  return {kind == nullptr ? permission.service : kind->type, "", ""};
}

// What the role comes to that it did not come to before.
std::vector<std::string> Gained(const Review& review, const RoleEntry& now) {
  std::set<std::string> had, gained(now.included.begin(), now.included.end());
  std::set<RoleKey> inherited;
  if (review.was() != nullptr) {
    const auto was = RoleEntryOf(*review.was());
    had.insert(was.included.begin(), was.included.end());
    inherited.insert(was.inherited.begin(), was.inherited.end());
  }
  const auto lookup = LookupIn(review.work);
  for (const auto& key : now.inherited) {
    const auto role = inherited.contains(key) ? nullptr : lookup(key);
    if (role == nullptr) continue;
    for (auto& each : EffectivePermissions(*role, lookup).permissions) {
      gained.insert(std::move(each));
    }
  }
  std::vector<std::string> more;
  std::ranges::set_difference(gained, had, std::back_inserter(more));
  return more;
}

Outcome<Done> CheckAuthor(Review& review) {
  if (!review.GuardsCaller()) return Done{};
  const auto now = RoleEntryOf(*review.is());
  const auto gained = Gained(review, now);
  std::set<RoleKey> inherited_before;
  if (review.was() != nullptr) {
    const auto was = RoleEntryOf(*review.was());
    inherited_before.insert(was.inherited.begin(), was.inherited.end());
  }
  std::size_t index = 0;
  for (const auto& key : now.inherited) {
    const auto field = fmt::format("spec.inheritedRoles[{}]", index++);
    if (inherited_before.contains(key)) continue;
    PEMBA_TRY(std::ignore, CheckUsable(review, key, field));
  }
  if (gained.empty() || !review.errors.empty()) return Done{};
  const auto organization = OrganizationOfNamespace(review.key().name_space);
  const Target above = organization.empty()
                           ? Target{"iam.miloapis.com/Role", "", ""}
                           : Target{std::string(kOrganizationType), "", std::string(organization)};
  PEMBA_TRY(const auto escalates, Holds(review.work, kEscalateRoles, above));
  if (escalates == Held::kYes) return Done{};
  for (const auto& text : gained) {
    const auto permission = ParsePermission(text);
    if (!permission.ok()) continue;  // Grants nothing, and the role says so.
    PEMBA_TRY(std::ignore,
              CheckHolds(review, {text}, ScopeOf(review, *permission), "spec.includedPermissions"));
  }
  return Done{};
}

// A role in use stays. What is deleted with its namespace goes in any case: its bindings stop.
Outcome<Done> CheckUnused(Review& review) {
  if (review.operation.derived) return Done{};
  auto& work = review.work;
  const auto role = RoleKey{review.key().name_space, review.key().name};
  const auto bindings = work.transaction.FindBy(kBindingsByRole, role.ToText());
  if (Annotation(*review.was(), kForceDelete) == "true") {
    for (const auto& binding : bindings) {
      PEMBA_TRY(std::ignore, DeleteIfThere(work, binding->key));
    }
    return Done{};
  }
  const auto heirs = work.transaction.FindBy(kRolesByInheritedRole, role.ToText());
  if (bindings.empty() && heirs.empty()) return Done{};
  std::string users;
  if (!bindings.empty()) {
    users = fmt::format("{} policy binding{} (such as {}/{})", bindings.size(),
                        bindings.size() == 1 ? "" : "s", bindings.front()->key.name_space,
                        bindings.front()->key.name);
  }
  if (!heirs.empty()) {
    users += fmt::format("{}{} role{} (such as {}/{})", users.empty() ? "" : " and ", heirs.size(),
                         heirs.size() == 1 ? "" : "s", heirs.front()->key.name_space,
                         heirs.front()->key.name);
  }
  return ConflictOf(review, fmt::format("the role is in use by {}; annotate it with {}=true to "
                                        "delete it together with its bindings",
                                        users, kForceDelete));
}

}  // namespace

Outcome<Done> ReviewRole(Review& review) {
  if (review.deletes()) return CheckUnused(review);
  if (review.updates() && review.was()->spec() == review.is()->spec()) return Done{};
  CheckCycle(review);
  if (!review.errors.empty()) return Done{};
  return CheckAuthor(review);
}

}  // namespace pemba::iam::internal
