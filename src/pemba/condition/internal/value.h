// Value: one run-time value of the expression language.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/ip_address.h"

namespace pemba::condition::internal {

enum class Kind : std::uint8_t {
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,  // UTF-8.
  kBytes,
  kTimestamp,
  kDuration,
  kIpAddress,
  kList,
  kMap,
  kType,     // A type as a value; its text is the type's name.
  kUnknown,  // A variable that has no value in this evaluation.
  kError,    // The outcome of a failed operation; its text says why.
};

struct MapEntry;

// 16 bytes, trivially copyable. Text, elements and entries are borrowed: from the program's
// constants, from the bindings or from the arena of the evaluation.
struct Value {
  Kind kind = Kind::kNull;
  // Bytes of a text, elements of a list, entries of a map; nanoseconds of a timestamp.
  std::uint32_t size = 0;
  union {
    bool boolean;
    std::int64_t integer = 0;  // Also: nanoseconds of a duration, seconds of a timestamp.
    std::uint64_t natural;
    double real;
    const char* bytes;
    const Value* elements;
    const MapEntry* entries;
    const IpAddress* address;
  };

  static Value Null() { return {}; }
  static Value Bool(bool value);
  static Value Int(std::int64_t value);
  static Value Uint(std::uint64_t value);
  static Value Double(double value);
  static Value String(std::string_view text);
  static Value Bytes(std::string_view bytes);
  static Value Timestamp(std::int64_t seconds, std::uint32_t nanoseconds);
  static Value Duration(std::int64_t nanoseconds);
  static Value Ip(const IpAddress* address);
  static Value List(const Value* elements, std::size_t count);
  // `entries` are sorted by key (SortEntries).
  static Value Map(const MapEntry* entries, std::size_t count);
  static Value Type(std::string_view name);
  static Value Unknown();
  // `text` outlives the value: a literal, or a copy in the arena.
  static Value Error(std::string_view text);

  std::string_view text() const { return {bytes, size}; }
  bool is_number() const {
    return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kDouble;
  }
  bool is_failure() const { return kind == Kind::kUnknown || kind == Kind::kError; }
  bool is_true() const { return kind == Kind::kBool && boolean; }
  bool is_false() const { return kind == Kind::kBool && !boolean; }
};

struct MapEntry {
  Value key;
  Value value;
};

inline Value MakeValue(Kind kind, std::size_t size = 0) {
  Value value;
  value.kind = kind;
  value.size = static_cast<std::uint32_t>(size);
  return value;
}
inline Value Value::Bool(bool value) {
  Value v = MakeValue(Kind::kBool);
  v.boolean = value;
  return v;
}
inline Value Value::Int(std::int64_t value) {
  Value v = MakeValue(Kind::kInt);
  v.integer = value;
  return v;
}
inline Value Value::Uint(std::uint64_t value) {
  Value v = MakeValue(Kind::kUint);
  v.natural = value;
  return v;
}
inline Value Value::Double(double value) {
  Value v = MakeValue(Kind::kDouble);
  v.real = value;
  return v;
}
inline Value TextValue(Kind kind, std::string_view text) {
  Value v = MakeValue(kind, text.size());
  v.bytes = text.data();
  return v;
}
inline Value Value::String(std::string_view text) { return TextValue(Kind::kString, text); }
inline Value Value::Bytes(std::string_view bytes) { return TextValue(Kind::kBytes, bytes); }
inline Value Value::Type(std::string_view name) { return TextValue(Kind::kType, name); }
inline Value Value::Error(std::string_view text) { return TextValue(Kind::kError, text); }
inline Value Value::Unknown() { return MakeValue(Kind::kUnknown); }
inline Value Value::Timestamp(std::int64_t seconds, std::uint32_t nanoseconds) {
  Value v = MakeValue(Kind::kTimestamp, nanoseconds);
  v.integer = seconds;
  return v;
}
inline Value Value::Duration(std::int64_t nanoseconds) {
  Value v = MakeValue(Kind::kDuration);
  v.integer = nanoseconds;
  return v;
}
inline Value Value::Ip(const IpAddress* address) {
  Value v = MakeValue(Kind::kIpAddress);
  v.address = address;
  return v;
}
inline Value Value::List(const Value* elements, std::size_t count) {
  Value v = MakeValue(Kind::kList, count);
  v.elements = elements;
  return v;
}
inline Value Value::Map(const MapEntry* entries, std::size_t count) {
  Value v = MakeValue(Kind::kMap, count);
  v.entries = entries;
  return v;
}

// The name of a value's type, as `type(x)` gives it.
std::string_view TypeName(Kind kind);

// Values of different kinds are unequal, except that numbers compare by value across the numeric
// kinds. Lists and maps compare element-wise. NaN equals nothing.
bool Equal(const Value& a, const Value& b);

enum class Ordering : std::uint8_t { kLess, kEqual, kGreater, kUnordered, kNotComparable };
// Numbers compare across kinds, an integer with a double as doubles; other values only within
// their kind.
Ordering Compare(const Value& a, const Value& b);

// Whether a map may have the key: a boolean, an integer or a string.
inline bool IsKey(const Value& value) {
  return value.kind == Kind::kBool || value.kind == Kind::kInt || value.kind == Kind::kUint ||
         value.kind == Kind::kString;
}

// Puts the entries of a map in the order that Find needs.
// Returns the key that occurs twice (numbers by value), if any.
std::optional<Value> SortEntries(MapEntry* entries, std::size_t count);
// The value of a key; null if the map has no such key. O(log entries).
const Value* Find(const Value& map, const Value& given);

// A deep copy whose memory is all in `arena`.
Value Copy(const Value& value, Arena& arena);

// How far the value counts for the cost of an operation: code points, bytes, elements or entries;
// 1 for everything else.
std::uint64_t CostSize(const Value& value);

// As Go's %v prints it; for error texts.
std::string ToText(const Value& value);

}  // namespace pemba::condition::internal
