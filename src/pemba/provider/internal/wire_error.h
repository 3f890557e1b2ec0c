// Statuses of OpenFGA's gRPC as errors.
#pragma once

#include <cstdint>
#include <string>

#include "pemba/base/result.h"

namespace pemba::provider::internal {

// `number`: a standard gRPC status, or one of the wire's own (1000 and more). Not 0.
Error FromStatus(std::uint32_t number, std::string message);

// Of an item of a batch: the wire's own number.
inline Error FromItemError(std::uint32_t number, std::string message) {
  return FromStatus(number, std::move(message));
}

}  // namespace pemba::provider::internal
