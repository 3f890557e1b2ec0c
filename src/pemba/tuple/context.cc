#include "pemba/tuple/context.h"

#include <algorithm>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/base/text.h"

namespace pemba::tuple {
namespace {

namespace json = boost::json;

void AppendCanonical(const json::value& value, std::string& out);

void AppendCanonical(const json::object& object, std::string& out) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
  out.push_back('{');
  bool first = true;
  for (const auto* member : members) {
    if (!first) out.push_back(',');
    first = false;
    out += json::serialize(member->key());
    out.push_back(':');
    AppendCanonical(member->value(), out);
  }
  out.push_back('}');
}

void AppendCanonical(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    AppendCanonical(*object, out);
  } else if (const auto* array = value.if_array()) {
    out.push_back('[');
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) out.push_back(',');
      AppendCanonical((*array)[i], out);
    }
    out.push_back(']');
  } else {
    out += json::serialize(value);
  }
}

std::size_t VarintBytes(std::size_t n) {
  std::size_t bytes = 1;
  while (n >= 128) n >>= 7, ++bytes;
  return bytes;
}
std::size_t LengthDelimited(std::size_t payload) { return 1 + VarintBytes(payload) + payload; }

// Bytes of one google.protobuf.Value message.
std::size_t ValueWireBytes(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
    case json::kind::bool_:
      return 2;
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return 9;
    case json::kind::string:
      return LengthDelimited(value.get_string().size());
    case json::kind::object:
      return LengthDelimited(StructWireBytes(value.get_object()));
    case json::kind::array: {
      std::size_t items = 0;
      for (const auto& item : value.get_array()) items += LengthDelimited(ValueWireBytes(item));
      return LengthDelimited(items);
    }
  }
  return 0;
}

ForbiddenText FindIn(const json::value& value) {
  if (const auto* object = value.if_object()) return FindControlCharacter(*object);
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) {
      if (auto found = FindIn(item); found.where != ForbiddenText::Where::kNone) return found;
    }
  }
  if (const auto* text = value.if_string(); text != nullptr && HasControlCharacter(*text)) {
    return {ForbiddenText::Where::kValue, *text};
  }
  return {};
}

// Boost.JSON keeps the last of two equal keys; a context with two is ambiguous, so refuse it. The
// parser has accepted `text`, so only strings and nesting need attention.
bool HasDuplicateKeys(std::string_view text) {
  struct Scope {
    bool object;
    std::vector<std::string> keys;
  };
  std::vector<Scope> scopes;
  bool key_next = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '{' || c == '[') {
      scopes.push_back({c == '{', {}});
      key_next = c == '{';
    } else if (c == '}' || c == ']') {
      auto& keys = scopes.back().keys;
      std::sort(keys.begin(), keys.end());
      if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return true;
      scopes.pop_back();
      key_next = false;
    } else if (c == ',') {
      key_next = scopes.back().object;
    } else if (c == '"') {
      const auto begin = i;
      for (++i; text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      if (key_next) {
        const auto key = json::parse(json::string_view(text.data() + begin, i - begin + 1));
        scopes.back().keys.emplace_back(key.get_string());
        key_next = false;
      }
    }
  }
  return false;
}

}  // namespace

void NumbersToDoubles(json::value& value) {
  if (auto* integer = value.if_int64()) {
    value = static_cast<double>(*integer);
  } else if (auto* natural = value.if_uint64()) {
    value = static_cast<double>(*natural);
  } else if (auto* array = value.if_array()) {
    for (auto& item : *array) NumbersToDoubles(item);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) NumbersToDoubles(member.value());
  }
}

std::string CanonicalText(const json::object& context) {
  std::string text;
  AppendCanonical(context, text);
  return text;
}

Result<json::object> ParseContext(std::string_view text) {
  if (text.empty()) return json::object{};
  json::parse_options options;
  options.max_depth = kContextDepthMax;
  json::error_code error;
  auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error)
    return Error{ErrorCode::kValidation, "malformed condition context: " + error.message()};
  if (!value.is_object())
    return Error{ErrorCode::kValidation, "a condition context must be a JSON object"};
  if (HasDuplicateKeys(text))
    return Error{ErrorCode::kValidation, "a condition context has a key twice"};
  NumbersToDoubles(value);
  return std::move(value.get_object());
}

std::size_t StructWireBytes(const json::object& context) {
  std::size_t bytes = 0;
  for (const auto& member : context) {
    const auto value = ValueWireBytes(member.value());
    bytes += LengthDelimited(LengthDelimited(member.key().size()) + LengthDelimited(value));
  }
  return bytes;
}

ForbiddenText FindControlCharacter(const json::object& context) {
  for (const auto& member : context) {
    const std::string_view key(member.key().data(), member.key().size());
    if (HasControlCharacter(key)) return {ForbiddenText::Where::kKey, key};
    if (auto found = FindIn(member.value()); found.where != ForbiddenText::Where::kNone)
      return found;
  }
  return {};
}

}  // namespace pemba::tuple
