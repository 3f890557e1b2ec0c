#include "pemba/reason/internal/plan.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "pemba/base/assert.h"

namespace pemba::reason::internal {
namespace {

using syntax::Comparator;

// How parts are numbered: atoms by their index, the others by kind and index.
constexpr int kNoPart = -1;
constexpr int kNegations = 1 << 20, kDisjunctions = 2 << 20, kScans = 3 << 20, kGoal = 4 << 20;

// Guesses for what nobody has counted: facts that rules are going to make.
constexpr double kInferredFactor = 4, kInferredDegree = 20, kInferredTotal = 10'000;

void Mention(const Conjunction& conjunction, std::set<VariableId>& into) {
  for (const Domain& domain : conjunction.domains) into.insert(domain.variable);
  for (const Atom& atom : conjunction.atoms) {
    std::visit(
        [&](const auto& a) {
          using A = std::decay_t<decltype(a)>;
          if constexpr (std::is_same_v<A, IsaAtom>) {
            into.insert({a.thing, a.type});
          } else if constexpr (std::is_same_v<A, HasAtom>) {
            into.insert({a.owner, a.attribute});
          } else if constexpr (std::is_same_v<A, RelationAtom>) {
            into.insert(a.relation);
            for (const PlayerAtom& player : a.players) {
              into.insert(player.player);
              if (player.role) into.insert(*player.role);
            }
          } else if constexpr (std::is_same_v<A, CompareAtom>) {
            into.insert(a.left);
            if (const auto* right = std::get_if<VariableId>(&a.right)) into.insert(*right);
          } else if constexpr (std::is_same_v<A, IsAtom>) {
            into.insert({a.left, a.right});
          } else if constexpr (std::is_same_v<A, IidAtom>) {
            into.insert(a.thing);
          } else if constexpr (std::is_same_v<A, AssignAtom>) {
            into.insert(a.variable);
          } else if constexpr (std::is_same_v<A, SubAtom>) {
            into.insert({a.subtype, a.supertype});
          } else if constexpr (std::is_same_v<A, RelatesAtom>) {
            into.insert({a.relation, a.role});
          } else if constexpr (std::is_same_v<A, PlaysAtom>) {
            into.insert({a.player, a.role});
          } else {
            into.insert({a.owner, a.attribute});
          }
        },
        atom);
  }
}

void MentionDeep(const Conjunction& conjunction, std::set<VariableId>& into) {
  Mention(conjunction, into);
  for (const auto& branches : conjunction.disjunctions) {
    for (const Conjunction& branch : branches) MentionDeep(branch, into);
  }
  for (const Conjunction& negation : conjunction.negations) MentionDeep(negation, into);
}

void CollectVariables(const syntax::Expression& expression, const ResolvedPattern& pattern,
                      std::vector<VariableId>& into) {
  if (const auto* variable = std::get_if<syntax::Variable>(&expression.node)) {
    if (const auto id = pattern.Find(variable->name)) into.push_back(*id);
  } else if (const auto* operation = std::get_if<syntax::Operation>(&expression.node)) {
    CollectVariables(*operation->left, pattern, into);
    CollectVariables(*operation->right, pattern, into);
  } else if (const auto* call = std::get_if<syntax::Call>(&expression.node)) {
    for (const auto& argument : call->arguments) CollectVariables(*argument, pattern, into);
  }
}

std::vector<TypeId> ListOf(const TypeSet& types) {
  std::vector<TypeId> list;
  for (const TypeId type : types) list.push_back(type);
  return list;
}

bool IsRange(Comparator comparator) {
  return comparator == Comparator::kLess || comparator == Comparator::kLessEqual ||
         comparator == Comparator::kGreater || comparator == Comparator::kGreaterEqual;
}

}  // namespace

void CollectConstraints(const Conjunction& conjunction, std::vector<ValueConstraint>& into) {
  for (const Atom& atom : conjunction.atoms) {
    const auto* compare = std::get_if<CompareAtom>(&atom);
    if (compare == nullptr) continue;
    if (const auto* value = std::get_if<Value>(&compare->right)) {
      into.push_back({compare->left, compare->comparator, *value});
    }
  }
}

// Builds one plan, part by part. `bound_` is what the steps so far have bound.
class PlanBuilder {
 public:
  PlanBuilder(const Planner& planner, const ResolvedPattern& pattern,
              const Conjunction& conjunction, VariableMask bound,
              std::vector<ValueConstraint> constraints)
      : planner_(planner),
        schema_(planner.schema_),
        facts_(planner.facts_),
        pattern_(pattern),
        conjunction_(conjunction),
        bound_(std::move(bound)),
        constraints_(std::move(constraints)) {
    bound_.resize(pattern.variables.size());
    known_.resize(pattern.variables.size());
    CollectConstraints(conjunction, constraints_);
    plan_.pattern = &pattern;
    Mention(conjunction, mentioned_);
    for (const Atom& atom : conjunction.atoms) {
      if (const auto* has = std::get_if<HasAtom>(&atom)) {
        owned_.insert(has->attribute);
        placed_.insert({has->owner, has->attribute});
      } else if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
        placed_.insert(relation->relation);
        for (const PlayerAtom& entry : relation->players) placed_.insert(entry.player);
      } else if (const auto* is = std::get_if<IsAtom>(&atom)) {
        placed_.insert({is->left, is->right});
      }
    }
  }

  // Variables that are bound before must be of the types that this conjunction says.
  void CheckTypesOfBound() {
    for (VariableId variable = 0; variable < bound_.size(); ++variable) {
      if (bound_[variable] != 0) CheckType(variable);
    }
  }
  void CheckType(VariableId variable) {
    const VariableInfo& info = pattern_.variables[variable];
    const TypeSet* types = conjunction_.DomainOf(variable);
    if (types == nullptr || info.kind == VariableKind::kValue) return;
    Add(TypeCheckStep{variable, info.kind, *types}, {}, kNoPart);
  }

  std::vector<int> AllParts() const {
    std::vector<int> parts;
    for (std::size_t i = 0; i < conjunction_.atoms.size(); ++i)
      parts.push_back(static_cast<int>(i));
    for (std::size_t i = 0; i < conjunction_.negations.size(); ++i) {
      parts.push_back(kNegations + static_cast<int>(i));
    }
    for (std::size_t i = 0; i < conjunction_.disjunctions.size(); ++i) {
      parts.push_back(kDisjunctions + static_cast<int>(i));
    }
    for (const VariableId variable : mentioned_) {
      if (pattern_.variables[variable].kind != VariableKind::kValue) {
        parts.push_back(kScans + static_cast<int>(variable));
      }
    }
    return parts;
  }

  // Emits all parts, cheapest first. If some never become possible, the plan is incomplete.
  void EmitGreedily(std::vector<int> parts) {
    while (!parts.empty()) {
      double best_cost = std::numeric_limits<double>::infinity();
      std::size_t best = parts.size();
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (IsDone(parts[i])) {
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i--));
          continue;
        }
        const double cost = Cost(parts[i]);
        if (cost < best_cost) {
          best_cost = cost;
          best = i;
        }
      }
      if (best >= parts.size()) {
        plan_.incomplete = plan_.incomplete || !parts.empty();
        break;
      }
      rows_ *= std::max(best_cost, 0.01);
      plan_.cost += rows_;
      const int part = parts[best];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best));
      Emit(part);
    }
  }

  void Emit(int part) {
    if (IsDone(part)) return;
    if (part >= kGoal) return EmitGoal();
    if (part >= kScans) return EmitScan(static_cast<VariableId>(part - kScans));
    if (part >= kDisjunctions) return EmitDisjunction(part);
    if (part >= kNegations) return EmitNegation(part);
    std::visit([&](const auto& atom) { EmitAtom(atom, part); },
               conjunction_.atoms[static_cast<std::size_t>(part)]);
  }

  void set_goal(const GoalStep& goal) { goal_ = &goal; }
  void set_wanted(const std::vector<VariableId>& wanted) { wanted_ = &wanted; }
  void set_demand(Demand demand, const std::vector<PredicateId>* component) {
    demand_ = demand;
    component_ = component;
  }
  Plan Take() { return std::move(plan_); }

 private:
  bool IsBound(VariableId variable) const { return bound_[variable] != 0; }
  const TypeSet& DomainOf(VariableId variable) const {
    static const TypeSet kNone;
    const TypeSet* types = conjunction_.DomainOf(variable);
    return types == nullptr ? kNone : *types;
  }
  // A scan whose variable something else has bound.
  bool IsDone(int part) const {
    return part >= kScans && part < kGoal && IsBound(static_cast<VariableId>(part - kScans));
  }
  void Add(Step step, std::vector<VariableId> binds, int part) {
    for (const VariableId variable : binds) bound_[variable] = 1;
    plan_.steps.push_back(std::move(step));
    plan_.binds.push_back(std::move(binds));
    plan_.parts.push_back(part);
  }

  // ---- Predicates ----
  std::vector<PredicateId> Possible(std::vector<PredicateId> predicates) const {
    std::erase_if(predicates, [&](PredicateId p) { return !planner_.derivable_->IsPossible(p); });
    return predicates;
  }
  std::vector<PredicateId> RelationPredicates(const TypeSet& types) const {
    if (planner_.derivable_ == nullptr) return {};
    std::vector<PredicateId> found;
    for (const TypeId type : types) {
      if (const PredicateId* id = planner_.derivable_->index->OfRelation(type)) {
        found.push_back(*id);
      }
    }
    return Possible(std::move(found));
  }
  std::vector<PredicateId> OwnershipPredicates(VariableId attribute) const {
    if (planner_.derivable_ == nullptr) return {};
    return Possible(
        planner_.derivable_->index->Ownerships(DomainOf(attribute), attribute, constraints_));
  }
  std::vector<PredicateId> CreationPredicates(VariableId attribute) const {
    if (planner_.derivable_ == nullptr) return {};
    return Possible(
        planner_.derivable_->index->Creations(DomainOf(attribute), attribute, constraints_));
  }
  // Atoms of rules that are evaluated together take what is there, if so asked.
  Demand DemandFor(const std::vector<PredicateId>& predicates) const {
    if (demand_ == Demand::kRaise || component_ == nullptr) return Demand::kRaise;
    for (const PredicateId predicate : predicates) {
      if (std::find(component_->begin(), component_->end(), predicate) == component_->end()) {
        return Demand::kRaise;
      }
    }
    return Demand::kTakeWhatIsThere;
  }

  // ---- Estimates: how many matches for each match so far ----
  double Cost(int part) const {
    constexpr double kImpossible = std::numeric_limits<double>::infinity();
    if (part >= kGoal) {
      for (const VariableId variable : goal_->variables) {
        if (!IsBound(variable)) return 1000;
      }
      return 0;
    }
    if (part >= kScans) return ScanCost(static_cast<VariableId>(part - kScans));
    if (part >= kDisjunctions) return DisjunctionCost(part);
    if (part >= kNegations) {
      return AreSharedBound(conjunction_.negations[static_cast<std::size_t>(part - kNegations)])
                 ? 0.2
                 : kImpossible;
    }
    return std::visit([&](const auto& atom) { return AtomCost(atom); },
                      conjunction_.atoms[static_cast<std::size_t>(part)]);
  }

  // What a closure adds grows with what is there; other rules can make much of nothing.
  bool AreClosures(const std::vector<PredicateId>& predicates) const {
    return std::all_of(predicates.begin(), predicates.end(), [&](PredicateId id) {
      return planner_.derivable_->closures[id] != nullptr;
    });
  }

  double CountOf(const TypeSet& types) const {
    double count = 0;
    for (const TypeId type : types) count += facts_.Count(type);
    return count;
  }

  double ScanCost(VariableId variable) const {
    const TypeSet& types = DomainOf(variable);
    if (pattern_.variables[variable].kind == VariableKind::kType) {
      return 2 + static_cast<double>(types.size());
    }
    const double cost = 1 + CountOf(types);
    if (RelationPredicates(types).empty() && CreationPredicates(variable).empty()) return cost;
    // What another atom says to exist is bound by that atom: a scan would depend on more
    // predicates.
    if (placed_.count(variable) != 0) return std::numeric_limits<double>::infinity();
    return cost * kInferredFactor + kInferredTotal;
  }

  double AtomCost(const RelationAtom& atom) const {
    if (IsBound(atom.relation)) return 0.9;
    const TypeSet& types = DomainOf(atom.relation);
    const auto predicates = RelationPredicates(types);
    const bool derivable = !predicates.empty();
    double best = CountOf(types);
    if (derivable) best = best * kInferredFactor + (AreClosures(predicates) ? 0 : kInferredTotal);
    int bound = 0;
    for (const PlayerAtom& entry : atom.players) {
      if (!IsBound(entry.player)) continue;
      ++bound;
      double edges = 0;
      for (const TypeId type : types) {
        const TypeTable* table = facts_.Table(type);
        if (table == nullptr) continue;
        for (const PlayerColumn& column : table->players) {
          if (entry.roles.Contains(column.role)) edges += static_cast<double>(column.edges);
        }
      }
      double degree = edges / (1 + CountOf(DomainOf(entry.player)));
      if (derivable) degree = degree * kInferredFactor + kInferredDegree;
      best = std::min(best, degree);
    }
    return bound > 1 ? best * 0.3 : best;
  }

  double AtomCost(const HasAtom& atom) const {
    const TypeSet& owners = DomainOf(atom.owner);
    const TypeSet& attributes = DomainOf(atom.attribute);
    const bool derivable = !OwnershipPredicates(atom.attribute).empty();
    if (IsBound(atom.owner) && IsBound(atom.attribute)) return derivable ? 0.6 : 0.3;
    if (IsBound(atom.attribute) && !known_[atom.attribute].empty() && !derivable) {
      double count = 0;
      for (const ThingId attribute : known_[atom.attribute]) {
        for (const TypeId owner : owners) {
          if (const IdList* list = facts_.Owners(attribute, owner)) count += list->size();
        }
      }
      return count;
    }
    double edges = 0;
    for (const TypeId owner : owners) {
      const TypeTable* table = facts_.Table(owner);
      if (table == nullptr) continue;
      for (const ListColumn& column : table->owned) {
        if (attributes.Contains(column.key)) edges += static_cast<double>(column.edges);
      }
    }
    if (IsBound(atom.owner)) return edges / (1 + CountOf(owners)) + (derivable ? 1 : 0);
    if (IsBound(atom.attribute)) {
      const double degree = edges / (1 + CountOf(attributes));
      return derivable ? degree * kInferredFactor + kInferredTotal : degree;
    }
    return 1 + (derivable ? edges * kInferredFactor + kInferredTotal : edges);
  }

  double AtomCost(const IsaAtom& atom) const {
    if (!IsBound(atom.thing)) return std::numeric_limits<double>::infinity();
    return IsBound(atom.type) ? 0.1 : (atom.exactness == syntax::Exactness::kExact ? 0.9 : 4);
  }

  double AtomCost(const CompareAtom& atom) const {
    constexpr double kImpossible = std::numeric_limits<double>::infinity();
    const auto* right = std::get_if<VariableId>(&atom.right);
    const bool right_bound = right == nullptr || IsBound(*right);
    if (IsBound(atom.left) && right_bound) return 0.05;
    if (!IsBound(atom.left) && right_bound && IsThing(atom.left)) {
      if (atom.comparator == Comparator::kEqual) return LookupCost(atom.left);
      if (right == nullptr && IsRange(atom.comparator) && CreationPredicates(atom.left).empty()) {
        return 1 + CountOf(DomainOf(atom.left)) / 3;
      }
    }
    if (right != nullptr && IsBound(atom.left) && IsThing(*right) &&
        atom.comparator == Comparator::kEqual) {
      return LookupCost(*right);
    }
    return kImpossible;
  }
  // An attribute that is not owned in this conjunction must exist, which can be dear to find out.
  double LookupCost(VariableId variable) const {
    return owned_.count(variable) != 0 || CreationPredicates(variable).empty() ? 0.8
                                                                               : kInferredTotal;
  }
  bool IsThing(VariableId variable) const {
    return pattern_.variables[variable].kind == VariableKind::kThing;
  }

  double AtomCost(const IsAtom& atom) const {
    return IsBound(atom.left) || IsBound(atom.right) ? 0.1
                                                     : std::numeric_limits<double>::infinity();
  }
  double AtomCost(const IidAtom&) const { return 0.1; }
  double AtomCost(const AssignAtom& atom) const {
    std::vector<VariableId> needed;
    CollectVariables(atom.expression, pattern_, needed);
    for (const VariableId variable : needed) {
      if (!IsBound(variable)) return std::numeric_limits<double>::infinity();
    }
    return 0.1;
  }
  double AtomCost(const SubAtom& atom) const { return BothBound(atom.subtype, atom.supertype); }
  double AtomCost(const RelatesAtom& atom) const { return BothBound(atom.relation, atom.role); }
  double AtomCost(const PlaysAtom& atom) const { return BothBound(atom.player, atom.role); }
  double AtomCost(const OwnsAtom& atom) const { return BothBound(atom.owner, atom.attribute); }
  double BothBound(VariableId a, VariableId b) const {
    return IsBound(a) && IsBound(b) ? 0.05 : std::numeric_limits<double>::infinity();
  }

  // Nested patterns are matched when what they share with this conjunction is bound.
  bool AreSharedBound(const Conjunction& nested) const {
    std::set<VariableId> variables;
    MentionDeep(nested, variables);
    for (const VariableId variable : variables) {
      if (mentioned_.count(variable) != 0 && !IsBound(variable)) return false;
    }
    return true;
  }

  // A disjunction can also bind what every branch mentions: the domains of branches are no wider
  // than those around them.
  double DisjunctionCost(int part) const {
    const auto& branches =
        conjunction_.disjunctions[static_cast<std::size_t>(part - kDisjunctions)];
    bool filters = true;
    for (const Conjunction& branch : branches) {
      if (AreSharedBound(branch)) continue;
      filters = false;
      std::set<VariableId> all;
      MentionDeep(branch, all);
      for (const VariableId variable : all) {
        if (mentioned_.count(variable) == 0 || IsBound(variable)) continue;
        for (const Conjunction& other : branches) {
          std::set<VariableId> bindable;
          Mention(other, bindable);
          if (bindable.count(variable) == 0) return std::numeric_limits<double>::infinity();
        }
      }
    }
    double cost = 0;
    for (const Conjunction& branch : branches) {
      cost += std::min(1e12, planner_.Make(pattern_, branch, bound_, constraints_).cost);
    }
    return filters ? std::min(0.5, cost) : cost;
  }

  // ---- Steps ----
  void EmitScan(VariableId variable) {
    const TypeSet& types = DomainOf(variable);
    if (pattern_.variables[variable].kind == VariableKind::kType) {
      return Add(TypesStep{variable, ListOf(types)}, {variable},
                 kScans + static_cast<int>(variable));
    }
    ScanStep step;
    step.variable = variable;
    step.types = ListOf(types);
    step.relations = RelationPredicates(types);
    step.attributes = CreationPredicates(variable);
    Add(std::move(step), {variable}, kScans + static_cast<int>(variable));
  }

  void EmitGoal() {
    GoalStep step = *goal_;
    step.bound.clear();
    std::vector<VariableId> binds;
    for (const VariableId variable : step.variables) {
      step.bound.push_back(bound_[variable]);
      if (IsBound(variable)) continue;
      binds.push_back(variable);
      bound_[variable] = 1;  // A variable that comes twice is bound the first time.
    }
    Add(std::move(step), binds, kGoal);
    for (const VariableId variable : binds) CheckType(variable);
  }

  void EmitNegation(int part) {
    const Conjunction& body = conjunction_.negations[static_cast<std::size_t>(part - kNegations)];
    NegationStep step;
    step.body = std::make_unique<Plan>(planner_.Make(pattern_, body, bound_, constraints_));
    plan_.incomplete = plan_.incomplete || step.body->incomplete;
    Add(std::move(step), {}, part);
  }

  void EmitDisjunction(int part) {
    const auto& branches =
        conjunction_.disjunctions[static_cast<std::size_t>(part - kDisjunctions)];
    DisjunctionStep step;
    VariableMask everywhere(bound_.size(), 1);
    for (const Conjunction& branch : branches) {
      step.branches.push_back(
          std::make_unique<Plan>(planner_.Make(pattern_, branch, bound_, constraints_)));
      plan_.incomplete = plan_.incomplete || step.branches.back()->incomplete;
      VariableMask here(bound_.size(), 0);
      for (const auto& binds : step.branches.back()->binds) {
        for (const VariableId variable : binds) here[variable] = 1;
      }
      for (std::size_t i = 0; i < here.size(); ++i) everywhere[i] &= here[i];
    }
    std::vector<VariableId> binds;
    for (std::size_t i = 0; i < everywhere.size() && !branches.empty(); ++i) {
      if (everywhere[i] != 0) binds.push_back(static_cast<VariableId>(i));
    }
    Add(std::move(step), std::move(binds), part);
  }

  // Whether the relation of atom number `part` is only there to connect its players.
  bool IsUnnamed(VariableId relation, int part) const {
    if (wanted_ == nullptr || IsBound(relation)) return false;
    std::set<VariableId> elsewhere(wanted_->begin(), wanted_->end());
    Conjunction others = conjunction_;
    others.domains.clear();
    others.atoms.erase(others.atoms.begin() + part);
    MentionDeep(others, elsewhere);
    return elsewhere.count(relation) == 0;
  }

  std::optional<ClosureStep> AsClosure(const RelationAtom& atom, int part) const {
    const TypeSet& types = DomainOf(atom.relation);
    const auto predicates = RelationPredicates(types);
    if (types.size() != 1 || predicates.size() != 1 || atom.players.size() != 2) return {};
    const Closure* closure = planner_.derivable_->closures[predicates[0]];
    if (closure == nullptr || !IsUnnamed(atom.relation, part)) return {};
    const bool above_first = atom.players[0].roles == TypeSet{closure->above};
    const PlayerAtom& above = atom.players[above_first ? 0 : 1];
    const PlayerAtom& below = atom.players[above_first ? 1 : 0];
    const bool plain = !above.role && !below.role && above.roles == TypeSet{closure->above} &&
                       below.roles == TypeSet{closure->below} && above.player != below.player &&
                       above.player != atom.relation && below.player != atom.relation;
    ClosureStep step{closure,
                     above.player,
                     below.player,
                     IsBound(above.player),
                     IsBound(below.player),
                     DomainOf(above.player),
                     DomainOf(below.player),
                     {}};
    if (!plain || (step.above_bound && step.below_bound)) return {};
    step.below_list = ListOf(step.below_types);
    return step;
  }

  void EmitAtom(const RelationAtom& atom, int part) {
    if (auto closure = AsClosure(atom, part)) {
      std::vector<VariableId> binds;
      if (!closure->above_bound) binds.push_back(closure->above);
      if (!closure->below_bound) binds.push_back(closure->below);
      bound_[atom.relation] = 1;  // Nobody looks for it.
      return Add(*std::move(closure), std::move(binds), part);
    }
    RelationStep step;
    step.relation = atom.relation;
    step.relation_bound = IsBound(atom.relation);
    step.types = DomainOf(atom.relation);
    step.type_list = ListOf(step.types);
    step.predicates = RelationPredicates(step.types);
    step.demand = DemandFor(step.predicates);
    std::vector<VariableId> binds;
    const VariableMask before = bound_;
    if (!step.relation_bound) {
      binds.push_back(atom.relation);
      bound_[atom.relation] = 1;
    }
    for (const PlayerAtom& player : atom.players) {
      RelationStep::Entry entry;
      entry.player = player.player;
      entry.player_given = before[player.player] != 0;
      entry.player_bound = IsBound(player.player);
      entry.player_types = DomainOf(player.player);
      entry.roles = player.roles;
      entry.role_list = ListOf(player.roles);
      if (!entry.player_bound) {
        binds.push_back(player.player);
        bound_[player.player] = 1;
      }
      if (player.role) {
        entry.role = player.role;
        entry.role_bound = IsBound(*player.role);
        entry.role_types = DomainOf(*player.role);
        if (!entry.role_bound) {
          binds.push_back(*player.role);
          bound_[*player.role] = 1;
        }
      }
      step.entries.push_back(std::move(entry));
    }
    Add(std::move(step), std::move(binds), part);
  }

  void EmitAtom(const HasAtom& atom, int part) {
    HasStep step;
    step.owner = atom.owner;
    step.attribute = atom.attribute;
    step.owner_bound = IsBound(atom.owner);
    step.attribute_bound = IsBound(atom.attribute);
    step.owner_types = DomainOf(atom.owner);
    step.attribute_types = DomainOf(atom.attribute);
    step.owner_list = ListOf(step.owner_types);
    step.attribute_list = ListOf(step.attribute_types);
    step.predicates = OwnershipPredicates(atom.attribute);
    step.demand = DemandFor(step.predicates);
    std::vector<VariableId> binds;
    if (!step.owner_bound) binds.push_back(atom.owner);
    if (!step.attribute_bound) binds.push_back(atom.attribute);
    Add(std::move(step), std::move(binds), part);
  }

  void EmitAtom(const IsaAtom& atom, int part) {
    IsaStep step{atom.thing, atom.type, IsBound(atom.type), DomainOf(atom.type), atom.exactness};
    std::vector<VariableId> binds;
    if (!step.type_bound) binds.push_back(atom.type);
    Add(std::move(step), std::move(binds), part);
  }

  void EmitLookup(VariableId variable, std::variant<Value, VariableId> value, int part) {
    LookupStep step;
    step.variable = variable;
    step.types = ListOf(DomainOf(variable));
    step.predicates = CreationPredicates(variable);
    step.must_exist = owned_.count(variable) == 0;
    if (const auto* literal = std::get_if<Value>(&value)) {
      for (const TypeId type : step.types) {
        const auto value_type = schema_.Get(type).value_type;
        const auto converted = value_type ? Convert(*literal, *value_type) : std::nullopt;
        if (!converted) continue;
        const ThingId found = facts_.Find(type, *converted);
        if (found != kNoThing) known_[variable].push_back(found);
      }
      if (known_[variable].empty()) known_[variable].push_back(kNoThing);
    }
    step.value = std::move(value);
    Add(std::move(step), {variable}, part);
  }

  void EmitAtom(const CompareAtom& atom, int part) {
    const auto* right = std::get_if<VariableId>(&atom.right);
    const bool left_bound = IsBound(atom.left);
    if (!left_bound && atom.comparator == Comparator::kEqual) {
      if (right == nullptr) return EmitLookup(atom.left, std::get<Value>(atom.right), part);
      return EmitLookup(atom.left, *right, part);
    }
    if (!left_bound) {
      RangeStep step{atom.left, ListOf(DomainOf(atom.left)), atom.comparator,
                     std::get<Value>(atom.right)};
      return Add(std::move(step), {atom.left}, part);
    }
    if (right != nullptr && !IsBound(*right)) return EmitLookup(*right, atom.left, part);
    CompareStep step;
    step.left = atom.left;
    step.comparator = atom.comparator;
    if (right != nullptr) {
      step.right = *right;
    } else {
      step.literal.emplace(atom.comparator, std::get<Value>(atom.right));
    }
    Add(std::move(step), {}, part);
  }

  void EmitAtom(const IsAtom& atom, int part) {
    const bool swap = !IsBound(atom.left);
    IsStep step;
    step.left = swap ? atom.right : atom.left;
    step.right = swap ? atom.left : atom.right;
    step.right_bound = IsBound(step.right);
    step.kind = pattern_.variables[step.left].kind;
    step.types = DomainOf(step.right);
    std::vector<VariableId> binds;
    if (!step.right_bound) binds.push_back(step.right);
    Add(std::move(step), std::move(binds), part);
  }

  void EmitAtom(const IidAtom& atom, int part) {
    IidStep step{atom.thing, IsBound(atom.thing), DomainOf(atom.thing), atom.iid};
    std::vector<VariableId> binds;
    if (!step.bound) binds.push_back(atom.thing);
    Add(std::move(step), std::move(binds), part);
  }

  void EmitAtom(const AssignAtom& atom, int part) {
    AssignStep step{atom.variable, IsBound(atom.variable), &atom.expression};
    std::vector<VariableId> binds;
    if (!step.bound) binds.push_back(atom.variable);
    Add(std::move(step), std::move(binds), part);
  }

  void EmitAtom(const SubAtom& atom, int part) { Add(TypeAtomStep{atom}, {}, part); }
  void EmitAtom(const RelatesAtom& atom, int part) { Add(TypeAtomStep{atom}, {}, part); }
  void EmitAtom(const PlaysAtom& atom, int part) { Add(TypeAtomStep{atom}, {}, part); }
  void EmitAtom(const OwnsAtom& atom, int part) { Add(TypeAtomStep{atom}, {}, part); }

  const Planner& planner_;
  const Schema& schema_;
  const Facts& facts_;
  const ResolvedPattern& pattern_;
  const Conjunction& conjunction_;
  VariableMask bound_;
  std::vector<ValueConstraint> constraints_;
  std::set<VariableId> mentioned_;
  std::set<VariableId> owned_;               // Attributes of HasAtoms.
  std::set<VariableId> placed_;              // Things that atoms say to exist.
  std::vector<std::vector<ThingId>> known_;  // What a lookup of a literal finds.
  const GoalStep* goal_ = nullptr;
  const std::vector<VariableId>* wanted_ = nullptr;  // Null: everything.
  Demand demand_ = Demand::kRaise;
  const std::vector<PredicateId>* component_ = nullptr;
  double rows_ = 1;
  Plan plan_;
};

Plan Planner::Make(const ResolvedPattern& pattern, const Conjunction& conjunction,
                   VariableMask bound, const std::vector<ValueConstraint>& outer) const {
  PlanBuilder builder(*this, pattern, conjunction, std::move(bound), outer);
  builder.CheckTypesOfBound();
  builder.EmitGreedily(builder.AllParts());
  return builder.Take();
}

Plan Planner::MakeForAnswers(const ResolvedPattern& pattern,
                             const std::vector<VariableId>& wanted) const {
  PlanBuilder builder(*this, pattern, pattern.trunk, {}, {});
  builder.set_wanted(wanted);
  builder.EmitGreedily(builder.AllParts());
  return builder.Take();
}

Plan Planner::MakeDelta(const ResolvedPattern& pattern, const Conjunction& conjunction,
                        const Plan& sip, int delta, const GoalStep& goal, VariableMask preset,
                        const std::vector<PredicateId>& component) const {
  PlanBuilder builder(*this, pattern, conjunction, std::move(preset), {});
  builder.CheckTypesOfBound();
  builder.set_goal(goal);
  builder.set_demand(Demand::kTakeWhatIsThere, &component);
  if (std::holds_alternative<RelationAtom>(conjunction.atoms[static_cast<std::size_t>(delta)])) {
    builder.Emit(delta);  // An ownership needs no step: both of its variables are preset.
  }
  const auto split = std::find(sip.parts.begin(), sip.parts.end(), delta);
  std::vector<int> before{kGoal};
  std::copy_if(sip.parts.begin(), split, std::back_inserter(before),
               [](int part) { return part != kNoPart; });
  builder.EmitGreedily(std::move(before));
  builder.set_demand(Demand::kRaise, nullptr);
  for (auto part = split + 1; part < sip.parts.end(); ++part) {
    if (*part != kNoPart) builder.Emit(*part);
  }
  return builder.Take();
}

}  // namespace pemba::reason::internal
