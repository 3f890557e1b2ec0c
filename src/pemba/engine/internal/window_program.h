// WindowProgram: a set expression over rows of the graph, evaluated window by window.
//
// A window is a bitmap that stays in the first-level cache. Unions, intersections and differences
// are operations on words; the rows come in ascending order, so each is walked once, however many
// windows there are, and evaluation can start anywhere: a later page costs what the first one does.
#pragma once

#include <cstdint>
#include <span>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/cycle_probe.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/node_set.h"
#include "pemba/graph/partition_view.h"

namespace pemba::engine::internal {

// One leaf of the expression: a union of rows, a set and some slots. Lives in the arena.
class WindowLeaf {
 public:
  WindowLeaf(ListScope& scope, model::TypeIndex type);

  // The objects that `entry` leads to from `subject`. Shadowed slots are left out if `exact`.
  enum class Kind : std::uint8_t { kExact, kOther };
  void AddRow(model::EntryIndex entry, graph::NodeId subject, Kind kind);
  void AddSlot(Slot slot) { slots_.push_back(slot); }
  void Shadow(Slot slot) { shadowed_.push_back(slot); }
  void UseSet(const NodeSet& set) { set_ = set; }

  // After the last of the above; slots below `from` will not be asked for.
  void Start(Slot from);

  // A lower bound of what follows: no member lies between `from` and it. kNoSlot: no more.
  Slot Next(Slot from) const;
  // Adds the members from `base` on to a window of `count` slots.
  void Fill(Slot base, Slot count, std::uint64_t* words);

 private:
  struct Row {
    std::span<const graph::NodeId> run;  // Unconditional: what was taken from the row.
    graph::RowCursor row;
    model::EntryIndex entry;
    graph::NodeId subject;
    bool conditional, exact;
  };
  void FillPlain(Row& row, Slot base, Slot end, std::uint64_t* words);
  void FillCareful(Row& row, Slot base, Slot end, std::uint64_t* words);
  bool Shadowed(const Row& row, Slot slot) const;
  static Slot Head(const Row& row);

  ListScope* scope_;
  Slot nodes_max_;
  ArenaVector<Row> rows_;
  ArenaVector<Slot> slots_, shadowed_;
  NodeSet set_;
};

class WindowProgram {
 public:
  static constexpr Slot kFirstWindowSlots = 4'096;
  static constexpr Slot kFirstProbedSlots = 512;  // If each member has to be looked at.
  static constexpr Slot kWindowSlots = 65'536;

  WindowProgram(ListScope& scope, model::TypeIndex type);
  model::TypeIndex type() const { return type_; }

  // The expression, operands first.
  void Leaf(WindowLeaf* leaf);
  void Empty() { Leaf(nullptr); }
  void Combine(model::PlanOp op, std::uint32_t operands);  // A set operator.
  // Takes out of the last result where `leaf` leads to a cycle.
  void DropCycles(CycleProbe& probe, const model::PlanNode& leaf);
  void Add(Slot slot);    // To the last result.
  std::uint32_t Store();  // Pops it; gives its name.
  void Load(std::uint32_t name);

  void Start(Slot from);
  // The first window at or after `from` that may have members; kNoSlot: none. A multiple of 64.
  Slot Next(Slot from);
  // The members in a window; valid until the next call. Windows ascend. The first ones are short,
  // so that the first answers come soon: the next one begins 64 times as many slots on as there are
  // words.
  std::span<const std::uint64_t> Run(Slot base);

 private:
  enum class OpKind : std::uint8_t { kLeaf, kCombine, kDropCycles, kAdd, kStore, kLoad };
  struct Op {
    OpKind kind;
    model::PlanOp op;     // kCombine.
    std::uint32_t value;  // kCombine: operands; kAdd: slot; kStore, kLoad: name.
    WindowLeaf* leaf;
    CycleProbe* probe = nullptr;              // kDropCycles.
    const model::PlanNode* probed = nullptr;  // kDropCycles.
  };
  void DropCycles(const Op& op, Slot base, std::span<std::uint64_t> words);

  ListScope& scope_;
  model::TypeIndex type_;
  Slot slots_;
  std::uint32_t words_;  // Of a whole window.
  Slot window_ = kFirstWindowSlots;
  ArenaVector<Op> ops_;
  std::uint32_t depth_ = 0, depth_max_ = 0, stored_ = 0;
  std::span<std::uint64_t> stack_, named_;
  std::span<Slot> next_stack_, next_named_;
};

}  // namespace pemba::engine::internal
