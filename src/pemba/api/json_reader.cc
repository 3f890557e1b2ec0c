#include "pemba/api/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <simdjson.h>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"
#include "pemba/base/text.h"

namespace pemba::api {
namespace {

namespace pb = google::protobuf;
namespace dom = simdjson::dom;
using Field = pb::FieldDescriptor;

// Parsers are kept per thread up to this size of text; a larger text gets one of its own, so that
// one large request does not cost memory for ever.
constexpr std::size_t kKeptParserBytes = 64 * 1024;

Error Invalid(std::string text) { return {ErrorCode::kValidation, std::move(text)}; }

std::string Shortened(std::string text) {
  constexpr std::size_t kShownMax = 100;
  if (text.size() <= kShownMax) return text;
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

Error WrongType(const dom::element& value, std::string_view kind, const Field& field) {
  return Invalid("invalid value for " + std::string(kind) + " field " + field.json_name() + ": " +
                 Shortened(simdjson::minify(value)));
}

// True if the text could become well-formed by more text: it ends within a string, or brackets are
// open and match so far.
bool EndsTooEarly(std::string_view text) {
  std::vector<char> open;
  bool seen = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      if (i >= text.size()) return true;
    } else if (c == '{' || c == '[') {
      open.push_back(c == '{' ? '}' : ']');
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != c) return false;
      open.pop_back();
    }
    seen = seen || (c != ' ' && c != '\t' && c != '\n' && c != '\r');
  }
  return !open.empty() || !seen;
}

const Field* FindField(const pb::Descriptor& type, std::string_view name) {
  const std::string key(name);
  if (const auto* field = type.FindFieldByName(key)) return field;
  const auto* field = type.FindFieldByCamelcaseName(key);
  return field != nullptr && field->json_name() == key ? field : nullptr;
}

std::optional<std::int32_t> ToInt32(double number) {
  if (number != std::floor(number) || number < std::numeric_limits<std::int32_t>::min() ||
      number > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(number);
}

// `7`, `-7`, `7.0`, `7e2`; nothing else, not even white space.
std::optional<std::int32_t> ParseInt32(std::string_view text) {
  double number = 0;
  if (text.empty() || !(text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return ToInt32(number);
}

std::optional<std::int32_t> Int32Of(const dom::element& value) {
  if (value.is_string()) return ParseInt32(value.get_string().value_unsafe());
  if (!value.is_number()) return std::nullopt;
  return ToInt32(value.get_double().value_unsafe());
}

// As protobuf has it: text, because the numbers of many readers of JSON end at 2^53; digits only.
std::optional<std::uint64_t> ParseUint64(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> Uint64Of(const dom::element& value) {
  if (value.is_string()) return ParseUint64(value.get_string().value_unsafe());
  std::uint64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<std::int64_t> Int64Of(const dom::element& value) {
  std::int64_t number = 0;
  if (!value.is_string()) {
    if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
    return number;
  }
  const std::string_view text = value.get_string().value_unsafe();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> DoubleOf(const dom::element& value) {
  if (value.is_number()) return value.get_double().value_unsafe();
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_string().value_unsafe();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return kInfinity;
  if (text == "-Infinity") return -kInfinity;
  return std::nullopt;
}

// Fills a message from a parsed text. Recursion follows the text, whose depth is bounded.
class Reader {
 public:
  static Status ReadMessage(const dom::object& object, pb::Message& message) {
    const auto& type = *message.GetDescriptor();
    boost::unordered_flat_set<const Field*> seen;
    for (const auto [key, value] : object) {
      const auto* field = FindField(type, key);
      if (field == nullptr) continue;
      if (!seen.insert(field).second) return Invalid("duplicate field " + Quoted(key));
      if (value.is_null() && !IsValue(*field)) continue;
      if (const auto* oneof = field->real_containing_oneof();
          oneof != nullptr && message.GetReflection()->HasOneof(message, oneof)) {
        return Invalid("error parsing " + Quoted(key) + ", oneof " + oneof->full_name() +
                       " is already set");
      }
      PEMBA_TRY(std::ignore, ReadField(value, *field, message));
    }
    return Done{};
  }

 private:
  static std::string Quoted(std::string_view key) {
    return "\"" + Shortened(std::string(key)) + "\"";
  }
  static bool IsValue(const Field& field) {
    return field.cpp_type() == Field::CPPTYPE_MESSAGE &&
           field.message_type()->well_known_type() == pb::Descriptor::WELLKNOWNTYPE_VALUE;
  }

  static Status ReadField(const dom::element& value, const Field& field, pb::Message& message) {
    if (field.is_map()) return ReadMap(value, field, message);
    if (!field.is_repeated()) return ReadScalar(value, field, message);
    dom::array items;
    if (value.get(items) != simdjson::SUCCESS) return WrongType(value, "repeated", field);
    for (const auto item : items) {
      PEMBA_TRY(std::ignore, ReadScalar(item, field, message));
    }
    return Done{};
  }

  static Status ReadMap(const dom::element& value, const Field& field, pb::Message& message) {
    dom::object members;
    if (value.get(members) != simdjson::SUCCESS) return WrongType(value, "map", field);
    const auto& key_field = *field.message_type()->map_key();
    const auto& value_field = *field.message_type()->map_value();
    StringViewMap<bool> seen;
    for (const auto [key, item] : members) {
      if (!seen.emplace(key, true).second) return Invalid("duplicate map key " + Quoted(key));
      auto* entry = message.GetReflection()->AddMessage(&message, &field);
      entry->GetReflection()->SetString(entry, &key_field, std::string(key));
      PEMBA_TRY(std::ignore, ReadScalar(item, value_field, *entry));
    }
    return Done{};
  }

  // Sets a single field or adds to a repeated one.
  static Status ReadScalar(const dom::element& value, const Field& field, pb::Message& message) {
    const auto& reflection = *message.GetReflection();
    const bool repeated = field.is_repeated();
    switch (field.cpp_type()) {
      case Field::CPPTYPE_STRING: {
        std::string_view text;
        if (value.get(text) != simdjson::SUCCESS) return WrongType(value, "string", field);
        if (repeated) {
          reflection.AddString(&message, &field, std::string(text));
        } else {
          reflection.SetString(&message, &field, std::string(text));
        }
        return Done{};
      }
      case Field::CPPTYPE_BOOL: {
        bool flag = false;
        if (value.get(flag) != simdjson::SUCCESS) return WrongType(value, "bool", field);
        PEMBA_CHECK(!repeated);
        reflection.SetBool(&message, &field, flag);
        return Done{};
      }
      case Field::CPPTYPE_INT32: {
        const auto number = Int32Of(value);
        if (!number) return WrongType(value, "int32", field);
        PEMBA_CHECK(!repeated);
        reflection.SetInt32(&message, &field, *number);
        return Done{};
      }
      case Field::CPPTYPE_UINT32: {
        const auto number = Int32Of(value);  // No field of the contracts may be larger.
        if (!number || *number < 0) return WrongType(value, "uint32", field);
        if (repeated) {
          reflection.AddUInt32(&message, &field, static_cast<std::uint32_t>(*number));
        } else {
          reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(*number));
        }
        return Done{};
      }
      case Field::CPPTYPE_INT64: {
        const auto number = Int64Of(value);
        if (!number) return WrongType(value, "int64", field);
        PEMBA_CHECK(!repeated);
        reflection.SetInt64(&message, &field, *number);
        return Done{};
      }
      case Field::CPPTYPE_DOUBLE: {
        const auto number = DoubleOf(value);
        if (!number) return WrongType(value, "double", field);
        PEMBA_CHECK(!repeated);
        reflection.SetDouble(&message, &field, *number);
        return Done{};
      }
      case Field::CPPTYPE_UINT64: {
        const auto number = Uint64Of(value);
        if (!number) return WrongType(value, "uint64", field);
        PEMBA_CHECK(!repeated);
        reflection.SetUInt64(&message, &field, *number);
        return Done{};
      }
      case Field::CPPTYPE_ENUM:
        PEMBA_CHECK(!repeated);
        return ReadEnum(value, field, message);
      case Field::CPPTYPE_MESSAGE:
        return ReadSubmessage(value, field,
                              repeated ? *reflection.AddMessage(&message, &field)
                                       : *reflection.MutableMessage(&message, &field));
      default:
        PEMBA_CHECK(!"the wire contracts have no field of this kind");
        return Done{};
    }
  }

  static Status ReadEnum(const dom::element& value, const Field& field, pb::Message& message) {
    if (value.is_string()) {
      const auto* known =
          field.enum_type()->FindValueByName(std::string(value.get_string().value_unsafe()));
      if (known != nullptr) message.GetReflection()->SetEnum(&message, &field, known);
      return Done{};
    }
    const auto number = value.is_number() ? Int32Of(value) : std::nullopt;
    if (!number) return WrongType(value, "enum", field);
    message.GetReflection()->SetEnumValue(&message, &field, *number);
    return Done{};
  }

  static Status ReadSubmessage(const dom::element& value, const Field& field,
                               pb::Message& message) {
    switch (field.message_type()->well_known_type()) {
      case pb::Descriptor::WELLKNOWNTYPE_STRUCT: {
        dom::object object;
        if (value.get(object) != simdjson::SUCCESS) return WrongType(value, "object", field);
        return ReadStruct(object, static_cast<pb::Struct&>(message));
      }
      case pb::Descriptor::WELLKNOWNTYPE_VALUE:
        return ReadValue(value, static_cast<pb::Value&>(message));
      case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP: {
        std::string_view text;
        if (value.get(text) != simdjson::SUCCESS ||
            !pb::util::TimeUtil::FromString(std::string(text),
                                            &static_cast<pb::Timestamp&>(message))) {
          return WrongType(value, "timestamp", field);
        }
        return Done{};
      }
      case pb::Descriptor::WELLKNOWNTYPE_INT32VALUE: {
        const auto number = Int32Of(value);
        if (!number) return WrongType(value, "int32", field);
        static_cast<pb::Int32Value&>(message).set_value(*number);
        return Done{};
      }
      default: {
        dom::object object;
        if (value.get(object) != simdjson::SUCCESS) return WrongType(value, "message", field);
        return ReadMessage(object, message);
      }
    }
  }

  static Status ReadStruct(const dom::object& object, pb::Struct& out) {
    auto& fields = *out.mutable_fields();
    for (const auto [key, value] : object) {
      const auto [slot, fresh] = fields.insert({std::string(key), pb::Value()});
      if (!fresh) return Invalid("duplicate map key " + Quoted(key));
      PEMBA_TRY(std::ignore, ReadValue(value, slot->second));
    }
    return Done{};
  }

  static Status ReadValue(const dom::element& value, pb::Value& out) {
    switch (value.type()) {
      case dom::element_type::NULL_VALUE:
        out.set_null_value(pb::NULL_VALUE);
        return Done{};
      case dom::element_type::BOOL:
        out.set_bool_value(value.get_bool().value_unsafe());
        return Done{};
      case dom::element_type::INT64:
      case dom::element_type::UINT64:
      case dom::element_type::DOUBLE:
        out.set_number_value(value.get_double().value_unsafe());
        return Done{};
      case dom::element_type::STRING:
        out.set_string_value(std::string(value.get_string().value_unsafe()));
        return Done{};
      case dom::element_type::OBJECT:
        return ReadStruct(value.get_object().value_unsafe(), *out.mutable_struct_value());
      case dom::element_type::ARRAY: {
        auto& list = *out.mutable_list_value();
        const dom::array items = value.get_array().value_unsafe();
        for (const auto item : items) {
          PEMBA_TRY(std::ignore, ReadValue(item, *list.add_values()));
        }
        return Done{};
      }
    }
    return Done{};
  }
};

// The text with a decimal point behind whole numbers of 19 digits and more: they may not fit into
// 64 bits, and the parser takes what does not only as a decimal number.
std::string WithLongNumbersAsDecimals(std::string_view text) {
  constexpr std::size_t kDigitsMin = 19;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (text[i] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
      end = std::min(text.find_first_not_of("0123456789+-.eE", i), text.size());
    }
    const auto token = text.substr(i, end - i);
    out.append(token);
    const auto digits = token.substr(token.starts_with('-') ? 1 : 0);
    if (digits.size() >= kDigitsMin && digits.find_first_not_of("0123456789") == digits.npos) {
      out.append(".0");
    }
    i = end;
  }
  return out;
}

Status ReadWith(dom::parser& parser, std::string_view text, pb::Message& message) {
  if (parser.capacity() < text.size() || parser.max_depth() != kJsonDepthMax) {
    if (parser.allocate(std::max<std::size_t>(text.size(), 4096), kJsonDepthMax) !=
        simdjson::SUCCESS) {
      return Error{ErrorCode::kResourceExhausted, "out of memory"};
    }
  }
  dom::element root;
  auto error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    error = parser.parse(WithLongNumbersAsDecimals(text)).get(root);
  }
  if (error) {
    if (EndsTooEarly(text)) return Invalid("malformed JSON");
    return Invalid("syntax error: " + std::string(simdjson::error_message(error)));
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return Invalid("syntax error: unexpected token " + Shortened(simdjson::minify(root)));
  }
  return Reader::ReadMessage(object, message);
}

}  // namespace

Status ReadJson(std::string_view text, pb::Message& message) {
  if (text.size() > kKeptParserBytes) {
    dom::parser parser;
    return ReadWith(parser, text, message);
  }
  static thread_local dom::parser parser;
  return ReadWith(parser, text, message);
}

Status SetFieldFromText(std::string_view path, std::string_view text, pb::Message& message) {
  const auto dot = path.find('.');
  const auto* field = FindField(*message.GetDescriptor(), path.substr(0, dot));
  if (field == nullptr || field->is_repeated()) return Done{};
  const auto& reflection = *message.GetReflection();
  const auto invalid = [&](std::string_view kind) {
    return Invalid("invalid value for " + std::string(kind) + " field " + field->json_name() +
                   ": " + Shortened(std::string(text)));
  };
  if (dot != path.npos) {
    if (field->cpp_type() != Field::CPPTYPE_MESSAGE) return Done{};
    return SetFieldFromText(path.substr(dot + 1), text,
                            *reflection.MutableMessage(&message, field));
  }
  switch (field->cpp_type()) {
    case Field::CPPTYPE_STRING:
      if (!IsUtf8(text)) return Invalid("invalid UTF-8 in field " + field->json_name());
      reflection.SetString(&message, field, std::string(text));
      return Done{};
    case Field::CPPTYPE_BOOL:
      if (text != "true" && text != "false") return invalid("bool");
      reflection.SetBool(&message, field, text == "true");
      return Done{};
    case Field::CPPTYPE_INT32: {
      const auto number = ParseInt32(text);
      if (!number) return invalid("int32");
      reflection.SetInt32(&message, field, *number);
      return Done{};
    }
    case Field::CPPTYPE_UINT64: {
      const auto number = ParseUint64(text);
      if (!number) return invalid("uint64");
      reflection.SetUInt64(&message, field, *number);
      return Done{};
    }
    case Field::CPPTYPE_ENUM: {
      const auto* value = field->enum_type()->FindValueByName(std::string(text));
      const auto number = value == nullptr ? ParseInt32(text) : std::nullopt;
      if (value == nullptr && !number) return invalid("enum");
      reflection.SetEnumValue(&message, field, value != nullptr ? value->number() : *number);
      return Done{};
    }
    case Field::CPPTYPE_MESSAGE:
      break;
    default:
      return Done{};
  }
  auto* submessage = reflection.MutableMessage(&message, field);
  switch (field->message_type()->well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_INT32VALUE: {
      const auto number = ParseInt32(text);
      if (!number) return invalid("int32");
      static_cast<pb::Int32Value*>(submessage)->set_value(*number);
      return Done{};
    }
    case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      if (!pb::util::TimeUtil::FromString(std::string(text),
                                          static_cast<pb::Timestamp*>(submessage))) {
        return invalid("timestamp");
      }
      return Done{};
    default:
      return invalid("message");
  }
}

}  // namespace pemba::api
