// Operations: what the functions of the language do to values.
#pragma once

#include <span>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/library.h"
#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

inline constexpr std::string_view kNoSuchOverload = "no such overload";

// Applies a strict function to arguments none of which is a failure. The outcome may be an error
// value; it borrows from the arguments and from `arena`.
Value Apply(Function function, std::span<const Value> arguments, Arena& arena);

// `map.key`, or whether the map has the key.
Value SelectKey(const Value& map, const Value& key, Arena& arena);
Value TestKey(const Value& map, const Value& key);

// The conversions among them (conversions.cc) and the fields of times (time_fields.cc).
Value Convert(Function function, const Value& value, Arena& arena);
Value TimeField(Function function, std::span<const Value> arguments, Arena& arena);

// An error whose text is put together; the text goes to `arena`.
Value MakeError(Arena& arena, std::string_view text);

}  // namespace pemba::condition::internal
