// Evaluator: runs a plan over the values of its variables.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/plan.h"
#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

inline constexpr std::uint64_t kNoCostLimit = std::numeric_limits<std::uint64_t>::max();

struct Evaluation {
  Value value;  // May be an error, or unknown if it hangs on an unknown variable.
  std::uint64_t cost = 0;
};

// `variables` has a value for each variable of the environment that the plan was made with. Once
// the cost exceeds the limit the outcome is an error, whatever the expression would have made of
// it. The value borrows from the plan, the variables and `arena`.
//
// The cost rules are those of CEL-Go's run-time cost tracker. No heap allocation of its own; a
// comprehension or a concatenation takes memory from `arena`.
Evaluation Evaluate(const Plan& plan, std::span<const Value> variables, std::uint64_t cost_max,
                    Arena& arena);

}  // namespace pemba::condition::internal
