#include "pemba/resource/json_path.h"

#include <charconv>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace pemba::resource {

namespace json = boost::json;

namespace {

bool IsQuote(char c) { return c == '"' || c == '\''; }

// Of what stands between brackets; npos: they are not closed. A quoted `]` closes nothing.
std::size_t EndOfBrackets(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quote != 0) {
      if (text[i] == quote) quote = 0;
    } else if (IsQuote(text[i])) {
      quote = text[i];
    } else if (text[i] == ']') {
      return i;
    }
  }
  return text.npos;
}

// Takes a text in quotes from the front of `rest`; nothing if there is none.
std::optional<std::string> TakeQuoted(std::string_view& rest) {
  if (rest.empty() || !IsQuote(rest.front())) return std::nullopt;
  const char quote = rest.front();
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == quote) {
      rest.remove_prefix(i + 1);
      return text;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    text.push_back(rest[i]);
  }
  return std::nullopt;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What `?(@.FIELD=="VALUE")` compares; nothing if it is another filter.
std::optional<std::pair<std::string, std::string>> FilterOf(std::string_view inside) {
  constexpr std::string_view kBegin = "?(@.";
  const auto equals = inside.find("==");
  if (!inside.starts_with(kBegin) || !inside.ends_with(')') || equals == inside.npos) {
    return std::nullopt;
  }
  const auto field = Trimmed(inside.substr(kBegin.size(), equals - kBegin.size()));
  auto right = Trimmed(inside.substr(equals + 2, inside.size() - equals - 3));
  auto value = TakeQuoted(right);
  if (field.empty() || !value || !right.empty()) return std::nullopt;
  return std::pair(std::string(field), *std::move(value));
}

}  // namespace

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  const Error bad{ErrorCode::kInvalidArgument, fmt::format("`{}` is not a path of fields", text)};
  JsonPath path;
  path.text_ = text;
  std::string_view rest = text;
  while (!rest.empty()) {
    Step step;
    if (rest.front() == '.') {
      rest.remove_prefix(1);
      while (!rest.empty() && rest.front() != '.' && rest.front() != '[') {
        if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
        step.name.push_back(rest.front());
        rest.remove_prefix(1);
      }
      if (step.name.empty()) return bad;
      path.steps_.push_back(std::move(step));
      continue;
    }
    if (rest.front() != '[') return bad;
    const auto end = EndOfBrackets(rest);
    if (end == rest.npos) return bad;
    std::string_view inside = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (inside == "*") {
      step.kind = Step::Kind::kEach;
    } else if (auto filter = FilterOf(inside)) {
      step.kind = Step::Kind::kWhere;
      std::tie(step.name, step.value) = *std::move(filter);
    } else if (auto name = TakeQuoted(inside)) {
      if (!inside.empty() || name->empty()) return bad;
      step.name = *std::move(name);
    } else {
      step.kind = Step::Kind::kIndex;
      const auto [at, error] =
          std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
      if (error != std::errc() || at != inside.data() + inside.size()) return bad;
    }
    path.steps_.push_back(std::move(step));
  }
  if (path.steps_.empty() || path.steps_.front().kind != Step::Kind::kField) return bad;
  return path;
}

namespace {

const json::value* FieldOf(const json::object* object, const std::string& name) {
  return object == nullptr ? nullptr : object->if_contains(name);
}

}  // namespace

std::vector<const json::value*> JsonPath::All(const json::object& document) const {
  std::vector<const json::value*> at;
  if (const auto* field = FieldOf(&document, steps_.front().name)) at.push_back(field);
  for (const Step& step : std::span(steps_).subspan(1)) {
    std::vector<const json::value*> next;
    for (const json::value* value : at) {
      if (step.kind == Step::Kind::kField) {
        if (const auto* field = FieldOf(value->if_object(), step.name)) next.push_back(field);
        continue;
      }
      if (const auto* fields = value->if_object();
          fields != nullptr && step.kind == Step::Kind::kEach) {
        for (const auto& field : *fields) next.push_back(&field.value());
        continue;
      }
      const auto* list = value->if_array();
      if (list == nullptr) continue;
      for (std::size_t i = 0; i < list->size(); ++i) {
        const json::value& item = (*list)[i];
        if (step.kind == Step::Kind::kIndex && i != step.index) continue;
        if (step.kind == Step::Kind::kWhere) {
          const auto* field = FieldOf(item.if_object(), step.name);
          if (field == nullptr || *field != json::string_view(step.value)) continue;
        }
        next.push_back(&item);
      }
    }
    at = std::move(next);
  }
  return at;
}

const json::value* JsonPath::First(const json::object& document) const {
  const auto all = All(document);
  return all.empty() ? nullptr : all.front();
}

}  // namespace pemba::resource
