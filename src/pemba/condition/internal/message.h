// Messages: the types of google.protobuf that the language knows by value. A literal such as
// `google.protobuf.Int32Value{value: 1}` is the int 1; there are no values of message type.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/type.h"
#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

enum class MessageKind : std::uint8_t {
  kBoolValue,
  kBytesValue,
  kDoubleValue,
  kFloatValue,
  kInt32Value,
  kInt64Value,
  kStringValue,
  kUint32Value,
  kUint64Value,
  kListValue,
  kStruct,
  kValue,
  kTimestamp,
  kDuration,
};

enum class MessageField : std::uint8_t {
  kValue,  // Of the wrappers.
  kValues,
  kFields,
  kNullValue,
  kNumberValue,
  kStringValue,
  kBoolValue,
  kStructValue,
  kListValue,
  kSeconds,
  kNanos,
};

// By its full name, e.g. `google.protobuf.Struct`.
std::optional<MessageKind> FindMessage(std::string_view name);
std::optional<MessageField> FindField(MessageKind message, std::string_view name);

// The type of a literal: a wrapper type, list(dyn), map(string, dyn), dyn, timestamp or duration.
const Type* MessageType(MessageKind message, Arena& arena);
const Type* FieldType(MessageKind message, MessageField field, Arena& arena);

// The value of a literal; absent fields have their default. An error value if a field's value is
// out of range or none that JSON could hold.
Value MakeMessage(MessageKind message, std::span<const MessageField> fields,
                  std::span<const Value> values, Arena& arena);

}  // namespace pemba::condition::internal
