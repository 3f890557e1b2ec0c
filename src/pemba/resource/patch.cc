#include "pemba/resource/patch.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace pemba::resource {
namespace {

namespace json = boost::json;

// One operation of RFC 6902 on a document; pointers are those of RFC 6901.
class Patcher {
 public:
  explicit Patcher(json::value& document) : document_(document) {}

  Outcome<Done> Run(const json::value& operation, std::size_t number) {
    const auto* object = operation.if_object();
    if (object == nullptr) return Bad(number, "is not an object");
    const auto text = [&](const char* name) -> std::optional<std::string> {
      const auto* value = object->if_contains(name);
      if (value == nullptr || !value->is_string()) return std::nullopt;
      return std::string(value->get_string());
    };
    const auto op = text("op");
    const auto path = text("path");
    if (!op || !path) return Bad(number, "needs `op` and `path`");
    const auto* value = object->if_contains("value");
    if (*op == "add" || *op == "replace" || *op == "test") {
      if (value == nullptr) return Bad(number, "needs `value`");
      if (*op == "add") return Add(*path, *value, number);
      json::value* at = Find(*path);
      if (at == nullptr) return Missing(number, *path);
      if (*op == "replace") {
        *at = *value;
      } else if (*at != *value) {
        return Failure(Failure::Reason::kInvalid,
                       fmt::format("operation {}: testing value {} failed", number, *path));
      }
      return Done{};
    }
    if (*op == "remove") return Remove(*path, number);
    const auto from = text("from");
    if (*op != "move" && *op != "copy") return Bad(number, "has an unknown `op`: " + *op);
    if (!from) return Bad(number, "needs `from`");
    const json::value* source = Find(*from);
    if (source == nullptr) return Missing(number, *from);
    const json::value moved = *source;
    if (*op == "move") {
      if ((*path + "/").starts_with(*from + "/") && *path != *from) {
        return Bad(number, "moves a value into itself");
      }
      PEMBA_TRY(std::ignore, Remove(*from, number));
    }
    return Add(*path, moved, number);
  }

 private:
  static Failure Bad(std::size_t number, std::string_view what) {
    return {Failure::Reason::kBadRequest, fmt::format("operation {} {}", number, what)};
  }
  static Failure Missing(std::size_t number, std::string_view path) {
    return {Failure::Reason::kInvalid,
            fmt::format("operation {}: there is nothing at `{}`", number, path)};
  }

  // Parent and last token; nothing for the whole document or a malformed pointer.
  struct Place {
    json::value* parent = nullptr;
    std::string token;
  };

  static bool Unescape(std::string_view text, std::string& token) {
    token.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '~') {
        token.push_back(text[i]);
        continue;
      }
      if (++i == text.size() || (text[i] != '0' && text[i] != '1')) return false;
      token.push_back(text[i] == '0' ? '~' : '/');
    }
    return true;
  }

  static std::optional<std::size_t> Index(std::string_view token) {
    if (token.empty() || token.size() > 9 || (token.size() > 1 && token[0] == '0')) return {};
    std::size_t index = 0;
    for (const char c : token) {
      if (c < '0' || c > '9') return {};
      index = index * 10 + static_cast<std::size_t>(c - '0');
    }
    return index;
  }

  static json::value* Child(json::value& parent, const std::string& token) {
    if (auto* object = parent.if_object()) return object->if_contains(token);
    auto* list = parent.if_array();
    const auto index = Index(token);
    return list != nullptr && index && *index < list->size() ? &(*list)[*index] : nullptr;
  }

  json::value* Find(std::string_view path) {
    if (path.empty()) return &document_;
    const auto place = Locate(path);
    return place.parent == nullptr ? nullptr : Child(*place.parent, place.token);
  }

  Place Locate(std::string_view path) {
    if (!path.starts_with('/')) return {};
    Place place{&document_, ""};
    while (true) {
      path.remove_prefix(1);
      const auto end = path.find('/');
      if (!Unescape(path.substr(0, end), place.token)) return {};
      if (end == path.npos) return place;
      place.parent = Child(*place.parent, place.token);
      if (place.parent == nullptr) return {};
      path.remove_prefix(end);
    }
  }

  Outcome<Done> Add(std::string_view path, const json::value& value, std::size_t number) {
    if (path.empty()) {
      document_ = value;
      return Done{};
    }
    const auto place = Locate(path);
    if (place.parent == nullptr) return Missing(number, path);
    if (auto* object = place.parent->if_object()) {
      (*object)[place.token] = value;
      return Done{};
    }
    auto* list = place.parent->if_array();
    if (list == nullptr) return Missing(number, path);
    const auto index = place.token == "-" ? std::optional(list->size()) : Index(place.token);
    if (!index || *index > list->size()) return Missing(number, path);
    list->insert(list->begin() + static_cast<std::ptrdiff_t>(*index), value);
    return Done{};
  }

  Outcome<Done> Remove(std::string_view path, std::size_t number) {
    const auto place = Locate(path);
    if (place.parent == nullptr || Child(*place.parent, place.token) == nullptr) {
      return Missing(number, path);
    }
    if (auto* object = place.parent->if_object()) {
      object->stable_erase(object->find(place.token));
      return Done{};
    }
    auto& list = place.parent->get_array();
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(*Index(place.token)));
    return Done{};
  }

  json::value& document_;
};

}  // namespace

void ApplyMergePatch(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object();
  for (const auto& [name, value] : patch.get_object()) {
    auto& object = target.get_object();
    if (value.is_null()) {
      if (const auto at = object.find(name); at != object.end()) object.stable_erase(at);
    } else {
      ApplyMergePatch(object[name], value);
    }
  }
}

Outcome<Done> ApplyJsonPatch(json::value& target, const json::value& patch) {
  const auto* operations = patch.if_array();
  if (operations == nullptr) {
    return Failure(Failure::Reason::kBadRequest, "a JSON patch is a list of operations");
  }
  if (operations->size() > kJsonPatchOperationsMax) {
    return Failure(Failure::Reason::kTooLarge,
                   fmt::format("a JSON patch may have at most {} operations, this one has {}",
                               kJsonPatchOperationsMax, operations->size()));
  }
  json::value changed = target;
  Patcher patcher(changed);
  for (std::size_t i = 0; i < operations->size(); ++i) {
    PEMBA_TRY(std::ignore, patcher.Run((*operations)[i], i));
  }
  target = std::move(changed);
  return Done{};
}

}  // namespace pemba::resource
