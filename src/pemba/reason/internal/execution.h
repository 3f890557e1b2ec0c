// Execution: the matches of a plan, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pemba/reason/internal/budget.h"
#include "pemba/reason/internal/facts.h"
#include "pemba/reason/internal/inferred.h"
#include "pemba/reason/internal/plan.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

class Reasoner;

// What a variable is bound to: a ThingId, a TypeId or a number of a ValuePool.
using Slot = std::uint32_t;
using Frame = std::vector<Slot>;  // By VariableId.

// What a plan is run on.
struct World {
  const Schema* schema = nullptr;
  const Facts* facts = nullptr;
  ValuePool* values = nullptr;
  Inferred* inferred = nullptr;  // Null without inference.
  Reasoner* reasoner = nullptr;  // Null without inference.
  Budget* budget = nullptr;

  TypeId TypeOf(ThingId thing) const {
    return IsInferred(thing) ? inferred->TypeOf(thing) : facts->TypeOf(thing);
  }
  Value ValueOf(ThingId attribute) const {
    return IsInferred(attribute) ? inferred->ValueOf(attribute) : facts->ValueOf(attribute);
  }
  bool Owns(ThingId owner, ThingId attribute) const {
    return (!IsInferred(owner) && !IsInferred(attribute) && facts->Owns(owner, attribute)) ||
           (inferred != nullptr && inferred->Owns(owner, attribute));
  }
};

// Depth-first search with an explicit stack: one cursor for each step of the plan. Facts may be
// added to world.inferred between two calls of Next() and by demands during one: cursors hold
// indices and see what was there when they were opened.
class Execution {
 public:
  // All are borrowed. The frame holds what is bound before the plan; after Next() what it bound.
  Execution(const Plan& plan, const World& world, Frame& frame)
      : plan_(plan), world_(world), frame_(frame), cursors_(plan.steps.size()) {}

  // False at the end and when the budget is spent.
  bool Next();
  // After a match, the next one is looked for from this step on: for those who want one match for
  // each binding of what the steps up to it bind. By default all matches.
  void set_resume_after(std::size_t step) { resume_after_ = step; }
  void Restart() { started_ = false; }

 private:
  struct Cursor {
    std::uint32_t phase = 0;  // 0: persisted facts; 1: inferred ones; 2: the end.
    std::uint32_t i = 0, j = 0, limit = 0;
    int via = -1;  // The entry of a relation by whose player we came.
    const IdList* list = nullptr;
    Row row = kNoRow;
    ThingId last = kNoThing;
    std::vector<Slot> buffer;
    std::size_t buffer_at = 0;
    std::vector<std::unique_ptr<Execution>> nested;
    std::unique_ptr<ClosureWalk> walk;
  };

  void Open(std::size_t at);
  bool Advance(std::size_t at);

  bool Advance(const ScanStep& step, Cursor& cursor);
  bool Advance(const TypeCheckStep& step, Cursor& cursor);
  bool Advance(const LookupStep& step, Cursor& cursor);
  bool Advance(const RangeStep& step, Cursor& cursor);
  bool Advance(const RelationStep& step, Cursor& cursor);
  bool Advance(const ClosureStep& step, Cursor& cursor);
  bool Advance(const HasStep& step, Cursor& cursor);
  bool Advance(const IsaStep& step, Cursor& cursor);
  bool Advance(const CompareStep& step, Cursor& cursor);
  bool Advance(const IsStep& step, Cursor& cursor);
  bool Advance(const IidStep& step, Cursor& cursor);
  bool Advance(const AssignStep& step, Cursor& cursor);
  bool Advance(const TypesStep& step, Cursor& cursor);
  bool Advance(const TypeAtomStep& step, Cursor& cursor);
  bool Advance(const NegationStep& step, Cursor& cursor);
  bool Advance(const DisjunctionStep& step, Cursor& cursor);
  bool Advance(const GoalStep& step, Cursor& cursor);

  bool BeginWalk(const ClosureStep& step, Cursor& cursor);
  void OpenRelation(const RelationStep& step, Cursor& cursor);
  ThingId NextRelation(const RelationStep& step, Cursor& cursor, TypeId& via_role);
  ThingId NextPersistedRelation(const RelationStep& step, Cursor& cursor, TypeId& via_role);
  ThingId NextInferredRelation(const RelationStep& step, Cursor& cursor, TypeId& via_role);
  void RaiseRelationDemands(const RelationStep& step);
  void MatchEdges(const RelationStep& step, Cursor& cursor, ThingId relation, TypeId via_role);
  void AssignEdge(const RelationStep& step, Cursor& cursor, std::size_t entry, std::uint64_t used,
                  TypeId via_role);
  bool AdvancePersistedHas(const HasStep& step, Cursor& cursor);
  bool AdvanceInferredHas(const HasStep& step, Cursor& cursor);
  void RaiseHasDemands(const HasStep& step);
  bool CanPlay(ThingId player, TypeId relation_type, TypeId role) const;
  Value ValueOfVariable(VariableId variable) const;
  bool Bind(VariableId variable, bool bound, Slot slot);

  const Plan& plan_;
  const World& world_;
  Frame& frame_;
  std::vector<Cursor> cursors_;
  std::vector<RoleEdge> edges_;  // Of the relation that is being matched.
  std::size_t depth_ = 0;
  std::size_t resume_after_ = SIZE_MAX;
  bool started_ = false;
};

}  // namespace pemba::reason::internal
