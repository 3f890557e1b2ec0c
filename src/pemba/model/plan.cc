#include "pemba/model/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "pemba/base/assert.h"

namespace pemba::model {
namespace {

// Branch costs: what one evaluation touches, in row searches, guessed. Only their order matters.
constexpr std::uint32_t kCostFind = 1;
constexpr std::uint32_t kCostUsersets = 8;
constexpr std::uint32_t kCostTupleset = 8;
constexpr std::uint32_t kCostRecursion = 64;
constexpr std::uint32_t kCostMax = 1u << 24;

// A relation whose computed relations branch further than this keeps the rest as kComputed leaves,
// so that a model of thousands of aliases of aliases does not flatten into their square.
constexpr std::size_t kAliasesMax = 32;

bool UsesTuplesDirectly(const Rewrite& root) {
  std::vector<const Rewrite*> open{&root};
  while (!open.empty()) {
    const Rewrite* rewrite = open.back();
    open.pop_back();
    if (rewrite->kind == RewriteKind::kThis) return true;
    for (const auto& child : rewrite->children) open.push_back(&child);
  }
  return false;
}

// Nested unions in a union (and intersections in an intersection) say the same as one flat
// operator: both are associative, also over errors and cycles.
std::vector<const Rewrite*> Operands(const Rewrite& rewrite) {
  std::vector<const Rewrite*> operands;
  std::vector<const Rewrite*> open;
  const auto push = [&open](const Rewrite& parent) {
    for (auto child = parent.children.rbegin(); child != parent.children.rend(); ++child) {
      open.push_back(&*child);
    }
  };
  push(rewrite);
  while (!open.empty()) {
    const Rewrite* next = open.back();
    open.pop_back();
    if (next->kind == rewrite.kind && rewrite.kind != RewriteKind::kDifference) {
      push(*next);
    } else {
      operands.push_back(next);
    }
  }
  return operands;
}

Error Invalid(std::string message) { return {ErrorCode::kInvalidModel, std::move(message)}; }

}  // namespace

class PlanCompiler {
 public:
  PlanCompiler(const Model& model, const MayExpire& may_expire,
               const condition::ProgramOptions& conditions)
      : model_(model), may_expire_(may_expire), conditions_(conditions), plan_(new Plan()) {}

  Result<std::shared_ptr<const Plan>> Compile() && {
    PEMBA_TRY(std::ignore, CompileConditions());
    PEMBA_TRY(std::ignore, Name());
    PEMBA_TRY(std::ignore, CompileEntries());
    PEMBA_TRY(std::ignore, CompileRewrites());
    FindGroups();
    FindReach();
    FindUnions();
    OrderBranches();
    Flatten();
    return std::shared_ptr<const Plan>(std::move(plan_));
  }

 private:
  Status CompileConditions() {
    for (const auto& [name, definition] : model_.conditions) {
      auto program = condition::Program::Compile(
          {name, definition.expression, definition.parameters}, conditions_);
      if (!program.ok()) {
        return Invalid("failed to compile expression on condition '" + name + "' - " +
                       program.error().message);
      }
      plan_->condition_index_.emplace(name, static_cast<ConditionIndex>(plan_->conditions_.size()));
      plan_->conditions_.push_back(*std::move(program));
    }
    return Done{};
  }

  Status Name() {
    for (const auto& definition : model_.types) {
      const auto type = static_cast<TypeIndex>(plan_->types_.size());
      if (!plan_->type_index_.emplace(definition.type, type).second) {
        return Invalid("an authorization model cannot contain duplicate types");
      }
      auto& planned = plan_->types_.emplace_back();
      planned.name = definition.type;
      for (const auto& [name, rewrite] : definition.relations) {
        planned.relations.emplace(name, static_cast<RelationIndex>(plan_->relations_.size()));
        auto& relation = plan_->relations_.emplace_back();
        relation.type = type;
        relation.name = name;
        relation.direct = UsesTuplesDirectly(rewrite);
        rewrites_.push_back(&rewrite);
        plan_->written_.push_back(rewrite);
      }
    }
    return Done{};
  }

  std::span<const RelationReference> Restrictions(const TypeDefinition& definition,
                                                  const std::string& relation) const {
    if (!definition.metadata) return {};
    const auto found = definition.metadata->relations.find(relation);
    if (found == definition.metadata->relations.end()) return {};
    return found->second.directly_related_user_types;
  }

  Status CompileEntries() {
    RelationIndex index = 0;
    for (const auto& definition : model_.types) {
      for (const auto& [name, rewrite] : definition.relations) {
        auto& relation = plan_->relations_[index];
        relation.first_entry = static_cast<EntryIndex>(plan_->entries_.size());
        if (relation.direct) {
          PEMBA_TRY(std::ignore, AddEntries(index, Restrictions(definition, name)));
          if (may_expire_ && may_expire_(definition.type, name)) {
            AddExpiringEntries(relation.first_entry);
          }
        }
        relation.entry_count =
            static_cast<std::uint32_t>(plan_->entries_.size()) - relation.first_entry;
        ++index;
      }
    }
    return Done{};
  }

  Status AddEntries(RelationIndex index, std::span<const RelationReference> restrictions) {
    // The conditions that any restriction of a subject type names.
    std::map<std::string_view, std::set<ConditionIndex>> conditions;
    for (const auto& restriction : restrictions) {
      auto& named = conditions[restriction.type];
      if (restriction.condition.empty()) continue;
      const auto condition = plan_->FindCondition(restriction.condition);
      if (condition == kNoIndex) {
        return Invalid("condition " + restriction.condition + " is undefined for relation " +
                       plan_->relations_[index].name);
      }
      named.insert(condition);
    }
    std::set<std::tuple<TypeIndex, RelationIndex, bool, ConditionIndex>> seen;
    const auto add = [&](const DirectEntry& entry) {
      if (seen.emplace(entry.type, entry.userset, entry.wildcard, entry.condition).second) {
        plan_->entries_.push_back(entry);
      }
    };
    for (const auto& restriction : restrictions) {
      PEMBA_TRY(auto entry, EntryOf(index, restriction));
      if (restriction.condition.empty()) add(entry);
      for (const auto condition : conditions[restriction.type]) {
        entry.condition = condition;
        add(entry);
      }
    }
    return Done{};
  }

  // Beside each entry from `first` on, the same tuples with an expiry.
  void AddExpiringEntries(EntryIndex first) {
    const auto end = plan_->entries_.size();
    plan_->knows_expiry_ = plan_->knows_expiry_ || end > first;
    for (std::size_t i = first; i < end; ++i) {
      auto entry = plan_->entries_[i];
      entry.condition = Expiring(entry.condition);
      plan_->entries_.push_back(entry);
    }
  }

  // The subject kind of a restriction, without its condition.
  Result<DirectEntry> EntryOf(RelationIndex index, const RelationReference& restriction) const {
    DirectEntry entry{index, plan_->FindType(restriction.type), kNoIndex, restriction.wildcard,
                      kNoIndex};
    const bool userset = !restriction.relation.empty();
    if (userset && entry.type != kNoIndex) {
      entry.userset = plan_->FindRelation(entry.type, restriction.relation);
    }
    if (entry.type == kNoIndex || (userset && entry.userset == kNoIndex)) {
      const auto& relation = plan_->relations_[index];
      return Invalid("the relation type '" + restriction.type +
                     (userset ? "#" + restriction.relation : "") + "' on '" + relation.name +
                     "' in object type '" + plan_->types_[relation.type].name + "' is not valid");
    }
    return entry;
  }

  Status CompileRewrites() {
    for (RelationIndex relation = 0; relation < rewrites_.size(); ++relation) {
      PEMBA_TRY(std::ignore, CompileRewrite(relation));
    }
    return Done{};
  }

  // Breadth first: the nodes of a relation are contiguous and a child's index is above its
  // parent's.
  Status CompileRewrite(RelationIndex owner) {
    struct Open {
      const Rewrite* rewrite;
      PlanNodeIndex node;
    };
    std::vector<Open> open;
    const auto allocate = [&](const Rewrite& rewrite) {
      plan_->nodes_.emplace_back();
      node_owner_.push_back(owner);
      open.push_back({&rewrite, static_cast<PlanNodeIndex>(plan_->nodes_.size() - 1)});
      return open.back().node;
    };
    plan_->relations_[owner].root = allocate(*rewrites_[owner]);
    for (std::size_t at = 0; at < open.size(); ++at) {
      const Rewrite& rewrite = *open[at].rewrite;
      PlanNode node;
      switch (rewrite.kind) {
        case RewriteKind::kUnset:
          return Undefined(owner);
        case RewriteKind::kThis:
          node.op = PlanOp::kDirect;
          node.relation = owner;
          break;
        case RewriteKind::kComputedUserset: {
          node.op = PlanOp::kComputed;
          PEMBA_TRY(node.relation, Sibling(owner, rewrite.relation));
          break;
        }
        case RewriteKind::kTupleToUserset: {
          node.op = PlanOp::kTupleToUserset;
          PEMBA_TRY(node.relation, Sibling(owner, rewrite.tupleset));
          auto& tupleset = plan_->relations_[node.relation];
          tupleset.tupleset = true;
          node.first = static_cast<std::uint32_t>(plan_->links_.size());
          for (const auto& entry : plan_->EntriesOf(tupleset)) {
            plan_->links_.push_back(plan_->FindRelation(entry.type, rewrite.relation));
          }
          node.count = tupleset.entry_count;
          break;
        }
        case RewriteKind::kUnion:
        case RewriteKind::kIntersection:
        case RewriteKind::kDifference: {
          const auto operands = Operands(rewrite);
          const std::size_t least = rewrite.kind == RewriteKind::kDifference ? 2 : 1;
          if (operands.size() < least) return Undefined(owner);
          node.op = rewrite.kind == RewriteKind::kUnion          ? PlanOp::kUnion
                    : rewrite.kind == RewriteKind::kIntersection ? PlanOp::kIntersection
                                                                 : PlanOp::kDifference;
          node.first = static_cast<std::uint32_t>(plan_->links_.size());
          node.count = static_cast<std::uint32_t>(operands.size());
          for (const Rewrite* operand : operands) plan_->links_.push_back(allocate(*operand));
          break;
        }
      }
      plan_->nodes_[open[at].node] = node;
    }
    return Done{};
  }

  Error Undefined(RelationIndex relation) const {
    const auto& planned = plan_->relations_[relation];
    return Invalid("the definition of relation '" + planned.name + "' in object type '" +
                   plan_->types_[planned.type].name +
                   "' is invalid: invalid userset rewrite definition");
  }

  Result<RelationIndex> Sibling(RelationIndex owner, const std::string& name) const {
    const auto type = plan_->relations_[owner].type;
    const auto found = plan_->FindRelation(type, name);
    if (found == kNoIndex) {
      return Invalid("'" + plan_->types_[type].name + "#" + name + "' relation is undefined");
    }
    return found;
  }

  // What each relation can ask about next, through tuples or without.
  std::vector<std::vector<std::uint32_t>> Edges() const {
    std::vector<std::vector<std::uint32_t>> edges(plan_->relations_.size());
    for (PlanNodeIndex index = 0; index < plan_->nodes_.size(); ++index) {
      const auto& node = plan_->nodes_[index];
      auto& out = edges[node_owner_[index]];
      if (node.op == PlanOp::kComputed) out.push_back(node.relation);
      if (node.op == PlanOp::kTupleToUserset) {
        for (const auto target : plan_->LinksOf(node)) {
          if (target != kNoIndex) out.push_back(target);
        }
      }
    }
    for (const auto& entry : plan_->entries_) {
      if (entry.userset != kNoIndex) edges[entry.relation].push_back(entry.userset);
    }
    for (auto& out : edges) {
      std::sort(out.begin(), out.end());
      out.erase(std::unique(out.begin(), out.end()), out.end());
    }
    return edges;
  }

  void FindGroups() {
    edges_ = Edges();
    const auto groups = RecursiveGroups(edges_);
    std::vector<std::uint32_t> members(plan_->relations_.size());
    for (const auto group : groups) ++members[group];
    by_group_.resize(groups.size());
    for (RelationIndex relation = 0; relation < groups.size(); ++relation) {
      auto& planned = plan_->relations_[relation];
      planned.group = groups[relation];
      planned.recursive =
          members[planned.group] > 1 ||
          std::binary_search(edges_[relation].begin(), edges_[relation].end(), relation);
      by_group_[planned.group].push_back(relation);
    }
  }

  // Callees come first, so each group's row is complete once its members' rows are joined.
  void FindReach() {
    const auto kinds = 2 * plan_->types_.size() + plan_->relations_.size();
    plan_->reach_words_ = (kinds + 63) / 64;
    plan_->reach_.assign(by_group_.size() * plan_->reach_words_, 0);
    for (std::uint32_t group = 0; group < by_group_.size(); ++group) {
      auto* row = &plan_->reach_[group * plan_->reach_words_];
      const auto set = [row](std::uint32_t kind) { row[kind / 64] |= 1ull << (kind % 64); };
      for (const auto relation : by_group_[group]) {
        set(plan_->UsersetKind(relation));
        for (const auto& entry : plan_->EntriesOf(plan_->relations_[relation])) {
          if (entry.userset != kNoIndex) continue;
          set(entry.wildcard ? plan_->WildcardKind(entry.type) : plan_->ObjectKind(entry.type));
        }
        for (const auto callee : edges_[relation]) {
          const auto other = plan_->relations_[callee].group;
          if (other == group) continue;
          const auto* from = &plan_->reach_[other * plan_->reach_words_];
          for (std::size_t i = 0; i < plan_->reach_words_; ++i) row[i] |= from[i];
        }
      }
    }
  }

  void FindUnions() {
    std::vector<char> plain(plan_->relations_.size(), 1);
    for (PlanNodeIndex index = 0; index < plan_->nodes_.size(); ++index) {
      const auto op = plan_->nodes_[index].op;
      if (op == PlanOp::kIntersection || op == PlanOp::kDifference) plain[node_owner_[index]] = 0;
    }
    for (const auto& members : by_group_) {
      bool unions_only = true;
      for (const auto relation : members) {
        unions_only = unions_only && plain[relation] != 0;
        for (const auto callee : edges_[relation]) {
          const auto& other = plan_->relations_[callee];
          const bool same = other.group == plan_->relations_[relation].group;
          unions_only = unions_only && (same || other.unions_only);
        }
      }
      for (const auto relation : members) plan_->relations_[relation].unions_only = unions_only;
    }
  }

  void OrderBranches() {
    std::vector<std::vector<PlanNodeIndex>> nodes_of(plan_->relations_.size());
    for (PlanNodeIndex index = 0; index < plan_->nodes_.size(); ++index) {
      nodes_of[node_owner_[index]].push_back(index);
    }
    const auto cost_of = [this](RelationIndex relation, RelationIndex asked_by) {
      if (plan_->relations_[relation].group == plan_->relations_[asked_by].group) {
        return kCostRecursion;
      }
      return plan_->nodes_[plan_->relations_[relation].root].cost;
    };
    for (const auto& members : by_group_) {
      for (const auto relation : members) {
        auto& nodes = nodes_of[relation];
        for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
          CostNode(relation, plan_->nodes_[*node], cost_of);
        }
      }
    }
  }

  template <class CostOf>
  void CostNode(RelationIndex owner, PlanNode& node, const CostOf& cost_of) {
    std::uint64_t cost = 0;
    switch (node.op) {
      case PlanOp::kDirect:
        cost = kCostFind;
        for (const auto& entry : plan_->EntriesOf(plan_->relations_[owner])) {
          if (entry.userset != kNoIndex) cost += kCostUsersets + cost_of(entry.userset, owner);
        }
        break;
      case PlanOp::kComputed:
        cost = 1 + cost_of(node.relation, owner);
        break;
      case PlanOp::kTupleToUserset:
        cost = kCostTupleset;
        for (const auto target : plan_->LinksOf(node)) {
          if (target != kNoIndex) cost += cost_of(target, owner);
        }
        break;
      case PlanOp::kUnion:
      case PlanOp::kIntersection: {
        const auto begin = plan_->links_.begin() + node.first;
        std::stable_sort(begin, begin + node.count, [this](auto a, auto b) {
          return plan_->nodes_[a].cost < plan_->nodes_[b].cost;
        });
        [[fallthrough]];
      }
      case PlanOp::kDifference:
        for (const auto child : plan_->LinksOf(node)) cost += plan_->nodes_[child].cost;
        break;
    }
    node.cost = static_cast<std::uint32_t>(std::min<std::uint64_t>(cost, kCostMax));
  }

  void Flatten() {
    for (RelationIndex relation = 0; relation < plan_->relations_.size(); ++relation) {
      if (plan_->relations_[relation].unions_only) FlattenOne(relation);
    }
  }

  void FlattenOne(RelationIndex relation) {
    auto& planned = plan_->relations_[relation];
    planned.first_alias = static_cast<std::uint32_t>(plan_->aliases_.size());
    planned.first_leaf = static_cast<std::uint32_t>(plan_->leaves_.size());
    std::vector<RelationIndex> aliases{relation};
    std::vector<UnionLeaf> leaves;
    for (std::size_t at = 0; at < aliases.size(); ++at) {
      std::vector<PlanNodeIndex> open{plan_->relations_[aliases[at]].root};
      while (!open.empty()) {
        const auto index = open.back();
        open.pop_back();
        const auto& node = plan_->nodes_[index];
        if (node.op == PlanOp::kUnion) {
          const auto children = plan_->LinksOf(node);
          open.insert(open.end(), children.rbegin(), children.rend());
        } else if (node.op == PlanOp::kComputed) {
          if (std::find(aliases.begin(), aliases.end(), node.relation) != aliases.end()) continue;
          if (aliases.size() < kAliasesMax) {
            aliases.push_back(node.relation);
          } else {
            leaves.push_back({index, aliases[at]});
          }
        } else if (!HasLeaf(leaves, node, aliases[at])) {
          leaves.push_back({index, aliases[at]});
        }
      }
    }
    std::stable_sort(leaves.begin(), leaves.end(), [this](const auto& a, const auto& b) {
      return plan_->nodes_[a.node].cost < plan_->nodes_[b.node].cost;
    });
    planned.alias_count = static_cast<std::uint32_t>(aliases.size());
    planned.leaf_count = static_cast<std::uint32_t>(leaves.size());
    planned.terminal = IsTerminal(leaves);
    plan_->aliases_.insert(plan_->aliases_.end(), aliases.begin(), aliases.end());
    plan_->leaves_.insert(plan_->leaves_.end(), leaves.begin(), leaves.end());
  }

  bool HasLeaf(const std::vector<UnionLeaf>& leaves, const PlanNode& node,
               RelationIndex owner) const {
    return std::any_of(leaves.begin(), leaves.end(), [&](const UnionLeaf& leaf) {
      const auto& other = plan_->nodes_[leaf.node];
      const auto a = plan_->LinksOf(other), b = plan_->LinksOf(node);
      return leaf.owner == owner && other.op == node.op && other.relation == node.relation &&
             std::equal(a.begin(), a.end(), b.begin(), b.end());
    });
  }

  bool IsTerminal(const std::vector<UnionLeaf>& leaves) const {
    if (leaves.size() != 1 || plan_->nodes_[leaves[0].node].op != PlanOp::kDirect) return false;
    for (const auto& entry : plan_->EntriesOf(plan_->relations_[leaves[0].owner])) {
      if (entry.userset != kNoIndex) return false;
    }
    return true;
  }

  const Model& model_;
  const MayExpire& may_expire_;
  const condition::ProgramOptions& conditions_;
  std::unique_ptr<Plan> plan_;
  std::vector<const Rewrite*> rewrites_;   // By relation.
  std::vector<RelationIndex> node_owner_;  // By node.
  std::vector<std::vector<std::uint32_t>> edges_;
  std::vector<std::vector<RelationIndex>> by_group_;
};

Result<std::shared_ptr<const Plan>> Plan::Compile(const Model& model, const MayExpire& may_expire,
                                                  const condition::ProgramOptions& conditions) {
  return PlanCompiler(model, may_expire, conditions).Compile();
}

TypeIndex Plan::FindType(std::string_view name) const {
  const auto found = type_index_.find(name);
  return found == type_index_.end() ? kNoIndex : found->second;
}

RelationIndex Plan::FindRelation(TypeIndex type, std::string_view name) const {
  const auto& relations = types_[type].relations;
  const auto found = relations.find(name);
  return found == relations.end() ? kNoIndex : found->second;
}

ConditionIndex Plan::FindCondition(std::string_view name) const {
  const auto found = condition_index_.find(name);
  return found == condition_index_.end() ? kNoIndex : found->second;
}

bool Plan::AllowsObjects(RelationIndex relation, TypeIndex type) const {
  // Every restriction has an entry of its kind, so the entries tell.
  for (const auto& entry : EntriesOf(relations_[relation])) {
    if (entry.type == type && entry.userset == kNoIndex && !entry.wildcard) return true;
  }
  return false;
}

std::vector<std::uint32_t> RecursiveGroups(std::span<const std::vector<std::uint32_t>> edges) {
  constexpr std::uint32_t kUnseen = kNoIndex;
  struct Frame {
    std::uint32_t node;
    std::size_t next = 0;
  };
  std::vector<std::uint32_t> group(edges.size(), kUnseen), order(edges.size(), kUnseen),
      low(edges.size(), 0), stack;
  std::vector<Frame> frames;
  std::uint32_t groups = 0, seen = 0;
  for (std::uint32_t root = 0; root < edges.size(); ++root) {
    if (order[root] != kUnseen) continue;
    const auto enter = [&](std::uint32_t node) {
      order[node] = low[node] = seen++;
      stack.push_back(node);
      frames.push_back({node});
    };
    enter(root);
    while (!frames.empty()) {
      const auto node = frames.back().node;
      if (frames.back().next < edges[node].size()) {
        const auto callee = edges[node][frames.back().next++];
        if (order[callee] == kUnseen) {
          enter(callee);
        } else if (group[callee] == kUnseen) {
          low[node] = std::min(low[node], order[callee]);
        }
        continue;
      }
      frames.pop_back();
      if (!frames.empty()) low[frames.back().node] = std::min(low[frames.back().node], low[node]);
      if (low[node] != order[node]) continue;
      for (std::uint32_t member = kNoIndex; member != node;) {
        member = stack.back();
        stack.pop_back();
        group[member] = groups;
      }
      ++groups;
    }
  }
  return group;
}

}  // namespace pemba::model
