// The names of parameter types: the wire's and the DSL's.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "pemba/condition/types.h"

namespace pemba::model::internal {

// By number.
inline constexpr std::array<std::string_view, 12> kParameterTypeWireNames = {
    "TYPE_NAME_UNSPECIFIED", "TYPE_NAME_ANY",  "TYPE_NAME_BOOL",   "TYPE_NAME_STRING",
    "TYPE_NAME_INT",         "TYPE_NAME_UINT", "TYPE_NAME_DOUBLE", "TYPE_NAME_DURATION",
    "TYPE_NAME_TIMESTAMP",   "TYPE_NAME_MAP",  "TYPE_NAME_LIST",   "TYPE_NAME_IPADDRESS"};

// `any` has a name here, but no place in the DSL.
inline constexpr std::array<std::string_view, 12> kParameterTypeDslNames = {
    "",       "any",      "bool",      "string", "int",  "uint",
    "double", "duration", "timestamp", "map",    "list", "ipaddress"};

inline std::string_view WireName(condition::ParameterTypeName name) {
  return kParameterTypeWireNames[static_cast<std::size_t>(name)];
}
inline std::string_view DslName(condition::ParameterTypeName name) {
  return kParameterTypeDslNames[static_cast<std::size_t>(name)];
}

// kUnspecified for a name that is none.
template <std::size_t N>
condition::ParameterTypeName ParameterTypeNamed(std::string_view text,
                                                const std::array<std::string_view, N>& names) {
  for (std::size_t i = 1; i < N; ++i) {
    if (names[i] == text) return static_cast<condition::ParameterTypeName>(i);
  }
  return condition::ParameterTypeName::kUnspecified;
}

}  // namespace pemba::model::internal
