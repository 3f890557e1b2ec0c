// Changes of tuples in the steps in which a provider can take them, and tuples of a snapshot.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider::internal {

// One step of a change: removals, or additions.
struct Step {
  std::span<const tuple::Tuple> removes, adds;
};

// In steps of at most `size` tuples (0: one), removals before additions; a step has both only if
// everything fits into one.
std::vector<Step> StepsOf(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds,
                          std::size_t size);

// Without duplicates, and without removals of what is added.
struct NetChange {
  std::vector<tuple::Tuple> removes, adds;
};
NetChange NetOf(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds);

Result<tuple::Tuple> FromGraph(const graph::StoredTuple& stored);

// The tuple of that object, relation and subject, if it is there and has not expired.
Result<std::optional<tuple::Tuple>> FindTuple(const graph::Snapshot& snapshot,
                                              const tuple::TupleView& tuple, WallTime now);

// Every tuple that has not expired. Errors: kDataLoss, those of `visit`.
Status VisitTuples(const graph::Snapshot& snapshot, WallTime now,
                   const std::function<Status(const tuple::Tuple&)>& visit);

}  // namespace pemba::provider::internal
