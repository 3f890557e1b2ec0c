// Type inference: which types can each variable of a pattern have?
#pragma once

#include <span>

#include "pemba/base/result.h"
#include "pemba/reason/pattern.h"
#include "pemba/reason/schema.h"

namespace pemba::reason {

// Resolves labels and narrows every variable to the types that can occur in an answer, given who
// owns, plays and relates what. The narrowing is arc consistency, run to its fixed point: sound (no
// possible type is lost), and an empty domain proves that the pattern cannot match.
//
// Errors: kTypeNotFound, kRoleNotFound, kKindMismatch (a role where a thing type is expected),
// kVariableKindConflict, kIncoherentPattern (no assignment for the trunk, a branch or a
// negation), kIncomparable. Cost: O(rounds x atoms x types), in practice microseconds.
Result<ResolvedPattern> Resolve(const syntax::Patterns& patterns, const Schema& schema);

}  // namespace pemba::reason
