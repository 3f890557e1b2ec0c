// Numbers and their text forms, with the rules of Go's strconv that the wire shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pemba::condition::internal {

// The shortest text that reads back as the same double, in Go's %g form: with an exponent (of at
// least two digits) below 1e-4 and from 1e6 on; `+Inf`, `-Inf`, `NaN`.
std::string DoubleText(double value);

// Digits with an optional sign; the whole text. Nothing if malformed or out of range.
std::optional<std::int64_t> ParseInt(std::string_view text);
std::optional<std::uint64_t> ParseUint(std::string_view text);  // No sign.

// A decimal float with an optional sign, or an infinity or NaN by name; nothing if malformed or
// too large. Too small gives zero.
std::optional<double> ParseDouble(std::string_view text);

// True if `text` is [sign] digits [. digits] [e [sign] digits], with a digit in the mantissa.
bool IsDecimalFloat(std::string_view text);

}  // namespace pemba::condition::internal
