// Literals: from their spelling to their value.
#pragma once

#include <optional>
#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/lexer.h"
#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

// The value of a number, string or bytes token. `negative`: a minus sign stands directly before
// the number. Text goes to `arena`. Nothing if out of range or with a bad escape sequence.
std::optional<Value> LiteralValue(const Token& token, bool negative, Arena& arena);

}  // namespace pemba::condition::internal
