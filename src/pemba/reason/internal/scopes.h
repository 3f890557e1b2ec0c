// What can be judged of a query or a rule without a schema.
#pragma once

#include <string>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason::internal {

// Scopes and kinds of variables: projections, sort keys, deletes and nested patterns speak of
// variables that are matched; no variable is both a thing and a type. Errors: kVariableOutOfScope,
// kUnboundedNestedPattern, kRedundantNestedNegation, kNoNamedVariable, kVariableKindConflict.
Status CheckScopes(const syntax::Query& query);

// The same for a rule's condition, and the form of its conclusion. Errors: as above and kRule*.
Status CheckRule(const syntax::RuleDefinition& rule);

// The named variables that every answer of the patterns binds: those of the trunk, and those that
// every branch of a disjunction of the trunk binds.
StringSet BoundVariables(const syntax::Patterns& patterns);

}  // namespace pemba::reason::internal
