// A reader for protocol buffers in text form that needs no schema. For tests only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::condition::testing {

// A message as its fields in the order of the file; repeated fields occur several times. Scalars
// keep their spelling, strings are unescaped.
struct TextMessage {
  struct Field;
  std::vector<Field> fields;

  // The first field of the name; null if there is none.
  const Field* Find(std::string_view name) const;
  // The text of a scalar field; empty if there is none.
  std::string Text(std::string_view name) const;
  // A message field; an empty message if there is none.
  const TextMessage& Message(std::string_view name) const;
  std::vector<const Field*> All(std::string_view name) const;
};

struct TextMessage::Field {
  std::string name;  // Of an expanded Any: its type URL in brackets.
  std::string text;  // Of a scalar.
  bool is_message = false;
  TextMessage message;
};

// Errors (kInvalidArgument): the offset at which the text ceases to make sense.
Result<TextMessage> ParseTextProto(std::string_view text);

}  // namespace pemba::condition::testing
