// TypeQL text to syntax trees.
#pragma once

#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason {

// Bound on nested braces and parentheses, so that no text can exhaust the stack.
inline constexpr int kNestingMax = 64;

// All queries of a text, in order; comments are skipped. A query ends where the next one begins,
// and an `insert` right after a `delete` clause belongs to it (an update).
//
// What can be judged without a schema is: grammar, scopes of variables, the form of rules. The
// errors name line, column and what was expected. O(n).
Result<std::vector<syntax::Query>> ParseQueries(std::string_view text);

// Exactly one query.
Result<syntax::Query> ParseQuery(std::string_view text);

}  // namespace pemba::reason
