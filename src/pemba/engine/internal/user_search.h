// UserSearch: finds the users of one kind that have a relation to an object, forward, in sets.
//
// From the object, every object#relation that can be reached is a goal. Where nothing but unions
// lie ahead, all goals of a leaf are one graph search whose direct tuples are united. Other goals
// are evaluated as set expressions, callees first. Goals that depend on each other are evaluated
// together, as the least fixpoint of pairs (who certainly has it, who possibly has it): who is
// possible but not certain hangs on a cycle, which is what Check calls it too.
//
// The goals are found first; the users are worked out range by range of their ids, because what a
// set expression says of a user does not depend on other users. So the first names come early, and
// a page costs what lies in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/request.h"
#include "pemba/engine/internal/user_rows.h"
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
  ~UserSearch();
  UserSearch(const UserSearch&) = delete;
  UserSearch& operator=(const UserSearch&) = delete;

  // Finds all that the answer depends on but the users. Use once.
  void Prepare(model::RelationIndex relation, graph::NodeId object);

  // Who certainly has it, some at a time, in ascending order; nothing at the end. What is given is
  // valid until the next call, and meaningless once the list has ended.
  void StartAfter(graph::NodeId last) { next_ = std::max(next_, last + 1); }
  std::optional<std::span<const graph::NodeId>> Next();

 private:
  // Who certainly has it, and who possibly: the rest does certainly not.
  struct Users {
    UserSet certain, possible;
    bool decided = true;  // Both are the same.
  };
  // Direct tuples, or what a search over union-only goals has met.
  struct Source {
    UserRows rows;
    bool cyclic;
    Users users;  // Of the range at hand.
  };
  struct Leaf {
    std::span<const std::uint32_t> sources = {};
    std::span<const std::uint32_t> goals = {};  // Further ones.
  };
  // Goals that depend on each other, or one that depends on others only.
  struct Group {
    std::span<const std::uint32_t> goals;
    bool cyclic;
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

  bool Reaches(model::RelationIndex relation) const;
  bool TooDeep(std::uint32_t depth);
  std::span<const model::PlanNodeIndex> PostOrder(model::RelationIndex relation);

  void FindGoals(const Target& root);
  void FindGroups();
  UserRange NextRange();
  std::uint32_t GoalOf(const Target& target, std::uint32_t depth);
  void Expand(std::uint32_t goal);
  Leaf MakeLeaf(const model::PlanNode& node, graph::NodeId object, std::uint32_t depth);
  void Settle(const Group& group);
  Users Evaluate(const Goal& goal);
  Users EvaluateLeaf(const Leaf& leaf);
  Users Combine(model::PlanOp op, const Users& a, const Users& b);

  // Reading tuples.
  void ReadTargets(const model::PlanNode& leaf, graph::NodeId object, ArenaVector<Target>& out);
  void ReadDirect(model::RelationIndex relation, graph::NodeId object, UserRows& rows);
  void ReadExactContextual(model::RelationIndex relation, graph::NodeId object,
                           ArenaVector<graph::NodeId>& held, ArenaVector<graph::NodeId>& shadowed);
  bool AnyHolds(model::EntryIndex entry, graph::NodeId object);

  // One search over union-only goals.
  enum class Cycles : std::uint8_t { kIgnore, kTell };
  std::uint32_t SearchUnions(std::span<const Target> roots, std::uint32_t depth, Cycles cycles);
  std::uint32_t SearchTarget(const Target& target, std::uint32_t depth);
  struct Edge {
    std::uint32_t from, to;
  };
  bool HasCycle(std::uint32_t goals, const ArenaVector<Edge>& edges);
  Users UsersOf(Source& source);

  ListScope& scope_;
  Request& request_;
  const model::Plan& plan_;
  Arena& arena_;
  const UserFilter filter_;
  GoalIndex index_;  // (relation, node) -> goal.
  ArenaVector<Goal> goals_;
  ArenaVector<Leaf> leaves_;
  ArenaVector<Group> groups_;  // Callees first.
  ArenaVector<Source> sources_;
  GoalIndex searched_;                                       // (relation, node) -> source.
  std::span<std::span<const model::PlanNodeIndex>> orders_;  // By relation; empty: not made yet.
  ArenaVector<Users> stack_;

  // The range at hand, and what is taken for it.
  static constexpr graph::NodeId kFirstRange = 4'096, kLongestRange = graph::NodeId{1} << 20;
  graph::NodeId next_ = 0;
  graph::NodeId length_ = kFirstRange;
  UserRange range_;
  Arena scratch_;
};

}  // namespace pemba::engine::internal
