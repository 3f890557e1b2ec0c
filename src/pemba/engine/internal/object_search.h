// ObjectSearch: finds the objects that a subject has a relation to, backwards, in sets.
//
// Relations are settled callees first. One that does not recurse is a set expression over reverse
// rows (WindowProgram); relations that recurse through each other grow together from a frontier
// (ComponentSearch). Only relations that tuples lead on from are worked out whole: what the answer
// needs besides is evaluated window by window while it is given out.
//
// What is found for a relation is either exactly where Check says "true", or more than that:
// *candidates*, which Check then confirms one by one. docs/decisions/0005-lists.md shows why these
// are needed only right of a `but not` that recursion or conditions may leave undecided, and not
// even there if nothing but cycles can: those are found in sets too (CycleProbe).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "pemba/base/arena.h"
#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/cycle_probe.h"
#include "pemba/engine/internal/evaluator.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/node_set.h"
#include "pemba/engine/internal/request.h"
#include "pemba/engine/internal/window_program.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

class ObjectSearch {
 public:
  // `root`'s objects for the request's subject, without a limit of hops.
  ObjectSearch(ListScope& scope, model::RelationIndex root);

  // Works out everything but the answer itself. Null: the list has ended.
  WindowProgram* Prepare();

  // Whether the answer needs no confirmation.
  bool exact() const { return relations_[root_].exact; }

  // Whether Check says "true". An error ends the list.
  bool Confirm(model::RelationIndex relation, Slot slot);

 private:
  friend class ComponentSearch;

  struct RelationState {
    bool needed = false;      // Some way leads from the subject to the root through it.
    bool hop_source = false;  // Tuples lead on from it.
    bool exact = true;        // What is found is no more than what is true.
    bool decided = true;      // Where it is not true, it is false: not an error, not a cycle.
    bool probed = true;       // Where it is not true, it is false or a cycle that the probe finds.
    const NodeSet* found = nullptr;  // Null: not worked out as a whole.
    std::uint32_t name = 0;          // In the program being made.
    bool named = false;
  };
  struct NodeState {
    bool exact = true, decided = true, probed = true;  // As above.
  };
  // One class of tuples that leads from members of `target` to objects of a leaf.
  struct HopSource {
    model::EntryIndex entry;
    model::RelationIndex target;
  };

  void FindNeeded();
  void Analyse(std::span<const model::RelationIndex> component);
  NodeState AnalyseNode(const model::PlanNode& node) const;
  NodeState AnalyseLeaf(const model::PlanNode& leaf) const;
  bool Settle(std::span<const model::RelationIndex> component);

  // All nodes under `root`, operands first; maybe without operands that cannot be subtracted.
  enum class Operands : std::uint8_t { kAll, kSubtractable };
  ArenaVector<model::PlanNodeIndex> PostOrder(model::PlanNodeIndex root, Operands operands) const;
  // Calls `visit(HopSource)` for each that the subject can reach.
  template <class Visit>
  void ForEachHop(const model::PlanNode& leaf, const Visit& visit) const;
  template <class Visit>
  void ForEachNext(const model::PlanNode& node, const Visit& visit) const;

  WindowProgram* Compile(model::PlanNodeIndex node, model::TypeIndex type);
  WindowProgram* CompileRelation(model::RelationIndex relation);
  void NameInlined(model::PlanNodeIndex node, WindowProgram& program);
  void Emit(model::PlanNodeIndex root, WindowProgram& program);
  void EmitComputed(model::RelationIndex relation, WindowProgram& program);
  // The leaves of what is subtracted that the probe has to look at.
  template <class Visit>
  void ForEachProbed(model::PlanNodeIndex subtracted, const Visit& visit) const;

  // A leaf but for what leads there from relations of `without` (kNoIndex: none), a group.
  WindowLeaf* MakeLeaf(const model::PlanNode& leaf, std::uint32_t without);
  void AddDirect(model::RelationIndex relation, WindowLeaf& leaf);
  void AddExactContextual(model::RelationIndex relation, WindowLeaf& leaf);
  void AddHops(std::span<const HopSource> hops, model::TypeIndex type, WindowLeaf& leaf);
  NodeSet UniteRows(std::span<const HopSource> hops, model::TypeIndex type);
  bool IsExactKind(const model::DirectEntry& entry) const;

  const NodeSet* Collect(WindowProgram& program);
  const NodeSet* Confirmed(model::RelationIndex relation, const NodeSet& candidates);
  Outcome Decide(model::RelationIndex relation, graph::NodeId node);

  ListScope& scope_;
  Request& request_;
  const model::Plan& plan_;
  const model::RelationIndex root_;
  std::span<RelationState> relations_;        // By relation.
  std::span<NodeState> nodes_;                // By plan node, of needed relations.
  ArenaVector<model::RelationIndex> needed_;  // By group: callees first.
  CycleProbe probe_;

  // Confirms candidates; its memory is given back every so often.
  static constexpr std::uint32_t kConfirmedAtOnce = 4'096;
  struct Confirmer {
    explicit Confirmer(const Request& of) : request(of, arena), evaluator(request) {}
    Arena arena;
    Request request;
    Evaluator evaluator;
  };
  std::unique_ptr<Confirmer> confirmer_;
  std::uint32_t confirmed_ = 0;
};

template <class Visit>
void ObjectSearch::ForEachProbed(model::PlanNodeIndex subtracted, const Visit& visit) const {
  const auto& node = plan_.nodes()[subtracted];
  if (nodes_[subtracted].decided) return;
  if (node.op != model::PlanOp::kUnion) return visit(node);
  for (const auto child : plan_.LinksOf(node)) ForEachProbed(child, visit);  // No unions.
}

template <class Visit>
void ObjectSearch::ForEachHop(const model::PlanNode& leaf, const Visit& visit) const {
  const auto& relation = plan_.relations()[leaf.relation];
  const auto entries = plan_.EntriesOf(relation);
  const bool direct = leaf.op == model::PlanOp::kDirect;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const auto target = direct ? entries[i].userset : plan_.LinksOf(leaf)[i];
    if (target == model::kNoIndex || !request_.Reaches(target)) continue;
    visit(HopSource{relation.first_entry + i, target});
  }
}

}  // namespace pemba::engine::internal
