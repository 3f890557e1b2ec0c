// Side: one direction of a partition, rows of one type's nodes to sorted sets of the other's.
//
//   Side -> Root -> Page (4096 rows) -> Cell (4096 or 64 rows) -> Leaf (base) + Log (delta)
//                        `-> BigRow -> SegmentTable -> Cell (an interval of one row)
//
// A page starts as one cell of 4096 rows, which suits partitions that touch few nodes, and becomes
// 64 cells of 64 rows once it holds enough. A row that outgrows its leaf moves into cells of its
// own. Every cell is therefore small, and merging one is a matter of microseconds, however large
// the row or the partition.
//
// One writer; any thread reads under a pin. Publication: each pointer is stored (release) after
// what it points to is complete; what it replaced is frozen, and retired. A reader follows pointers
// that it has loaded (acquire) after its pin, in whatever mixture of old and new: see Cell.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pemba/graph/internal/leaf.h"
#include "pemba/graph/internal/log.h"
#include "pemba/graph/internal/memory.h"

namespace pemba::graph::internal {

// Some rows, or part of a row.
//
// INVARIANT: the writer stores a merged leaf before the log that lacks the merged changes, and the
// reader loads the log before the leaf. So a reader may see an old log with a new leaf, which is
// harmless: what was merged is visible to it (Memory's boundaries), and the log repeats it. It
// never sees a new log with an old leaf, which would lack changes.
struct Cell {
  std::atomic<Log*> log{nullptr};          // Null: no recent changes.
  std::atomic<const Leaf*> leaf{nullptr};  // Null: no edges.
};

// The cells of a big row: cell i holds the nodes from firsts[i] up to firsts[i + 1]. Immutable.
struct SegmentTable {
  std::uint32_t count;
  std::uint32_t reserved;
  // Then `count` Cell*, then `count` NodeId; the first one is 0.

  Cell* const* cells() const { return reinterpret_cast<Cell* const*>(this + 1); }
  const NodeId* firsts() const { return reinterpret_cast<const NodeId*>(cells() + count); }
  std::uint32_t IndexOf(NodeId node) const {
    return LowerBound(firsts(), 1, count, node + 1) - 1;  // node is below kLocalNodes
  }
  static std::size_t Bytes(std::uint32_t count) { return sizeof(SegmentTable) + count * 12ul; }
};

struct BigRow {
  std::atomic<const SegmentTable*> table{nullptr};
  std::atomic<std::uint32_t> degree{0};  // Edges and changes that write: at least any snapshot's.
};

// The big rows of a page. Immutable; few.
struct BigRows {
  struct Entry {
    std::uint32_t row;  // Within the page.
    BigRow* big;
  };
  std::uint32_t count;
  std::uint32_t reserved;
  const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
  BigRow* Find(std::uint32_t row) const;
  static std::size_t Bytes(std::uint32_t count) { return sizeof(BigRows) + count * sizeof(Entry); }
};

inline constexpr std::uint32_t kPageBits = 12;
inline constexpr std::uint32_t kPageRows = 1u << kPageBits;
inline constexpr std::uint32_t kCellBits = 6;  // Of a page that has been split.
inline constexpr std::uint32_t kPageCells = 1u << (kPageBits - kCellBits);

struct Page {
  std::uint32_t shift;  // log2 of the rows per cell: kPageBits or kCellBits.
  // Of the newest leaf of 64 rows: where its nodes begin, in the upper half, and its edges. A guess
  // at what all are like, of no consequence for what is found; 0: none.
  std::atomic<std::uint32_t> usual_leaf;
  std::atomic<const BigRows*> big_rows{nullptr};  // Stored before the leaf that marks a row big.
  // Then the cells.

  Cell* cells() { return reinterpret_cast<Cell*>(this + 1); }
  const Cell* cells() const { return reinterpret_cast<const Cell*>(this + 1); }
  std::uint32_t cell_count() const { return 1u << (kPageBits - shift); }
  Cell& CellOf(NodeId row) { return cells()[(row % kPageRows) >> shift]; }
  const Cell& CellOf(NodeId row) const { return cells()[(row % kPageRows) >> shift]; }
  std::uint16_t LocalRow(NodeId row) const {
    return static_cast<std::uint16_t>(row & ((1u << shift) - 1));
  }
  void Learn(const Leaf* leaf) {
    if (shift != kCellBits || leaf == nullptr) return;
    const auto begin = sizeof(Leaf) + Leaf::RowBytes(leaf->form, leaf->edges);
    usual_leaf.store(static_cast<std::uint32_t>(begin << 16 | leaf->edges),
                     std::memory_order_relaxed);
  }
  // Where a row's nodes would be in a usual leaf with as many edges in each row: fetched with the
  // leaf's first line, the row need not wait for them after that.
  const char* GuessNodes(const Leaf* leaf, std::uint32_t local_row) const {
    const auto usual = usual_leaf.load(std::memory_order_relaxed);
    const auto edges = (usual & 0xFFFF) * local_row / Leaf::kOffsetRows;
    return reinterpret_cast<const char*>(leaf) + (usual >> 16) + edges * sizeof(NodeId);
  }
  static std::size_t Bytes(std::uint32_t shift) {
    return sizeof(Page) + sizeof(Cell) * (1ul << (kPageBits - shift));
  }
};

struct Root {
  std::uint32_t pages;  // Room for.
  std::uint32_t reserved;
  // Then the pages; null where no row has had an edge.

  std::atomic<Page*>* page() { return reinterpret_cast<std::atomic<Page*>*>(this + 1); }
  const std::atomic<Page*>* page() const {
    return reinterpret_cast<const std::atomic<Page*>*>(this + 1);
  }
  static std::size_t Bytes(std::uint32_t pages) { return sizeof(Root) + sizeof(Page*) * pages; }
};

// Where the edges of a row are: in an interval of a leaf and in a log, or in a big row's cells.
struct RowPlace {
  const Log* log = nullptr;
  const Leaf* leaf = nullptr;
  Leaf::Range range;
  std::uint16_t local_row = 0;
  const BigRow* big = nullptr;

  std::uint32_t BaseDegree() const {
    return big != nullptr ? big->degree.load(std::memory_order_relaxed) : range.end - range.begin;
  }
};
RowPlace FindRow(const Root* root, NodeId row);

// The nodes of a row that has no log and is not big; else first is null.
struct NodeRun {
  const NodeId* first;
  const NodeId* last;
};
NodeRun FindPlainRow(const Root* root, NodeId row);

// An edge as a side holds it.
struct FoundEdge {
  enum class State : std::uint8_t { kAbsent, kPresent } state = State::kAbsent;
  ContextId context = 0;
  Stamp stamp = 0;  // Zero where the side keeps no stamps.
};
FoundEdge FindEdge(const RowPlace& place, NodeId other, Stamp stamp);

// Start loading what FindRow(root, row) will touch: first the cell; once that is there, its leaf.
void PrefetchCell(const Root* root, NodeId row);
void PrefetchLeaf(const Root* root, NodeId row);

// The edge, found by whichever of its two rows is short.
FoundEdge FindEdge(const Root* forward, const Root* reverse, NodeId object, NodeId subject,
                   Stamp stamp);
// Whether it is there. What else is known of an edge lies in cache lines of its own: whoever does
// not ask for it does not wait for it.
FoundEdge::State HasEdge(const Root* forward, const Root* reverse, NodeId object, NodeId subject,
                         Stamp stamp);

// The first row at or after `row` that has an edge or a change, or kNoNode.
NodeId NextRow(const Root* root, NodeId row);

// Rows with more edges have cells of their own, of about kSegmentTarget edges.
inline constexpr std::uint32_t kLeafRowMax = 512;
inline constexpr std::uint32_t kSegmentTarget = 1024;

class Side {
 public:
  Side(Memory& memory, std::uint8_t parts) : memory_(memory), parts_(parts) {}
  ~Side();
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  const Root* root() const { return root_.load(std::memory_order_acquire); }
  std::uint8_t parts() const { return parts_; }

  // The writer's. `change.row` is ignored.
  void Append(NodeId row, Item change);
  void MergeAll();
  std::uint64_t merges() const { return merges_.load(std::memory_order_relaxed); }

  // Before the first Append: leaves and big rows that are stored elsewhere.
  void AdoptCell(std::uint32_t page, std::uint32_t shift, std::uint32_t cell, const Leaf* leaf);
  void AdoptBigRow(NodeId row, std::span<const NodeId> firsts, std::span<const Leaf* const> leaves);

 private:
  struct Segment {
    NodeId first;
    Cell* cell;
  };
  enum class Appended : std::uint8_t { kNo, kYes };

  Page& WritablePage(NodeId row);
  Page* NewPage(std::uint32_t shift);
  Appended TryAppend(Cell& cell, const Item& change);
  void MergeCell(NodeId row);
  void MergeSegment(BigRow& big, std::uint32_t index);
  void SplitPage(std::uint32_t page_index, const Merged& merged);
  std::uint64_t MoveBigRows(Page& page, std::uint32_t first_row, Merged& merged);
  void AddBigRow(Page& page, std::uint32_t row, BigRow* big);
  std::vector<Segment> MakeSegments(NodeId first, const Merged& merged);
  const SegmentTable* NewTable(std::span<const Segment> segments);
  BigRow* NewBigRow(std::span<const Segment> segments, std::uint32_t degree);
  Cell* NewCell();
  Log* NewLog(const Merged& merged);
  void Replace(Cell& cell, const Leaf* leaf, Log* log);  // Retires what was there.
  void RetireContent(Cell& cell);
  void FreeContent(Cell& cell);
  void FreePage(Page* page);

  Memory& memory_;
  const std::uint8_t parts_;
  std::atomic<std::uint64_t> merges_{0};  // The writer's; for statistics.
  std::atomic<Root*> root_{nullptr};      // Null: never had an edge.
};

}  // namespace pemba::graph::internal
