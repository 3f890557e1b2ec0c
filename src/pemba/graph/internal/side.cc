#include "pemba/graph/internal/side.h"

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {
namespace {

constexpr std::uint32_t kUnsplitPageMax = 256;  // Edges and changes.
constexpr std::uint32_t kSegmentMax = 2048;     // Of a big row's cell; split beyond.
constexpr std::uint32_t kShortRow = 64;         // Searched without looking at the other side.
constexpr std::uint32_t kLogMin = 4;            // A log grows from here
constexpr std::uint32_t kLogLimitMin = 16;      // to a quarter of its leaf, within these two,
constexpr std::uint32_t kLogLimitMax = 256;     // and is merged when that is full.

std::uint32_t LogLimit(const Leaf* leaf) {
  const std::uint32_t edges = leaf == nullptr ? 0 : leaf->edges;
  return std::bit_floor(std::clamp(edges / 4, kLogLimitMin, kLogLimitMax));
}

std::uint32_t SizeOf(const Merged& merged) {
  return static_cast<std::uint32_t>(merged.edges.size() + merged.changes.size());
}

std::uint32_t WritesIn(std::span<const Item> changes) {
  return static_cast<std::uint32_t>(
      std::count_if(changes.begin(), changes.end(), [](const Item& c) { return !c.removes; }));
}

// The part of `merged` whose rows lie in [first, last), renumbered from zero.
Merged RowsOf(const Merged& merged, std::uint32_t first, std::uint32_t last) {
  Merged part;
  const auto take = [&](const std::vector<Item>& from, std::vector<Item>& to) {
    for (Item item : from) {
      if (item.row < first || item.row >= last) continue;
      item.row = static_cast<std::uint16_t>(item.row - first);
      to.push_back(item);
    }
  };
  const auto begin = std::partition_point(merged.edges.begin(), merged.edges.end(),
                                          [&](const Item& e) { return e.row < first; });
  const auto end =
      std::partition_point(begin, merged.edges.end(), [&](const Item& e) { return e.row < last; });
  take({begin, end}, part.edges);
  take(merged.changes, part.changes);
  return part;
}

}  // namespace

BigRow* BigRows::Find(std::uint32_t row) const {
  const Entry* const end = entries() + count;
  const Entry* const at = std::lower_bound(
      entries(), end, row, [](const Entry& entry, std::uint32_t r) { return entry.row < r; });
  return at != end && at->row == row ? at->big : nullptr;
}

namespace {

// Whether a row's nodes are fetched before it is known where they are: worth it for who looks at
// one row and then waits, not for walks, which look at many that are empty.
enum class Fetch : std::uint8_t { kLeaf, kNodesToo };

// Inlined into what a direct check comes to.
template <Fetch kFetch = Fetch::kLeaf>
inline RowPlace PlaceOf(const Root* root, NodeId row) {
  RowPlace place;
  if (root == nullptr || row >> kPageBits >= root->pages) return place;
  const Page* const page = root->page()[row >> kPageBits].load(std::memory_order_acquire);
  if (page == nullptr) return place;
  const Cell& cell = page->CellOf(row);
  place.local_row = page->LocalRow(row);
  place.log = cell.log.load(std::memory_order_acquire);  // Before the leaf: see Cell.
  place.leaf = cell.leaf.load(std::memory_order_acquire);
  if (place.leaf == nullptr) return place;
  if constexpr (kFetch == Fetch::kNodesToo) {
    __builtin_prefetch(page->GuessNodes(place.leaf, place.local_row));
  }
  if (place.leaf->IsBig(place.local_row)) {
    place.big = page->big_rows.load(std::memory_order_acquire)->Find(row % kPageRows);
    place.log = nullptr;
    place.leaf = nullptr;
    return place;
  }
  place.range = place.leaf->RangeOf(place.local_row);
  return place;
}

// A function of what is asked for, so that a caller who drops some of it does not load it.
[[gnu::always_inline]] inline FoundEdge FindInCell(const Log* log, const Leaf* leaf,
                                                   Leaf::Range range, std::uint16_t row,
                                                   NodeId other, Stamp stamp) {
  if (log != nullptr) {
    if (const auto at = log->Find(row, other, stamp); at != Log::kNone) {
      if (log->Removes(at)) return {};
      return {FoundEdge::State::kPresent, log->contexts()[at], log->stamps()[at]};
    }
  }
  if (range.begin == range.end) return {};
  const auto at = FindNodeIn(leaf->nodes(), range.begin, range.end, other);
  if (at == range.end) return {};
  FoundEdge found{FoundEdge::State::kPresent, 0, 0};
  if ((leaf->parts & kContexts) != 0) found.context = leaf->contexts()[at];
  if ((leaf->parts & kStamps) != 0) found.stamp = leaf->stamps()[at];
  return found;
}

}  // namespace

RowPlace FindRow(const Root* root, NodeId row) { return PlaceOf(root, row); }

NodeRun FindPlainRow(const Root* root, NodeId row) {
  static constexpr NodeId kNothing = 0;
  const RowPlace place = PlaceOf(root, row);
  if (place.log != nullptr || place.big != nullptr) return {nullptr, nullptr};
  if (place.range.begin == place.range.end) return {&kNothing, &kNothing};
  const NodeId* const nodes = place.leaf->nodes();
  return {nodes + place.range.begin, nodes + place.range.end};
}

FoundEdge FindEdge(const RowPlace& place, NodeId other, Stamp stamp) {
  if (place.big == nullptr) {
    return FindInCell(place.log, place.leaf, place.range, place.local_row, other, stamp);
  }
  if (other >= kLocalNodes) return {};
  const SegmentTable* const table = place.big->table.load(std::memory_order_acquire);
  const Cell& cell = *table->cells()[table->IndexOf(other)];
  const Log* const log = cell.log.load(std::memory_order_acquire);
  const Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
  const Leaf::Range range{0, leaf == nullptr ? 0u : leaf->edges};
  return FindInCell(log, leaf, range, 0, other, stamp);
}

namespace {

// Of a row that is not short.
[[gnu::noinline]] FoundEdge FindInShorter(const Root* forward, const Root* reverse, NodeId object,
                                          NodeId subject, Stamp stamp) {
  const RowPlace place = FindRow(forward, object);
  const RowPlace other = FindRow(reverse, subject);
  return other.BaseDegree() < place.BaseDegree() ? FindEdge(other, object, stamp)
                                                 : FindEdge(place, subject, stamp);
}

}  // namespace

FoundEdge FindEdge(const Root* forward, const Root* reverse, NodeId object, NodeId subject,
                   Stamp stamp) {
  const RowPlace place = PlaceOf(forward, object);
  if (place.big == nullptr && place.BaseDegree() <= kShortRow) {
    return FindInCell(place.log, place.leaf, place.range, place.local_row, subject, stamp);
  }
  return FindInShorter(forward, reverse, object, subject, stamp);
}

FoundEdge::State HasEdge(const Root* forward, const Root* reverse, NodeId object, NodeId subject,
                         Stamp stamp) {
  const RowPlace place = PlaceOf<Fetch::kNodesToo>(forward, object);
  if (place.big == nullptr && place.BaseDegree() <= kShortRow) {
    return FindInCell(place.log, place.leaf, place.range, place.local_row, subject, stamp).state;
  }
  return FindInShorter(forward, reverse, object, subject, stamp).state;
}

void PrefetchCell(const Root* root, NodeId row) {
  if (root == nullptr || row >> kPageBits >= root->pages) return;
  const Page* const page = root->page()[row >> kPageBits].load(std::memory_order_acquire);
  if (page != nullptr) __builtin_prefetch(&page->CellOf(row));
}

void PrefetchLeaf(const Root* root, NodeId row) {
  if (root == nullptr || row >> kPageBits >= root->pages) return;
  const Page* const page = root->page()[row >> kPageBits].load(std::memory_order_acquire);
  if (page == nullptr) return;
  const Cell& cell = page->CellOf(row);
  if (const Log* const log = cell.log.load(std::memory_order_acquire); log != nullptr) {
    __builtin_prefetch(log);
  }
  const Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
  if (leaf == nullptr) return;
  __builtin_prefetch(leaf);
  __builtin_prefetch(leaf->rows() + page->LocalRow(row) % Leaf::kOffsetRows);
  __builtin_prefetch(page->GuessNodes(leaf, page->LocalRow(row)));
}

namespace {

// The first row of the cell at or after `row` with an edge, a big row or a change, or kNoNode.
std::uint32_t NextLocalRow(const Cell& cell, std::uint32_t row, std::uint32_t rows) {
  std::uint32_t next = kNoNode;
  if (const Log* const log = cell.log.load(std::memory_order_acquire); log != nullptr) {
    const std::uint32_t count = log->count.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t changed = log->rows()[i] & ~Log::kRemoves;
      if (changed >= row && changed < next) next = changed;
    }
  }
  const Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
  if (leaf == nullptr) return next;
  if (leaf->big_rows >> (row % Leaf::kOffsetRows) != 0) {
    next = std::min(next, row + static_cast<std::uint32_t>(
                                    std::countr_zero(leaf->big_rows >> (row % Leaf::kOffsetRows))));
  }
  if (leaf->form == LeafForm::kPairs) {
    const auto* const at = std::lower_bound(leaf->rows(), leaf->rows() + leaf->edges, row);
    return at == leaf->rows() + leaf->edges ? next : std::min<std::uint32_t>(next, *at);
  }
  for (; row < rows && row < next; ++row) {
    if (leaf->rows()[row] < leaf->rows()[row + 1]) return row;
  }
  return next;
}

}  // namespace

NodeId NextRow(const Root* root, NodeId row) {
  if (root == nullptr) return kNoNode;
  for (std::uint32_t p = row >> kPageBits; p < root->pages; row = ++p << kPageBits) {
    const Page* const page = root->page()[p].load(std::memory_order_acquire);
    if (page == nullptr) continue;
    const std::uint32_t cell_rows = 1u << page->shift;
    std::uint32_t local = page->LocalRow(row);
    for (std::uint32_t c = (row % kPageRows) >> page->shift; c < page->cell_count(); ++c) {
      const auto next = NextLocalRow(page->cells()[c], local, cell_rows);
      if (next != kNoNode) return (p << kPageBits) + (c << page->shift) + next;
      local = 0;
    }
  }
  return kNoNode;
}

Side::~Side() {
  Root* const root = root_.load(std::memory_order_relaxed);
  if (root == nullptr) return;
  for (std::uint32_t i = 0; i < root->pages; ++i) FreePage(root->page()[i].load());
  memory_.Free(Use::kBase, root, Root::Bytes(root->pages));
}

void Side::FreeContent(Cell& cell) {
  if (auto* const leaf = const_cast<Leaf*>(cell.leaf.load()); leaf != nullptr) {
    memory_.Free(Use::kBase, leaf, leaf->bytes);
  }
  if (Log* const log = cell.log.load(); log != nullptr) {
    memory_.Free(Use::kDelta, log, Log::Bytes(log->capacity));
  }
}

void Side::FreePage(Page* page) {
  if (page == nullptr) return;
  for (std::uint32_t i = 0; i < page->cell_count(); ++i) FreeContent(page->cells()[i]);
  if (auto* const bigs = const_cast<BigRows*>(page->big_rows.load()); bigs != nullptr) {
    for (std::uint32_t i = 0; i < bigs->count; ++i) {
      BigRow* const big = bigs->entries()[i].big;
      auto* const table = const_cast<SegmentTable*>(big->table.load());
      for (std::uint32_t s = 0; s < table->count; ++s) {
        FreeContent(*table->cells()[s]);
        memory_.Free(Use::kBase, table->cells()[s], sizeof(Cell));
      }
      memory_.Free(Use::kBase, table, SegmentTable::Bytes(table->count));
      memory_.Free(Use::kBase, big, sizeof(BigRow));
    }
    memory_.Free(Use::kBase, bigs, BigRows::Bytes(bigs->count));
  }
  memory_.Free(Use::kBase, page, Page::Bytes(page->shift));
}

void Side::Append(NodeId row, Item change) {
  for (;;) {
    Page& page = WritablePage(row);
    Cell& cell = page.CellOf(row);
    const Leaf* const leaf = cell.leaf.load(std::memory_order_relaxed);
    change.row = page.LocalRow(row);
    if (leaf == nullptr || !leaf->IsBig(change.row)) {
      if (TryAppend(cell, change) == Appended::kYes) return;
      MergeCell(row);
      continue;
    }
    change.row = 0;
    BigRow& big = *page.big_rows.load(std::memory_order_relaxed)->Find(row % kPageRows);
    const SegmentTable* const table = big.table.load(std::memory_order_relaxed);
    const std::uint32_t index = table->IndexOf(change.other);
    if (TryAppend(*table->cells()[index], change) == Appended::kYes) {
      if (!change.removes) {
        big.degree.store(big.degree.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      }
      return;
    }
    MergeSegment(big, index);
  }
}

Page& Side::WritablePage(NodeId row) {
  const std::uint32_t index = row >> kPageBits;
  Root* root = root_.load(std::memory_order_relaxed);
  if (root == nullptr || index >= root->pages) {
    const std::uint32_t pages = std::bit_ceil(index + 1);
    Root* const wider =
        new (memory_.Allocate(Use::kBase, Root::Bytes(pages))) Root{.pages = pages, .reserved = 0};
    for (std::uint32_t i = 0; i < pages; ++i) {
      Page* const page = root != nullptr && i < root->pages
                             ? root->page()[i].load(std::memory_order_relaxed)
                             : nullptr;
      new (wider->page() + i) std::atomic<Page*>(page);
    }
    root_.store(wider, std::memory_order_release);
    if (root != nullptr) memory_.Retire(Use::kBase, root, Root::Bytes(root->pages));
    root = wider;
  }
  Page* page = root->page()[index].load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = NewPage(kPageBits);
    root->page()[index].store(page, std::memory_order_release);
  }
  return *page;
}

Page* Side::NewPage(std::uint32_t shift) {
  auto* const page =
      new (memory_.Allocate(Use::kBase, Page::Bytes(shift))) Page{.shift = shift, .usual_leaf = 0};
  for (std::uint32_t i = 0; i < page->cell_count(); ++i) new (page->cells() + i) Cell;
  return page;
}

Side::Appended Side::TryAppend(Cell& cell, const Item& change) {
  Log* const log = cell.log.load(std::memory_order_relaxed);
  if (log == nullptr) {
    cell.log.store(Log::New(memory_, kLogMin, {&change, 1}), std::memory_order_release);
    return Appended::kYes;
  }
  if (log->count.load(std::memory_order_relaxed) < log->capacity) {
    log->Append(change);
    return Appended::kYes;
  }
  if (log->capacity >= LogLimit(cell.leaf.load(std::memory_order_relaxed))) return Appended::kNo;
  Log* const larger = Log::New(memory_, 2 * log->capacity, {});
  for (std::uint32_t i = 0; i < log->capacity; ++i) larger->Append(log->Get(i));
  larger->Append(change);
  cell.log.store(larger, std::memory_order_release);
  memory_.Retire(Use::kDelta, log, Log::Bytes(log->capacity));
  return Appended::kYes;
}

Log* Side::NewLog(const Merged& merged) {
  if (merged.changes.empty()) return nullptr;
  const auto count = static_cast<std::uint32_t>(merged.changes.size());
  // Twice what is left: with much that cannot be merged yet, merging stays rare.
  return Log::New(memory_, std::max(kLogMin, std::bit_ceil(count) * 2), merged.changes);
}

void Side::RetireContent(Cell& cell) {
  if (auto* const leaf = const_cast<Leaf*>(cell.leaf.load(std::memory_order_relaxed));
      leaf != nullptr) {
    memory_.Retire(Use::kBase, leaf, leaf->bytes);
  }
  if (Log* const log = cell.log.load(std::memory_order_relaxed); log != nullptr) {
    memory_.Retire(Use::kDelta, log, Log::Bytes(log->capacity));
  }
}

void Side::Replace(Cell& cell, const Leaf* leaf, Log* log) {
  Log* const old_log = cell.log.load(std::memory_order_relaxed);
  const Leaf* const old_leaf = cell.leaf.load(std::memory_order_relaxed);
  cell.leaf.store(leaf, std::memory_order_release);  // Before the log: see Cell.
  cell.log.store(log, std::memory_order_release);
  if (old_leaf != nullptr) {
    memory_.Retire(Use::kBase, const_cast<Leaf*>(old_leaf), old_leaf->bytes);
  }
  if (old_log != nullptr) memory_.Retire(Use::kDelta, old_log, Log::Bytes(old_log->capacity));
}

void Side::MergeCell(NodeId row) {
  merges_.fetch_add(1, std::memory_order_relaxed);
  Page& page = WritablePage(row);
  Cell& cell = page.CellOf(row);
  const Leaf* const leaf = cell.leaf.load(std::memory_order_relaxed);
  Merged merged;
  Merge(leaf, cell.log.load(std::memory_order_relaxed), memory_.boundaries(), merged);
  if (page.shift == kPageBits) {
    if (SizeOf(merged) > kUnsplitPageMax) return SplitPage(row >> kPageBits, merged);
    return Replace(cell, NewLeaf(memory_, LeafForm::kPairs, parts_, 0, merged.edges),
                   NewLog(merged));
  }
  const std::uint32_t first_row = (row % kPageRows) >> kCellBits << kCellBits;
  const std::uint64_t big_rows =
      (leaf == nullptr ? 0 : leaf->big_rows) | MoveBigRows(page, first_row, merged);
  const auto form = FormFor(static_cast<std::uint32_t>(merged.edges.size()), Leaf::kOffsetRows);
  Replace(cell, NewLeaf(memory_, form, parts_, big_rows, merged.edges), NewLog(merged));
  page.Learn(cell.leaf.load(std::memory_order_relaxed));
}

void Side::SplitPage(std::uint32_t page_index, const Merged& merged) {
  Root* const root = root_.load(std::memory_order_relaxed);
  Page* const old = root->page()[page_index].load(std::memory_order_relaxed);
  Page* const page = NewPage(kCellBits);
  for (std::uint32_t c = 0; c < kPageCells; ++c) {
    const std::uint32_t first = c << kCellBits;
    Merged part = RowsOf(merged, first, first + Leaf::kOffsetRows);
    const auto big_rows = MoveBigRows(*page, first, part);
    const auto form = FormFor(static_cast<std::uint32_t>(part.edges.size()), Leaf::kOffsetRows);
    page->cells()[c].leaf.store(NewLeaf(memory_, form, parts_, big_rows, part.edges),
                                std::memory_order_relaxed);
    page->Learn(page->cells()[c].leaf.load(std::memory_order_relaxed));
    page->cells()[c].log.store(NewLog(part), std::memory_order_relaxed);
  }
  root->page()[page_index].store(page, std::memory_order_release);
  RetireContent(old->cells()[0]);
  memory_.Retire(Use::kBase, old, Page::Bytes(old->shift));
}

// Moves rows that have outgrown the cell out of `merged` into cells of their own. Returns the bits
// that mark them in the leaf.
std::uint64_t Side::MoveBigRows(Page& page, std::uint32_t first_row, Merged& merged) {
  if (SizeOf(merged) <= kLeafRowMax) return 0;
  std::array<std::uint32_t, Leaf::kOffsetRows> sizes{};
  for (const Item& edge : merged.edges) ++sizes[edge.row];
  for (const Item& change : merged.changes) ++sizes[change.row];

  std::uint64_t moved = 0;
  for (std::uint32_t row = 0; row < Leaf::kOffsetRows; ++row) {
    if (sizes[row] <= kLeafRowMax) continue;
    moved |= std::uint64_t{1} << row;
    const Merged part = RowsOf(merged, row, row + 1);
    const auto degree = static_cast<std::uint32_t>(part.edges.size()) + WritesIn(part.changes);
    AddBigRow(page, first_row + row, NewBigRow(MakeSegments(0, part), degree));
  }
  const auto is_moved = [moved](const Item& item) { return (moved >> item.row & 1) != 0; };
  std::erase_if(merged.edges, is_moved);
  std::erase_if(merged.changes, is_moved);
  return moved;
}

void Side::AddBigRow(Page& page, std::uint32_t row, BigRow* big) {
  const BigRows* const old = page.big_rows.load(std::memory_order_relaxed);
  const std::uint32_t count = old == nullptr ? 0 : old->count;
  auto* const bigs = new (memory_.Allocate(Use::kBase, BigRows::Bytes(count + 1)))
      BigRows{.count = count + 1, .reserved = 0};
  auto* const entries = const_cast<BigRows::Entry*>(bigs->entries());
  std::uint32_t at = 0;
  for (; at < count && old->entries()[at].row < row; ++at) entries[at] = old->entries()[at];
  entries[at] = {row, big};
  for (; at < count; ++at) entries[at + 1] = old->entries()[at];
  page.big_rows.store(bigs, std::memory_order_release);
  if (old != nullptr) {
    memory_.Retire(Use::kBase, const_cast<BigRows*>(old), BigRows::Bytes(old->count));
  }
}

BigRow* Side::NewBigRow(std::span<const Segment> segments, std::uint32_t degree) {
  auto* const big = new (memory_.Allocate(Use::kBase, sizeof(BigRow))) BigRow;
  big->table.store(NewTable(segments), std::memory_order_relaxed);
  big->degree.store(degree, std::memory_order_relaxed);
  return big;
}

const SegmentTable* Side::NewTable(std::span<const Segment> segments) {
  const auto count = static_cast<std::uint32_t>(segments.size());
  auto* const table = new (memory_.Allocate(Use::kBase, SegmentTable::Bytes(count)))
      SegmentTable{.count = count, .reserved = 0};
  for (std::uint32_t i = 0; i < count; ++i) {
    const_cast<Cell**>(table->cells())[i] = segments[i].cell;
    const_cast<NodeId*>(table->firsts())[i] = segments[i].first;
  }
  return table;
}

Cell* Side::NewCell() { return new (memory_.Allocate(Use::kBase, sizeof(Cell))) Cell; }

// Cuts one row into cells of about kSegmentTarget edges and changes; an edge's changes stay
// together. The first cell begins at `first`.
std::vector<Side::Segment> Side::MakeSegments(NodeId first, const Merged& merged) {
  std::vector<NodeId> nodes;
  nodes.reserve(SizeOf(merged));
  for (const Item& edge : merged.edges) nodes.push_back(edge.other);
  for (const Item& change : merged.changes) nodes.push_back(change.other);
  std::sort(nodes.begin(), nodes.end());

  std::vector<NodeId> firsts{first};
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i, ++size) {
    if (size < kSegmentTarget || nodes[i] == nodes[i - 1]) continue;
    firsts.push_back(nodes[i]);
    size = 0;
  }

  std::vector<Segment> segments;
  auto edge = merged.edges.begin();
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const NodeId end = i + 1 < firsts.size() ? firsts[i + 1] : kNoNode;
    Merged part;
    for (; edge != merged.edges.end() && edge->other < end; ++edge) part.edges.push_back(*edge);
    for (const Item& change : merged.changes) {
      if (change.other >= firsts[i] && change.other < end) part.changes.push_back(change);
    }
    Cell* const cell = NewCell();
    cell->leaf.store(NewLeaf(memory_, LeafForm::kOneRow, parts_, 0, part.edges),
                     std::memory_order_relaxed);
    cell->log.store(NewLog(part), std::memory_order_relaxed);
    segments.push_back({firsts[i], cell});
  }
  return segments;
}

void Side::MergeSegment(BigRow& big, std::uint32_t index) {
  merges_.fetch_add(1, std::memory_order_relaxed);
  const SegmentTable* const table = big.table.load(std::memory_order_relaxed);
  Cell& cell = *table->cells()[index];
  const Leaf* const leaf = cell.leaf.load(std::memory_order_relaxed);
  const Log* const log = cell.log.load(std::memory_order_relaxed);
  Merged merged;
  Merge(leaf, log, memory_.boundaries(), merged);

  const auto before =
      (leaf == nullptr ? 0u : leaf->edges) + (log == nullptr ? 0u : log->WritesOf(0));
  const auto after = static_cast<std::uint32_t>(merged.edges.size()) + WritesIn(merged.changes);
  big.degree.store(big.degree.load(std::memory_order_relaxed) + after - before,
                   std::memory_order_relaxed);

  if (SizeOf(merged) <= kSegmentMax) {
    return Replace(cell, NewLeaf(memory_, LeafForm::kOneRow, parts_, 0, merged.edges),
                   NewLog(merged));
  }
  std::vector<Segment> segments;
  for (std::uint32_t i = 0; i < table->count; ++i) {
    if (i != index) {
      segments.push_back({table->firsts()[i], table->cells()[i]});
      continue;
    }
    for (const Segment& part : MakeSegments(table->firsts()[i], merged)) segments.push_back(part);
  }
  big.table.store(NewTable(segments), std::memory_order_release);
  RetireContent(cell);
  memory_.Retire(Use::kBase, &cell, sizeof(Cell));
  memory_.Retire(Use::kBase, const_cast<SegmentTable*>(table), SegmentTable::Bytes(table->count));
}

void Side::MergeAll() {
  for (std::uint32_t p = 0; root() != nullptr && p < root()->pages; ++p) {
    const Page* page = root()->page()[p].load(std::memory_order_relaxed);
    if (page == nullptr) continue;
    for (std::uint32_t c = 0; c < page->cell_count(); ++c) {
      if (page->cells()[c].log.load(std::memory_order_relaxed) == nullptr) continue;
      MergeCell((p << kPageBits) + (c << page->shift));
      page =
          root()->page()[p].load(std::memory_order_relaxed);  // It may have been split: done then.
    }
    const BigRows* const bigs = page->big_rows.load(std::memory_order_relaxed);
    for (std::uint32_t b = 0; bigs != nullptr && b < bigs->count; ++b) {
      BigRow& big = *bigs->entries()[b].big;
      for (std::uint32_t i = 0; i < big.table.load(std::memory_order_relaxed)->count; ++i) {
        const SegmentTable* const table = big.table.load(std::memory_order_relaxed);
        if (table->cells()[i]->log.load(std::memory_order_relaxed) != nullptr) MergeSegment(big, i);
      }
    }
  }
}

void Side::AdoptCell(std::uint32_t page_index, std::uint32_t shift, std::uint32_t cell,
                     const Leaf* leaf) {
  WritablePage(page_index << kPageBits);
  auto& slot = root_.load(std::memory_order_relaxed)->page()[page_index];
  if (Page* const page = slot.load(std::memory_order_relaxed); page->shift != shift) {
    slot.store(NewPage(shift), std::memory_order_relaxed);
    memory_.Free(Use::kBase, page, Page::Bytes(page->shift));
  }
  Page* const page = slot.load(std::memory_order_relaxed);
  page->cells()[cell].leaf.store(leaf, std::memory_order_release);
  page->Learn(leaf);
  if (leaf != nullptr) memory_.Count(Use::kBase, leaf->bytes);
}

void Side::AdoptBigRow(NodeId row, std::span<const NodeId> firsts,
                       std::span<const Leaf* const> leaves) {
  std::vector<Segment> segments;
  std::uint32_t degree = 0;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    Cell* const cell = NewCell();
    cell->leaf.store(leaves[i], std::memory_order_relaxed);
    degree += leaves[i]->edges;
    memory_.Count(Use::kBase, leaves[i]->bytes);
    segments.push_back({firsts[i], cell});
  }
  AddBigRow(WritablePage(row), row % kPageRows, NewBigRow(segments, degree));
}

}  // namespace pemba::graph::internal
