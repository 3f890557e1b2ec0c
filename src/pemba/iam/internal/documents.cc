#include "pemba/iam/internal/documents.h"

#include <algorithm>

#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

json::object& MapAt(json::object& document, std::string_view name) {
  json::value& metadata = document["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  json::value& map = metadata.get_object()[View(name)];
  if (!map.is_object()) map = json::object();
  return map.get_object();
}

}  // namespace

const json::value* At(const json::object& object, Path path) {
  const json::object* inside = &object;
  const json::value* found = nullptr;
  for (const auto step : path) {
    if (inside == nullptr) return nullptr;
    found = inside->if_contains(View(step));
    if (found == nullptr) return nullptr;
    inside = found->if_object();
  }
  return found;
}

std::string TextAt(const json::object& object, Path path) {
  const auto* value = At(object, path);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

const json::object& ObjectAt(const json::object& object, Path path) {
  static const json::object kNone;
  const auto* value = At(object, path);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

const json::array& ListAt(const json::object& object, Path path) {
  static const json::array kNone;
  const auto* value = At(object, path);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

std::string Annotation(const resource::Object& object, std::string_view name) {
  const auto* map = object.annotations();
  return map == nullptr ? "" : TextAt(*map, {name});
}

std::string Label(const resource::Object& object, std::string_view name) {
  const auto* map = object.labels();
  return map == nullptr ? "" : TextAt(*map, {name});
}

std::string DisplayName(const resource::Object& object) {
  auto name = Annotation(object, "kubernetes.io/display-name");
  return name.empty() ? object.key.name : name;
}

json::object OwnerReferenceTo(const resource::Object& owner, Owns how) {
  json::object reference{{"apiVersion", owner.key.kind->api_version()},
                         {"kind", owner.key.kind->name},
                         {"name", owner.key.name},
                         {"uid", View(owner.uid())}};
  if (how == Owns::kAsController) {
    reference["controller"] = true;
    reference["blockOwnerDeletion"] = true;
  }
  return reference;
}

bool IsOwnedBy(const resource::Object& object, std::string_view owner_uid) {
  const auto owners = object.owners();
  return std::ranges::any_of(owners, [&](const auto& owner) { return owner.uid == owner_uid; });
}

Changed AddOwner(json::object& document, const resource::Object& owner, Owns how) {
  json::value& metadata = document["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  json::value& list = metadata.get_object()["ownerReferences"];
  if (!list.is_array()) list = json::array();
  auto reference = OwnerReferenceTo(owner, how);
  for (auto& one : list.get_array()) {
    if (!one.is_object() || TextAt(one.get_object(), {"uid"}) != owner.uid()) continue;
    if (one.get_object() == reference) return Changed::kNo;
    one = std::move(reference);
    return Changed::kYes;
  }
  list.get_array().push_back(std::move(reference));
  return Changed::kYes;
}

Changed SetMetadata(json::object& document, std::string_view map, std::string_view name,
                    std::string_view value) {
  if (TextAt(document, {"metadata", map, name}) == value) return Changed::kNo;
  json::object& entries = MapAt(document, map);
  if (!value.empty()) {
    entries[View(name)] = View(value);
    return Changed::kYes;
  }
  entries.erase(View(name));
  if (entries.empty()) document["metadata"].get_object().erase(View(map));
  return Changed::kYes;
}

std::vector<RoleMention> RolesOf(const resource::Object& object,
                                 std::string_view default_namespace) {
  std::vector<RoleMention> roles;
  std::size_t index = 0;
  for (const auto& role : ListAt(object.spec(), {"roles"})) {
    const auto place = index++;
    if (!role.is_object()) continue;
    auto name_space = TextAt(role.get_object(), {"namespace"});
    if (name_space.empty()) name_space = default_namespace;
    roles.push_back({{std::move(name_space), TextAt(role.get_object(), {"name"})}, place});
  }
  return roles;
}

RoleKey RoleOfBinding(const resource::Object& binding) {
  RoleKey key{SpecText(binding, {"roleRef", "namespace"}), SpecText(binding, {"roleRef", "name"})};
  if (key.name_space.empty()) key.name_space = binding.key.name_space;
  return key;
}

json::object ReferenceTo(const resource::Object& object) {
  const auto& kind = *object.key.kind;
  json::object reference{{"apiGroup", kind.group.empty() ? std::string(kCoreService) : kind.group},
                         {"kind", kind.name},
                         {"name", object.key.name},
                         {"uid", View(object.uid())}};
  if (!object.key.name_space.empty()) reference["namespace"] = object.key.name_space;
  return reference;
}

json::object SubjectOf(const resource::Object& user) {
  return {{"kind", "User"}, {"name", user.key.name}, {"uid", View(user.uid())}};
}

std::optional<WallTime> TimeFrom(std::string_view text) {
  // 2026-11-22T04:00:00[.123][Z|+01:00]
  const auto digits = [&](std::size_t at, std::size_t count) -> std::optional<int> {
    if (at + count > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const auto is = [&](std::size_t at, std::string_view any) {
    return at < text.size() && any.find(text[at]) != std::string_view::npos;
  };
  const auto year = digits(0, 4), month = digits(5, 2), day = digits(8, 2);
  const auto hour = digits(11, 2), minute = digits(14, 2), second = digits(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (!is(4, "-") || !is(7, "-") || !is(10, "Tt") || !is(13, ":") || !is(16, ":")) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  WallTime time = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                  std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  std::size_t at = 19;
  if (is(at, ".")) {
    std::int64_t unit = 100'000'000;
    for (++at; is(at, "0123456789"); ++at, unit /= 10) {
      time += std::chrono::nanoseconds((text[at] - '0') * unit);
    }
  }
  if (is(at, "Zz")) return at + 1 == text.size() ? std::optional(time) : std::nullopt;
  if (!is(at, "+-") || !is(at + 3, ":") || at + 6 != text.size()) return std::nullopt;
  const auto hours = digits(at + 1, 2), minutes = digits(at + 4, 2);
  if (!hours || !minutes) return std::nullopt;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[at] == '+' ? time - offset : time + offset;
}

}  // namespace pemba::iam::internal
