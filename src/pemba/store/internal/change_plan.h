// What a checked write comes to at the state of the store.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/store/internal/write_checks.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// What a write comes to.
struct ChangePlan {
  std::vector<graph::Change> changes;  // Deletes, then writes.
  std::uint64_t written = 0, deleted = 0;
  std::vector<std::unique_ptr<tuple::Tuple>> found;  // What changes of stored tuples borrow from.
};

// The changes that remain to be made at the head of `graph`: deletes, then writes, in request
// order. Borrows from the request and from `checked`. `start` is what the caller could see when it
// asked: what others did since is a conflict, not a mistake. `time` is the write's: what has
// expired by then is not there. Errors: kTupleStateMismatch, kConflict, kLimitExceeded.
Result<ChangePlan> PlanChanges(const CheckedWrite& checked, const graph::Graph& graph,
                               const graph::Snapshot& start, WallTime time,
                               const StoreOptions& options);

}  // namespace pemba::store::internal
