// Nobody passes on more than they hold.
//
// Whoever binds a role to somebody, or makes somebody a member with a role, must be allowed to use
// the role and hold every permission that it grants there, now or once kinds are registered there,
// or have been given the permission to bind what they do not hold. Whoever writes a role must hold
// what it includes. Members of system:masters and what follows from other changes are not asked.
#pragma once

#include <string>
#include <vector>

#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {

inline constexpr std::string_view kUseRoles = "iam.miloapis.com/roles.use";
inline constexpr std::string_view kEscalateRoles = "iam.miloapis.com/roles.escalate";
inline constexpr std::string_view kBind = "iam.miloapis.com/policybindings.bind";

// One role on one target.
struct PlannedGrant {
  RoleKey role;
  std::string role_field;  // For errors: "spec.roleRef"
  Target target;
};

// Whether the caller may use the role: it is there, and open to everybody or to this caller. The
// error is the same either way: who may not see a role does not learn that it exists.
Outcome<Done> CheckUsable(Review& review, const RoleKey& role, const std::string& field);
// Whether the caller may make this grant. Adds to review.errors or fails (kForbidden).
Outcome<Done> CheckGrant(Review& review, const PlannedGrant& grant);
// Whether the caller holds all of these on the target. Fails (kForbidden) with the first it does
// not hold.
Outcome<Done> CheckHolds(Review& review, const std::vector<std::string>& permissions,
                         const Target& target, const std::string& field);

// Of spec.roles of an object: each role is there, and is listed once. Adds to review.errors.
void CheckRoles(Review& review);
// Those that were not there before are grants on the organization (CheckGrant).
Outcome<Done> CheckRoleGrants(Review& review, const std::string& organization);

// Whether the caller holds a permission on a target. Errors: it could not be decided.
enum class Held { kNo, kYes };
Result<Held> Holds(const Work& work, std::string_view permission, const Target& target);

// "resourcemanager.miloapis.com/Organization:northwind", for messages.
std::string ToText(const Target& target);

}  // namespace pemba::iam::internal
