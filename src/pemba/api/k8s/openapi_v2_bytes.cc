#include "pemba/api/k8s/openapi_v2_bytes.h"

#include <bit>
#include <cstdint>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

// A protocol buffer message, field by field.
class Message {
 public:
  void Text(std::uint32_t field, std::string_view text) {
    Tag(field, 2);
    Varint(text.size());
    bytes_.append(text);
  }
  void Put(std::uint32_t field, const Message& message) { Text(field, message.bytes_); }
  void Count(std::uint32_t field, std::uint64_t count) {
    Tag(field, 0);
    Varint(count);
  }
  void Number(std::uint32_t field, double number) {
    Tag(field, 1);
    auto bits = std::bit_cast<std::uint64_t>(number);
    for (int i = 0; i < 8; ++i, bits >>= 8) bytes_.push_back(static_cast<char>(bits & 0xff));
  }
  std::string Take() && { return std::move(bytes_); }

 private:
  void Tag(std::uint32_t field, std::uint32_t type) { Varint(field << 3 | type); }
  void Varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

std::string_view View(json::string_view text) { return {text.data(), text.size()}; }

Message AnyOf(const json::value& value) {
  Message any;
  any.Text(2, json::serialize(value));
  return any;
}

Message Named(std::string_view name, const Message& value) {
  Message named;
  named.Text(1, name);
  named.Put(2, value);
  return named;
}

void PutExtension(Message& message, std::uint32_t field, std::string_view name,
                  const json::value& value) {
  if (name.starts_with("x-")) message.Put(field, Named(name, AnyOf(value)));
}

struct Keyword {
  std::string_view name;
  std::uint32_t field;
};
// Of Schema, by the type of what they say.
constexpr Keyword kTexts[] = {
    {"$ref", 1}, {"format", 2}, {"title", 3}, {"description", 4}, {"pattern", 13}};
constexpr Keyword kNumbers[] = {{"maximum", 7}, {"minimum", 9}};
constexpr Keyword kCounts[] = {{"maxLength", 11}, {"minLength", 12},     {"maxItems", 14},
                               {"minItems", 15},  {"maxProperties", 17}, {"minProperties", 18}};
constexpr Keyword kFlags[] = {
    {"exclusiveMaximum", 8}, {"exclusiveMinimum", 10}, {"uniqueItems", 16}};

Message SchemaOf(const json::object& schema);

Message SchemasByName(const json::object& schemas) {
  Message all;
  for (const auto& [name, schema] : schemas) {
    if (schema.is_object()) all.Put(1, Named(View(name), SchemaOf(schema.get_object())));
  }
  return all;
}

void PutNested(Message& message, std::string_view name, const json::value& value) {
  Message nested;
  if (name == "type" && value.is_string()) {
    nested.Text(1, View(value.get_string()));
    message.Put(22, nested);
  } else if (name == "items" && value.is_object()) {
    nested.Put(1, SchemaOf(value.get_object()));
    message.Put(23, nested);
  } else if (name == "additionalProperties" && value.is_object()) {
    nested.Put(1, SchemaOf(value.get_object()));
    message.Put(21, nested);
  } else if (name == "additionalProperties" && value.is_bool()) {
    nested.Count(2, value.get_bool() ? 1 : 0);
    message.Put(21, nested);
  } else if (name == "properties" && value.is_object()) {
    message.Put(25, SchemasByName(value.get_object()));
  } else if (name == "default") {
    message.Put(5, AnyOf(value));
  } else if (value.is_array()) {
    for (const auto& item : value.get_array()) {
      if (name == "required" && item.is_string()) message.Text(19, View(item.get_string()));
      if (name == "enum") message.Put(20, AnyOf(item));
      if (name == "allOf" && item.is_object()) message.Put(24, SchemaOf(item.get_object()));
    }
  }
}

Message SchemaOf(const json::object& schema) {
  Message message;
  for (const auto& [key, value] : schema) {
    const auto name = View(key);
    for (const auto& [keyword, field] : kTexts) {
      if (name == keyword && value.is_string()) message.Text(field, View(value.get_string()));
    }
    for (const auto& [keyword, field] : kNumbers) {
      if (name == keyword && value.is_number()) message.Number(field, value.to_number<double>());
    }
    for (const auto& [keyword, field] : kCounts) {
      if (name == keyword && value.is_int64()) {
        message.Count(field, static_cast<std::uint64_t>(value.get_int64()));
      }
    }
    for (const auto& [keyword, field] : kFlags) {
      if (name == keyword && value.is_bool()) message.Count(field, value.get_bool() ? 1 : 0);
    }
    PutNested(message, name, value);
    PutExtension(message, 31, name, value);
  }
  return message;
}

// Of the query.
Message ParameterOf(const json::object& parameter) {
  constexpr Keyword kKnown[] = {{"in", 2}, {"description", 3}, {"name", 4}, {"type", 6}};
  Message query;
  for (const auto& [name, field] : kKnown) {
    const auto* value = parameter.if_contains(json::string_view(name.data(), name.size()));
    if (value != nullptr && value->is_string()) query.Text(field, View(value->get_string()));
  }
  Message no_body, any, item;
  no_body.Put(3, query);
  any.Put(2, no_body);
  item.Put(1, any);
  return item;
}

Message ResponsesOf(const json::object& responses) {
  Message all;
  for (const auto& [code, response] : responses) {
    Message one, value;
    one.Text(1, View(response.at("description").as_string()));
    value.Put(1, one);
    all.Put(1, Named(View(code), value));
  }
  return all;
}

Message OperationOf(const json::object& operation) {
  Message message;
  for (const auto& [key, value] : operation) {
    const auto name = View(key);
    if (name == "parameters") {
      for (const auto& one : value.as_array()) message.Put(8, ParameterOf(one.as_object()));
    } else if (name == "responses") {
      message.Put(9, ResponsesOf(value.as_object()));
    } else {
      PutExtension(message, 13, name, value);
    }
  }
  return message;
}

Message PathsOf(const json::object& paths) {
  constexpr Keyword kMethods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 7}};
  Message all;
  for (const auto& [path, operations] : paths) {
    Message item;
    for (const auto& [method, field] : kMethods) {
      const auto* operation =
          operations.as_object().if_contains(json::string_view(method.data(), method.size()));
      if (operation != nullptr) item.Put(field, OperationOf(operation->as_object()));
    }
    all.Put(2, Named(View(path), item));
  }
  return all;
}

}  // namespace

std::string OpenApiV2Bytes(const json::object& document) {
  const auto& about = document.at("info").as_object();
  Message info, message;
  info.Text(1, View(about.at("title").as_string()));
  info.Text(2, View(about.at("version").as_string()));
  message.Text(1, View(document.at("swagger").as_string()));
  message.Put(2, info);
  message.Put(8, PathsOf(document.at("paths").as_object()));
  message.Put(9, SchemasByName(document.at("definitions").as_object()));
  return std::move(message).Take();
}

}  // namespace pemba::api::k8s
