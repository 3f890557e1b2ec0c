#include "pemba/model/internal/source_lines.h"

#include <algorithm>

#include "pemba/base/text.h"
#include "pemba/model/internal/dsl_token.h"

namespace pemba::model::internal {
namespace {

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsWireSpace(text.front())) text.remove_prefix(1);
  return text;
}

// Takes `word` and the white space after it off the front of `text`.
bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  const auto rest = text.substr(word.size());
  if (rest.empty() || !IsWireSpace(rest.front())) return false;
  text = TrimStart(rest);
  return true;
}

// The name at the front of `text`, up to white space or one of `stops`; `text` goes on after it.
std::string TakeName(std::string_view& text, std::string_view stops) {
  std::size_t end = 0;
  if (text.starts_with('`')) {
    do {
      end = text.find('`', end + 1);
    } while (end != std::string_view::npos && text.substr(end + 1).starts_with('`') && ++end);
    end = end == std::string_view::npos ? text.size() : end + 1;
  } else {
    const auto stops_here = [&](char c) { return stops.find(c) != std::string_view::npos; };
    while (end < text.size() && !IsWireSpace(text[end]) && !stops_here(text[end])) ++end;
  }
  const auto name = text.substr(0, end);
  text = TrimStart(text.substr(end));
  return NameOf(name);
}

// Whether `symbol`, in which a dot stands for any character, is at the front of `text`.
bool Matches(std::string_view text, std::string_view symbol) {
  return text.size() >= symbol.size() &&
         std::equal(symbol.begin(), symbol.end(), text.begin(),
                    [](char s, char t) { return s == '.' || s == t; });
}

// The first occurrence of `symbol` with a word boundary at both ends.
std::size_t FindWord(std::string_view line, std::string_view symbol, std::size_t from) {
  for (auto i = from; i + symbol.size() <= line.size(); ++i) {
    if (!Matches(line.substr(i), symbol)) continue;
    const auto end = i + symbol.size();
    const bool begins = IsWord(symbol.front()) != (i > 0 && IsWord(line[i - 1]));
    const bool ends = IsWord(symbol.back()) != (end < line.size() && IsWord(line[end]));
    if (begins && ends) return i;
  }
  return std::string_view::npos;
}

}  // namespace

SourceLines::SourceLines(std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines_.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto number = static_cast<int>(i);
    auto rest = TrimStart(lines_[i]);
    if (TakeWord(rest, "define")) {
      const auto name = TakeName(rest, ":");
      if (rest.starts_with(':')) relations_[name].push_back(number);
    } else if (TakeWord(rest, "condition")) {
      const auto name = TakeName(rest, "(");
      if (rest.starts_with('(')) conditions_.try_emplace(name, number);
    } else if (TakeWord(rest, "schema")) {
      if (!schema_) schema_ = number;
    } else {
      const bool extends = TakeWord(rest, "extend");
      if (!TakeWord(rest, "type")) continue;
      const auto name = TakeName(rest, "");
      if (!rest.empty() && !rest.starts_with('#')) continue;
      (extends ? extensions_ : types_).try_emplace(name, number);
    }
  }
}

std::optional<int> SourceLines::Type(std::string_view type) const {
  const auto it = types_.find(type);
  return it == types_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<int> SourceLines::Extension(std::string_view type) const {
  const auto it = extensions_.find(type);
  return it == extensions_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<int> SourceLines::Condition(std::string_view condition) const {
  const auto it = conditions_.find(condition);
  return it == conditions_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<int> SourceLines::Relation(std::string_view relation, int from) const {
  const auto it = relations_.find(relation);
  if (it == relations_.end()) return std::nullopt;
  const auto line = std::lower_bound(it->second.begin(), it->second.end(), from);
  return line == it->second.end() ? std::nullopt : std::optional(*line);
}

SourceRange SourceLines::Find(int number, std::string_view symbol, std::size_t from) const {
  const auto text = line(number);
  // `T:*` is searched for as the word T: tools take it for a regular expression.
  const auto word = symbol.ends_with(":*") ? symbol.substr(0, symbol.size() - 2) : symbol;
  const auto at = word.empty() ? std::string_view::npos : FindWord(text, word, from);
  const auto column = at == std::string_view::npos ? 0 : Width(text.substr(0, at));
  return {number, number, column, column + Width(symbol)};
}

std::size_t SourceLines::After(int number, std::string_view text) const {
  const auto at = line(number).find(text);
  return at == std::string_view::npos ? 0 : at + text.size();
}

}  // namespace pemba::model::internal
