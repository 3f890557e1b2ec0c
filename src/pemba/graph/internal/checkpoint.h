// Checkpoint: one snapshot of a graph as a file whose arrays are used where they lie.
//
// The file: a header, then sections, each at a multiple of 64 bytes and padded with zeroes, then
// the section table. The header carries an XXH3 hash of itself and the table, the table one of each
// section with its padding: no byte of the file is outside a hash. Integers are little-endian.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "pemba/graph/graph.h"
#include "pemba/graph/internal/pins.h"

namespace pemba::graph::internal {

class GraphState;

// Errors: kUnavailable (I/O).
Status SaveCheckpoint(const Snapshot& snapshot, const GraphState& state, Stamp stamp,
                      const std::string& path);

// Errors: kDataLoss, kUnavailable, kResourceExhausted; see Graph::Load.
Result<std::unique_ptr<GraphState>> LoadCheckpoint(const std::string& path, GraphOptions options);

}  // namespace pemba::graph::internal
