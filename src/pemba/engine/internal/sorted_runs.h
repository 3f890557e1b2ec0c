// Questions about ascending runs of node ids.
#pragma once

#include <span>

#include "pemba/graph/types.h"

namespace pemba::engine::internal {

enum class RunsMeet : bool { kNo, kYes };

// Whether two ascending runs without repetitions have an element in common. Runs of similar length:
// four elements of each against each other at a time (Schlegel, Willhalm, Lehner, "Fast
// Sorted-Set Intersection using SIMD Instructions", ADMS 2011), some 0.5 ns an element. Otherwise
// each element of the short one is searched in the long one.
RunsMeet Meet(std::span<const graph::NodeId> a, std::span<const graph::NodeId> b);

}  // namespace pemba::engine::internal
