// CycleProbe: tells where a question on union-only relations comes back to itself.
//
// `a but not b` is false where b goes round in a circle, though b is not true there. Right of a
// `but not` a list therefore has to know for each candidate that b does not hold of: is that a
// "no", or a cycle? Here that is one depth-first search for all candidates of a list, which visits
// every goal once.
#pragma once

#include <cstdint>
#include <span>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/node_set.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

// The relations that are asked about, and all they lead to, are unions_only, and none of their
// tuples that lead on has a condition.
class CycleProbe {
 public:
  explicit CycleProbe(ListScope& scope);

  // Whether some way from a leaf of `object` comes back to where it was. Meaningless once the list
  // has ended. Cost: amortised over all calls, O(tuples that lead on from what was asked about).
  bool LeadsToCycle(const model::PlanNode& leaf, graph::NodeId object);

 private:
  struct Goal {
    model::RelationIndex relation;
    graph::NodeId node;
  };
  // A goal on the way from the root to where the search is; its targets are a part of targets_.
  struct Frame {
    Goal goal;
    std::uint32_t first_target, next_target, end;
    bool meets_cycle;
  };
  // Of one relation. A goal that was entered and is not clear is open, or leads to a cycle: for
  // whoever meets it that is the same.
  struct Visited {
    GrowingSet* entered = nullptr;
    GrowingSet* clear = nullptr;
  };

  bool Search(const Goal& root);
  // False: it was entered before.
  bool Enter(const Goal& goal);
  bool IsClear(const Goal& goal);
  void AddTargets(const model::PlanNode& leaf, graph::NodeId object);
  Visited& VisitedOf(model::RelationIndex relation);
  Slot SlotOf(const Goal& goal) {
    return scope_.SlotOf(plan_.relations()[goal.relation].type, goal.node);
  }

  ListScope& scope_;
  const model::Plan& plan_;
  std::span<Visited> visited_;  // By relation.
  ArenaVector<Goal> targets_;
  ArenaVector<Frame> frames_;
};

}  // namespace pemba::engine::internal
