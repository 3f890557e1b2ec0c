// Scan: a snapshot's tuples in a total order, from any point of it.
#pragma once

#include <cstddef>
#include <functional>

#include "pemba/graph/snapshot.h"

namespace pemba::graph::internal {

class GraphState;

ScanEnd Scan(const Snapshot& snapshot, const GraphState& state, const ScanFilter& filter,
             const StoredTuple* after, std::size_t limit,
             const std::function<void(const StoredTuple&)>& visit);

}  // namespace pemba::graph::internal
