#include "pemba/resource/members.h"

#include <boost/json/string.hpp>

namespace pemba::resource {

namespace json = boost::json;

std::string TextOf(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
}

std::string TextOf(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object == nullptr ? "" : TextOf(*object, name);
}

const json::object* ObjectOf(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member == nullptr ? nullptr : member->if_object();
}

}  // namespace pemba::resource
