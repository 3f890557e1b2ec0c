// Loading: a store's graph from its checkpoint and its log; saving the checkpoint.
#pragma once

#include <cstdint>
#include <memory>

#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/store/internal/shared.h"

namespace pemba::store::internal {

struct LoadedGraph {
  std::unique_ptr<graph::Graph> graph;  // Everything durable is applied and published.
  WallTime last_time;                   // Of the last write; the epoch if there is none.
  std::uint64_t replayed = 0;           // Changes taken from the log.
};

// The checkpoint saves time and is never trusted: one that is damaged, or does not belong to this
// log, is reported and the whole log is replayed instead. The log is the truth: an error in it is
// an error. Errors: kDataLoss, kUnavailable, kResourceExhausted.
Result<LoadedGraph> LoadGraph(Shared& shared, const StoreId& store);

// Replaces the store's checkpoint. Does nothing without a checkpoint directory, or for ids that are
// no ULIDs (only those are safe names of files). Errors: kUnavailable.
Status SaveCheckpoint(const Shared& shared, const StoreId& store, const graph::Snapshot& snapshot);

}  // namespace pemba::store::internal
