#include "pemba/graph/internal/leaf.h"

#include <cstring>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {

LeafForm FormFor(std::uint32_t edges, std::uint32_t rows) {
  constexpr std::uint32_t kPairsMax = 32;
  return rows == Leaf::kOffsetRows && edges > kPairsMax ? LeafForm::kOffsets : LeafForm::kPairs;
}

// Counted, not searched: a few vector comparisons cost less than the wrong guesses of a search.
Leaf::Range Leaf::RangeInPairs(std::uint32_t row) const {
  constexpr std::uint32_t kCountedMax = 64;
  if (edges > kCountedMax) {
    const auto below = [this](std::uint32_t from, std::uint32_t limit) {
      const std::uint16_t* first = rows() + from;
      for (std::uint32_t length = edges - from; length > 0;) {
        const std::uint32_t half = (length + 1) / 2;
        first += first[half - 1] < limit ? half : 0;
        length -= half;
      }
      return static_cast<std::uint32_t>(first - rows());
    };
    constexpr std::uint32_t kUsualRow = 8;
    const auto begin = below(0, row);
    auto end = begin;
    while (end < edges && end - begin < kUsualRow && rows()[end] == row) ++end;
    if (end - begin == kUsualRow) end = below(end, row + 1);
    return {begin, end};
  }
  const auto wanted = static_cast<std::uint16_t>(row);
  const std::uint16_t* const all = rows();
  std::uint16_t below = 0, equal = 0;  // As wide as the elements, for the vectors' sake.
  for (std::uint32_t i = 0; i < edges; ++i) {
    below = static_cast<std::uint16_t>(below + (all[i] < wanted ? 1 : 0));
    equal = static_cast<std::uint16_t>(equal + (all[i] == wanted ? 1 : 0));
  }
  return {below, std::uint32_t{below} + equal};
}

std::uint32_t LeafBytes(LeafForm form, std::uint8_t parts, std::uint32_t edges) {
  const std::uint32_t arrays =
      1u + ((parts & kStamps) != 0 ? 1u : 0u) + ((parts & kContexts) != 0 ? 1u : 0u);
  const auto bytes =
      static_cast<std::uint32_t>(sizeof(Leaf)) + Leaf::RowBytes(form, edges) + edges * arrays * 4;
  return (bytes + 7) / 8 * 8;
}

void WriteLeaf(void* at, LeafForm form, std::uint8_t parts, std::uint64_t big_rows,
               std::span<const Item> edges) {
  PEMBA_CHECK(edges.size() <= Leaf::kEdgesMax);
  const auto count = static_cast<std::uint32_t>(edges.size());
  auto* const leaf = new (at)
      Leaf{big_rows, LeafBytes(form, parts, count), static_cast<std::uint16_t>(count), form, parts};
  std::memset(leaf + 1, 0, leaf->bytes - sizeof(Leaf));

  auto* const rows = const_cast<std::uint16_t*>(leaf->rows());
  if (form == LeafForm::kPairs) {
    for (std::uint32_t i = 0; i < count; ++i) rows[i] = edges[i].row;
  } else if (form == LeafForm::kOffsets) {
    for (const Item& edge : edges) ++rows[edge.row + 1];
    for (std::uint32_t row = 0; row < Leaf::kOffsetRows; ++row) rows[row + 1] += rows[row];
  }
  auto* const nodes = const_cast<NodeId*>(leaf->nodes());
  for (std::uint32_t i = 0; i < count; ++i) nodes[i] = edges[i].other;
  if (auto* const stamps = const_cast<Stamp*>(leaf->stamps()); stamps != nullptr) {
    for (std::uint32_t i = 0; i < count; ++i) stamps[i] = edges[i].stamp;
  }
  if (auto* const contexts = const_cast<ContextId*>(leaf->contexts()); contexts != nullptr) {
    for (std::uint32_t i = 0; i < count; ++i) contexts[i] = edges[i].context;
  }
}

const Leaf* NewLeaf(Memory& memory, LeafForm form, std::uint8_t parts, std::uint64_t big_rows,
                    std::span<const Item> edges) {
  if (edges.empty() && big_rows == 0) return nullptr;
  void* const at =
      memory.Allocate(Use::kBase, LeafBytes(form, parts, static_cast<std::uint32_t>(edges.size())));
  WriteLeaf(at, form, parts, big_rows, edges);
  return static_cast<const Leaf*>(at);
}

std::uint32_t LowerBound(const NodeId* nodes, std::uint32_t begin, std::uint32_t end, NodeId node) {
  const NodeId* first = nodes + begin;
  for (std::uint32_t length = end - begin; length > 0;) {
    const std::uint32_t half = (length + 1) / 2;
    // A conditional move: the outcome of a search step is a coin toss to a branch predictor.
    first += first[half - 1] < node ? half : 0;
    length -= half;
  }
  return static_cast<std::uint32_t>(first - nodes);
}

}  // namespace pemba::graph::internal
