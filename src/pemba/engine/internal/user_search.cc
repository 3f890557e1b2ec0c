#include "pemba/engine/internal/user_search.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/operands.h"

namespace pemba::engine::internal {
namespace {

using graph::NodeId;
using model::kNoIndex;
using model::PlanOp;

std::uint64_t KeyOf(model::RelationIndex relation, NodeId node) {
  return std::uint64_t{relation} << 32 | node;
}

template <class T>
std::span<const T> SpanOf(const ArenaVector<T>& vector) {
  return {vector.begin(), vector.end()};
}

}  // namespace

UserSearch::UserSearch(ListScope& scope, const UserFilter& filter)
    : scope_(scope),
      request_(scope.request()),
      plan_(scope.plan()),
      arena_(scope.arena()),
      filter_(filter),
      index_(arena_),
      goals_(arena_),
      leaves_(arena_),
      groups_(arena_),
      sources_(arena_),
      searched_(arena_),
      orders_(arena_.NewArray<std::span<const model::PlanNodeIndex>>(plan_.relations().size())),
      stack_(arena_) {
  request_.CountMemoryOf(&scratch_);
}

UserSearch::~UserSearch() { request_.CountMemoryOf(nullptr); }

void UserSearch::Prepare(model::RelationIndex relation, NodeId object) {
  if (!Reaches(relation) || TooDeep(0)) {
    next_ = graph::kNoNode;
    return;
  }
  const Target root{relation, object};
  if (plan_.relations()[relation].unions_only) {
    SearchUnions({&root, 1}, 0, Cycles::kIgnore);
  } else {
    FindGoals(root);
  }
  // What a range costs beside its users is the number of goals: where there are many, ranges are
  // long from the start.
  constexpr NodeId kUsersPerGoal = 16;
  const auto goals = std::min(goals_.size() + sources_.size(), kLongestRange / kUsersPerGoal);
  length_ = std::max(length_, kUsersPerGoal * goals);
}

std::optional<std::span<const NodeId>> UserSearch::Next() {
  if (next_ == graph::kNoNode || !scope_.Work()) return std::nullopt;
  scratch_.Reset();
  range_ = NextRange();
  for (auto& source : sources_) {
    if (!scope_.Work()) return std::nullopt;
    source.users = UsersOf(source);
  }
  for (const auto& group : groups_) {
    if (!scope_.Work()) return std::nullopt;
    Settle(group);
  }
  return goals_.empty() ? sources_[0].users.certain.named : goals_[0].users.certain.named;
}

// The last one takes in those whom only the request knows.
UserRange UserSearch::NextRange() {
  UserRange range{next_, graph::kNoNode, request_.NodesMax(filter_.type)};
  if (next_ < range.stored_end && range.stored_end - next_ > length_) {
    range.end = range.stored_end = next_ + length_;
  }
  next_ = range.end;
  length_ = std::min(4 * length_, kLongestRange);
  return range;
}

// Rule 4 of Check's definition, for all users asked for at once.
bool UserSearch::Reaches(model::RelationIndex relation) const {
  if (filter_.relation != kNoIndex) {
    return plan_.Reaches(plan_.UsersetKind(filter_.relation), relation);
  }
  return plan_.Reaches(plan_.ObjectKind(filter_.type), relation) ||
         plan_.Reaches(plan_.WildcardKind(filter_.type), relation);
}

bool UserSearch::TooDeep(std::uint32_t depth) {
  if (request_.hops_max() == 0 || depth < request_.hops_max()) return false;
  scope_.Fail(request_.TooDeep());
  return true;
}

// The nodes of a relation's rewrite, operands first.
std::span<const model::PlanNodeIndex> UserSearch::PostOrder(model::RelationIndex relation) {
  auto& known = orders_[relation];
  if (!known.empty()) return known;
  const auto root = plan_.relations()[relation].root;
  return known = SpanOf(OperandsFirst(plan_, arena_, root, [&](const model::PlanNode& node) {
           return plan_.LinksOf(node);
         }));
}

void UserSearch::FindGoals(const Target& root) {
  GoalOf(root, 0);
  // Breadth first: the depth of a goal is that of the shortest way to it.
  for (std::uint32_t i = 0; i < goals_.size(); ++i) {
    if (!scope_.Work()) return;
    Expand(i);
  }
  if (!scope_.ended()) FindGroups();
}

void UserSearch::FindGroups() {
  std::vector<std::vector<std::uint32_t>> edges(goals_.size());
  for (std::uint32_t i = 0; i < goals_.size(); ++i) {
    auto leaf = goals_[i].first_leaf;
    for (const auto index : PostOrder(goals_[i].relation)) {
      if (IsOperator(plan_.nodes()[index].op)) continue;
      const auto next = leaves_[leaf++].goals;
      edges[i].insert(edges[i].end(), next.begin(), next.end());
    }
  }
  const auto group_of = model::RecursiveGroups(edges);
  const auto order = arena_.NewArray<std::uint32_t>(goals_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return group_of[a] < group_of[b]; });
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && group_of[order[last]] == group_of[order[first]]) ++last;
    const auto& next = edges[order[first]];
    const bool itself = std::find(next.begin(), next.end(), order[first]) != next.end();
    groups_.push_back({order.subspan(first, last - first), itself || last - first > 1});
  }
}

std::uint32_t UserSearch::GoalOf(const Target& target, std::uint32_t depth) {
  const auto known = index_.FindOrAdd(KeyOf(target.relation, target.node), goals_.size());
  if (known != GoalIndex::kNew) return known;
  Goal goal{};
  goal.relation = target.relation;
  goal.node = target.node;
  goal.depth = depth;
  goals_.push_back(goal);
  return goals_.size() - 1;
}

void UserSearch::Expand(std::uint32_t index) {
  const auto goal = goals_[index];
  if (TooDeep(goal.depth)) return;
  goals_[index].first_leaf = leaves_.size();
  for (const auto part : PostOrder(goal.relation)) {
    const auto& node = plan_.nodes()[part];
    if (!IsOperator(node.op)) leaves_.push_back(MakeLeaf(node, goal.node, goal.depth + 1));
  }
}

UserSearch::Leaf UserSearch::MakeLeaf(const model::PlanNode& node, NodeId object,
                                      std::uint32_t depth) {
  ArenaVector<Target> targets(arena_);
  ReadTargets(node, object, targets);
  if (scope_.ended()) return {};
  ArenaVector<std::uint32_t> goals(arena_);
  ArenaVector<Target> unions(arena_);
  for (const auto& target : targets) {
    if (!scope_.Work()) return {};
    if (plan_.relations()[target.relation].unions_only) {
      unions.push_back(target);
    } else {
      goals.push_back(GoalOf(target, depth));
    }
  }
  ArenaVector<std::uint32_t> sources(arena_);
  if (unions.size() == 1) sources.push_back(SearchTarget(unions[0], depth));
  if (unions.size() > 1) {
    sources.push_back(SearchUnions(SpanOf(unions), depth, Cycles::kTell));
  }
  if (node.op == PlanOp::kDirect) {
    Source direct{UserRows(scope_), false, {}};
    ReadDirect(node.relation, object, direct.rows);
    sources.push_back(sources_.size());
    sources_.push_back(direct);
  }
  return {SpanOf(sources), SpanOf(goals)};
}

// INVARIANT: `certain` only grows and `possible` only shrinks, so a group comes to rest. Names
// beside a wildcard are no part of that: `possible`, which is never listed, does without them.
void UserSearch::Settle(const Group& group) {
  if (!group.cyclic) {
    auto& goal = goals_[group.goals[0]];
    goal.users = Evaluate(goal);
    return;
  }
  for (const auto i : group.goals) goals_[i].users = {{}, UserSet::All(), false};
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto i : group.goals) {
      if (!scope_.Work()) return;
      auto users = Evaluate(goals_[i]);
      if (users.possible.all) users.possible.named = {};
      users.decided = false;
      auto& known = goals_[i].users;
      changed = changed || !SameUsers(users.certain, known.certain) ||
                !SameUsers(users.possible, known.possible);
      known = users;
    }
  }
  for (const auto i : group.goals) {
    if (Mutated(Mutation::kUsersForgetCycle)) goals_[i].users.possible = goals_[i].users.certain;
  }
}

UserSearch::Users UserSearch::Evaluate(const Goal& goal) {
  stack_.clear();
  auto leaf = goal.first_leaf;
  for (const auto index : PostOrder(goal.relation)) {
    const auto& node = plan_.nodes()[index];
    if (!IsOperator(node.op)) {
      stack_.push_back(EvaluateLeaf(leaves_[leaf++]));
      continue;
    }
    const auto first = stack_.size() - node.count;
    for (auto i = first + 1; i < stack_.size(); ++i) {
      stack_[first] = Combine(node.op, stack_[first], stack_[i]);
    }
    stack_.truncate(first + 1);
  }
  auto users = stack_.back();
  if (goal.relation != filter_.relation) return users;
  if (goal.node < range_.first || goal.node >= range_.end) return users;
  Users itself;
  const auto name = scratch_.NewArray<NodeId>(1);
  name[0] = goal.node;
  itself.certain = itself.possible = UserSet::Named(name);
  return Combine(PlanOp::kUnion, users, itself);
}

UserSearch::Users UserSearch::EvaluateLeaf(const Leaf& leaf) {
  if (leaf.goals.empty() && leaf.sources.size() == 1) return sources_[leaf.sources[0]].users;
  ArenaVector<UserSet> certain(scratch_), possible(scratch_);
  Users result;
  const auto add = [&](const Users& users) {
    certain.push_back(users.certain);
    possible.push_back(users.possible);
    result.decided = result.decided && users.decided;
  };
  for (const auto source : leaf.sources) add(sources_[source].users);
  for (const auto goal : leaf.goals) add(goals_[goal].users);
  result.certain = UniteAll(scratch_, SpanOf(certain), range_);
  result.possible = result.decided ? result.certain : UniteAll(scratch_, SpanOf(possible), range_);
  return result;
}

UserSearch::Users UserSearch::Combine(PlanOp op, const Users& a, const Users& b) {
  Users result;
  result.decided = a.decided && b.decided;
  const auto apply = [&](const UserSet& left, const UserSet& right) {
    if (op == PlanOp::kUnion) return internal::Unite(scratch_, left, right);
    if (op == PlanOp::kIntersection) return Intersect(scratch_, left, right);
    return Subtract(scratch_, left, right);
  };
  const bool crossed = op == PlanOp::kDifference;
  result.certain = apply(a.certain, crossed ? b.possible : b.certain);
  result.possible =
      result.decided ? result.certain : apply(a.possible, crossed ? b.certain : b.possible);
  return result;
}

// Where the tuples of a leaf lead. Conditions are evaluated even where that is nowhere: Check would
// look at them too.
void UserSearch::ReadTargets(const model::PlanNode& leaf, NodeId object, ArenaVector<Target>& out) {
  if (leaf.op == PlanOp::kComputed) {
    if (Reaches(leaf.relation)) out.push_back({leaf.relation, object});
    return;
  }
  const auto& relation = plan_.relations()[leaf.relation];
  const bool direct = leaf.op == PlanOp::kDirect;
  for (std::uint32_t i = 0; i < relation.entry_count; ++i) {
    const auto index = relation.first_entry + i;
    const auto& entry = plan_.entries()[index];
    if (direct && entry.userset == kNoIndex) continue;
    const auto target = direct ? entry.userset : plan_.LinksOf(leaf)[i];
    const bool useful = target != kNoIndex && Reaches(target);
    const bool conditional = entry.condition != kNoIndex;
    if (!useful && !conditional) continue;
    for (const auto& edge : request_.Contextual(index, object)) {
      const bool holds = scope_.Holds(index, object, edge.subject, 0, &edge);
      if (holds && useful) out.push_back({target, edge.subject});
    }
    for (auto row = request_.View(index).Subjects(object); !row.done(); row.Next()) {
      if (!scope_.Work()) return;
      const bool holds = scope_.Holds(index, object, row.node(), row.context(), nullptr);
      if (holds && useful) out.push_back({target, row.node()});
    }
  }
}

// Direct tuples that name users of the kind asked for, or all of them. Usersets name themselves
// when they are reached.
void UserSearch::ReadDirect(model::RelationIndex relation, NodeId object, UserRows& rows) {
  if (filter_.relation != kNoIndex) return;
  const auto& planned = plan_.relations()[relation];
  ArenaVector<NodeId> held(arena_), shadowed(arena_);
  if (request_.has_contextual()) ReadExactContextual(relation, object, held, shadowed);
  rows.AddSorted(SpanOf(held));
  for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
    const auto index = planned.first_entry + i;
    const auto& entry = plan_.entries()[index];
    if (entry.type != filter_.type || entry.userset != kNoIndex) continue;
    if (!entry.wildcard) {
      rows.AddRow(index, object, SpanOf(shadowed));
    } else if (AnyHolds(index, object)) {
      rows.AddAll();
    }
  }
}

void UserSearch::ReadExactContextual(model::RelationIndex relation, NodeId object,
                                     ArenaVector<NodeId>& held, ArenaVector<NodeId>& shadowed) {
  const auto& planned = plan_.relations()[relation];
  ArenaVector<const ContextualEdge*> edges(arena_);
  for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
    const auto index = planned.first_entry + i;
    const auto& entry = plan_.entries()[index];
    if (entry.type != filter_.type || entry.userset != kNoIndex || entry.wildcard) continue;
    for (const auto& edge : request_.Contextual(index, object)) edges.push_back(&edge);
  }
  ForEachFirst(edges, &ContextualEdge::subject, [&](const ContextualEdge& edge) {
    shadowed.push_back(edge.subject);
    if (scope_.Holds(edge.entry, object, edge.subject, 0, &edge)) held.push_back(edge.subject);
  });
}

// All tuples of the wildcard's entry are looked at: one that cannot be evaluated ends the list.
bool UserSearch::AnyHolds(model::EntryIndex entry, NodeId object) {
  bool any = false;
  for (const auto& edge : request_.Contextual(entry, object)) {
    any = scope_.Holds(entry, object, edge.subject, 0, &edge) || any;
  }
  for (auto row = request_.View(entry).Subjects(object); !row.done(); row.Next()) {
    any = scope_.Holds(entry, object, 0, row.context(), nullptr) || any;
  }
  return any;
}

std::uint32_t UserSearch::SearchTarget(const Target& target, std::uint32_t depth) {
  const auto key = KeyOf(target.relation, target.node);
  if (const auto* known = searched_.Find(key)) return *known;
  const auto source = SearchUnions({&target, 1}, depth, Cycles::kTell);
  searched_.FindOrAdd(key, source);
  return source;
}

// Gives the source of what it has met.
std::uint32_t UserSearch::SearchUnions(std::span<const Target> roots, std::uint32_t depth,
                                       Cycles cycles) {
  struct Visit {
    Target target;
    std::uint32_t depth;
  };
  GoalIndex index(arena_);
  ArenaVector<Visit> goals(arena_);
  ArenaVector<Edge> edges(arena_);
  ArenaVector<Target> targets(arena_);
  ArenaVector<NodeId> themselves(arena_);
  Source source{UserRows(scope_), false, {}};
  bool ways_meet = false;
  const auto ask = [&](const Target& target, std::uint32_t at_depth) {
    const auto known = index.FindOrAdd(KeyOf(target.relation, target.node), goals.size());
    if (known != GoalIndex::kNew) return known;
    goals.push_back({target, at_depth});
    return goals.size() - 1;
  };
  for (const auto& root : roots) {
    if (!scope_.Work()) break;
    ask(root, depth);
  }
  for (std::uint32_t i = 0; i < goals.size(); ++i) {
    if (!scope_.Work()) break;
    const auto goal = goals[i];
    if (TooDeep(goal.depth)) break;
    if (goal.target.relation == filter_.relation) themselves.push_back(goal.target.node);
    for (const auto part : PostOrder(goal.target.relation)) {
      const auto& node = plan_.nodes()[part];
      if (IsOperator(node.op)) continue;
      if (node.op == PlanOp::kDirect) ReadDirect(node.relation, goal.target.node, source.rows);
      targets.clear();
      ReadTargets(node, goal.target.node, targets);
      for (const auto& target : targets) {
        if (!scope_.Work()) break;
        const auto goals_before = goals.size();
        const auto to = ask(target, goal.depth + 1);
        ways_meet = ways_meet || goals.size() == goals_before;
        if (cycles == Cycles::kTell) edges.push_back({i, to});
      }
    }
  }
  std::sort(themselves.begin(), themselves.end());
  source.rows.AddSorted(SpanOf(themselves));
  const bool ask_for_cycles =
      cycles == Cycles::kTell && ways_meet && !Mutated(Mutation::kUsersForgetCycle);
  source.cyclic = ask_for_cycles && HasCycle(goals.size(), edges);
  sources_.push_back(source);
  return sources_.size() - 1;
}

UserSearch::Users UserSearch::UsersOf(Source& source) {
  Users users;
  users.certain = source.rows.Cut(scratch_, range_);
  users.possible = source.cyclic ? UserSet::All() : users.certain;
  users.decided = !source.cyclic;
  return users;
}

// Kahn, "Topological sorting of large networks", CACM 5(11), 1962.
bool UserSearch::HasCycle(std::uint32_t goals, const ArenaVector<Edge>& edges) {
  auto first = arena_.NewArray<std::uint32_t>(goals + 1);
  auto waits_for = arena_.NewArray<std::uint32_t>(goals);
  for (const auto& edge : edges) {
    ++first[edge.from + 1];
    ++waits_for[edge.to];
  }
  for (std::uint32_t i = 0; i < goals; ++i) first[i + 1] += first[i];
  auto fill = arena_.NewArray<std::uint32_t>(goals);
  auto targets = arena_.NewArray<std::uint32_t>(edges.size());
  for (const auto& edge : edges) targets[first[edge.from] + fill[edge.from]++] = edge.to;
  ArenaVector<std::uint32_t> ready(arena_);
  for (std::uint32_t i = 0; i < goals; ++i) {
    if (waits_for[i] == 0) ready.push_back(i);
  }
  for (std::uint32_t at = 0; at < ready.size(); ++at) {
    for (auto i = first[ready[at]]; i < first[ready[at] + 1]; ++i) {
      if (--waits_for[targets[i]] == 0) ready.push_back(targets[i]);
    }
  }
  return ready.size() < goals;
}

}  // namespace pemba::engine::internal
