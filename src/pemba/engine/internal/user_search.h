// UserSearch: finds the users of one kind that have a relation to an object, forward, in sets.
//
// From the object, every object#relation that can be reached is a goal. Where nothing but unions
// lie ahead, all goals of a leaf are one graph search whose direct tuples are united. Other goals
// are evaluated as set expressions, callees first. Goals that depend on each other are evaluated
// together, as the least fixpoint of pairs (who certainly has it, who possibly has it): who is
// possible but not certain hangs on a cycle, which is what Check calls it too.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/request.h"
#include "pemba/engine/internal/user_set.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

// What is asked for: objects of a type, or usersets `type#relation`.
struct UserFilter {
  model::TypeIndex type = model::kNoIndex;
  model::RelationIndex relation = model::kNoIndex;
};

class UserSearch {
 public:
  UserSearch(ListScope& scope, const UserFilter& filter);

  // Who certainly has it. Meaningless if the list has ended meanwhile. Use once.
  UserSet Run(model::RelationIndex relation, graph::NodeId object);

 private:
  // Who certainly has it, and who possibly: the rest does certainly not.
  struct Users {
    UserSet certain, possible;
    bool decided = true;  // Both are the same.
  };
  struct Leaf {
    Users users;                                // Of direct tuples and union-only targets.
    std::span<const std::uint32_t> goals = {};  // Further ones.
  };
  struct Goal {
    model::RelationIndex relation;
    graph::NodeId node;
    std::uint32_t depth;           // Of the shortest way here.
    std::uint32_t first_leaf = 0;  // In operand order of the relation's rewrite.
    Users users;
  };
  struct Target {
    model::RelationIndex relation;
    graph::NodeId node;
  };
  using Lists = ArenaVector<std::span<const graph::NodeId>>;

  bool Reaches(model::RelationIndex relation) const;
  bool TooDeep(std::uint32_t depth);
  std::span<const model::PlanNodeIndex> PostOrder(model::RelationIndex relation);

  UserSet RunGoals(model::RelationIndex relation, graph::NodeId object);
  std::uint32_t GoalOf(const Target& target, std::uint32_t depth);
  void Expand(std::uint32_t goal);
  Leaf MakeLeaf(const model::PlanNode& node, graph::NodeId object, std::uint32_t depth);
  void Settle(std::span<const std::uint32_t> group, bool cyclic);
  Users Evaluate(const Goal& goal);
  Users EvaluateLeaf(const Leaf& leaf);
  Users Combine(model::PlanOp op, const Users& a, const Users& b);

  // Reading tuples.
  void ReadTargets(const model::PlanNode& leaf, graph::NodeId object, ArenaVector<Target>& out);
  void ReadDirect(model::RelationIndex relation, graph::NodeId object, Lists& named, bool& all);
  void ReadExactContextual(model::RelationIndex relation, graph::NodeId object,
                           ArenaVector<graph::NodeId>& held, ArenaVector<graph::NodeId>& shadowed);
  void ReadRow(model::EntryIndex entry, graph::NodeId object,
               std::span<const graph::NodeId> shadowed, Lists& named);
  bool AnyHolds(model::EntryIndex entry, graph::NodeId object);

  // One search over union-only goals.
  enum class Cycles : std::uint8_t { kIgnore, kTell };
  Users SearchUnions(std::span<const Target> roots, std::uint32_t depth, Cycles cycles);
  Users SearchTarget(const Target& target, std::uint32_t depth);
  struct Edge {
    std::uint32_t from, to;
  };
  bool HasCycle(std::uint32_t goals, const ArenaVector<Edge>& edges);
  UserSet Unite(const Lists& named, bool all);

  ListScope& scope_;
  Request& request_;
  const model::Plan& plan_;
  Arena& arena_;
  const UserFilter filter_;
  GoalIndex index_;  // (relation, node) -> goal.
  ArenaVector<Goal> goals_;
  ArenaVector<Leaf> leaves_;
  GoalIndex searched_index_;  // (relation, node) -> searched_.
  ArenaVector<Users> searched_;
  std::span<std::span<const model::PlanNodeIndex>> orders_;  // By relation; empty: not made yet.
  ArenaVector<Users> stack_;
};

}  // namespace pemba::engine::internal
