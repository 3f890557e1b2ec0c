// Log: the recent changes of one leaf's rows. The delta is made of logs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pemba/graph/internal/leaf.h"
#include "pemba/graph/internal/memory.h"

namespace pemba::graph::internal {

// Changes in stamp order, appended in place. For a snapshot, the last change of an edge with a
// stamp that it sees decides about the edge; without one, the leaf does.
//
// One writer appends; any thread reads the entries below a count that it has loaded (acquire). An
// entry is complete before the count includes it (release) and never changes. A full log is
// replaced by a larger copy.
struct Log {
  std::uint32_t capacity;
  std::atomic<std::uint32_t> count;
  // Then, `capacity` of each: other node (u32), stamp (u32), context (u32), row and kRemoves (u16).
  // Column by column, because a search compares nodes or rows of many entries.

  static constexpr std::uint16_t kRemoves = 0x8000;
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  const NodeId* others() const { return reinterpret_cast<const NodeId*>(this + 1); }
  const Stamp* stamps() const { return others() + capacity; }
  const ContextId* contexts() const { return stamps() + capacity; }
  const std::uint16_t* rows() const {
    return reinterpret_cast<const std::uint16_t*>(contexts() + capacity);
  }
  bool Removes(std::uint32_t at) const { return (rows()[at] & kRemoves) != 0; }

  // The last change of the edge (row, other) with a stamp up to `stamp`, or kNone. O(entries), in
  // vectors of node ids.
  std::uint32_t Find(std::uint16_t row, NodeId other, Stamp stamp) const;

  // Of the edges (row, x) with x >= at_least that some change up to `stamp` concerns: the last such
  // change of the smallest x, or kNone. Looks at the first `entries`.
  std::uint32_t FindNext(std::uint16_t row, NodeId at_least, Stamp stamp,
                         std::uint32_t entries) const;

  // How many changes write edges of the row, seen or not.
  std::uint32_t WritesOf(std::uint16_t row) const;

  Item Get(std::uint32_t at) const {
    return {others()[at], stamps()[at], contexts()[at],
            static_cast<std::uint16_t>(rows()[at] & ~kRemoves), Removes(at)};
  }

  // The writer's. There is room.
  void Append(const Item& change);

  static std::size_t Bytes(std::uint32_t capacity) { return sizeof(Log) + capacity * 14ul; }
  static Log* New(Memory& memory, std::uint32_t capacity, std::span<const Item> changes);
};

// What remains of a leaf and its log after a merge.
struct Merged {
  std::vector<Item> edges;    // By (row, other): the new base.
  std::vector<Item> changes;  // In stamp order: what some snapshot may still tell apart.
};

// Folds into the base what every snapshot sees, and drops changes that none can tell apart.
// `boundaries` ascend: every pinned stamp and the published one, which is the last (Memory).
// O(edges + changes log changes).
void Merge(const Leaf* leaf, const Log* log, std::span<const Stamp> boundaries, Merged& merged);

}  // namespace pemba::graph::internal
