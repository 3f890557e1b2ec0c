#include "pemba/yaml/yaml.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace pemba::yaml {
namespace {

namespace json = boost::json;

Error AtMark(const YAML::Mark& mark, std::string_view cause) {
  if (mark.is_null()) return {ErrorCode::kInvalidArgument, std::string(cause)};
  return {ErrorCode::kInvalidArgument, "line " + std::to_string(mark.line + 1) + ", column " +
                                           std::to_string(mark.column + 1) + ": " +
                                           std::string(cause)};
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<json::value> Integer(std::string_view text) {
  const bool signed_form = !text.empty() && (text[0] == '-' || text[0] == '+');
  const auto digits = text.substr(signed_form ? 1 : 0);
  int base = 10;
  auto body = digits;
  if (!signed_form && digits.starts_with("0x")) {
    base = 16;
    body = digits.substr(2);
  } else if (!signed_form && digits.starts_with("0o")) {
    base = 8;
    body = digits.substr(2);
  } else if (!AllDigits(digits)) {
    return std::nullopt;
  }
  std::uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(body.data(), body.data() + body.size(), magnitude, base);
  if (end != body.data() + body.size() || body.empty() || error == std::errc::invalid_argument) {
    return std::nullopt;
  }
  const bool negative = text[0] == '-';
  if (error == std::errc() && magnitude <= std::uint64_t{INT64_MAX}) {
    const auto value = static_cast<std::int64_t>(magnitude);
    return json::value(negative ? -value : value);
  }
  if (error == std::errc() && !negative) return json::value(magnitude);
  double wide = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), wide);
  return base == 10 ? std::optional(json::value(negative ? -wide : wide)) : std::nullopt;
}

// [-+]? ( '.' digit+ | digit+ ( '.' digit* )? ) ( [eE] [-+]? digit+ )?
std::optional<json::value> Float(std::string_view text) {
  auto body = text;
  if (!body.empty() && (body[0] == '-' || body[0] == '+')) body.remove_prefix(1);
  if (body.empty() || body.find_first_not_of("0123456789.eE+-") != body.npos) return std::nullopt;
  if (body.find_first_of("0123456789") > 1 || (body[0] != '.' && !AllDigits(body.substr(0, 1)))) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc() || end != body.data() + body.size()) return std::nullopt;
  return json::value(text[0] == '-' ? -value : value);
}

json::value PlainScalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return nullptr;
  }
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (auto integer = Integer(text)) return *std::move(integer);
  if (auto number = Float(text)) return *std::move(number);
  return json::value(text);
}

class JsonMaker {
 public:
  Result<json::value> Make(const YAML::Node& node, int depth) {
    if (depth > kDepthMax) return ErrorAt(node, "is nested too deeply");
    if (++nodes_ > kNodesMax) return ErrorAt(node, "has too many parts");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return json::value(nullptr);
      case YAML::NodeType::Scalar:
        return Scalar(node);
      case YAML::NodeType::Sequence:
        return Sequence(node, depth);
      case YAML::NodeType::Map:
        return Map(node, depth);
    }
    return json::value(nullptr);
  }

 private:
  static Result<json::value> Scalar(const YAML::Node& node) {
    // The tag of a plain scalar is "?", of a quoted one "!".
    if (node.Tag() != "?" && !node.Tag().empty()) return json::value(node.Scalar());
    const auto& text = node.Scalar();
    for (const char* infinite : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
      if (text == infinite || text == std::string("-") + infinite ||
          text == std::string("+") + infinite) {
        return ErrorAt(node, "`" + text + "` is not a number that JSON can carry");
      }
    }
    return PlainScalar(text);
  }

  Result<json::value> Sequence(const YAML::Node& node, int depth) {
    json::array array;
    for (const auto& item : node) {
      PEMBA_TRY(auto value, Make(item, depth + 1));
      array.push_back(std::move(value));
    }
    return json::value(std::move(array));
  }

  Result<json::value> Map(const YAML::Node& node, int depth) {
    json::object object;
    for (const auto& entry : node) {
      PEMBA_TRY(auto key, TextOf(entry.first, "a key"));
      if (object.contains(key)) return ErrorAt(entry.first, "duplicate key `" + key + "`");
      PEMBA_TRY(auto value, Make(entry.second, depth + 1));
      object.emplace(key, std::move(value));
    }
    return json::value(std::move(object));
  }

  std::size_t nodes_ = 0;
};

// Doubles in their shortest form, whole ones as integers.
std::string ScalarText(const json::value& value) {
  switch (value.kind()) {
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      return fmt::format("{}", value.get_double());
    default:
      return "null";
  }
}

}  // namespace

Result<YAML::Node> Parse(std::string_view text) {
  try {
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& e) {  // The library throws; nobody above it does.
    return AtMark(e.mark, e.msg);
  }
}

Result<std::vector<YAML::Node>> ParseAll(std::string_view text) {
  try {
    return YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& e) {
    return AtMark(e.mark, e.msg);
  }
}

Error ErrorAt(const YAML::Node& node, std::string_view cause) {
  return AtMark(node.IsDefined() ? node.Mark() : YAML::Mark::null_mark(), cause);
}

Result<json::value> ToJson(const YAML::Node& node) { return JsonMaker().Make(node, 1); }

void Emit(YAML::Emitter& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      out << (value.get_object().empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const auto& [key, item] : value.get_object()) {
        out << YAML::Key;
        Emit(out, json::value(key));
        out << YAML::Value;
        Emit(out, item);
      }
      out << YAML::EndMap;
      return;
    case json::kind::array:
      out << (value.get_array().empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const auto& item : value.get_array()) Emit(out, item);
      out << YAML::EndSeq;
      return;
    case json::kind::string: {
      const std::string text(value.get_string());
      const bool plain = PlainScalar(text).is_string() && !text.starts_with('.') &&
                         text.find('\n') == std::string::npos;
      if (!plain) out << YAML::DoubleQuoted;
      out << text;
      return;
    }
    case json::kind::null:
      out << YAML::Null;
      return;
    default:
      out << ScalarText(value);
  }
}

Result<Mapping> Mapping::Open(const YAML::Node& node, std::string_view what,
                              std::initializer_list<std::string_view> keys) {
  if (!node.IsDefined() || !node.IsMap()) {
    return ErrorAt(node, std::string(what) + " must be a mapping");
  }
  Mapping mapping;
  for (const auto& entry : node) {
    PEMBA_TRY(auto key, TextOf(entry.first, "a key"));
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return ErrorAt(entry.first, "unknown key `" + key + "` in " + std::string(what));
    }
    if (!mapping.entries_.emplace(key, entry.second).second) {
      return ErrorAt(entry.first, "duplicate key `" + key + "` in " + std::string(what));
    }
  }
  return mapping;
}

YAML::Node Mapping::At(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? YAML::Node() : found->second;
}

Result<std::string> Mapping::Text(std::string_view key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.IsNull()) return std::string();
  return TextOf(found->second, "`" + std::string(key) + "`");
}

Result<std::vector<YAML::Node>> Mapping::List(std::string_view key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.IsNull()) return std::vector<YAML::Node>();
  if (!found->second.IsSequence()) {
    return ErrorAt(found->second, "`" + std::string(key) + "` must be a list");
  }
  return std::vector<YAML::Node>(found->second.begin(), found->second.end());
}

Result<json::object> Mapping::Object(std::string_view key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.IsNull()) return json::object();
  if (!found->second.IsMap()) {
    return ErrorAt(found->second, "`" + std::string(key) + "` must be a mapping");
  }
  PEMBA_TRY(auto value, ToJson(found->second));
  return std::move(value.get_object());
}

Result<std::string> TextOf(const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar()) return ErrorAt(node, std::string(what) + " must be text");
  return node.Scalar();
}

}  // namespace pemba::yaml
