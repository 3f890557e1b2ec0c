#include "pemba/engine/internal/user_search.h"

#include <algorithm>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/mutation.h"

namespace pemba::engine::internal {
namespace {

using graph::NodeId;
using model::kNoIndex;
using model::PlanOp;

bool IsOperator(PlanOp op) {
  return op == PlanOp::kUnion || op == PlanOp::kIntersection || op == PlanOp::kDifference;
}

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
      searched_index_(arena_),
      searched_(arena_),
      orders_(arena_.NewArray<std::span<const model::PlanNodeIndex>>(plan_.relations().size())),
      stack_(arena_) {}

UserSet UserSearch::Run(model::RelationIndex relation, NodeId object) {
  if (!Reaches(relation) || TooDeep(0)) return {};
  const Target root{relation, object};
  if (!plan_.relations()[relation].unions_only) return RunGoals(relation, object);
  return SearchUnions({&root, 1}, 0, Cycles::kIgnore).certain;
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
  ArenaVector<model::PlanNodeIndex> order(arena_), open(arena_);
  open.push_back(plan_.relations()[relation].root);
  while (!open.empty()) {
    const auto index = open.back();
    open.pop_back();
    order.push_back(index);
    const auto& node = plan_.nodes()[index];
    if (!IsOperator(node.op)) continue;
    for (const auto child : plan_.LinksOf(node)) open.push_back(child);
  }
  std::reverse(order.begin(), order.end());
  return known = SpanOf(order);
}

UserSet UserSearch::RunGoals(model::RelationIndex relation, NodeId object) {
  GoalOf({relation, object}, 0);
  // Breadth first: the depth of a goal is that of the shortest way to it.
  for (std::uint32_t i = 0; i < goals_.size(); ++i) {
    if (!scope_.Work()) return {};
    Expand(i);
  }
  std::vector<std::vector<std::uint32_t>> edges(goals_.size());
  for (std::uint32_t i = 0; i < goals_.size(); ++i) {
    auto leaf = goals_[i].first_leaf;
    for (const auto index : PostOrder(goals_[i].relation)) {
      if (IsOperator(plan_.nodes()[index].op)) continue;
      const auto next = leaves_[leaf++].goals;
      edges[i].insert(edges[i].end(), next.begin(), next.end());
    }
  }
  const auto groups = model::RecursiveGroups(edges);
  std::vector<std::uint32_t> order(goals_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return groups[a] < groups[b]; });
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && groups[order[last]] == groups[order[first]]) ++last;
    const auto& next = edges[order[first]];
    const bool itself = std::find(next.begin(), next.end(), order[first]) != next.end();
    Settle({order.data() + first, order.data() + last}, itself || last - first > 1);
    if (scope_.ended()) return {};
  }
  return goals_[0].users.certain;
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
  ArenaVector<std::uint32_t> goals(arena_);
  ArenaVector<Target> unions(arena_);
  for (const auto& target : targets) {
    if (plan_.relations()[target.relation].unions_only) {
      unions.push_back(target);
    } else {
      goals.push_back(GoalOf(target, depth));
    }
  }
  Leaf leaf;
  leaf.goals = SpanOf(goals);
  if (unions.size() == 1) leaf.users = SearchTarget(unions[0], depth);
  if (unions.size() > 1) leaf.users = SearchUnions(SpanOf(unions), depth, Cycles::kTell);
  if (node.op == PlanOp::kDirect) {
    Lists named(arena_);
    Users direct;
    ReadDirect(node.relation, object, named, direct.certain.all);
    direct.certain = direct.possible = Unite(named, direct.certain.all);
    leaf.users = Combine(PlanOp::kUnion, leaf.users, direct);
  }
  return leaf;
}

// INVARIANT: `certain` only grows and `possible` only shrinks, so a group comes to rest. Names
// beside a wildcard are no part of that: `possible`, which is never listed, does without them.
void UserSearch::Settle(std::span<const std::uint32_t> group, bool cyclic) {
  if (!cyclic) {
    goals_[group[0]].users = Evaluate(goals_[group[0]]);
    return;
  }
  for (const auto i : group) goals_[i].users = {{}, UserSet::All(), false};
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto i : group) {
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
  for (const auto i : group) {
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
  Users itself;
  const auto name = arena_.NewArray<NodeId>(1);
  name[0] = goal.node;
  itself.certain = itself.possible = UserSet::Named(name);
  return Combine(PlanOp::kUnion, users, itself);
}

UserSearch::Users UserSearch::EvaluateLeaf(const Leaf& leaf) {
  if (leaf.goals.empty()) return leaf.users;
  ArenaVector<UserSet> certain(arena_), possible(arena_);
  certain.push_back(leaf.users.certain);
  possible.push_back(leaf.users.possible);
  Users result;
  result.decided = leaf.users.decided;
  for (const auto goal : leaf.goals) {
    const auto& users = goals_[goal].users;
    certain.push_back(users.certain);
    possible.push_back(users.possible);
    result.decided = result.decided && users.decided;
  }
  const auto nodes_max = request_.NodesMax(filter_.type);
  result.certain = UniteAll(arena_, SpanOf(certain), nodes_max);
  result.possible = result.decided ? result.certain : UniteAll(arena_, SpanOf(possible), nodes_max);
  return result;
}

UserSearch::Users UserSearch::Combine(PlanOp op, const Users& a, const Users& b) {
  Users result;
  result.decided = a.decided && b.decided;
  const auto apply = [&](const UserSet& left, const UserSet& right) {
    if (op == PlanOp::kUnion) return internal::Unite(arena_, left, right);
    if (op == PlanOp::kIntersection) return Intersect(arena_, left, right);
    return Subtract(arena_, left, right);
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
void UserSearch::ReadDirect(model::RelationIndex relation, NodeId object, Lists& named, bool& all) {
  if (filter_.relation != kNoIndex) return;
  const auto& planned = plan_.relations()[relation];
  ArenaVector<NodeId> held(arena_), shadowed(arena_);
  if (request_.has_contextual()) ReadExactContextual(relation, object, held, shadowed);
  if (!held.empty()) named.push_back(SpanOf(held));
  for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
    const auto index = planned.first_entry + i;
    const auto& entry = plan_.entries()[index];
    if (entry.type != filter_.type || entry.userset != kNoIndex) continue;
    if (!entry.wildcard) {
      ReadRow(index, object, SpanOf(shadowed), named);
    } else if (AnyHolds(index, object)) {
      all = true;
    }
  }
}

// Of several contextual tuples with the same object and subject the first counts, and no stored one
// does.
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
  std::sort(edges.begin(), edges.end(), [](const auto* a, const auto* b) {
    return std::pair(a->subject, a->position) < std::pair(b->subject, b->position);
  });
  for (std::uint32_t i = 0; i < edges.size(); ++i) {
    const auto& edge = *edges[i];
    if (i > 0 && edges[i - 1]->subject == edge.subject) continue;
    shadowed.push_back(edge.subject);
    if (scope_.Holds(edge.entry, object, edge.subject, 0, &edge)) held.push_back(edge.subject);
  }
}

void UserSearch::ReadRow(model::EntryIndex entry, NodeId object, std::span<const NodeId> shadowed,
                         Lists& named) {
  auto row = request_.View(entry).Subjects(object);
  const bool conditional = plan_.entries()[entry].condition != kNoIndex;
  if (!conditional && shadowed.empty()) {
    // Mostly one run, which is not copied.
    while (!row.done()) {
      named.push_back(row.TakeRun());
      if (!scope_.Work()) return;
    }
    return;
  }
  ArenaVector<NodeId> kept(arena_);
  for (; !row.done(); row.Next()) {
    if (!scope_.Work()) return;
    const auto node = row.node();
    if (std::binary_search(shadowed.begin(), shadowed.end(), node)) continue;
    if (scope_.Holds(entry, object, node, row.context(), nullptr)) kept.push_back(node);
  }
  if (!kept.empty()) named.push_back(SpanOf(kept));
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

UserSearch::Users UserSearch::SearchTarget(const Target& target, std::uint32_t depth) {
  const auto known =
      searched_index_.FindOrAdd(KeyOf(target.relation, target.node), searched_.size());
  if (known != GoalIndex::kNew) return searched_[known];
  return searched_.push_back(SearchUnions({&target, 1}, depth, Cycles::kTell));
}

UserSearch::Users UserSearch::SearchUnions(std::span<const Target> roots, std::uint32_t depth,
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
  Lists named(arena_);
  bool all = false;
  bool ways_meet = false;
  const auto ask = [&](const Target& target, std::uint32_t at_depth) {
    const auto known = index.FindOrAdd(KeyOf(target.relation, target.node), goals.size());
    if (known != GoalIndex::kNew) return known;
    goals.push_back({target, at_depth});
    return goals.size() - 1;
  };
  for (const auto& root : roots) ask(root, depth);
  for (std::uint32_t i = 0; i < goals.size(); ++i) {
    if (!scope_.Work()) return {};
    const auto goal = goals[i];
    if (TooDeep(goal.depth)) return {};
    if (goal.target.relation == filter_.relation) themselves.push_back(goal.target.node);
    for (const auto part : PostOrder(goal.target.relation)) {
      const auto& node = plan_.nodes()[part];
      if (IsOperator(node.op)) continue;
      if (node.op == PlanOp::kDirect) ReadDirect(node.relation, goal.target.node, named, all);
      targets.clear();
      ReadTargets(node, goal.target.node, targets);
      for (const auto& target : targets) {
        const auto goals_before = goals.size();
        const auto to = ask(target, goal.depth + 1);
        ways_meet = ways_meet || goals.size() == goals_before;
        if (cycles == Cycles::kTell) edges.push_back({i, to});
      }
    }
  }
  std::sort(themselves.begin(), themselves.end());
  if (!themselves.empty()) named.push_back(SpanOf(themselves));
  Users users;
  users.certain = users.possible = Unite(named, all);
  if (cycles == Cycles::kIgnore || !ways_meet || Mutated(Mutation::kUsersForgetCycle)) {
    return users;
  }
  if (!HasCycle(goals.size(), edges)) return users;
  users.possible = UserSet::All();
  users.decided = false;
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

UserSet UserSearch::Unite(const Lists& named, bool all) {
  auto users = UserSet::Named(UniteLists(arena_, SpanOf(named), request_.NodesMax(filter_.type)));
  users.all = all;
  return users;
}

}  // namespace pemba::engine::internal
