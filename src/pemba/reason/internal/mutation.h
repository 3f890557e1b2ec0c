// Mutations: bugs that a test plants, to show that the random worlds find them.
//
// Only the test program that is built with PEMBA_REASON_MUTATIONS knows any; in the product
// Mutated() is constantly false and leaves nothing behind.
#pragma once

#include <cstdint>

namespace pemba::reason::internal {

enum class Mutation : std::uint8_t {
  kNone,
  // Patterns.
  kReuseEdges,         // Two players of one relation pattern may be one role edge.
  kExactRoles,         // A role variable is bound to the edge's own role only.
  kExactIsa,           // `isa $t` is bound to the direct type only.
  kIgnorePlayerTypes,  // A player may be of any type.
  kForgetDistinct,     // Answers come as often as they match.
  kResumeTooEarly,     // The search for the next answer begins a step too early.
  kFirstTypeOnly,      // A value is looked up in one attribute type.
  kLastBranchLost,     // The last branch of a disjunction is not tried.
  kNegationIsMatch,    // A negation holds if its body has a match.
  // Rules.
  kForgetDeltas,          // New facts are not joined with what is there.
  kForgetDemands,         // Negations and later atoms take what is there.
  kSubsumeAnything,       // A goal is taken for asked if any of its values was.
  kPruneDerivable,        // A rule that needs inferred facts is taken for impossible.
  kConcludePersisted,     // Persisted relations do not suppress conclusions.
  kAnyTypeSuppresses,     // Persisted relations of other types do, too.
  kExactSuppression,      // Persisted relations with more players do not.
  kIgnoreRoleOfGoal,      // The first player is taken for the one that the goal gives.
  kClosureSkipsCycles,    // A thing is never above itself.
  kClosureIgnoresFilter,  // The closure asks nobody for attributes.
  kClosureOneStep,        // The closure has pairs of two steps only.
  kRuleBranchLost,        // The last branch of a rule's disjunction does not conclude.
  // Explanations.
  kExplainFirstInstance,  // Only one way of each rule explains.
  kPremisesLost,          // A proof forgets its last premise.
  kCount,
};

#ifdef PEMBA_REASON_MUTATIONS
inline Mutation planted_mutation = Mutation::kNone;  // Written by the test, between worlds.
inline bool Mutated(Mutation mutation) { return planted_mutation == mutation; }
#else
constexpr bool Mutated(Mutation) { return false; }
#endif

}  // namespace pemba::reason::internal
