// JSON as people and programs read it.
#pragma once

#include <cstdint>
#include <string>

#include <boost/json/value.hpp>

namespace pemba::cli {

enum class JsonStyle : std::uint8_t {
  kOneLine,   // For programs.
  kIndented,  // For people: two spaces, empty lists and objects on one line.
  kColoured,  // As kIndented, with terminal colours.
};

// No line break at the end. Doubles are written in their shortest form, whole ones as integers, so
// that 1 does not come back as 1E0. Members keep their order. O(n).
std::string JsonText(const boost::json::value& value, JsonStyle style = JsonStyle::kOneLine);

}  // namespace pemba::cli
