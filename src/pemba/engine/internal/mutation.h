// Mutations: bugs that a test plants, to show that tests find them: the random worlds, and the
// scenarios of published advisories.
//
// Only the test library that is built with PEMBA_ENGINE_MUTATIONS knows any; in the product
// Mutated() is constantly false and leaves nothing behind.
#pragma once

#include <cstdint>

namespace pemba::engine::internal {

enum class Mutation : std::uint8_t {
  kNone,
  kIgnoreConditions,  // Every tuple holds.
  // The next three need a batch, or a contextual tuple that does not fit: tests/advisories.
  kAnyContextualCondition,      // A contextual tuple's condition is not compared (CVE-2025-48371).
  kForgetContextualConditions,  // Batches: contextual tuples without conditions (CVE-2024-56323).
  kForgetContextValues,         // Batches: contexts of one size are equal (CVE-2026-34972).
  kForgetContextualShadow,      // A contextual tuple does not hide the stored one.
  kForgetContext,               // The request's context reaches no condition (CVE-2024-48909).
  kForgetExpiry,                // Tuples hold for ever.
  kForgetConditionName,         // Tuples without the condition that is asked for (CVE-2025-64751).
  kReadWildcardsAsObjects,      // `type:*` where an object has to be (CVE-2022-39341).
  kFirstParentOnly,             // One parent per object (CVE-2024-38361).
  kVisitObjectsOnce,            // Relations of one object are taken for one (CVE-2025-65111).
  kForgetWildcards,             // `type:*` is not read.
  kWildcardForUsersets,         // `type:*` matches usersets too.
  kSkipReflexivity,             // A userset is not itself.
  kSkipReachability,            // Errors of branches that lead nowhere surface.
  kSetErrorsWin,                // A failing tuple outweighs its satisfied siblings.
  kSetErrorsVanish,             // Errors of a set are dropped.
  kUnionErrorHidesTrue,         // The first error ends a union.
  kIntersectionErrorFirst,      // An error outweighs a false operand.
  kDifferenceErrorIsFalse,      // An error on the subtract side allows.
  kCycleIsFalse,                // A cycle on the subtract side allows.
  kKeepCycleAnswers,            // A cycle's "no" is kept as truth (CVE-2025-46331).
  kLimitOffByOne,               // One hop more is allowed.
  kForgetLongWays,              // The limit counts shortest ways only.
  kSkipParentsWithoutRelation,  // A parent that lacks the relation does not satisfy its set.
  kFirstUsersetOnly,            // One userset restriction per relation (CVE-2025-55213).
  kForgetRepeatedSteps,         // What is asked of many objects is asked of the first one only.
  kDirectAnyType,               // Users of another type that have the same number.
  // Of batches.
  kRecallTooDeep,       // What is known of a goal counts at any depth.
  kRecallCycleAsFalse,  // A "no" that may be a cycle's is a plain one for the next question.
  // Of lists.
  kListForgetShadow,     // A contextual tuple does not hide the stored one.
  kListForgetWildcards,  // Public objects are not listed.
  kListTrustSubtract,    // What is not found right of `but not` counts as false.
  kListForgetFrontier,   // Recursion takes one step only.
  kListRepeatPosition,   // A page starts with the last one's end.
  kUsersForgetExcluded,  // An exclusion is not carried upward.
  kUsersForgetCycle,     // A cycle counts as false.
  kCount,
};
inline constexpr Mutation kFirstOfBatches = Mutation::kRecallTooDeep;
inline constexpr Mutation kFirstOfLists = Mutation::kListForgetShadow;

#ifdef PEMBA_ENGINE_MUTATIONS
inline Mutation planted_mutation = Mutation::kNone;  // Written by the test, between checks.
inline bool Mutated(Mutation mutation) { return planted_mutation == mutation; }
#else
constexpr bool Mutated(Mutation) { return false; }
#endif

}  // namespace pemba::engine::internal
