// Leaf: an immutable, sorted run of edges of neighbouring rows. The base is made of leaves.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pemba/graph/internal/memory.h"
#include "pemba/graph/types.h"

namespace pemba::graph::internal {

// An edge as the merge handles it, or a change of one.
struct Item {
  NodeId other = 0;
  Stamp stamp = 0;  // Of the write.
  ContextId context = 0;
  std::uint16_t row = 0;  // Within its cell.
  bool removes = false;   // Changes only.
};

// Which arrays accompany the node ids.
enum Parts : std::uint8_t { kNoParts = 0, kStamps = 1, kContexts = 2 };

// How a leaf tells which edges belong to which row.
enum class LeafForm : std::uint8_t {
  kOneRow = 0,   // All of them: a segment of a big row.
  kPairs = 1,    // The row beside each edge: few edges over many rows.
  kOffsets = 2,  // Where each of 64 rows begins.
};

// The layout in memory and in the file: this header, then
//   kOffsets: 65 u16 | kPairs: a u16 per edge | kOneRow: nothing; padded to 4 bytes
//   node ids: a u32 per edge, ascending within a row
//   stamps: a u32 per edge, with kStamps; contexts: a u32 per edge, with kContexts
struct Leaf {
  std::uint64_t big_rows;  // Bit per row of a 64-row leaf: its edges lie in a BigRow instead.
  std::uint32_t bytes;     // Of the leaf, header included.
  std::uint16_t edges;
  LeafForm form;
  std::uint8_t parts;

  static constexpr std::uint32_t kOffsetRows = 64;
  static constexpr std::uint32_t kEdgesMax = 0xFFFF;

  struct Range {
    std::uint32_t begin = 0, end = 0;
  };

  const std::uint16_t* rows() const { return reinterpret_cast<const std::uint16_t*>(this + 1); }
  const NodeId* nodes() const {
    return reinterpret_cast<const NodeId*>(reinterpret_cast<const std::byte*>(this + 1) +
                                           RowBytes(form, edges));
  }
  const Stamp* stamps() const { return (parts & kStamps) != 0 ? nodes() + edges : nullptr; }
  const ContextId* contexts() const {
    return (parts & kContexts) != 0 ? nodes() + edges * ((parts & kStamps) != 0 ? 2u : 1u)
                                    : nullptr;
  }
  Range RangeOf(std::uint32_t row) const {
    if (form == LeafForm::kOffsets) return {rows()[row], rows()[row + 1]};
    if (form == LeafForm::kOneRow) return {0, edges};
    return RangeInPairs(row);
  }
  Range RangeInPairs(std::uint32_t row) const;
  bool IsBig(std::uint32_t row) const {
    return big_rows != 0 && (big_rows >> (row % kOffsetRows) & 1) != 0;
  }

  static std::uint32_t RowBytes(LeafForm form, std::uint32_t edges) {
    if (form == LeafForm::kOneRow) return 0;
    if (form == LeafForm::kPairs) return (edges * 2 + 3) / 4 * 4;
    return (kOffsetRows + 1) * 2 + 2;
  }
};
static_assert(sizeof(Leaf) == 16);

// Chooses between kPairs and kOffsets for a cell of so many rows: offsets are found faster, pairs
// take less where edges are few.
LeafForm FormFor(std::uint32_t edges, std::uint32_t rows);

// `edges` ascend by (row, other). At most kEdgesMax. `at` is aligned to 8 and holds LeafBytes.
std::uint32_t LeafBytes(LeafForm form, std::uint8_t parts, std::uint32_t edges);
void WriteLeaf(void* at, LeafForm form, std::uint8_t parts, std::uint64_t big_rows,
               std::span<const Item> edges);

// In memory of its own. Null if it would be empty.
const Leaf* NewLeaf(Memory& memory, LeafForm form, std::uint8_t parts, std::uint64_t big_rows,
                    std::span<const Item> edges);

// The first position in nodes[begin, end) whose node is at least `node`, or `end`.
std::uint32_t LowerBound(const NodeId* nodes, std::uint32_t begin, std::uint32_t end, NodeId node);

// Which of the four nodes from `nodes` on equal `node`: a bit for each.
inline std::uint32_t EqualOfFour(const NodeId* nodes, NodeId node) {
  using Four = NodeId __attribute__((vector_size(16)));
  Four four;
  std::memcpy(&four, nodes, sizeof(four));
  const auto bits = (four == node) & Four{1, 2, 4, 8};
  std::uint64_t halves[2];
  std::memcpy(halves, &bits, sizeof(bits));
  const auto both = halves[0] | halves[1];
  return static_cast<std::uint32_t>(both | both >> 32);
}

// Position of `node` in the ascending nodes[begin, end), or `end`. Short runs are compared four at
// once, longer ones halved without branches: where a node is is a coin toss.
inline std::uint32_t FindNodeIn(const NodeId* nodes, std::uint32_t begin, std::uint32_t end,
                                NodeId node) {
  constexpr std::uint32_t kComparedMax = 16;
  const auto length = end - begin;
  if (length > kComparedMax) {
    const auto at = LowerBound(nodes, begin, end, node);
    return at < end && nodes[at] == node ? at : end;
  }
  if (length < 4) {
    auto found = end;
    for (auto i = begin; i < end; ++i) found = nodes[i] == node ? i : found;
    return found;
  }
  for (auto at = begin;; at = std::min(at + 4, end - 4)) {
    const auto equal = EqualOfFour(nodes + at, node);
    if (equal != 0) return at + static_cast<std::uint32_t>(std::countr_zero(equal));
    if (at == end - 4) return end;
  }
}

}  // namespace pemba::graph::internal
