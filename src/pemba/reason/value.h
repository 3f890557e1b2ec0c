// Values of attributes: five types, their text and their order.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pemba::reason {

// Kept on disk: append, never reorder or reuse.
enum class ValueType : std::uint8_t {
  kBoolean = 0,
  kLong = 1,
  kDouble = 2,
  kString = 3,
  kDateTime = 4
};

// A point in time without a zone, in milliseconds since 1970-01-01T00:00.
struct DateTime {
  std::int64_t milliseconds = 0;
  friend auto operator<=>(DateTime, DateTime) = default;
};

// The alternatives are in the order of ValueType.
using Value = std::variant<bool, std::int64_t, double, std::string, DateTime>;

inline ValueType TypeOf(const Value& value) { return static_cast<ValueType>(value.index()); }
std::string_view Name(ValueType type);  // `boolean`, `long`, `double`, `string`, `datetime`.
std::optional<ValueType> ParseValueType(std::string_view name);

// Whether values of the two types can be compared at all: each with itself, long with double.
bool Comparable(ValueType a, ValueType b);

// The order of two values; unordered if they are not comparable. Strings by code unit, false before
// true, long and double by number (exactly, without rounding a long to a double).
std::partial_ordering Compare(const Value& a, const Value& b);

// As a literal of TypeQL: `true`, `42`, `2.5`, `"a \"word\""`, `2023-05-16T11:20:38`. Reading the
// text back gives the same value; infinities and NaN have no literal and never arise from text.
std::string ToText(const Value& value);

// `yyyy-mm-dd`, `yyyy-mm-ddThh:mm[:ss[.f[f[f]]]]`; nothing for other text and impossible dates.
std::optional<DateTime> ParseDateTime(std::string_view text);
std::string ToText(DateTime time);

}  // namespace pemba::reason
