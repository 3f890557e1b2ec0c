// Snapshot: a store's tuples as of one revision.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/graph/partition_view.h"
#include "pemba/graph/types.h"

namespace pemba::graph {

namespace internal {
class GraphState;
struct PinSlot;
}  // namespace internal

class Graph;

// Which tuples Scan yields. Empty fields match everything.
struct ScanFilter {
  std::string_view object_type = {};
  std::string_view object_id = {};  // Needs object_type.
  std::string_view relation = {};
  std::string_view subject = {};  // Whole text: `user:anne`, `group:eng#member`, `user:*`.
  // Or its parts.
  std::string_view subject_type = {};
  std::string_view subject_id = {};                       // Needs subject_type; `*`: the wildcard.
  std::optional<std::string_view> subject_relation = {};  // Empty: no usersets.
  std::optional<WallTime> alive_at = {};    // Without those that have expired by then.
  std::optional<WallTime> expired_at = {};  // Only those that have.
};

// A tuple as it is stored. Its texts are borrowed for as long as the giver says.
struct StoredTuple {
  tuple::TupleView tuple = {};
  std::string_view condition = {};          // Name; empty: unconditional.
  std::string_view context = {};            // Canonical text; empty: none.
  Revision revision = 0;                    // Of the write that made it.
  std::optional<WallTime> expires_at = {};  // Absent: never.
};

// Whether a tuple that is stored still counts at `now`.
inline bool IsAlive(const StoredTuple& tuple, WallTime now) {
  return !tuple.expires_at || now < *tuple.expires_at;
}

enum class ScanEnd : std::uint8_t {
  kComplete,  // Nothing more matches.
  kMore,      // The limit came first; go on after the last tuple.
};

// An immutable view of one store, pinned: what it shows stays in memory and never changes while it
// lives. Movable, also to another thread; used by one thread at a time or read by many. Keep it for
// one request: memory that writers replace meanwhile is not freed before it goes. It must not
// outlive its graph.
class Snapshot {
 public:
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;
  ~Snapshot();

  Revision revision() const { return revision_; }

  // The id of `text` within `type`, or kNoNode if no tuple ever named it. Two dependent cache
  // misses, which are most of a check that starts from strings: ask for several at once.
  NodeId FindNode(TypeId type, std::string_view text) const;

  struct NodeQuery {
    TypeId type = 0;
    std::string_view text;
    NodeId node = kNoNode;  // The answer.
  };
  // Answers all queries, their cache misses side by side.
  void FindNodes(std::span<NodeQuery> queries) const;

  // Where the names of these tuples lie, for a writer who comes next: it need not look for them
  // while others wait for it.
  Places Locate(std::span<const tuple::TupleView> tuples) const;

  // Ids of `type` are below this. For bitmaps over a type.
  NodeId NodesMax(TypeId type) const;

  // Valid while the snapshot lives. The ids must be of this graph.
  std::string_view NodeText(TypeId type, NodeId node) const;
  std::string_view ContextText(ContextId context) const;

  // When the write that made this revision was committed; the epoch for revisions that made no
  // tuple of this snapshot. O(log writes).
  WallTime TimeOf(Revision revision) const;

  // The id must be of this graph; it may have been interned after the pin.
  PartitionView View(PartitionId partition) const;

  // Visits at most `limit` matching tuples that follow `after` (null: from the start) in the
  // graph's total order: by partition key, then by object and subject id as first written. The
  // order is the same after a restart. `after` needs its tuple, condition and whether it expires
  // only, and the tuple may be gone by now. The visited tuple's texts are valid during the call.
  // Cost: O(partitions of the filter + tuples visited), wherever `after` points. With an object id
  // or a subject, only the rows of those are touched.
  ScanEnd Scan(const ScanFilter& filter, const StoredTuple* after, std::size_t limit,
               const std::function<void(const StoredTuple&)>& visit) const;

  // Writes this snapshot to `path`, through a temporary file beside it that is synced and renamed.
  // Writers go on meanwhile. O(tuples). Errors: kUnavailable (I/O).
  Status SaveCheckpoint(const std::string& path) const;

 private:
  friend class Graph;
  Snapshot(const internal::GraphState& state, internal::PinSlot* slot, std::uint32_t stamp,
           Revision revision)
      : state_(&state), slot_(slot), stamp_(stamp), revision_(revision) {}

  const internal::GraphState* state_;
  internal::PinSlot* slot_;  // Null once moved from.
  std::uint32_t stamp_;      // The newest change that it sees.
  Revision revision_;
};

}  // namespace pemba::graph
