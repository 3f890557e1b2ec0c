#include "pemba/engine/internal/union_search.h"

#include <algorithm>
#include <span>
#include <utility>

#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/sorted_runs.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;

// How far ahead rows of a wide level are loaded, in goals.
constexpr std::uint32_t kFar = 6, kNear = 3;
// Rows of a partition of no more edges are in a cache as soon as they are used often.
constexpr std::uint64_t kEdgesInCache = 100'000;
// A processor looks at two rows at once by itself.
constexpr std::uint32_t kManySteps = 3;

std::uint64_t KeyOf(model::RelationIndex relation, graph::NodeId node) {
  const bool any_relation = Mutated(Mutation::kVisitObjectsOnce);
  return std::uint64_t{any_relation ? 0 : relation} << 32 | node;
}

}  // namespace

Outcome SearchRelation(Request& request, model::RelationIndex relation, graph::NodeId object,
                       std::uint32_t depth, bool want_cycles) {
  const auto& planned = request.plan().relations()[relation];
  if (planned.terminal && request.subject().kind != tuple::SubjectKind::kUserset) {
    const auto owner = request.plan().LeavesOf(planned)[0].owner;
    return request.Reaches(owner) ? request.ReadDirect(owner, object) : Outcome::False();
  }
  UnionSearch search(request, UnionSearch::Goals::kFlat, want_cycles);
  search.AddRoot(relation, object, depth);
  const auto outcome = search.Run();
  if (!search.doubtful()) return outcome;
  UnionSearch exact(request, UnionSearch::Goals::kExact, want_cycles);
  exact.AddRoot(relation, object, depth);
  return exact.Run();
}

Outcome SearchLeaf(Request& request, const model::PlanNode& leaf, model::RelationIndex owner,
                   graph::NodeId object, std::uint32_t depth, HopCursor::Set& set) {
  UnionSearch search(request, UnionSearch::Goals::kFlat, /*want_cycles=*/true);
  search.AddLeaf(leaf, owner, object, depth, set);
  const auto outcome = search.Run();
  if (!search.doubtful()) return outcome;
  UnionSearch exact(request, UnionSearch::Goals::kExact, /*want_cycles=*/true);
  exact.AddLeaf(leaf, owner, object, depth, set);
  return exact.Run();
}

void UnionSearch::AddRoot(model::RelationIndex relation, graph::NodeId node, std::uint32_t depth) {
  Ask(relation, node, depth, kNoGoal, true);
}

void UnionSearch::AddLeaf(const model::PlanNode& leaf, model::RelationIndex owner,
                          graph::NodeId object, std::uint32_t depth, HopCursor::Set& set) {
  VisitLeaf(leaf, owner, object, depth, kNoGoal, set);
}

Outcome UnionSearch::Run() {
  const auto outcome = Explore();
  if (memo_ != nullptr && outcome.truth == Truth::kFalse && !doubtful_) RememberFalse();
  return outcome;
}

Outcome UnionSearch::Explore() {
  while (!found_) {
    // Goals of the same level may join while it is being walked.
    for (std::uint32_t i = 0; i < this_level_.size(); ++i) {
      if (!request_.Step()) return Outcome::Failed(request_.stopped());
      if (i < kNear) PrefetchRows(this_level_[i], kManySteps, kEdgesInCache);
      if (i + kNear < this_level_.size()) PrefetchBehind(i);
      Visit(this_level_[i]);
      if (found_) {
        if (memo_ != nullptr) RememberTrue(this_level_[i]);
        return Outcome::True();
      }
    }
    if (next_level_.empty()) break;
    std::swap(this_level_, next_level_);
    next_level_.clear();
  }
  return found_ ? Outcome::True() : Conclude();
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
  auto& steps = *goals_[goal].steps;
  const bool deepest = goals_[goal].depth + 1 == request_.hops_max();
  if (steps.form == VisitSteps::Form::kPlain && !deepest) {
    if (!found_) VisitBySteps(steps, goal);
    return;
  }
  for (const auto& leaf : plan.LeavesOf(planned)) {
    if (found_) return;
    if (request_.Reaches(leaf.owner)) VisitPart(plan.nodes()[leaf.node], leaf.owner, goal);
  }
}

// As the leaves, one by one, would do it; where nothing can fail and the limit is further away.
void UnionSearch::VisitBySteps(VisitSteps& steps, std::uint32_t goal) {
  const auto object = goals_[goal].node;
  const auto depth = goals_[goal].depth;
  for (std::uint32_t at = 0; at < steps.count;) {
    VisitStep& step = steps.steps[at];
    if (step.kind != VisitStep::Kind::kHops) {
      if (SubjectIsIn(steps, at, object)) {
        found_ = true;
        return;
      }
      continue;
    }
    const auto target = step.target;
    const auto follow = [&](graph::NodeId node) {
      if (!request_.Step()) return false;
      Ask(target, node, depth + 1, goal, false);
      return !found_;
    };
    if (const auto row = step.view.PlainSubjects(object); row.known()) {
      for (const auto node : row) {
        if (!follow(node)) return;
      }
    } else {
      for (auto changed = step.view.Subjects(object); !changed.done(); changed.Next()) {
        if (!follow(changed.node())) return;
      }
    }
    ++at;
  }
}

// Whether a step that looks for the subject finds it; goes on to the next one. From the second time
// on it is known whether the subject is in any tuple at all, which mostly it is not.
bool UnionSearch::SubjectIsIn(VisitSteps& steps, std::uint32_t& at, graph::NodeId object) {
  VisitStep& step = steps.steps[at];
  const bool meets = step.kind == VisitStep::Kind::kMeet;
  if (step.asked == VisitStep::Asked::kOnce) {
    const auto& named = meets ? step.last : step.view;
    if (named.ObjectDegree(step.node) == 0 || Mutated(Mutation::kForgetRepeatedSteps)) {
      steps.Drop(at);
      return false;
    }
    step.asked = VisitStep::Asked::kOften;
  } else if (step.asked == VisitStep::Asked::kNever) {
    step.asked = VisitStep::Asked::kOnce;
  }
  ++at;
  return meets ? RowsMeet(step.view, step.last, object, step.node)
               : step.view.HasEdge(object, step.node) == graph::PartitionView::Has::kYes;
}

// All rows that a visit looks at, in partitions of more edges than that, come at once instead of
// one after the other.
void UnionSearch::PrefetchRows(std::uint32_t goal, std::uint32_t steps_min,
                               std::uint64_t edges_min) {
  if (mode_ == Goals::kExact) return;
  const auto& steps = *goals_[goal].steps;
  if (steps.count < steps_min) return;
  for (const auto& step : std::span(steps.steps, steps.count)) {
    if (step.view.EdgesMax() > edges_min) step.view.PrefetchSubjects(goals_[goal].node);
  }
}

// Wide levels: the rows of goals that come soon are on their way while this one is visited.
void UnionSearch::PrefetchBehind(std::uint32_t position) {
  if (mode_ == Goals::kExact) return;
  if (position + kFar < this_level_.size()) {
    const auto& goal = goals_[this_level_[position + kFar]];
    for (const auto& step : std::span(goal.steps->steps, goal.steps->count)) {
      step.view.PrefetchObject(goal.node);
    }
  }
  PrefetchRows(this_level_[position + kNear], 0, 0);
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
      found_ =
          RowsMeet(request_.View(relation.first_entry + i), request_.View(owner.first_entry + j),
                   object, lasts[j].wildcard ? 0 : subject.node);
    }
  }
  set.satisfied = true;  // Unconditional: nothing could fail.
  return true;
}

// Whether some object that `hops` leads to from `object` names `node` in `lasts`: short rows by
// asking for each, long ones run by run, from whichever side is behind.
bool UnionSearch::RowsMeet(const graph::PartitionView& hops, const graph::PartitionView& lasts,
                           graph::NodeId object, graph::NodeId node) {
  constexpr std::uint32_t kShortRow = 4, kNodesPerStep = 64;
  const auto names_it = [&](graph::NodeId hop) {
    return lasts.HasEdge(hop, node) == graph::PartitionView::Has::kYes;
  };
  if (const auto plain = hops.PlainSubjects(object);
      plain.known() && plain.last - plain.first <= kShortRow) {
    return std::any_of(plain.begin(), plain.end(), names_it);
  }
  auto row = hops.Subjects(object);
  if (row.done()) return false;
  if (hops.SubjectDegree(object) <= kShortRow) {
    for (; !row.done(); row.Next()) {
      if (names_it(row.node())) return true;
    }
    return false;
  }
  auto column = lasts.Objects(node);
  if (column.done()) return false;
  auto ours = row.TakeRun(), theirs = column.TakeRun();
  for (;;) {
    const auto nodes = static_cast<std::uint32_t>(ours.size() + theirs.size());
    if (!request_.Steps(1 + nodes / kNodesPerStep)) return false;
    if (Meet(ours, theirs) == RunsMeet::kYes) return true;
    // The run that ends first is done with; the next one starts where it may meet the other.
    const bool ours_ends = ours.back() <= theirs.back();
    auto& cursor = ours_ends ? row : column;
    auto& run = ours_ends ? ours : theirs;
    cursor.Seek((ours_ends ? theirs : ours).front());
    run = cursor.TakeRun();
    if (run.empty()) return false;
  }
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
  const auto key = KeyOf(relation, node);
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
  if (memo_ != nullptr) {
    std::uint32_t hops = 0;
    const auto recalled = Recall(key, depth, hops);
    if (recalled == Recalled::kTrue) {
      found_ = true;
      found_hops_ = hops + 1;
      return;
    }
    if (recalled == Recalled::kFalse) {
      goals_.push_back({relation, node, depth, from, depth, false, nullptr, hops});
      below_max_ = std::max(below_max_, hops);
      return;
    }
  }
  auto* const steps = mode_ == Goals::kFlat ? &request_.StepsOf(relation) : nullptr;
  goals_.push_back({relation, node, depth, from, depth, false, steps, 0});
  if (!(steps == nullptr ? request_.Reaches(relation) : steps->reached)) return;
  (same_level ? this_level_ : next_level_).push_back(goal);
}

// What an earlier search of the batch has decided, if it is the same from this depth: the limit of
// hops must be out of its reach, and cycles told if they have to be.
UnionSearch::Recalled UnionSearch::Recall(std::uint64_t key, std::uint32_t depth,
                                          std::uint32_t& hops) {
  const auto* known = memo_->Find(key);
  if (known == nullptr) return Recalled::kNothing;
  const auto hops_max = request_.hops_max();
  if (hops_max != 0 && depth + known->hops >= hops_max && !Mutated(Mutation::kRecallTooDeep)) {
    return Recalled::kNothing;
  }
  hops = known->hops;
  if (known->truth == SearchMemo::Known::Truth::kTrue) return Recalled::kTrue;
  if (want_cycles_ && !known->acyclic && !Mutated(Mutation::kRecallCycleAsFalse)) {
    return Recalled::kNothing;
  }
  recalled_cyclic_ = recalled_cyclic_ || !known->acyclic;
  return Recalled::kFalse;
}

// Every goal on the way to the one that found the subject.
void UnionSearch::RememberTrue(std::uint32_t goal) {
  const auto end = goals_[goal].depth + found_hops_;
  for (auto at = goal; at != kNoGoal; at = goals_[at].parent) {
    memo_->Add(KeyOf(goals_[at].relation, goals_[at].node),
               {SearchMemo::Known::Truth::kTrue, true, end - goals_[at].depth});
  }
}

// Every goal that was visited: all behind it was looked at, and nothing failed. With second ways
// the longest one is not known, but no way visits a goal twice.
void UnionSearch::RememberFalse() {
  const bool tree = extra_.empty();
  const auto count = goals_.size();
  for (auto i = count; i-- > 0;) {
    auto& goal = goals_[i];
    const bool visited = goal.steps != nullptr;
    if (visited) {
      const auto hops = tree ? goal.below + 1 : count + below_max_ + 1;
      const bool acyclic = (tree || want_cycles_) && !recalled_cyclic_;
      memo_->Add(KeyOf(goal.relation, goal.node),
                 {SearchMemo::Known::Truth::kFalse, acyclic, hops});
    }
    if (goal.parent == kNoGoal) continue;
    auto& parent = goals_[goal.parent];
    const auto hop = goal.depth - parent.depth;
    parent.below = std::max(parent.below, goal.below + hop);
  }
}

bool UnionSearch::Decide(const Outcome& outcome) {
  if (outcome.truth == Truth::kTrue) return found_ = true;
  failure_ = Least(failure_, outcome.failure);
  return false;
}

Outcome UnionSearch::Conclude() {
  if (request_.stopped() != nullptr) return Outcome::Failed(request_.stopped());
  doubtful_ = too_deep_ && mode_ == Goals::kFlat;
  if (failure_ != nullptr) return Outcome::Failed(failure_);
  if (extra_.empty()) return Outcome::False();
  // No way is longer than one visit to every goal and a terminal hop behind it.
  const auto hops_max = request_.hops_max();
  const auto start = goals_.empty() ? 0 : goals_[0].depth;
  const bool may_be_deep = hops_max != 0 && !Mutated(Mutation::kForgetLongWays) &&
                           start + goals_.size() + below_max_ >= hops_max;
  if (!want_cycles_ && !may_be_deep) return Outcome::False();
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
