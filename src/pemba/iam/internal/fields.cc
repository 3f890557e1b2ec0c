#include "pemba/iam/internal/fields.h"

namespace pemba::iam::internal {

std::string_view TextIn(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

const boost::json::object& ObjectIn(const boost::json::object& object, std::string_view name) {
  static const boost::json::object kEmpty;
  const auto* value = object.if_contains(name);
  const auto* found = value == nullptr ? nullptr : value->if_object();
  return found == nullptr ? kEmpty : *found;
}

const boost::json::array& ListIn(const boost::json::object& object, std::string_view name) {
  static const boost::json::array kEmpty;
  const auto* value = object.if_contains(name);
  const auto* found = value == nullptr ? nullptr : value->if_array();
  return found == nullptr ? kEmpty : *found;
}

std::vector<std::string> TextsIn(const boost::json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  for (const auto& item : ListIn(object, name)) {
    if (const auto* text = item.if_string()) texts.emplace_back(*text);
  }
  return texts;
}

}  // namespace pemba::iam::internal
