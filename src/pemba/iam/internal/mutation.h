// Mutations: bugs that a test plants in the projector, to show that the invariants find them.
//
// Only the test library that is built with PEMBA_IAM_MUTATIONS knows any; in the product Mutated()
// is constantly false and leaves nothing behind.
#pragma once

#include <cstdint>

namespace pemba::iam::internal {

enum class Mutation : std::uint8_t {
  kNone,
  kForgetSiblings,            // What another binding grants too is taken away.
  kSiblingsWithoutValidity,   // A sibling keeps a tuple though it does not hold.
  kForgetRemovedSubjects,     // A binding's tuples go for its current subjects only.
  kForgetInheritors,          // A role's change stays with the role.
  kForgetIndirectInheritors,  // It goes one step up.
  kForgetRoleBindings,        // Bindings of a changed role are not looked at.
  kForgetKindBindings,        // Bindings are not looked at when kinds change.
  kForgetKindWideBindings,    // Those on all objects of a kind are not.
  kForgetParentsOfKinds,      // Objects keep their parents when the kind's change.
  kForgetGroupMembers,        // A group made again has the members of the old one.
  kForgetNestedGroups,        // A group within another is not followed.
  kForgetMembershipSiblings,  // Two memberships of one user are taken for one.
  kKeepAbandonedState,        // What was not committed is taken for committed.
  kForgetDisabledRoles,       // A disabled role keeps what it granted.
  kReconcileOnlyHolding,      // A binding that no longer holds keeps its tuples.
  kStaleRoleCache,            // The platform's roles are not read again.
  kForgetModel,               // The model stays as it is.
  kForgetFollowed,            // What other servers change of kinds and roles is not read.
  kForgetFollowedRoles,       // Of their roles it is not.
  kCount,
};

#ifdef PEMBA_IAM_MUTATIONS
inline Mutation planted_mutation = Mutation::kNone;  // Written by the test, between changes.
inline bool Mutated(Mutation mutation) { return planted_mutation == mutation; }
#else
constexpr bool Mutated(Mutation) { return false; }
#endif

}  // namespace pemba::iam::internal
