// Reading documents whose schema has been checked: what is absent or of another type is empty.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace pemba::iam::internal {

std::string_view TextIn(const boost::json::object& object, std::string_view name);
const boost::json::object& ObjectIn(const boost::json::object& object, std::string_view name);
const boost::json::array& ListIn(const boost::json::object& object, std::string_view name);
std::vector<std::string> TextsIn(const boost::json::object& object, std::string_view name);

}  // namespace pemba::iam::internal
