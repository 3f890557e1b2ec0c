#include "pemba/resource/json_path.h"

#include <charconv>
#include <span>

#include <fmt/format.h>

namespace pemba::resource {

namespace json = boost::json;

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
    const auto end = rest.find(']');
    if (end == rest.npos) return bad;
    std::string_view inside = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (inside == "*") {
      step.kind = Step::Kind::kEach;
    } else if (inside.starts_with("?(@.") && inside.ends_with("\")")) {
      const auto equals = inside.find("==\"");
      if (equals == inside.npos) return bad;
      step.kind = Step::Kind::kWhere;
      step.name = inside.substr(4, equals - 4);
      step.value = inside.substr(equals + 3, inside.size() - equals - 5);
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
