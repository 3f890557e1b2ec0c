// The parameter types of a condition, as a model declares them.
#pragma once

#include <cstdint>
#include <vector>

namespace pemba::condition {

// On disk and on the wire: the numbers of TypeName.
enum class ParameterTypeName : std::uint8_t {
  kUnspecified = 0,
  kAny = 1,
  kBool = 2,
  kString = 3,
  kInt = 4,
  kUint = 5,
  kDouble = 6,
  kDuration = 7,
  kTimestamp = 8,
  kMap = 9,
  kList = 10,
  kIpAddress = 11,
};

struct ParameterType {
  ParameterTypeName name = ParameterTypeName::kUnspecified;
  std::vector<ParameterType> generics;  // One entry for list and map.
  friend bool operator==(const ParameterType&, const ParameterType&) = default;
};

}  // namespace pemba::condition
