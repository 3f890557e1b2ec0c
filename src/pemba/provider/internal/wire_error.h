// Statuses of OpenFGA's gRPC as errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::provider::internal {

// `number`: a standard gRPC status, or one of the wire's own (1000 and more). Not 0.
// kTupleStateMismatch says too that a tuple is there under another condition, a conflict on the
// wire: no repetition helps. The text then has kOtherCondition in it.
Error FromStatus(std::uint32_t number, std::string message);

inline constexpr std::string_view kOtherCondition =
    "attempted to write a tuple which already exists with a different condition";

}  // namespace pemba::provider::internal
