#include "pemba/resource/selector.h"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/resource/object.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool IsLabelText(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
}

}  // namespace

// Requirements are separated by commas outside of parentheses.
class LabelParser {
 public:
  static Outcome<LabelSelector> Parse(std::string_view text) {
    LabelSelector selector;
    std::string_view rest = Trim(text);
    while (!rest.empty()) {
      std::size_t end = 0;
      for (int depth = 0; end < rest.size() && (rest[end] != ',' || depth > 0); ++end) {
        depth += rest[end] == '(' ? 1 : rest[end] == ')' ? -1 : 0;
      }
      Requirement requirement;
      if (!One(Trim(rest.substr(0, end)), requirement)) {
        return Failure(Failure::Reason::kBadRequest,
                       fmt::format("unable to parse requirement: `{}`", rest.substr(0, end)));
      }
      selector.requirements_.push_back(std::move(requirement));
      if (end == rest.size()) break;
      rest = Trim(rest.substr(end + 1));
      if (rest.empty()) {
        return Failure(Failure::Reason::kBadRequest,
                       "unable to parse requirement: nothing follows the last comma");
      }
    }
    return selector;
  }

 private:
  using Requirement = LabelSelector::Requirement;
  using Operator = Requirement::Operator;

  static bool One(std::string_view text, Requirement& requirement) {
    if (text.starts_with('!')) {
      requirement.op = Operator::kAbsent;
      return Key(Trim(text.substr(1)), requirement);
    }
    for (const auto& [word, op] :
         {std::pair<std::string_view, Operator>{" notin ", Operator::kNotIn},
          {" notin(", Operator::kNotIn},
          {" in ", Operator::kIn},
          {" in(", Operator::kIn}}) {
      const auto at = text.find(word);
      if (at == text.npos) continue;
      requirement.op = op;
      auto values = Trim(text.substr(at + word.size() - (word.back() == '(' ? 1 : 0)));
      if (!values.starts_with('(') || !values.ends_with(')')) return false;
      values = values.substr(1, values.size() - 2);
      while (true) {
        const auto comma = values.find(',');
        const auto value = Trim(values.substr(0, comma));
        if (!IsLabelText(value)) return false;
        requirement.values.emplace_back(value);
        if (comma == values.npos) break;
        values.remove_prefix(comma + 1);
      }
      return Key(Trim(text.substr(0, at)), requirement);
    }
    for (const auto& [sign, op] : {std::pair<std::string_view, Operator>{"!=", Operator::kNotIn},
                                   {"==", Operator::kIn},
                                   {"=", Operator::kIn}}) {
      const auto at = text.find(sign);
      if (at == text.npos) continue;
      requirement.op = op;
      const auto value = Trim(text.substr(at + sign.size()));
      if (!IsLabelText(value)) return false;
      requirement.values.emplace_back(value);
      return Key(Trim(text.substr(0, at)), requirement);
    }
    requirement.op = Operator::kExists;
    return Key(text, requirement);
  }

  static bool Key(std::string_view text, Requirement& requirement) {
    requirement.key = text;
    return !text.empty() && IsLabelText(text);
  }
};

Outcome<LabelSelector> LabelSelector::Parse(std::string_view text) {
  return LabelParser::Parse(text);
}

bool LabelSelector::Matches(const json::object* labels) const {
  using Operator = Requirement::Operator;
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    const auto* label = labels == nullptr ? nullptr : labels->if_contains(requirement.key);
    const auto is_one_of = [&] {
      return label != nullptr && label->is_string() &&
             std::ranges::any_of(requirement.values,
                                 [&](const auto& value) { return label->get_string() == value; });
    };
    switch (requirement.op) {
      case Operator::kIn:
        return is_one_of();
      case Operator::kNotIn:
        return !is_one_of();
      case Operator::kExists:
        return label != nullptr;
      case Operator::kAbsent:
        return label == nullptr;
    }
    return false;
  });
}

Outcome<FieldSelector> FieldSelector::Parse(std::string_view text, const Kind& kind) {
  FieldSelector selector;
  std::string_view rest = Trim(text);
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto one = Trim(rest.substr(0, end));
    rest = end == rest.size() ? std::string_view() : rest.substr(end + 1);
    const auto sign = one.find('=');
    if (sign == one.npos || sign == 0) {
      return Failure(Failure::Reason::kBadRequest,
                     fmt::format("invalid field selector: `{}` has no `=`", one));
    }
    Requirement requirement;
    requirement.equal = one[sign - 1] != '!';
    auto value = one.substr(sign + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    requirement.value = value;
    requirement.field = Trim(one.substr(0, requirement.equal ? sign : sign - 1));

    if (requirement.field == "metadata.name") {
      requirement.selectable = kName;
    } else if (requirement.field == "metadata.namespace") {
      requirement.selectable = kNamespace;
    } else {
      const auto found = std::ranges::find(kind.selectable, "." + requirement.field,
                                           [](const JsonPath& path) { return path.text(); });
      if (found == kind.selectable.end()) {
        return Failure(Failure::Reason::kBadRequest,
                       "field label not supported: " + requirement.field);
      }
      requirement.selectable = static_cast<std::size_t>(found - kind.selectable.begin());
    }
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool FieldSelector::Matches(const Object& object) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    if (requirement.selectable == kName) {
      return (object.key.name == requirement.value) == requirement.equal;
    }
    if (requirement.selectable == kNamespace) {
      return (object.key.name_space == requirement.value) == requirement.equal;
    }
    const auto& path = object.key.kind->selectable[requirement.selectable];
    const auto* value = path.First(object.document);
    const std::string text = value == nullptr     ? ""
                             : value->is_string() ? std::string(value->get_string())
                                                  : json::serialize(*value);
    return (text == requirement.value) == requirement.equal;
  });
}

}  // namespace pemba::resource
