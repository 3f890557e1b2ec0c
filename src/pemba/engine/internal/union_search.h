// UnionSearch: decides sub-questions from which nothing but unions can be reached.
//
// Such a question is graph search: true if any tuple that is reached names the subject. Breadth
// first, each (relation, object) visited once.
#pragma once

#include <cstdint>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/outcome.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine::internal {

// Decides object#relation, asked at a depth of hops; the relation is unions_only.
// `want_cycles`: tell kCycle from kFalse, which costs something where ways meet.
Outcome SearchRelation(Request& request, model::RelationIndex relation, graph::NodeId object,
                       std::uint32_t depth, bool want_cycles);

// Decides a leaf of any relation, as far as it leads to union-only targets; tells kCycle. `set`
// learns about the tuples that were looked at; its error is not part of the outcome.
Outcome SearchLeaf(Request& request, const model::PlanNode& leaf, model::RelationIndex owner,
                   graph::NodeId object, std::uint32_t depth, HopCursor::Set& set);

// One search with any number of roots, which count as the branches of one union. Use once.
//
// Agrees with the path-copying definition: a union is true iff some way ends in the subject, and
// the shortest ways come first, so no way within the limit is missed. For "not true" the definition
// also wants to know
//   - whether some way came back to itself (kCycle instead of kFalse), and
//   - whether some simple way is longer than the limit (an error), though a shorter one to the same
//     place was not.
// Both need a second way to a visited goal. Only if there was one, the edges that the search has
// noted are sorted topologically afterwards: leftovers are a cycle, else the longest way is known.
// With cycles the longest simple way is NP-hard; there the limit counts shortest ways (and so do
// the breadth-first strategies of the reference).
class UnionSearch {
 public:
  // kFlat: a goal stands for all relations of its object that it leads to without a tuple. Fewer
  // goals; but the hops of a way that comes back to such a relation are then counted too long.
  // Where that could matter, doubtful() is true, and kExact, one goal per relation, has to decide.
  enum class Goals : std::uint8_t { kFlat, kExact };

  // `want_cycles`: tell kCycle from kFalse.
  UnionSearch(Request& request, Goals mode, bool want_cycles)
      : request_(request),
        mode_(mode),
        want_cycles_(want_cycles),
        memo_(mode == Goals::kFlat ? request.memo() : nullptr),
        index_(request.arena()),
        goals_(request.arena()),
        extra_(request.arena()),
        this_level_(request.arena()),
        next_level_(request.arena()) {}

  // Adds a root at a depth of hops. All roots have the same depth.
  void AddRoot(model::RelationIndex relation, graph::NodeId node, std::uint32_t depth);

  // Adds what a leaf of some other question asks for: reads its direct tuples, follows its hops to
  // union-only targets. The leaf is at `depth`; the hops' set is the caller's.
  void AddLeaf(const model::PlanNode& leaf, model::RelationIndex owner, graph::NodeId object,
               std::uint32_t depth, HopCursor::Set& set);

  Outcome Run();
  bool doubtful() const { return doubtful_; }

 private:
  static constexpr std::uint32_t kNoGoal = 0xFFFF'FFFF;

  struct Goal {
    model::RelationIndex relation;
    graph::NodeId node;
    std::uint32_t depth;    // Of the shortest way here.
    std::uint32_t parent;   // On that way; kNoGoal for roots.
    std::uint32_t longest;  // Of the longest way, once sorted.
    bool ends_in_hops;      // Asked terminal targets, one hop further, that are no goals.
    VisitSteps* steps;      // kFlat.
    std::uint32_t below;    // Known from an earlier search: hops behind it, which is not visited.
  };
  struct Edge {
    std::uint32_t from, to;
    bool hop;  // Not: another relation of the same object.
  };

  void Visit(std::uint32_t goal);
  void VisitBySteps(VisitSteps& steps, std::uint32_t goal);
  bool SubjectIsIn(VisitSteps& steps, std::uint32_t& at, graph::NodeId object);
  void PrefetchRows(std::uint32_t goal, std::uint32_t steps_min, std::uint64_t edges_min);
  void PrefetchBehind(std::uint32_t position);
  void VisitOwn(const model::PlanNode& node, std::uint32_t goal);
  void VisitPart(const model::PlanNode& node, model::RelationIndex owner, std::uint32_t goal);
  bool VisitLeaf(const model::PlanNode& leaf, model::RelationIndex owner, graph::NodeId object,
                 std::uint32_t depth, std::uint32_t from, HopCursor::Set& set);
  bool Hop(const HopCursor::Hop& hop, std::uint32_t depth, std::uint32_t from);
  // Decides a leaf all of whose targets are terminal by intersecting rows. False: not such a leaf.
  bool TryIntersect(const model::PlanNode& leaf, graph::NodeId object, HopCursor::Set& set);
  bool RowsMeet(const graph::PartitionView& hops, const graph::PartitionView& lasts,
                graph::NodeId object, graph::NodeId node);
  void Ask(model::RelationIndex relation, graph::NodeId node, std::uint32_t depth,
           std::uint32_t from, bool same_level);
  bool Decide(const Outcome& outcome);
  enum class Recalled : std::uint8_t { kNothing, kTrue, kFalse };
  Recalled Recall(std::uint64_t key, std::uint32_t depth, std::uint32_t& hops);
  void RememberTrue(std::uint32_t goal);
  void RememberFalse();
  Outcome Explore();
  Outcome Conclude();
  bool SortFindsCycle(std::uint32_t& longest);

  Request& request_;
  const Goals mode_;
  const bool want_cycles_;
  SearchMemo* const memo_;  // Of the batch; null: none.
  GoalIndex index_;
  ArenaVector<Goal> goals_;
  ArenaVector<Edge> extra_;  // Ways to goals that were already there.
  ArenaVector<std::uint32_t> this_level_, next_level_;
  bool found_ = false;
  bool too_deep_ = false;
  bool doubtful_ = false;
  std::uint32_t found_hops_ = 2;  // If found: from the goal that found it to the subject, at most.
  std::uint32_t below_max_ = 0;   // Of all goals.
  bool recalled_cyclic_ = false;  // Built on an answer that does not tell cycles.
  const Failure* failure_ = nullptr;
};

}  // namespace pemba::engine::internal
