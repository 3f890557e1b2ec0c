// Parsing of fga.mod.
#include <algorithm>
#include <optional>
#include <utility>

#include <re2/re2.h>
#include <yaml-cpp/yaml.h>

#include "pemba/model/internal/dsl_token.h"
#include "pemba/model/modules.h"

namespace pemba::model {
namespace {

constexpr std::string_view kSchemaVersion = "1.2";

// Whether an unquoted scalar is a string by YAML 1.2's core schema.
bool IsPlainString(const std::string& text) {
  static const RE2 not_strings(
      "null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|"
      R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))");
  return !RE2::FullMatch(text, not_strings);
}

// Percent-decoding in which `+` is a space.
std::optional<std::string> DecodeUrl(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit(text[i + 1]), low = digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

class ModFileReader {
 public:
  explicit ModFileReader(std::string_view text) : text_(text) {}

  ParsedModFile Read() {
    YAML::Node root;
    try {
      root = YAML::Load(std::string(text_));
    } catch (const YAML::Exception& e) {
      Fail("fga.mod is not YAML: " + e.msg, At(e.mark, 0));
      return std::move(out_);
    }
    try {
      Schema(Field(root, "schema"));
      Contents(Field(root, "contents"));
    } catch (const YAML::Exception& e) {
      Fail("fga.mod cannot be read: " + e.msg, At(e.mark, 0));
    }
    return std::move(out_);
  }

 private:
  static YAML::Node Field(const YAML::Node& root, const char* key) {
    return root.IsMap() ? root[key] : YAML::Node(YAML::NodeType::Undefined);
  }

  void Fail(std::string message, SourceRange range) {
    out_.errors.push_back({std::move(message), range});
  }

  // yaml-cpp counts bytes.
  SourceRange At(const YAML::Mark& mark, int width) const {
    if (mark.is_null()) return {};
    const auto offset = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size());
    const auto line_begin = text_.rfind('\n', offset == 0 ? 0 : offset - 1);
    const auto begin = line_begin == std::string_view::npos || offset == 0 ? 0 : line_begin + 1;
    const auto column = internal::Width(text_.substr(begin, offset - begin));
    return {mark.line, mark.line, column, column + width};
  }

  // The scalar as it is written, with its quotes.
  std::string_view Written(const YAML::Node& node) const {
    const auto offset = static_cast<std::size_t>(std::max(node.Mark().pos, 0));
    const auto rest = text_.substr(std::min(offset, text_.size()));
    if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) {
      return rest.substr(0, node.Scalar().size());
    }
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == '\\' && rest[0] == '"') {
        ++i;
      } else if (rest[i] == rest[0]) {
        if (rest[0] == '"' || rest.substr(i + 1, 1) != "'") return rest.substr(0, i + 1);
        ++i;
      }
    }
    return rest;
  }

  SourceRange RangeOf(const YAML::Node& node) const {
    return At(node.Mark(), node.IsScalar() ? internal::Width(Written(node)) : 0);
  }

  static bool IsString(const YAML::Node& node) {
    return node.IsScalar() && (node.Tag() == "!" || IsPlainString(node.Scalar()));
  }

  static std::string ValueText(const YAML::Node& node) {
    if (node.IsNull()) return "null";
    if (node.IsScalar()) return node.Scalar();
    YAML::Emitter out;
    out << YAML::Flow << node;
    return out.c_str();
  }

  void Schema(const YAML::Node& node) {
    if (!node.IsDefined()) return Fail("missing schema field", {});
    const auto range = RangeOf(node);
    if (!IsString(node)) {
      return Fail("unexpected schema type, expected string got value " + ValueText(node), range);
    }
    if (node.Scalar() != kSchemaVersion) {
      return Fail("unsupported schema version, fga.mod only supported in version `1.2`", range);
    }
    out_.file.schema = {node.Scalar(), range};
  }

  void Contents(const YAML::Node& node) {
    if (!node.IsDefined()) return Fail("missing contents field", {});
    if (!node.IsSequence()) {
      return Fail("unexpected contents type, expected list of strings got value " + ValueText(node),
                  RangeOf(node));
    }
    auto& range = out_.file.contents_range = RangeOf(node);
    for (const auto& item : node) {
      const auto item_range = RangeOf(item);
      range.line_end = item_range.line_end + 1;
      range.column_end = 0;
      if (!IsString(item)) {
        Fail("unexpected contents item type, expected string got value " + ValueText(item),
             item_range);
      } else {
        Item(item.Scalar(), item_range);
      }
    }
  }

  void Item(const std::string& value, SourceRange range) {
    auto path = DecodeUrl(value);
    if (!path) return Fail("failed to decode path: " + value, range);
    std::replace(path->begin(), path->end(), '\\', '/');
    if (path->find("../") != std::string::npos || path->starts_with('/')) {
      return Fail("invalid contents item " + value, range);
    }
    if (!path->ends_with(".fga")) {
      return Fail("contents items should use fga file extension, got " + value, range);
    }
    out_.file.contents.push_back({*std::move(path), range});
  }

  std::string_view text_;
  ParsedModFile out_;
};

}  // namespace

ParsedModFile ParseModFile(std::string_view text) { return ModFileReader(text).Read(); }

std::string ToText(const std::vector<ModFileError>& errors) {
  std::string text = std::to_string(errors.size());
  text += errors.size() == 1 ? " error occurred:" : " errors occurred:";
  for (const auto& e : errors) {
    text += "\n\t* validation error at line=" + std::to_string(e.range.line_start) +
            ", column=" + std::to_string(e.range.column_start) + ": " + e.message;
  }
  return text + "\n\n";
}

}  // namespace pemba::model
