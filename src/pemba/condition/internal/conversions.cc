#include <cmath>
#include <string>

#include "pemba/base/text.h"
#include "pemba/condition/internal/number.h"
#include "pemba/condition/internal/operations.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

Value CannotConvert(const Value& value, std::string_view to, Arena& arena) {
  return MakeError(arena, "type conversion error from '" + std::string(TypeName(value.kind)) +
                              "' to '" + std::string(to) + "'");
}

Value ToBool(const Value& value, Arena& arena) {
  if (value.kind == Kind::kString) {
    const auto text = value.text();
    for (const auto* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
      if (text == yes) return Value::Bool(true);
    }
    for (const auto* no : {"0", "f", "F", "false", "FALSE", "False"}) {
      if (text == no) return Value::Bool(false);
    }
  }
  return CannotConvert(value, "bool", arena);
}

Value ToInt(const Value& value, Arena& arena) {
  switch (value.kind) {
    case Kind::kUint:
      if (value.natural > static_cast<std::uint64_t>(INT64_MAX)) {
        return Value::Error("integer overflow");
      }
      return Value::Int(static_cast<std::int64_t>(value.natural));
    case Kind::kDouble:
      // Exclusive of both ends: there the nearest doubles stand for several integers.
      if (!(value.real > -0x1p63 && value.real < 0x1p63)) return Value::Error("integer overflow");
      return Value::Int(static_cast<std::int64_t>(value.real));
    case Kind::kDuration:
    case Kind::kTimestamp:
      return Value::Int(value.integer);
    case Kind::kString:
      if (const auto number = ParseInt(value.text())) return Value::Int(*number);
      break;
    default:
      break;
  }
  return CannotConvert(value, "int", arena);
}

Value ToUint(const Value& value, Arena& arena) {
  switch (value.kind) {
    case Kind::kInt:
      if (value.integer < 0) return Value::Error("unsigned integer overflow");
      return Value::Uint(static_cast<std::uint64_t>(value.integer));
    case Kind::kDouble:
      if (!(value.real >= 0 && value.real < 0x1p64)) {
        return Value::Error("unsigned integer overflow");
      }
      return Value::Uint(static_cast<std::uint64_t>(value.real));
    case Kind::kString:
      if (const auto number = ParseUint(value.text())) return Value::Uint(*number);
      break;
    default:
      break;
  }
  return CannotConvert(value, "uint", arena);
}

Value ToDouble(const Value& value, Arena& arena) {
  if (value.kind == Kind::kInt) return Value::Double(static_cast<double>(value.integer));
  if (value.kind == Kind::kUint) return Value::Double(static_cast<double>(value.natural));
  if (value.kind == Kind::kString) {
    if (const auto number = ParseDouble(value.text())) return Value::Double(*number);
  }
  return CannotConvert(value, "double", arena);
}

Value ToBytes(const Value& value, Arena& arena) {
  if (value.kind == Kind::kString) return Value::Bytes(value.text());
  return CannotConvert(value, "bytes", arena);
}

Value ToStringValue(const Value& value, Arena& arena) {
  switch (value.kind) {
    case Kind::kBytes:
      if (!IsUtf8(value.text()))
        return Value::Error("invalid UTF-8 in bytes, cannot convert to string");
      return Value::String(value.text());
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kUint:
    case Kind::kDouble:
    case Kind::kTimestamp:
    case Kind::kDuration:
      return Value::String(arena.Copy(ToText(value)));
    default:
      return CannotConvert(value, "string", arena);
  }
}

Value ToTimestamp(const Value& value, Arena& arena) {
  if (value.kind == Kind::kInt) {
    if (!IsInCalendar(value.integer)) return Value::Error("timestamp overflow");
    return Value::Timestamp(value.integer, 0);
  }
  if (value.kind == Kind::kString) {
    if (const auto time = ParseTimestamp(value.text())) {
      if (!IsInCalendar(time->seconds)) return Value::Error("timestamp overflow");
      return Value::Timestamp(time->seconds, time->nanoseconds);
    }
  }
  return CannotConvert(value, "google.protobuf.Timestamp", arena);
}

Value ToDuration(const Value& value, Arena& arena) {
  if (value.kind == Kind::kInt) return Value::Duration(value.integer);
  if (value.kind == Kind::kString) {
    if (const auto nanoseconds = ParseDuration(value.text())) return Value::Duration(*nanoseconds);
  }
  return CannotConvert(value, "google.protobuf.Duration", arena);
}

// The kind that a conversion leads to, for values that are of it already.
Kind Target(Function function) {
  switch (function) {
    case Function::kToBool:
      return Kind::kBool;
    case Function::kToBytes:
      return Kind::kBytes;
    case Function::kToDouble:
      return Kind::kDouble;
    case Function::kToDuration:
      return Kind::kDuration;
    case Function::kToInt:
      return Kind::kInt;
    case Function::kToString:
      return Kind::kString;
    case Function::kToTimestamp:
      return Kind::kTimestamp;
    default:
      return Kind::kUint;
  }
}

}  // namespace

Value Convert(Function function, const Value& value, Arena& arena) {
  if (function == Function::kToDyn || value.kind == Target(function)) return value;
  switch (function) {
    case Function::kToBool:
      return ToBool(value, arena);
    case Function::kToBytes:
      return ToBytes(value, arena);
    case Function::kToDouble:
      return ToDouble(value, arena);
    case Function::kToDuration:
      return ToDuration(value, arena);
    case Function::kToInt:
      return ToInt(value, arena);
    case Function::kToString:
      return ToStringValue(value, arena);
    case Function::kToTimestamp:
      return ToTimestamp(value, arena);
    default:
      return ToUint(value, arena);
  }
}

}  // namespace pemba::condition::internal
