// ComponentSearch: works out relations that recurse through each other, all together.
//
// Semi-naive: every member of a relation is followed once, when it arrives. Parts of a rewrite that
// do not depend on the component (*static* ones) are sets; where a member arrives at a dynamic
// part, it climbs towards the relation as long as the operators above let it pass.
#pragma once

#include <cstdint>
#include <span>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/node_set.h"
#include "pemba/engine/internal/object_search.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

// Use once. Finds what is true of each relation, or candidates (exact is false then) if one has a
// `but not` whose right side is dynamic, or static and possibly undecided.
class ComponentSearch {
 public:
  ComponentSearch(ObjectSearch& search, std::span<const model::RelationIndex> component);
  void Run();

 private:
  struct Part {  // A plan node of the component.
    model::RelationIndex owner = model::kNoIndex;
    model::PlanNodeIndex parent = model::kNoIndex;  // kNoIndex: the relation's root.
    bool dynamic = false;
    const NodeSet* set = nullptr;   // Static, under an intersection or right of `but not`.
    GrowingSet* arrived = nullptr;  // Dynamic, under an intersection.
  };
  // Where members of a relation lead to.
  struct Consumer {
    model::PlanNodeIndex part;  // A leaf.
    model::EntryIndex entry;    // kNoIndex: a computed relation.
  };

  void FindParts(model::RelationIndex relation);
  void FindConsumers(model::PlanNodeIndex leaf);
  void Tie(model::PlanNodeIndex parent, model::PlanNodeIndex child, std::uint32_t position);
  void Seed(model::PlanNodeIndex index);
  void SeedProgram(model::PlanNodeIndex at, WindowProgram& program);
  const NodeSet* StaticSet(model::PlanNodeIndex index);
  void Follow(model::RelationIndex relation, Slot slot);
  void FollowTuples(const Consumer& consumer, model::RelationIndex relation, Slot slot);
  void Arrive(model::PlanNodeIndex at, Slot slot);
  bool LeadsToCycle(model::PlanNodeIndex subtracted, Slot slot);
  bool Passes(model::PlanNodeIndex parent, model::PlanNodeIndex child, Slot slot);
  bool InComponent(model::RelationIndex relation) const {
    return plan_.relations()[relation].group == group_ && search_.relations_[relation].needed;
  }

  ObjectSearch& search_;
  ListScope& scope_;
  const model::Plan& plan_;
  std::span<const model::RelationIndex> component_;
  std::uint32_t group_;
  bool exact_ = true;
  std::span<Part> parts_;           // By plan node.
  std::span<GrowingSet*> members_;  // By relation.
  // Consumers of a relation: a list through next_.
  struct Link {
    Consumer consumer;
    std::uint32_t next;
  };
  std::span<std::uint32_t> first_consumer_;  // By relation.
  ArenaVector<Link> links_;
};

}  // namespace pemba::engine::internal
