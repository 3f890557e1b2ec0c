#include "pemba/graph/internal/log.h"

#include <algorithm>
#include <new>
#include <tuple>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {

std::uint32_t Log::Find(std::uint16_t row, NodeId other, Stamp stamp) const {
  const std::uint32_t entries = count.load(std::memory_order_acquire);
  const NodeId* const nodes = others();
  const auto matches = [&](std::uint32_t i) {
    return nodes[i] == other && (rows()[i] & ~kRemoves) == row && stamps()[i] <= stamp;
  };
  std::uint32_t end = entries;
  constexpr std::uint32_t kBlock = 16;
  for (; end >= kBlock; end -= kBlock) {
    // No early exit inside: the compiler makes a few vector comparisons of it.
    std::uint32_t hits = 0;
    for (std::uint32_t i = 0; i < kBlock; ++i) hits |= nodes[end - kBlock + i] == other ? 1u : 0u;
    if (hits == 0) continue;
    for (std::uint32_t i = end; i-- > end - kBlock;) {
      if (matches(i)) return i;
    }
  }
  while (end-- > 0) {
    if (matches(end)) return end;
  }
  return kNone;
}

std::uint32_t Log::FindNext(std::uint16_t row, NodeId at_least, Stamp stamp,
                            std::uint32_t entries) const {
  std::uint32_t best = kNone;
  NodeId best_node = kNoNode;
  for (std::uint32_t i = 0; i < entries; ++i) {
    if ((rows()[i] & ~kRemoves) != row || stamps()[i] > stamp) continue;
    const NodeId node = others()[i];
    if (node < at_least || node > best_node) continue;
    best = i;
    best_node = node;
  }
  return best;
}

std::uint32_t Log::WritesOf(std::uint16_t row) const {
  const std::uint32_t entries = count.load(std::memory_order_acquire);
  return static_cast<std::uint32_t>(std::count(rows(), rows() + entries, row));
}

void Log::Append(const Item& change) {
  const std::uint32_t at = count.load(std::memory_order_relaxed);
  PEMBA_ASSERT(at < capacity);
  const_cast<NodeId*>(others())[at] = change.other;
  const_cast<Stamp*>(stamps())[at] = change.stamp;
  const_cast<ContextId*>(contexts())[at] = change.context;
  const_cast<std::uint16_t*>(rows())[at] =
      static_cast<std::uint16_t>(change.row | (change.removes ? kRemoves : 0));
  count.store(at + 1, std::memory_order_release);
}

Log* Log::New(Memory& memory, std::uint32_t capacity, std::span<const Item> changes) {
  auto* const log = new (memory.Allocate(Use::kDelta, Bytes(capacity))) Log{capacity, 0};
  for (const Item& change : changes) log->Append(change);
  return log;
}

namespace {

std::uint64_t KeyOf(const Item& item) { return std::uint64_t{item.row} << 32 | item.other; }

// The changes by row and other; those of one edge in stamp order. Sorted as integers that hold the
// place in the log, too: a stable sort of the changes themselves moves four times the bytes, and
// allocates.
std::vector<Item> Sorted(const Log* log) {
  constexpr std::uint32_t kPlaceBits = 16;
  const std::uint32_t count = log == nullptr ? 0 : log->count.load(std::memory_order_acquire);
  std::vector<Item> changes;
  changes.reserve(count);
  if (count >> kPlaceBits != 0) {
    for (std::uint32_t i = 0; i < count; ++i) changes.push_back(log->Get(i));
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Item& a, const Item& b) { return KeyOf(a) < KeyOf(b); });
    return changes;
  }
  std::vector<std::uint64_t> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    keys[i] = KeyOf(log->Get(i)) << kPlaceBits | i;
  }
  std::sort(keys.begin(), keys.end());
  for (const std::uint64_t key : keys) {
    changes.push_back(log->Get(static_cast<std::uint32_t>(key & ((1u << kPlaceBits) - 1))));
  }
  return changes;
}

// Decides about the changes of one edge, which come in stamp order: the last one that everybody
// sees becomes its base state; of the others, those that some snapshot can tell apart are kept.
// Returns the base state, or null if the changes say nothing about it.
const Item* SettleChanges(std::span<const Item> changes, std::span<const Stamp> boundaries,
                          std::vector<Item>& kept) {
  const Item* base = nullptr;
  std::size_t interval = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Item& change = changes[i];
    if (change.stamp <= boundaries.front()) {
      base = &change;
      continue;
    }
    while (interval < boundaries.size() && boundaries[interval] < change.stamp) ++interval;
    // Nobody reads between the boundaries, but anybody may read after the last one.
    const bool superseded = interval < boundaries.size() && i + 1 < changes.size() &&
                            changes[i + 1].stamp <= boundaries[interval];
    if (!superseded) kept.push_back(change);
  }
  return base;
}

}  // namespace

void Merge(const Leaf* leaf, const Log* log, std::span<const Stamp> boundaries, Merged& merged) {
  merged.edges.clear();
  merged.changes.clear();
  const std::vector<Item> changes = Sorted(log);

  // The base edges, one after the other, with the row that each belongs to.
  const std::uint32_t edges = leaf == nullptr ? 0 : leaf->edges;
  merged.edges.reserve(edges + changes.size());
  const NodeId* const nodes = leaf == nullptr ? nullptr : leaf->nodes();
  const Stamp* const stamps = leaf == nullptr ? nullptr : leaf->stamps();
  const ContextId* const contexts = leaf == nullptr ? nullptr : leaf->contexts();
  std::uint32_t offset_row = 0;
  const auto row_of = [&](std::uint32_t edge) -> std::uint16_t {
    if (leaf->form == LeafForm::kOneRow) return 0;
    if (leaf->form == LeafForm::kPairs) return leaf->rows()[edge];
    while (leaf->rows()[offset_row + 1] <= edge) ++offset_row;
    return static_cast<std::uint16_t>(offset_row);
  };

  std::uint32_t edge = 0;
  const auto copy_base_until = [&](const Item* limit) {
    for (; edge < edges; ++edge) {
      const Item item{nodes[edge], stamps == nullptr ? 0 : stamps[edge],
                      contexts == nullptr ? 0 : contexts[edge], row_of(edge), false};
      if (limit != nullptr && KeyOf(item) >= KeyOf(*limit)) return;
      merged.edges.push_back(item);
    }
  };
  for (std::size_t first = 0; first < changes.size();) {
    std::size_t last = first + 1;
    while (last < changes.size() && KeyOf(changes[last]) == KeyOf(changes[first])) ++last;
    copy_base_until(&changes[first]);
    const Item* const settled =
        SettleChanges(std::span(changes).subspan(first, last - first), boundaries, merged.changes);
    const bool in_base =
        edge < edges && nodes[edge] == changes[first].other && row_of(edge) == changes[first].row;
    if (settled != nullptr) {
      if (!settled->removes) merged.edges.push_back(*settled);
      if (in_base) ++edge;
    }
    first = last;
  }
  copy_base_until(nullptr);
  std::stable_sort(merged.changes.begin(), merged.changes.end(),
                   [](const Item& a, const Item& b) { return a.stamp < b.stamp; });
}

}  // namespace pemba::graph::internal
