#include "pemba/condition/internal/message.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "pemba/condition/internal/operations.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

constexpr std::string_view kPackage = "google.protobuf.";
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

constexpr std::array<std::pair<std::string_view, MessageKind>, 14> kMessages{
    {{"BoolValue", MessageKind::kBoolValue},
     {"BytesValue", MessageKind::kBytesValue},
     {"DoubleValue", MessageKind::kDoubleValue},
     {"FloatValue", MessageKind::kFloatValue},
     {"Int32Value", MessageKind::kInt32Value},
     {"Int64Value", MessageKind::kInt64Value},
     {"StringValue", MessageKind::kStringValue},
     {"UInt32Value", MessageKind::kUint32Value},
     {"UInt64Value", MessageKind::kUint64Value},
     {"ListValue", MessageKind::kListValue},
     {"Struct", MessageKind::kStruct},
     {"Value", MessageKind::kValue},
     {"Timestamp", MessageKind::kTimestamp},
     {"Duration", MessageKind::kDuration}}};

constexpr std::array<std::pair<std::string_view, MessageField>, 6> kValueFields{
    {{"null_value", MessageField::kNullValue},
     {"number_value", MessageField::kNumberValue},
     {"string_value", MessageField::kStringValue},
     {"bool_value", MessageField::kBoolValue},
     {"struct_value", MessageField::kStructValue},
     {"list_value", MessageField::kListValue}}};

// The type that a wrapper wraps.
TypeKind Wrapped(MessageKind message) {
  switch (message) {
    case MessageKind::kBoolValue:
      return TypeKind::kBool;
    case MessageKind::kBytesValue:
      return TypeKind::kBytes;
    case MessageKind::kDoubleValue:
    case MessageKind::kFloatValue:
      return TypeKind::kDouble;
    case MessageKind::kInt32Value:
    case MessageKind::kInt64Value:
      return TypeKind::kInt;
    case MessageKind::kStringValue:
      return TypeKind::kString;
    default:
      return TypeKind::kUint;
  }
}

const Type* DynMap(Arena& arena) {
  return MapType(SimpleType(TypeKind::kString), SimpleType(TypeKind::kDyn), arena);
}

Value OutOfRange(Arena& arena, std::string_view what) {
  return MakeError(arena, "range error converting to " + std::string(what));
}

// The value as JSON holds it: numbers become doubles.
Value ToJson(const Value& value, Arena& arena) {
  switch (value.kind) {
    case Kind::kNull:
    case Kind::kBool:
    case Kind::kDouble:
    case Kind::kString:
      return value;
    case Kind::kInt:
      return Value::Double(static_cast<double>(value.integer));
    case Kind::kUint:
      return Value::Double(static_cast<double>(value.natural));
    case Kind::kTimestamp:
    case Kind::kDuration:
      return Value::String(arena.Copy(ToText(value)));
    case Kind::kList: {
      const auto elements = arena.NewArray<Value>(value.size);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        elements[i] = ToJson(value.elements[i], arena);
        if (elements[i].kind == Kind::kError) return elements[i];
      }
      return Value::List(elements.data(), elements.size());
    }
    case Kind::kMap: {
      const auto entries = arena.NewArray<MapEntry>(value.size);
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (value.entries[i].key.kind != Kind::kString) {
          return Value::Error("bad key type: JSON objects have string keys");
        }
        entries[i] = {value.entries[i].key, ToJson(value.entries[i].value, arena)};
        if (entries[i].value.kind == Kind::kError) return entries[i].value;
      }
      return Value::Map(entries.data(), entries.size());
    }
    default:
      return MakeError(
          arena, "unsupported conversion of '" + std::string(TypeName(value.kind)) + "' to JSON");
  }
}

Value WrapperDefault(MessageKind message) {
  switch (Wrapped(message)) {
    case TypeKind::kBool:
      return Value::Bool(false);
    case TypeKind::kBytes:
      return Value::Bytes("");
    case TypeKind::kDouble:
      return Value::Double(0);
    case TypeKind::kInt:
      return Value::Int(0);
    case TypeKind::kString:
      return Value::String("");
    default:
      return Value::Uint(0);
  }
}

Value MakeWrapper(MessageKind message, const Value& value, Arena& arena) {
  if (value.kind != WrapperDefault(message).kind) return Value::Error(kNoSuchOverload);
  if (message == MessageKind::kFloatValue) {
    return Value::Double(static_cast<double>(static_cast<float>(value.real)));
  }
  if (message == MessageKind::kInt32Value &&
      (value.integer < INT32_MIN || value.integer > INT32_MAX)) {
    return OutOfRange(arena, "int32");
  }
  if (message == MessageKind::kUint32Value && value.natural > UINT32_MAX) {
    return OutOfRange(arena, "uint32");
  }
  return value;
}

// Timestamps and durations from their parts.
Value MakeTime(MessageKind message, std::int64_t seconds, std::int64_t nanos, Arena& arena) {
  if (message == MessageKind::kTimestamp) {
    const bool fits = IsInCalendar(seconds) && nanos >= 0 && nanos < kNanosecondsPerSecond;
    if (!fits) return OutOfRange(arena, "timestamp");
    return Value::Timestamp(seconds, static_cast<std::uint32_t>(nanos));
  }
  std::int64_t total = 0;
  if (nanos < INT32_MIN || nanos > INT32_MAX ||
      __builtin_mul_overflow(seconds, kNanosecondsPerSecond, &total) ||
      __builtin_add_overflow(total, nanos, &total)) {
    return OutOfRange(arena, "duration");
  }
  return Value::Duration(total);
}

Value MakeTime(MessageKind message, std::span<const MessageField> fields,
               std::span<const Value> values, Arena& arena) {
  std::int64_t seconds = 0, nanos = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (values[i].kind != Kind::kInt) return Value::Error(kNoSuchOverload);
    (fields[i] == MessageField::kSeconds ? seconds : nanos) = values[i].integer;
  }
  return MakeTime(message, seconds, nanos, arena);
}

}  // namespace

std::optional<MessageKind> FindMessage(std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  if (!name.starts_with(kPackage)) return std::nullopt;
  name.remove_prefix(kPackage.size());
  const auto* found = std::find_if(kMessages.begin(), kMessages.end(),
                                   [&](const auto& row) { return row.first == name; });
  if (found == kMessages.end()) return std::nullopt;
  return found->second;
}

std::optional<MessageField> FindField(MessageKind message, std::string_view name) {
  switch (message) {
    case MessageKind::kListValue:
      return name == "values" ? std::optional(MessageField::kValues) : std::nullopt;
    case MessageKind::kStruct:
      return name == "fields" ? std::optional(MessageField::kFields) : std::nullopt;
    case MessageKind::kValue: {
      const auto* found = std::find_if(kValueFields.begin(), kValueFields.end(),
                                       [&](const auto& row) { return row.first == name; });
      if (found == kValueFields.end()) return std::nullopt;
      return found->second;
    }
    case MessageKind::kTimestamp:
    case MessageKind::kDuration:
      if (name == "seconds") return MessageField::kSeconds;
      return name == "nanos" ? std::optional(MessageField::kNanos) : std::nullopt;
    default:
      return name == "value" ? std::optional(MessageField::kValue) : std::nullopt;
  }
}

const Type* MessageType(MessageKind message, Arena& arena) {
  switch (message) {
    case MessageKind::kListValue:
      return ListType(SimpleType(TypeKind::kDyn), arena);
    case MessageKind::kStruct:
      return DynMap(arena);
    case MessageKind::kValue:
      return SimpleType(TypeKind::kDyn);
    case MessageKind::kTimestamp:
      return SimpleType(TypeKind::kTimestamp);
    case MessageKind::kDuration:
      return SimpleType(TypeKind::kDuration);
    default:
      return WrapperType(SimpleType(Wrapped(message)), arena);
  }
}

const Type* FieldType(MessageKind message, MessageField field, Arena& arena) {
  switch (field) {
    case MessageField::kValue:
      return SimpleType(Wrapped(message));
    case MessageField::kValues:
    case MessageField::kListValue:
      return ListType(SimpleType(TypeKind::kDyn), arena);
    case MessageField::kFields:
    case MessageField::kStructValue:
      return DynMap(arena);
    case MessageField::kNullValue:
      return SimpleType(TypeKind::kNull);
    case MessageField::kNumberValue:
      return SimpleType(TypeKind::kDouble);
    case MessageField::kStringValue:
      return SimpleType(TypeKind::kString);
    case MessageField::kBoolValue:
      return SimpleType(TypeKind::kBool);
    case MessageField::kSeconds:
    case MessageField::kNanos:
      return SimpleType(TypeKind::kInt);
  }
  return SimpleType(TypeKind::kDyn);
}

Value MakeMessage(MessageKind message, std::span<const MessageField> fields,
                  std::span<const Value> values, Arena& arena) {
  switch (message) {
    case MessageKind::kTimestamp:
    case MessageKind::kDuration:
      return MakeTime(message, fields, values, arena);
    case MessageKind::kListValue:
      return values.empty() ? Value::List(nullptr, 0) : ToJson(values.back(), arena);
    case MessageKind::kStruct:
      return values.empty() ? Value::Map(nullptr, 0) : ToJson(values.back(), arena);
    case MessageKind::kValue:
      return values.empty() ? Value::Null() : ToJson(values.back(), arena);
    default:
      return values.empty() ? WrapperDefault(message) : MakeWrapper(message, values.back(), arena);
  }
}

}  // namespace pemba::condition::internal
