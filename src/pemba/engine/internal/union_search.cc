#include "pemba/engine/internal/union_search.h"

#include <algorithm>
#include <utility>

#include "pemba/engine/internal/mutation.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;

}  // namespace

Outcome SearchRelation(Request& request, model::RelationIndex relation, graph::NodeId object,
                       std::uint32_t depth, bool want_cycles) {
  UnionSearch search(request, UnionSearch::Goals::kFlat);
  search.AddRoot(relation, object, depth);
  const auto outcome = search.Run(want_cycles);
  if (!search.doubtful()) return outcome;
  UnionSearch exact(request, UnionSearch::Goals::kExact);
  exact.AddRoot(relation, object, depth);
  return exact.Run(want_cycles);
}

Outcome SearchLeaf(Request& request, const model::PlanNode& leaf, model::RelationIndex owner,
                   graph::NodeId object, std::uint32_t depth, HopCursor::Set& set) {
  UnionSearch search(request, UnionSearch::Goals::kFlat);
  search.AddLeaf(leaf, owner, object, depth, set);
  const auto outcome = search.Run(/*want_cycles=*/true);
  if (!search.doubtful()) return outcome;
  UnionSearch exact(request, UnionSearch::Goals::kExact);
  exact.AddLeaf(leaf, owner, object, depth, set);
  return exact.Run(/*want_cycles=*/true);
}

void UnionSearch::AddRoot(model::RelationIndex relation, graph::NodeId node, std::uint32_t depth) {
  Ask(relation, node, depth, kNoGoal, true);
}

void UnionSearch::AddLeaf(const model::PlanNode& leaf, model::RelationIndex owner,
                          graph::NodeId object, std::uint32_t depth, HopCursor::Set& set) {
  VisitLeaf(leaf, owner, object, depth, kNoGoal, set);
}

Outcome UnionSearch::Run(bool want_cycles) {
  while (!found_) {
    // Goals of the same level may join while it is being walked.
    for (std::uint32_t i = 0; i < this_level_.size(); ++i) {
      if (!request_.Step()) return Outcome::Failed(request_.stopped());
      Visit(this_level_[i]);
      if (found_) return Outcome::True();
    }
    if (next_level_.empty()) break;
    std::swap(this_level_, next_level_);
    next_level_.clear();
  }
  return found_ ? Outcome::True() : Conclude(want_cycles);
}

void UnionSearch::Visit(std::uint32_t goal) {
  const auto relation = goals_[goal].relation;
  const auto node = goals_[goal].node;
  const auto& plan = request_.plan();
  const auto& planned = plan.relations()[relation];
  if (mode_ == Goals::kExact) return VisitOwn(plan.nodes()[planned.root], goal);
  if (request_.subject().relation != kNoIndex) {
    for (const auto alias : plan.AliasesOf(planned)) {
      found_ = found_ || request_.IsSubject(alias, node);
    }
  }
  for (const auto& leaf : plan.LeavesOf(planned)) {
    if (found_) return;
    if (request_.Reaches(leaf.owner)) VisitPart(plan.nodes()[leaf.node], leaf.owner, goal);
  }
}

// Nested unions have been joined: a union's children are no unions.
void UnionSearch::VisitOwn(const model::PlanNode& node, std::uint32_t goal) {
  const auto owner = goals_[goal].relation;
  if (node.op != PlanOp::kUnion) return VisitPart(node, owner, goal);
  for (const auto child : request_.plan().LinksOf(node)) {
    if (found_) return;
    VisitPart(request_.plan().nodes()[child], owner, goal);
  }
}

void UnionSearch::VisitPart(const model::PlanNode& node, model::RelationIndex owner,
                            std::uint32_t goal) {
  const auto object = goals_[goal].node;
  const auto depth = goals_[goal].depth;
  if (node.op == PlanOp::kComputed) return Ask(node.relation, object, depth, goal, true);
  HopCursor::Set set;
  if (!VisitLeaf(node, owner, object, depth, goal, set)) failure_ = Least(failure_, set.Error());
}

bool UnionSearch::VisitLeaf(const model::PlanNode& leaf, model::RelationIndex owner,
                            graph::NodeId object, std::uint32_t depth, std::uint32_t from,
                            HopCursor::Set& set) {
  if (leaf.op == PlanOp::kDirect && Decide(request_.ReadDirect(owner, object))) return true;
  const bool deepest = depth + 1 == request_.hops_max();
  const bool flat = mode_ == Goals::kFlat;
  if (!deepest && flat && TryIntersect(leaf, object, set)) return found_;
  HopCursor cursor(request_, leaf, object, HopCursor::Part::kUnionTargets, deepest || !flat);
  HopCursor::Hop hop;
  while (cursor.Next(request_, set, hop)) {
    if (Hop(hop, depth + 1, from)) return true;
  }
  return false;
}

bool UnionSearch::TryIntersect(const model::PlanNode& leaf, graph::NodeId object,
                               HopCursor::Set& set) {
  const auto& plan = request_.plan();
  const auto& subject = request_.subject();
  if (subject.relation != kNoIndex || request_.has_contextual()) return false;
  if (Mutated(Mutation::kFirstUsersetOnly) || Mutated(Mutation::kFirstParentOnly)) return false;
  const auto& relation = plan.relations()[leaf.relation];
  const auto entries = plan.EntriesOf(relation);
  const auto target_of = [&](std::uint32_t i) {
    return leaf.op == PlanOp::kDirect ? entries[i].userset : plan.LinksOf(leaf)[i];
  };
  const auto last_relation = [&](model::RelationIndex target) -> const model::PlanRelation& {
    const auto& planned = plan.relations()[target];
    return plan.relations()[plan.LeavesOf(planned)[0].owner];
  };
  const auto names_subject = [&](const model::DirectEntry& entry) {
    return entry.type == subject.type &&
           (entry.wildcard || subject.kind == tuple::SubjectKind::kObject);
  };
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (leaf.op == PlanOp::kDirect && entries[i].userset == kNoIndex) continue;
    if (entries[i].condition != kNoIndex) return false;
    const auto target = target_of(i);
    if (target == kNoIndex || !request_.Reaches(target)) continue;
    if (!plan.relations()[target].terminal) return false;
    for (const auto& last : plan.EntriesOf(last_relation(target))) {
      if (names_subject(last) && last.condition != kNoIndex) return false;
    }
  }
  for (std::uint32_t i = 0; i < entries.size() && !found_; ++i) {
    const auto target = target_of(i);
    if (target == kNoIndex || !request_.Reaches(target)) continue;
    const auto& owner = last_relation(target);
    const auto lasts = plan.EntriesOf(owner);
    for (std::uint32_t j = 0; j < lasts.size() && !found_; ++j) {
      if (!names_subject(lasts[j])) continue;
      found_ = RowsMeet(relation.first_entry + i, owner.first_entry + j, object);
    }
  }
  set.satisfied = true;  // Unconditional: nothing could fail.
  return true;
}

// Whether some object that `hop` leads to from `object` names the subject in `last`: short rows by
// asking for each, long ones by leaping through both, from whichever side is behind.
bool UnionSearch::RowsMeet(model::EntryIndex hop, model::EntryIndex last, graph::NodeId object) {
  constexpr std::uint32_t kShortRow = 4;
  const auto node = request_.plan().entries()[last].wildcard ? 0 : request_.subject().node;
  const auto hops = request_.View(hop);
  auto row = hops.Subjects(object);
  if (row.done()) return false;
  const auto lasts = request_.View(last);
  if (hops.SubjectDegree(object) <= kShortRow) {
    for (; !row.done(); row.Next()) {
      if (lasts.Find(row.node(), node).has_value()) return true;
    }
    return false;
  }
  auto column = lasts.Objects(node);
  while (!row.done() && !column.done()) {
    if (!request_.Step()) return false;
    if (row.node() == column.node()) return true;
    if (row.node() < column.node()) {
      row.Seek(column.node());
    } else {
      column.Seek(row.node());
    }
  }
  return false;
}

bool UnionSearch::Hop(const HopCursor::Hop& hop, std::uint32_t depth, std::uint32_t from) {
  if (depth == request_.hops_max()) {
    failure_ = Least(failure_, request_.TooDeep());
    too_deep_ = true;
    return false;
  }
  // No goal of its own: it asks for nothing, or for nothing but the subject.
  const bool reachable = request_.Reaches(hop.target);
  const bool terminal =
      request_.plan().relations()[hop.target].terminal && request_.subject().relation == kNoIndex;
  if (from != kNoGoal && (!reachable || terminal)) goals_[from].ends_in_hops = true;
  if (!reachable) return false;
  if (terminal) {
    const auto& plan = request_.plan();
    const auto leaf = plan.LeavesOf(plan.relations()[hop.target])[0];
    return request_.Reaches(leaf.owner) && Decide(request_.ReadDirect(leaf.owner, hop.node));
  }
  Ask(hop.target, hop.node, depth, from, false);
  return found_;
}

// Rule order of the definition: limit (by the caller), cycle, reflexivity, reachability. What is
// already visited needs no second visit, only a note.
void UnionSearch::Ask(model::RelationIndex relation, graph::NodeId node, std::uint32_t depth,
                      std::uint32_t from, bool same_level) {
  const bool any_relation = Mutated(Mutation::kVisitObjectsOnce);
  const auto key = std::uint64_t{any_relation ? 0 : relation} << 32 | node;
  const auto known = index_.FindOrAdd(key, goals_.size());
  if (known != GoalIndex::kNew) {
    if (from != kNoGoal) extra_.push_back({from, known, !same_level});
    return;
  }
  if (request_.IsSubject(relation, node)) {
    found_ = true;
    return;
  }
  const auto goal = goals_.size();
  goals_.push_back({relation, node, depth, from, depth, false});
  if (!request_.Reaches(relation)) return;
  (same_level ? this_level_ : next_level_).push_back(goal);
}

bool UnionSearch::Decide(const Outcome& outcome) {
  if (outcome.truth == Truth::kTrue) return found_ = true;
  failure_ = Least(failure_, outcome.failure);
  return false;
}

Outcome UnionSearch::Conclude(bool want_cycles) {
  if (request_.stopped() != nullptr) return Outcome::Failed(request_.stopped());
  doubtful_ = too_deep_ && mode_ == Goals::kFlat;
  if (failure_ != nullptr) return Outcome::Failed(failure_);
  if (extra_.empty()) return Outcome::False();
  // No way is longer than one visit to every goal and a terminal hop behind it.
  const auto hops_max = request_.hops_max();
  const auto start = goals_.empty() ? 0 : goals_[0].depth;
  const bool may_be_deep =
      hops_max != 0 && !Mutated(Mutation::kForgetLongWays) && start + goals_.size() >= hops_max;
  if (!want_cycles && !may_be_deep) return Outcome::False();
  doubtful_ = may_be_deep && mode_ == Goals::kFlat;
  if (doubtful_) return Outcome::False();
  std::uint32_t longest = 0;
  if (SortFindsCycle(longest)) return Outcome::Cycle();
  if (hops_max != 0 && longest >= hops_max) return Outcome::Failed(request_.TooDeep());
  return Outcome::False();
}

// Kahn, "Topological sorting of large networks", CACM 5(11), 1962, over the noted edges.
bool UnionSearch::SortFindsCycle(std::uint32_t& longest) {
  auto& arena = request_.arena();
  const auto count = goals_.size();
  auto first = arena.NewArray<std::uint32_t>(count + 1);
  auto waits_for = arena.NewArray<std::uint32_t>(count);
  const auto for_each_edge = [&](const auto& visit) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto parent = goals_[i].parent;
      if (parent == kNoGoal) continue;
      visit(Edge{parent, i, goals_[i].depth != goals_[parent].depth});
    }
    for (const auto& edge : extra_) visit(edge);
  };
  for_each_edge([&](const Edge& edge) {
    ++first[edge.from + 1];
    ++waits_for[edge.to];
  });
  for (std::uint32_t i = 0; i < count; ++i) first[i + 1] += first[i];
  auto targets = arena.NewArray<Edge>(first[count]);
  auto fill = arena.NewArray<std::uint32_t>(count);
  for_each_edge([&](const Edge& edge) { targets[first[edge.from] + fill[edge.from]++] = edge; });

  ArenaVector<std::uint32_t> ready(arena);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (waits_for[i] == 0) ready.push_back(i);
  }
  for (std::uint32_t at = 0; at < ready.size(); ++at) {
    const auto& goal = goals_[ready[at]];
    longest = std::max(longest, goal.longest + (goal.ends_in_hops ? 1 : 0));
    for (auto i = first[ready[at]]; i < first[ready[at] + 1]; ++i) {
      auto& target = goals_[targets[i].to];
      target.longest = std::max(target.longest, goal.longest + (targets[i].hop ? 1 : 0));
      if (--waits_for[targets[i].to] == 0) ready.push_back(targets[i].to);
    }
  }
  return ready.size() < count;
}

}  // namespace pemba::engine::internal
