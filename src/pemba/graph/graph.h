// Graph: the relationship tuples of one store, in memory, forward and reverse.
//
// A tuple (object type, object id, relation, subject, condition) takes few values in everything but
// its two ids. Those few are interned once as a *partition*; a partition is then a bipartite graph
// between two dense sets of 32-bit node ids, one set per type.
//
// Readers pin a Snapshot: they take no lock, write no shared cache line and never wait. One writer
// at a time applies changes under a revision that nobody can see yet, and publishes it later, once
// it is durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/graph/memory_budget.h"
#include "pemba/graph/snapshot.h"
#include "pemba/graph/types.h"

namespace pemba::graph {

namespace internal {
class GraphState;
}  // namespace internal

struct GraphOptions {
  std::uint64_t memory_bytes_max = 0;  // Of everything the graph holds; 0: no limit.
  // Shared with other graphs; null: none. Outlives the graph. What a graph holds counts with an
  // eighth on top, which is what the rounding of allocations comes to.
  MemoryBudget* budget = nullptr;
};

struct PartitionInfo {
  PartitionId id = 0;
  PartitionKey key;
  TypeId object_type = 0;
  TypeId subject_type = 0;
};

// In bytes, of the graph's own accounting (without the allocator's slack).
struct MemoryUse {
  std::uint64_t dictionaries = 0;  // Texts, tables and offsets of ids and contexts.
  std::uint64_t base = 0;          // Rows, both directions, with their directories.
  std::uint64_t delta = 0;         // Changes that are not merged yet.
  std::uint64_t writes = 0;        // The time of each write.
  std::uint64_t retired = 0;       // Replaced, but a snapshot may see it, or it is in the image.
  std::uint64_t image = 0;  // Size of the loaded checkpoint; what is used of it counts above.
  std::uint64_t total() const { return dictionaries + base + delta + writes + retired; }
};

struct Statistics {
  std::uint64_t tuples = 0;  // At the writer's head.
  std::uint64_t nodes = 0;   // Distinct ids, over all types.
  std::uint64_t merges = 0;  // Of delta into base, since start.
  std::uint32_t types = 0;
  std::uint32_t partitions = 0;
};

// Thread-safety: reading (Pin, Find*, Partitions, memory_use, statistics, published) and interning
// are for any thread at any time. Apply, Publish, Lookup and Compact are the writer's: callers
// serialise them. Merging is part of Apply, in small pieces: work per change is O(log n) amortised
// and at most some 100 us for the change that triggers a merge, however large the row.
class Graph {
 public:
  explicit Graph(GraphOptions options = {});
  ~Graph();  // No snapshot may be left.
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Reads a checkpoint and starts from its revision; its arrays are used where they lie. Every byte
  // is verified before it is used; nodes, types and partitions keep their ids. The file may be
  // replaced or deleted afterwards.
  // Errors: kDataLoss (truncated, altered or not a checkpoint of this version; the message names
  // file and section), kUnavailable (cannot be read), kResourceExhausted (above the budget).
  static Result<std::unique_ptr<Graph>> Load(const std::string& path, GraphOptions options = {});

  // The newest published revision, pinned. Lock-free; some 10 ns.
  Snapshot Pin() const;

  // Names get ids once and for ever, also before any tuple uses them. For binding models: they
  // take a lock.
  TypeId InternType(std::string_view name);
  PartitionId InternPartition(const PartitionKey& key);
  std::optional<TypeId> FindType(std::string_view name) const;
  std::optional<PartitionId> FindPartition(const PartitionKey& key) const;
  std::vector<PartitionInfo> Partitions() const;  // In key order.

  // Applies the changes of one committed or to-be-committed write, in order. Nobody sees them
  // before Publish. `revision` is greater than every one applied before. A tuple's key is (object,
  // relation, subject): a write replaces the tuple under whatever condition it exists, a delete
  // removes it likewise and does nothing if there is none.
  // Errors: kResourceExhausted (a memory budget would be exceeded), kInvalidTuple (a part is not
  // in its text form). Nothing is applied then.
  Status Apply(Revision revision, WallTime time, std::span<const Change> changes);

  // Takes from the memory budgets what Apply of these changes may need, and keeps it until the next
  // Apply. Errors: kResourceExhausted.
  Status Reserve(std::span<const Change> changes);

  // Lets readers see everything applied up to `revision`. O(1).
  void Publish(Revision revision);

  // The tuple as the writer sees it, with what was applied and not published. Texts are valid until
  // the next Apply; `tuple` is the argument. `place` is null, or of this graph and tuple.
  std::optional<StoredTuple> Lookup(const tuple::TupleView& tuple,
                                    const Place* place = nullptr) const;

  // Whether the places are of this graph. Whoever keeps places beyond the snapshot that they come
  // from must see to it that the graph lives as long.
  enum class Mine : std::uint8_t { kNo, kYes };
  Mine Has(const Places& places) const;

  // Starts loading what Lookup and Apply of these tuples will look at: their cache misses overlap
  // then. A few hundred tuples at most.
  void Prefetch(std::span<const Place> places) const;

  // As Snapshot::Scan, of what the writer sees.
  ScanEnd ScanHead(const ScanFilter& filter, const StoredTuple* after, std::size_t limit,
                   const std::function<void(const StoredTuple&)>& visit) const;

  // Partitions that hold, or ever held, tuples that expire. The number only grows, and has grown
  // before anybody sees the first of those tuples. Any thread's.
  std::uint32_t expiring() const;
  std::vector<PartitionKey> ExpiringPartitions() const;  // At least as many.

  Revision applied() const;    // The writer's.
  Revision published() const;  // Any thread's.

  // Merges every delta into its base and frees what no snapshot holds. O(tuples); worth it after a
  // bulk load and when the store goes idle.
  void Compact();

  MemoryUse memory_use() const;
  Statistics statistics() const;

 private:
  friend class Snapshot;
  explicit Graph(std::unique_ptr<internal::GraphState> state);
  std::unique_ptr<internal::GraphState> state_;
};

}  // namespace pemba::graph
