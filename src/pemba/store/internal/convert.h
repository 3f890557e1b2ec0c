// Changes of the log and of the graph: the same, in two rooms that do not know each other.
#pragma once

#include <span>
#include <vector>

#include "pemba/graph/graph.h"
#include "pemba/storage/datastore.h"

namespace pemba::store::internal {

inline std::vector<storage::Change> ToStorage(std::span<const graph::Change> changes) {
  std::vector<storage::Change> converted;
  converted.reserve(changes.size());
  for (const auto& change : changes) {
    converted.push_back({static_cast<storage::Change::Operation>(change.operation), change.tuple,
                         change.condition, change.context, change.expires_at});
  }
  return converted;
}

inline std::vector<graph::Change> ToGraph(std::span<const storage::Change> changes) {
  std::vector<graph::Change> converted;
  converted.reserve(changes.size());
  for (const auto& change : changes) {
    converted.push_back({static_cast<graph::Change::Operation>(change.operation), change.tuple,
                         change.condition, change.context, change.expires_at});
  }
  return converted;
}

}  // namespace pemba::store::internal
