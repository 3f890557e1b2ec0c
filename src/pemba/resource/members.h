// Members of JSON documents that anybody may have written: what is not of the wanted kind is not
// there.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace pemba::resource {

// A member's text; "" if it is none. Of a value that is no object: "".
std::string TextOf(const boost::json::object& object, std::string_view name);
std::string TextOf(const boost::json::value& value, std::string_view name);

// A member that is an object itself, or null.
const boost::json::object* ObjectOf(const boost::json::object& object, std::string_view name);

}  // namespace pemba::resource
