// What a checked write comes to at the state of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/store/internal/write_checks.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// The tuples that the next write of a batch finds: those of the graph, and what goes before it in
// the batch. Borrows the graph and the texts of what is added.
class Head {
 public:
  Head(const graph::Graph& graph)
      : graph_(graph) {}  // NOLINT(google-explicit-constructor): a
                          // graph with nothing before it.

  const graph::Graph& graph() const { return graph_; }
  // `place` is null, or of the graph.
  std::optional<graph::StoredTuple> Lookup(const tuple::TupleView& tuple,
                                           const graph::Place* place = nullptr) const;
  Revision applied() const { return added_.value_or(graph_.applied()); }
  // As Graph::ScanHead. Only while nothing was added.
  graph::ScanEnd ScanHead(const graph::ScanFilter& filter, const graph::StoredTuple* after,
                          std::size_t limit,
                          const std::function<void(const graph::StoredTuple&)>& visit) const;

  void Add(Revision revision, std::span<const graph::Change> changes);

 private:
  const graph::Graph& graph_;
  std::optional<Revision> added_;
  // By tuple; nothing: deleted.
  boost::unordered_flat_map<tuple::TupleView, std::optional<graph::StoredTuple>, TupleHash>
      changed_;
};

// Whether a write scans, and so must be the first of its batch.
bool Scans(const CheckedWrite& checked);

// What a write comes to.
struct ChangePlan {
  std::vector<graph::Change> changes;  // Deletes, then writes.
  std::uint64_t written = 0, deleted = 0;
  std::vector<std::unique_ptr<tuple::Tuple>> found;  // What changes of stored tuples borrow from.
};

// The changes that remain to be made at `head`: deletes, then writes, in request
// order. Borrows from the request and from `checked`. `start` is what the caller could see when it
// asked: what others did since is a conflict, not a mistake. `time` is the write's: what has
// expired by then is not there. Errors: kTupleStateMismatch, kConflict, kLimitExceeded.
Result<ChangePlan> PlanChanges(const CheckedWrite& checked, const Head& head,
                               const graph::Snapshot& start, WallTime time,
                               const StoreOptions& options);

}  // namespace pemba::store::internal
