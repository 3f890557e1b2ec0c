#include "pemba/cli/json_text.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include <boost/json/serialize.hpp>

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr double kWholeMax = 9007199254740992.0;  // 2^53: beyond it doubles skip integers.

class Writer {
 public:
  explicit Writer(JsonStyle style) : style_(style) {}

  void Write(const json::value& value, int depth) {
    switch (value.kind()) {
      case json::kind::object:
        return Members(value.get_object(), depth);
      case json::kind::array:
        return Items(value.get_array(), depth);
      case json::kind::string:
        return Paint("\x1b[32m", json::serialize(value));
      case json::kind::double_:
        return Paint("\x1b[36m", Number(value.get_double()));
      case json::kind::bool_:
      case json::kind::null:
        return Paint("\x1b[35m", json::serialize(value));
      default:
        return Paint("\x1b[36m", json::serialize(value));
    }
  }

  std::string Take() { return std::move(text_); }

 private:
  void Members(const json::object& object, int depth) {
    text_ += '{';
    for (const auto& member : object) {
      Separate(&member != object.begin(), depth + 1);
      Paint("\x1b[34m", json::serialize(member.key()));
      text_ += style_ == JsonStyle::kOneLine ? ":" : ": ";
      Write(member.value(), depth + 1);
    }
    if (!object.empty()) Break(depth);
    text_ += '}';
  }

  void Items(const json::array& array, int depth) {
    text_ += '[';
    for (const auto& item : array) {
      Separate(&item != array.begin(), depth + 1);
      Write(item, depth + 1);
    }
    if (!array.empty()) Break(depth);
    text_ += ']';
  }

  void Separate(bool comma, int depth) {
    if (comma) text_ += ',';
    Break(depth);
  }

  void Break(int depth) {
    if (style_ == JsonStyle::kOneLine) return;
    text_ += '\n';
    text_.append(static_cast<std::size_t>(depth) * 2, ' ');
  }

  void Paint(const char* colour, std::string_view text) {
    if (style_ == JsonStyle::kColoured) text_ += colour;
    text_ += text;
    if (style_ == JsonStyle::kColoured) text_ += "\x1b[0m";
  }

  static std::string Number(double value) {
    if (std::isnan(value)) return "null";
    if (std::isinf(value)) return value > 0 ? "1e999" : "-1e999";  // JSON has no other word for it.
    char digits[32];
    const bool whole = std::trunc(value) == value && std::abs(value) < kWholeMax;
    const auto end =
        whole ? std::to_chars(digits, digits + sizeof(digits), static_cast<long long>(value)).ptr
              : std::to_chars(digits, digits + sizeof(digits), value).ptr;
    return {digits, end};
  }

  JsonStyle style_;
  std::string text_;
};

}  // namespace

std::string JsonText(const json::value& value, JsonStyle style) {
  Writer writer(style);
  writer.Write(value, 0);
  return writer.Take();
}

}  // namespace pemba::cli
