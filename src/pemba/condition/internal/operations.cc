#include "pemba/condition/internal/operations.h"

#include <algorithm>
#include <optional>
#include <string>

#include <re2/re2.h>

#include "pemba/base/text.h"
#include "pemba/condition/internal/ip_address.h"
#include "pemba/condition/internal/plan.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

constexpr std::string_view kIntOverflow = "integer overflow";
constexpr std::string_view kUintOverflow = "unsigned integer overflow";
constexpr std::string_view kDurationOverflow = "duration overflow";
constexpr std::string_view kTimestampOverflow = "timestamp overflow";
constexpr std::string_view kDivisionByZero = "division by zero";
constexpr std::string_view kModulusByZero = "modulus by zero";

Value NoSuchOverload() { return Value::Error(kNoSuchOverload); }

Value TimestampOr(const std::optional<TimePoint>& time) {
  if (!time) return Value::Error(kTimestampOverflow);
  return Value::Timestamp(time->seconds, time->nanoseconds);
}

Value Shift(const Value& timestamp, std::int64_t nanoseconds) {
  return TimestampOr(Add(TimePoint{timestamp.integer, timestamp.size}, nanoseconds));
}

Value Concatenate(Kind kind, const Value& a, const Value& b, Arena& arena) {
  const auto size = std::size_t{a.size} + b.size;
  char* bytes = static_cast<char*>(arena.Allocate(size + 1, 1));
  std::copy_n(a.bytes, a.size, bytes);
  std::copy_n(b.bytes, b.size, bytes + a.size);
  return TextValue(kind, {bytes, size});
}

Value ConcatenateLists(const Value& a, const Value& b, Arena& arena) {
  if (a.size == 0) return b;
  if (b.size == 0) return a;
  const auto elements = arena.NewArray<Value>(std::size_t{a.size} + b.size);
  std::copy_n(a.elements, a.size, elements.begin());
  std::copy_n(b.elements, b.size, elements.begin() + a.size);
  return Value::List(elements.data(), elements.size());
}

Value AddDurations(const Value& a, const Value& b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.integer, b.integer, &sum)) return Value::Error(kDurationOverflow);
  return Value::Duration(sum);
}

Value Add(const Value& a, const Value& b, Arena& arena) {
  if (a.kind == Kind::kTimestamp && b.kind == Kind::kDuration) return Shift(a, b.integer);
  if (a.kind == Kind::kDuration && b.kind == Kind::kTimestamp) return Shift(b, a.integer);
  if (a.kind != b.kind) return NoSuchOverload();
  switch (a.kind) {
    case Kind::kInt: {
      std::int64_t sum = 0;
      if (__builtin_add_overflow(a.integer, b.integer, &sum)) return Value::Error(kIntOverflow);
      return Value::Int(sum);
    }
    case Kind::kUint: {
      std::uint64_t sum = 0;
      if (__builtin_add_overflow(a.natural, b.natural, &sum)) return Value::Error(kUintOverflow);
      return Value::Uint(sum);
    }
    case Kind::kDouble:
      return Value::Double(a.real + b.real);
    case Kind::kString:
    case Kind::kBytes:
      return Concatenate(a.kind, a, b, arena);
    case Kind::kList:
      return ConcatenateLists(a, b, arena);
    case Kind::kDuration:
      return AddDurations(a, b);
    default:
      return NoSuchOverload();
  }
}

Value SubtractTimes(const Value& a, const Value& b) {
  if (b.kind == Kind::kDuration) {
    // The most negative duration has no opposite; no timestamp is that far from another anyway.
    std::int64_t opposite = 0;
    if (__builtin_sub_overflow(0, b.integer, &opposite)) return Value::Error(kTimestampOverflow);
    return Shift(a, opposite);
  }
  if (b.kind != Kind::kTimestamp) return NoSuchOverload();
  const auto difference = Difference({a.integer, a.size}, {b.integer, b.size});
  return difference ? Value::Duration(*difference) : Value::Error(kDurationOverflow);
}

Value Subtract(const Value& a, const Value& b) {
  if (a.kind == Kind::kTimestamp) return SubtractTimes(a, b);
  if (a.kind != b.kind) return NoSuchOverload();
  std::int64_t difference = 0;
  std::uint64_t natural = 0;
  switch (a.kind) {
    case Kind::kInt:
      if (__builtin_sub_overflow(a.integer, b.integer, &difference)) {
        return Value::Error(kIntOverflow);
      }
      return Value::Int(difference);
    case Kind::kUint:
      if (__builtin_sub_overflow(a.natural, b.natural, &natural)) {
        return Value::Error(kUintOverflow);
      }
      return Value::Uint(natural);
    case Kind::kDouble:
      return Value::Double(a.real - b.real);
    case Kind::kDuration:
      if (__builtin_sub_overflow(a.integer, b.integer, &difference)) {
        return Value::Error(kDurationOverflow);
      }
      return Value::Duration(difference);
    default:
      return NoSuchOverload();
  }
}

Value Multiply(const Value& a, const Value& b) {
  if (a.kind != b.kind) return NoSuchOverload();
  std::int64_t product = 0;
  std::uint64_t natural = 0;
  switch (a.kind) {
    case Kind::kInt:
      if (__builtin_mul_overflow(a.integer, b.integer, &product)) {
        return Value::Error(kIntOverflow);
      }
      return Value::Int(product);
    case Kind::kUint:
      if (__builtin_mul_overflow(a.natural, b.natural, &natural)) {
        return Value::Error(kUintOverflow);
      }
      return Value::Uint(natural);
    case Kind::kDouble:
      return Value::Double(a.real * b.real);
    default:
      return NoSuchOverload();
  }
}

// The one quotient that does not fit.
bool DivisionOverflows(const Value& a, const Value& b) {
  return a.integer == INT64_MIN && b.integer == -1;
}

Value Divide(const Value& a, const Value& b) {
  if (a.kind != b.kind) return NoSuchOverload();
  switch (a.kind) {
    case Kind::kInt:
      if (b.integer == 0) return Value::Error(kDivisionByZero);
      if (DivisionOverflows(a, b)) return Value::Error(kIntOverflow);
      return Value::Int(a.integer / b.integer);
    case Kind::kUint:
      if (b.natural == 0) return Value::Error(kDivisionByZero);
      return Value::Uint(a.natural / b.natural);
    case Kind::kDouble:
      return Value::Double(a.real / b.real);
    default:
      return NoSuchOverload();
  }
}

Value Modulo(const Value& a, const Value& b) {
  if (a.kind != b.kind) return NoSuchOverload();
  if (a.kind == Kind::kInt) {
    if (b.integer == 0) return Value::Error(kModulusByZero);
    if (DivisionOverflows(a, b)) return Value::Error(kIntOverflow);
    return Value::Int(a.integer % b.integer);
  }
  if (a.kind != Kind::kUint) return NoSuchOverload();
  if (b.natural == 0) return Value::Error(kModulusByZero);
  return Value::Uint(a.natural % b.natural);
}

Value Negate(const Value& a) {
  if (a.kind == Kind::kDouble) return Value::Double(-a.real);
  if (a.kind != Kind::kInt) return NoSuchOverload();
  if (a.integer == INT64_MIN) return Value::Error(kIntOverflow);
  return Value::Int(-a.integer);
}

Value Order(Function function, const Value& a, const Value& b) {
  const auto order = Compare(a, b);
  if (order == Ordering::kNotComparable) return NoSuchOverload();
  if (order == Ordering::kUnordered) return Value::Error("NaN values cannot be ordered");
  const bool less = order == Ordering::kLess;
  const bool equal = order == Ordering::kEqual;
  const bool greater = order == Ordering::kGreater;
  if (function == Function::kLess) return Value::Bool(less);
  if (function == Function::kLessEqual) return Value::Bool(less || equal);
  if (function == Function::kGreater) return Value::Bool(greater);
  return Value::Bool(greater || equal);
}

Value In(const Value& element, const Value& container) {
  if (container.kind == Kind::kMap) return Value::Bool(Find(container, element) != nullptr);
  if (container.kind != Kind::kList) return NoSuchOverload();
  return Value::Bool(
      std::any_of(container.elements, container.elements + container.size,
                  [&](const Value& candidate) { return Equal(element, candidate); }));
}

// The place that a number means; nothing if it is no whole number.
std::optional<std::int64_t> ListIndex(const Value& index) {
  switch (index.kind) {
    case Kind::kInt:
      return index.integer;
    case Kind::kUint:
      if (index.natural > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<std::int64_t>(index.natural);
    case Kind::kDouble: {
      if (!(index.real >= -0x1p53 && index.real <= 0x1p53)) return std::nullopt;
      const auto whole = static_cast<std::int64_t>(index.real);
      if (static_cast<double>(whole) != index.real) return std::nullopt;
      return whole;
    }
    default:
      return std::nullopt;
  }
}

Value Index(const Value& container, const Value& index, Arena& arena) {
  if (container.kind == Kind::kMap) return SelectKey(container, index, arena);
  if (container.kind != Kind::kList) return NoSuchOverload();
  const auto place = ListIndex(index);
  if (!place) {
    return MakeError(arena,
                     "unsupported index type '" + std::string(TypeName(index.kind)) + "' in list");
  }
  if (*place < 0 || *place >= container.size) {
    return MakeError(arena, "index out of bounds: " + std::to_string(*place));
  }
  return container.elements[*place];
}

Value Size(const Value& value) {
  switch (value.kind) {
    case Kind::kString:
      return Value::Int(static_cast<std::int64_t>(CodePoints(value.text())));
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap:
      return Value::Int(value.size);
    default:
      return NoSuchOverload();
  }
}

Value Search(Function function, const Value& text, const Value& part) {
  if (text.kind != Kind::kString || part.kind != Kind::kString) return NoSuchOverload();
  if (function == Function::kContains) {
    return Value::Bool(text.text().find(part.text()) != std::string_view::npos);
  }
  if (function == Function::kStartsWith) return Value::Bool(text.text().starts_with(part.text()));
  return Value::Bool(text.text().ends_with(part.text()));
}

Value Matches(const Value& text, const Value& pattern, Arena& arena) {
  if (text.kind != Kind::kString || pattern.kind != Kind::kString) return NoSuchOverload();
  const RE2 compiled(re2::StringPiece(pattern.bytes, pattern.size), PatternOptions());
  if (!compiled.ok()) return MakeError(arena, "error parsing regexp: " + compiled.error());
  return Value::Bool(RE2::PartialMatch(re2::StringPiece(text.bytes, text.size), compiled));
}

Value MakeIpAddress(const Value& text, Arena& arena) {
  if (text.kind != Kind::kString) return NoSuchOverload();
  const auto address = ParseIpAddress(text.text());
  if (!address) {
    return MakeError(arena, "ParseAddr(\"" + std::string(text.text()) + "\"): unable to parse IP");
  }
  return Value::Ip(arena.New<IpAddress>(*address));
}

Value InCidr(const Value& address, const Value& cidr, Arena& arena) {
  if (address.kind != Kind::kIpAddress || cidr.kind != Kind::kString) return NoSuchOverload();
  const auto prefix = ParseIpPrefix(cidr.text());
  if (!prefix) {
    return MakeError(arena, "'" + std::string(cidr.text()) + "' is a malformed CIDR string");
  }
  return Value::Bool(Contains(*prefix, *address.address));
}

}  // namespace

Value MakeError(Arena& arena, std::string_view text) { return Value::Error(arena.Copy(text)); }

Value SelectKey(const Value& map, const Value& key, Arena& arena) {
  if (map.kind != Kind::kMap) return NoSuchOverload();
  const Value* found = Find(map, key);
  return found != nullptr ? *found : MakeError(arena, "no such key: " + ToText(key));
}

Value TestKey(const Value& map, const Value& key) {
  if (map.kind == Kind::kList) return Value::Error("unsupported index type 'string' in list");
  return Value::Bool(map.kind == Kind::kMap && Find(map, key) != nullptr);
}

Value Apply(Function function, std::span<const Value> arguments, Arena& arena) {
  using F = Function;
  const std::size_t count = arguments.size();
  if (count == 0) return NoSuchOverload();
  const Value& a = arguments[0];
  if (function >= F::kGetFullYear && function <= F::kGetMilliseconds) {
    return TimeField(function, arguments, arena);
  }
  if (count == 1) {
    switch (function) {
      case F::kNot:
        return a.kind == Kind::kBool ? Value::Bool(!a.boolean) : NoSuchOverload();
      case F::kNegate:
        return Negate(a);
      case F::kSize:
        return Size(a);
      case F::kType:
        return Value::Type(TypeName(a.kind));
      case F::kIpAddress:
        return MakeIpAddress(a, arena);
      default:
        return IsConversion(function) ? Convert(function, a, arena) : NoSuchOverload();
    }
  }
  if (count != 2) return NoSuchOverload();
  const Value& b = arguments[1];
  switch (function) {
    case F::kAdd:
      return Add(a, b, arena);
    case F::kSubtract:
      return Subtract(a, b);
    case F::kMultiply:
      return Multiply(a, b);
    case F::kDivide:
      return Divide(a, b);
    case F::kModulo:
      return Modulo(a, b);
    case F::kEqual:
      return Value::Bool(Equal(a, b));
    case F::kNotEqual:
      return Value::Bool(!Equal(a, b));
    case F::kLess:
    case F::kLessEqual:
    case F::kGreater:
    case F::kGreaterEqual:
      return Order(function, a, b);
    case F::kIn:
      return In(a, b);
    case F::kIndex:
      return Index(a, b, arena);
    case F::kContains:
    case F::kStartsWith:
    case F::kEndsWith:
      return Search(function, a, b);
    case F::kMatches:
      return Matches(a, b, arena);
    case F::kInCidr:
      return InCidr(a, b, arena);
    default:
      return NoSuchOverload();
  }
}

}  // namespace pemba::condition::internal
