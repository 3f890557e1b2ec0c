// PartitionView and RowCursor: the edges of one partition, as one snapshot sees them.
//
// Everything here is a value of a few pointers into memory that the snapshot keeps alive. Nothing
// allocates, locks or fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "pemba/graph/types.h"

namespace pemba::graph {

namespace internal {
struct Log;
struct Root;
struct RowPlace;
struct SegmentTable;
class Stamps;
}  // namespace internal

// Walks one row in ascending node order, each node once. Valid while the snapshot lives.
//
//   for (RowCursor row = view.Subjects(object); !row.done(); row.Next()) Visit(row.node());
//
// Cost: one pass over the row; a row without recent changes is one contiguous array.
class RowCursor {
 public:
  RowCursor() = default;  // An empty row.

  bool done() const { return at_ == run_end_; }
  NodeId node() const { return *at_; }                                         // Unless done().
  ContextId context() const { return contexts_ == nullptr ? 0 : *contexts_; }  // Unless done().

  void Next() {
    ++at_;
    if (contexts_ != nullptr) ++contexts_;
    if (at_ == run_end_) NextRun();
  }

  // Moves on to the first node that is at least `node`; never back. O(log of the row).
  void Seek(NodeId node);

  // The nodes from here on that lie side by side in memory; the cursor moves past them. Empty only
  // if done(). For whole-row set operations: a row is few runs, mostly one.
  std::span<const NodeId> TakeRun() {
    const std::span<const NodeId> run(at_, run_end_);
    if (contexts_ != nullptr) contexts_ += run.size();
    at_ = run_end_;
    if (!run.empty()) NextRun();
    return run;
  }

 private:
  friend class PartitionView;

  RowCursor(const internal::RowPlace& place, std::uint32_t stamp);
  void NextRun();  // Sets the next non-empty run, or done.
  void EnterSegment();
  void FindDelta(NodeId at_least);
  std::uint32_t BaseUntil(NodeId node) const;
  void UseBase(std::uint32_t count);
  void DropBase(std::uint32_t count);

  // The run being walked: an interval of the base row, or one entry of the delta.
  const NodeId* at_ = nullptr;
  const NodeId* run_end_ = nullptr;
  const ContextId* contexts_ = nullptr;  // Of *at_; null where edges have none.

  // What remains of the base row after the run.
  const NodeId* base_ = nullptr;
  const NodeId* base_end_ = nullptr;
  const ContextId* base_contexts_ = nullptr;

  // The recent changes beside it.
  const internal::Log* log_ = nullptr;  // Null: none, or none left.
  std::uint32_t log_count_ = 0;
  std::uint32_t delta_ = 0;  // The next change in node order.
  std::uint32_t stamp_ = 0;  // What the snapshot sees: changes up to this one.
  std::uint16_t local_row_ = 0;

  const internal::SegmentTable* segments_ = nullptr;  // Of a big row.
  std::uint32_t segment_ = 0;
};

// One partition as of one snapshot. Pass by value. Any node id is a valid argument; one that the
// graph has not given has an empty row. A default-constructed view is an empty partition.
class PartitionView {
 public:
  PartitionView() = default;

  // How many edges there are at most: 0 if the partition is empty. One load; the bound is loose
  // once tuples have been deleted.
  std::uint64_t EdgesMax() const { return edges_max_; }

  // The edge from object to subject; `node` is the subject. Searches whichever of the two rows is
  // short. Cost: two dependent cache misses at usual degrees, O(log degree) steps beyond.
  std::optional<Edge> Find(NodeId object, NodeId subject) const;
  // Whether there is one; cheaper, for who does not ask for its context.
  enum class Has : std::uint8_t { kNo, kYes };
  Has HasEdge(NodeId object, NodeId subject) const;

  // The revision of the write that made the edge; 0 if there is none. For people's eyes
  // (timestamps), hence not part of Edge: it lies in memory that decisions never touch.
  Revision RevisionOf(NodeId object, NodeId subject) const;

  RowCursor Subjects(NodeId object) const;
  RowCursor Objects(NodeId subject) const;

  // What Subjects() walks, where that is one piece of memory without recent changes, as it mostly
  // is; else not known() and nothing is said about the row. For walks that look at many short rows
  // and not at contexts.
  struct PlainRow {
    const NodeId* first = nullptr;
    const NodeId* last = nullptr;
    bool known() const { return first != nullptr; }
    const NodeId* begin() const { return first; }
    const NodeId* end() const { return last; }
  };
  PlainRow PlainSubjects(NodeId object) const;

  // Upper bounds of the rows' lengths, exact where nothing changed lately. One cache miss.
  std::uint32_t SubjectDegree(NodeId object) const;
  std::uint32_t ObjectDegree(NodeId subject) const;

  // The first object at or after `object` that may have subjects (it has had some); kNoNode: none.
  // For walking the whole partition. O(1) amortised over a walk.
  NodeId NextObject(NodeId object) const;
  NodeId NextSubject(NodeId subject) const;

  // Starts loading what Subjects(object) and, for objects of usual degree, Find(object, ...) will
  // touch. PrefetchObject does so for what PrefetchSubjects looks at. Worth calling some 50 ns
  // ahead.
  void PrefetchObject(NodeId object) const;
  void PrefetchSubjects(NodeId object) const;

 private:
  friend class Snapshot;

  const internal::Root* forward_ = nullptr;  // Rows: objects. Null: empty.
  const internal::Root* reverse_ = nullptr;  // Rows: subjects.
  const internal::Stamps* stamps_ = nullptr;
  std::uint64_t edges_max_ = 0;
  std::uint32_t stamp_ = 0;  // The snapshot's: later changes are not seen.
};

}  // namespace pemba::graph
