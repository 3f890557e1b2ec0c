#include "pemba/reason/internal/reasoner.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/mutation.h"
#include "pemba/reason/problem.h"

namespace pemba::reason::internal {
namespace {

std::uint64_t PlanKey(std::uint32_t instance, int atom, std::uint32_t adornment) {
  return static_cast<std::uint64_t>(instance) << 40 |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(atom + 1) & 0xFFFF) << 24 |
         (adornment & 0xFFFFFF);
}

ThingId ValueAt(std::uint64_t values, std::uint8_t position) {
  return static_cast<ThingId>(position == 0 ? values : values >> 32);
}

// Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J. Comput. 1(2), 1972. Recursion
// is as deep as there are predicates.
class ComponentFinder {
 public:
  ComponentFinder(const std::vector<std::vector<PredicateId>>& edges,
                  std::vector<std::vector<PredicateId>>& components)
      : edges_(edges), components_(components), index_(edges.size()), low_(edges.size()) {
    for (PredicateId node = 0; node < edges.size(); ++node) {
      if (index_[node] == 0) Visit(node);
    }
  }

 private:
  void Visit(PredicateId node) {
    index_[node] = low_[node] = ++count_;
    stack_.push_back(node);
    for (const PredicateId next : edges_[node]) {
      if (index_[next] == 0) {
        Visit(next);
        low_[node] = std::min(low_[node], low_[next]);
      } else if (std::find(stack_.begin(), stack_.end(), next) != stack_.end()) {
        low_[node] = std::min(low_[node], index_[next]);
      }
    }
    if (low_[node] != index_[node]) return;
    components_.emplace_back();
    while (true) {
      const PredicateId member = stack_.back();
      stack_.pop_back();
      components_.back().push_back(member);
      if (member == node) return;
    }
  }

  const std::vector<std::vector<PredicateId>>& edges_;
  std::vector<std::vector<PredicateId>>& components_;
  std::vector<std::uint32_t> index_, low_;
  std::vector<PredicateId> stack_;
  std::uint32_t count_ = 0;
};

}  // namespace

Reasoner::Reasoner(std::shared_ptr<const Program> program, World& world, Inferred& inferred)
    : program_(std::move(program)),
      world_(world),
      inferred_(inferred),
      planner_(*world.schema, *world.facts, &derivable_),
      states_(program_->index().predicates.size()) {
  world_.inferred = &inferred;
  world_.reasoner = this;
  derivable_.index = &program_->index();
  FindPossible();
  FindComponents();
  FindClosures();
}

// ---- Set-up ----

// The rules that can apply at all: each atom has persisted facts or a rule that can apply. Most
// rules of a rich schema have nothing to do in a given database, and what they would conclude need
// not be asked for.
void Reasoner::FindPossible() {
  derivable_.possible.assign(states_.size(), 0);
  std::vector<std::uint8_t> applied(program_->instances().size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t i = 0; i < program_->instances().size(); ++i) {
      const Instance& instance = program_->instances()[i];
      if (applied[i] != 0 || !IsPossible(instance)) continue;
      applied[i] = 1;
      states_[instance.head.predicate].instances.push_back(i);
      derivable_.possible[instance.head.predicate] = 1;
      changed = true;
    }
  }
}

bool Reasoner::IsPossible(const Instance& instance) const {
  const Facts& facts = *world_.facts;
  const Conjunction& body = instance.body();
  std::vector<ValueConstraint> constraints;
  CollectConstraints(body, constraints);
  for (const Domain& domain : body.domains) {
    if (instance.pattern.variables[domain.variable].kind != VariableKind::kThing) continue;
    bool found = false;
    for (const TypeId type : domain.types) {
      const PredicateId* relation = derivable_.index->OfRelation(type);
      found = found || facts.Count(type) != 0 ||
              (relation != nullptr && derivable_.IsPossible(*relation) &&
               !Mutated(Mutation::kPruneDerivable));
    }
    for (const PredicateId id :
         derivable_.index->Creations(domain.types, domain.variable, constraints)) {
      found = found || derivable_.IsPossible(id);
    }
    if (!found) return false;
  }
  for (const Atom& atom : body.atoms) {
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      const auto& players = relation->players;
      for (std::size_t i = 0; i < players.size(); ++i) {
        for (std::size_t j = i + 1; j < players.size(); ++j) {
          if (players[i].roles.size() != 1 || !(players[i].roles == players[j].roles)) continue;
          bool repeats = false;
          for (const TypeId type : *body.DomainOf(relation->relation)) {
            repeats = repeats || MayRepeat(type, *players[i].roles.begin());
          }
          if (!repeats) return false;
        }
      }
    } else if (const auto* has = std::get_if<HasAtom>(&atom)) {
      bool found = false;
      for (const TypeId owner : *body.DomainOf(has->owner)) {
        const TypeTable* table = facts.Table(owner);
        if (table == nullptr) continue;
        for (const ListColumn& column : table->owned) {
          found =
              found || (column.edges != 0 && body.DomainOf(has->attribute)->Contains(column.key));
        }
      }
      for (const PredicateId id : derivable_.index->Ownerships(*body.DomainOf(has->attribute),
                                                               has->attribute, constraints)) {
        found = found || derivable_.IsPossible(id);
      }
      if (!found) return false;
    }
  }
  return true;
}

// Whether a relation of this type can have two players in this role.
bool Reasoner::MayRepeat(TypeId type, TypeId role) const {
  const TypeTable* table = world_.facts->Table(type);
  const PlayerColumn* column = table == nullptr ? nullptr : table->FindPlayers(role);
  if (column != nullptr && column->repeated) return true;
  const PredicateId* predicate = derivable_.index->OfRelation(type);
  if (predicate == nullptr) return false;
  for (const std::uint32_t i : states_[*predicate].instances) {
    int count = 0;
    for (const auto& [head_role, player] : program_->instances()[i].head.players) {
      count += head_role == role ? 1 : 0;
    }
    if (count > 1) return true;
  }
  return false;
}

void Reasoner::FindComponents() {
  std::vector<std::vector<PredicateId>> edges(states_.size());
  const auto possible = [this](PredicateId id) { return derivable_.IsPossible(id); };
  for (PredicateId id = 0; id < states_.size(); ++id) {
    for (const std::uint32_t i : states_[id].instances) {
      const Instance& instance = program_->instances()[i];
      for (const auto& occurrence : instance.occurrences) {
        std::copy_if(occurrence.predicates.begin(), occurrence.predicates.end(),
                     std::back_inserter(edges[id]), possible);
      }
      std::copy_if(instance.others.begin(), instance.others.end(), std::back_inserter(edges[id]),
                   possible);
      std::copy_if(instance.negated.begin(), instance.negated.end(), std::back_inserter(edges[id]),
                   possible);
    }
  }
  std::vector<std::vector<PredicateId>> found;
  ComponentFinder(edges, found);
  components_.resize(found.size());
  for (std::uint32_t c = 0; c < found.size(); ++c) {
    for (const PredicateId id : found[c]) states_[id].component = c;
    components_[c].predicates = std::move(found[c]);
  }
  for (PredicateId id = 0; id < states_.size(); ++id) {
    for (const std::uint32_t i : states_[id].instances) {
      const Instance& instance = program_->instances()[i];
      const auto together = [&](PredicateId other) {
        return possible(other) && states_[other].component == states_[id].component;
      };
      for (const auto& occurrence : instance.occurrences) {
        for (const PredicateId other : occurrence.predicates) {
          if (together(other)) states_[other].deltas.push_back({i, occurrence.atom});
        }
      }
      // Stratification has refused the first; the second would need facts about existence.
      if (std::any_of(instance.negated.begin(), instance.negated.end(), together)) {
        world_.budget->Fail(MakeError(Problem::kNegationCycle, {},
                                      "the rule `" + instance.rule->label +
                                          "` negates what follows from its own conclusion"));
      }
      if (std::any_of(instance.others.begin(), instance.others.end(), together)) {
        world_.budget->Fail(MakeError(
            Problem::kTooComplex, {},
            "the rule `" + instance.rule->label +
                "` looks for any attribute that its own conclusion creates; name who owns it"));
      }
    }
  }
}

void Reasoner::FindClosures() {
  derivable_.closures.assign(states_.size(), nullptr);
  for (PredicateId id = 0; id < states_.size(); ++id) {
    const Closure* closure = nullptr;
    bool all = !states_[id].instances.empty();
    for (const std::uint32_t i : states_[id].instances) {
      const auto& one = program_->instances()[i].closure;
      all = all && one && (closure == nullptr || *closure == *one);
      closure = one ? &*one : nullptr;
    }
    if (!all) continue;
    states_[id].closure = std::make_unique<ClosureWalk>(*world_.facts, *closure);
    derivable_.closures[id] = closure;
  }
}

// ---- Goals ----

void Reasoner::DemandRelations(PredicateId predicate, std::span<const RoleEdge> edges) {
  if (states_[predicate].complete) return;
  GivenValue given[8];
  std::size_t count = 0;
  for (const RoleEdge& edge : edges) {
    const bool known = std::any_of(given, given + count,
                                   [&](const GivenValue& value) { return value.key == edge.role; });
    if (!known && count < std::size(given)) given[count++] = {edge.role, edge.player};
  }
  Demand(predicate, {given, count});
}

void Reasoner::DemandOwnerships(PredicateId predicate, ThingId owner, ThingId attribute) {
  if (states_[predicate].complete) return;
  GivenValue given[2];
  std::size_t count = 0;
  if (owner != kNoThing) given[count++] = {kOwner, owner};
  // Rules that name or compute the value have no use for the attribute.
  if (attribute != kNoThing && !GetPredicate(predicate).creates) {
    given[count++] = {kAttribute, attribute};
  }
  Demand(predicate, {given, count});
}

void Reasoner::Demand(PredicateId predicate, std::span<GivenValue> given) {
  if (!world_.budget->ok()) return;
  std::sort(given.begin(), given.end(),
            [](const GivenValue& a, const GivenValue& b) { return a.key < b.key; });
  if (states_[predicate].closure != nullptr) return DemandClosure(predicate, given);
  if (given.size() > 2) given = given.first(2);
  // Was something more general asked for?
  for (const GivenValue& one : given) {
    for (const std::uint32_t id : states_[predicate].adornments) {
      const Adornment& adornment = adornments_[id];
      if (adornment.keys.size() == 1 &&
          (adornment.keys[0] == one.key || Mutated(Mutation::kSubsumeAnything)) &&
          adornment.known.contains(one.value)) {
        return;
      }
    }
  }
  const std::uint32_t id = AdornmentFor(predicate, given);
  std::uint64_t values = 0;
  if (!given.empty()) values = given[0].value;
  if (given.size() == 2) values |= static_cast<std::uint64_t>(given[1].value) << 32;
  if (!adornments_[id].known.insert(values).second) return;
  adornments_[id].goals.push_back(values);
  if (given.empty()) states_[predicate].complete = true;
  Component& component = components_[states_[predicate].component];
  component.goals.push_back({id, values});
  if (!component.active) Evaluate(component);
}

std::uint32_t Reasoner::AdornmentFor(PredicateId predicate, std::span<const GivenValue> given) {
  for (const std::uint32_t id : states_[predicate].adornments) {
    const auto& keys = adornments_[id].keys;
    if (keys.size() == given.size() &&
        std::equal(keys.begin(), keys.end(), given.begin(),
                   [](TypeId key, const GivenValue& value) { return key == value.key; })) {
      return id;
    }
  }
  Adornment adornment;
  adornment.predicate = predicate;
  for (const GivenValue& value : given) adornment.keys.push_back(value.key);
  adornments_.push_back(std::move(adornment));
  states_[predicate].adornments.push_back(static_cast<std::uint32_t>(adornments_.size() - 1));
  return static_cast<std::uint32_t>(adornments_.size() - 1);
}

void Reasoner::Evaluate(Component& component) {
  component.active = true;
  while (world_.budget->ok() && !(component.goals.empty() && component.facts.empty())) {
    if (!component.goals.empty()) {
      const Goal goal = component.goals.front();
      component.goals.pop_front();
      RunGoal(goal);
      continue;
    }
    const NewFact fact = component.facts.front();
    component.facts.pop_front();
    for (const Delta& delta : states_[fact.predicate].deltas) RunDelta(fact, delta);
  }
  component.goals.clear();
  component.facts.clear();
  component.active = false;
}

void Reasoner::MapHead(const Instance& instance, const Adornment& adornment,
                       Compiled& compiled) const {
  for (std::uint8_t position = 0; position < adornment.keys.size(); ++position) {
    const TypeId key = adornment.keys[position];
    std::vector<VariableId> variables;
    if (key == kOwner) {
      variables.push_back(instance.head.owner);
    } else if (key == kAttribute) {
      variables.push_back(std::get<Head::Bound>(instance.head.attribute).attribute);
    } else {
      for (const auto& [role, player] : instance.head.players) {
        if (role == key) variables.push_back(player);
        if (Mutated(Mutation::kIgnoreRoleOfGoal)) variables = {instance.head.players[0].second};
      }
    }
    if (variables.size() != 1) continue;  // A role that comes twice: either may be meant.
    compiled.positions.push_back(position);
    compiled.variables.push_back(variables[0]);
  }
}

void Reasoner::FindResume(const Instance& instance, Compiled& compiled) const {
  std::vector<VariableId> concluded;
  for (const auto& [role, player] : instance.head.players) concluded.push_back(player);
  if (!instance.head.is_relation()) {
    concluded.push_back(instance.head.owner);
    if (const auto* bound = std::get_if<Head::Bound>(&instance.head.attribute)) {
      concluded.push_back(bound->attribute);
    } else if (const auto* computed = std::get_if<Head::Computed>(&instance.head.attribute)) {
      concluded.push_back(computed->value);
    }
  }
  const auto& binds = compiled.plan.binds;
  for (int step = static_cast<int>(binds.size()) - 1; step >= 0; --step) {
    for (const VariableId variable : binds[static_cast<std::size_t>(step)]) {
      if (std::find(concluded.begin(), concluded.end(), variable) != concluded.end()) {
        compiled.resume_after = step;
        return;
      }
    }
  }
}

const Reasoner::Compiled& Reasoner::PlanForGoals(std::uint32_t instance_id,
                                                 std::uint32_t adornment) {
  auto& slot = plans_[PlanKey(instance_id, -1, adornment)];
  if (slot != nullptr) return *slot;
  const Instance& instance = program_->instances()[instance_id];
  auto compiled = std::make_unique<Compiled>();
  MapHead(instance, adornments_[adornment], *compiled);
  VariableMask mask = instance.PresetMask();
  for (const VariableId variable : compiled->variables) mask[variable] = 1;
  compiled->plan = planner_.Make(instance.pattern, instance.body(), std::move(mask));
  FindResume(instance, *compiled);
  slot = std::move(compiled);
  return *slot;
}

const Reasoner::Compiled& Reasoner::PlanForDelta(const Delta& delta, std::uint32_t adornment) {
  const std::uint64_t key = PlanKey(delta.instance, delta.atom, adornment);
  const auto found = plans_.find(key);
  if (found != plans_.end()) return *found->second;
  const Plan& sip = PlanForGoals(delta.instance, adornment).plan;
  const Instance& instance = program_->instances()[delta.instance];
  auto compiled = std::make_unique<Compiled>();
  MapHead(instance, adornments_[adornment], *compiled);
  GoalStep goal{adornment, compiled->positions, compiled->variables, {}};
  VariableMask mask = instance.PresetMask();
  const Atom& atom = instance.body().atoms[static_cast<std::size_t>(delta.atom)];
  if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
    mask[relation->relation] = 1;
  } else {
    mask[std::get<HasAtom>(atom).owner] = 1;
    mask[std::get<HasAtom>(atom).attribute] = 1;
  }
  compiled->plan =
      planner_.MakeDelta(instance.pattern, instance.body(), sip, delta.atom, goal, std::move(mask),
                         components_[states_[instance.head.predicate].component].predicates);
  FindResume(instance, *compiled);
  return *(plans_[key] = std::move(compiled));
}

void Reasoner::Run(const Instance& instance, const Compiled& compiled, Frame& frame) {
  if (compiled.plan.incomplete) {
    world_.budget->Fail(MakeError(Problem::kInvalidPattern, {},
                                  "the condition of the rule `" + instance.rule->label +
                                      "` compares variables that nothing binds"));
    return;
  }
  Execution execution(compiled.plan, world_, frame);
  if (compiled.resume_after >= 0) {
    execution.set_resume_after(static_cast<std::size_t>(compiled.resume_after));
  }
  while (execution.Next()) {
    Conclude(instance, frame);
    if (compiled.resume_after < 0) return;
  }
}

void Reasoner::RunGoal(const Goal& goal) {
  const PredicateId predicate = adornments_[goal.adornment].predicate;
  if (states_[predicate].complete && !adornments_[goal.adornment].keys.empty()) return;
  for (const std::uint32_t id : states_[predicate].instances) {
    const Instance& instance = program_->instances()[id];
    const Compiled& compiled = PlanForGoals(id, goal.adornment);
    Frame frame(instance.pattern.variables.size(), kNoThing);
    for (const auto& [variable, type] : instance.presets) frame[variable] = type;
    bool agrees = true;
    for (std::size_t i = 0; i < compiled.variables.size(); ++i) {
      const ThingId value = ValueAt(goal.values, compiled.positions[i]);
      Slot& slot = frame[compiled.variables[i]];
      agrees = agrees && (slot == kNoThing || slot == value);
      slot = value;
    }
    if (agrees) Run(instance, compiled, frame);
  }
}

void Reasoner::RunDelta(const NewFact& fact, const Delta& delta) {
  if (Mutated(Mutation::kForgetDeltas)) return;
  const Instance& instance = program_->instances()[delta.instance];
  const State& state = states_[instance.head.predicate];
  const Atom& atom = instance.body().atoms[static_cast<std::size_t>(delta.atom)];
  // Goals may be added meanwhile; they see this fact by themselves.
  const std::size_t count = state.adornments.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t adornment = state.adornments[i];
    if (state.complete && !adornments_[adornment].keys.empty()) continue;
    if (adornments_[adornment].goals.empty()) continue;
    const Compiled& compiled = PlanForDelta(delta, adornment);
    Frame frame(instance.pattern.variables.size(), kNoThing);
    for (const auto& [variable, type] : instance.presets) frame[variable] = type;
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      frame[relation->relation] = fact.thing;
    } else {
      frame[std::get<HasAtom>(atom).owner] = fact.thing;
      frame[std::get<HasAtom>(atom).attribute] = fact.attribute;
    }
    Run(instance, compiled, frame);
  }
}

bool Reasoner::NextGoal(const GoalStep& step, Frame& frame, std::uint32_t& cursor) {
  const Adornment& adornment = adornments_[step.adornment];
  const bool all_bound =
      step.variables.size() == adornment.keys.size() &&
      std::all_of(step.bound.begin(), step.bound.end(), [](std::uint8_t b) { return b != 0; });
  if (all_bound) {
    std::uint64_t values = 0;
    for (std::size_t i = 0; i < step.variables.size(); ++i) {
      values |= static_cast<std::uint64_t>(frame[step.variables[i]]) << (step.positions[i] * 32);
    }
    return cursor++ == 0 && adornment.known.contains(values);
  }
  while (cursor < adornment.goals.size()) {
    const std::uint64_t values = adornment.goals[cursor++];
    bool agrees = true;
    for (std::size_t i = 0; i < step.variables.size(); ++i) {
      const ThingId value = ValueAt(values, step.positions[i]);
      if (step.bound[i] != 0) {
        agrees = agrees && frame[step.variables[i]] == value;
      } else {
        frame[step.variables[i]] = value;
      }
    }
    if (agrees) return true;
  }
  return false;
}

// ---- Conclusions ----

void Reasoner::Conclude(const Instance& instance, const Frame& frame) {
  if (!instance.head.is_relation()) return ConcludeOwnership(instance, frame);
  edges_.clear();
  for (const auto& [role, player] : instance.head.players) edges_.push_back({role, frame[player]});
  std::sort(edges_.begin(), edges_.end());
  ConcludeRelation(instance.head.predicate, instance.head.type, edges_);
}

void Reasoner::ConcludeRelation(PredicateId predicate, TypeId type, std::vector<RoleEdge>& edges) {
  if (inferred_.FindRelation(type, edges) != kNoThing) return;
  if (IsPersisted(type, edges) && !Mutated(Mutation::kConcludePersisted)) return;
  if (!WithinLimits()) return;
  const ThingId relation = inferred_.AddRelation(type, edges);
  Note(predicate, relation, kNoThing);
}

// A persisted relation of this type with at least these edges.
bool Reasoner::IsPersisted(TypeId type, std::span<const RoleEdge> edges) const {
  const Facts& facts = *world_.facts;
  const IdList* shortest = nullptr;
  for (const RoleEdge& edge : edges) {
    if (IsInferred(edge.player)) return false;
    const IdList* list = facts.Playing(edge.player, edge.role);
    if (list == nullptr || list->empty()) return false;
    if (shortest == nullptr || list->size() < shortest->size()) shortest = list;
  }
  for (std::uint32_t i = 0; i < shortest->size(); ++i) {
    const ThingId relation = (*shortest)[i];
    if (facts.TypeOf(relation) != type && !Mutated(Mutation::kAnyTypeSuppresses)) continue;
    std::uint64_t left = (std::uint64_t{1} << edges.size()) - 1;
    facts.ForEachPlayer(relation, [&](TypeId role, ThingId player) {
      for (std::size_t e = 0; e < edges.size(); ++e) {
        if ((left >> e & 1) != 0 && edges[e] == RoleEdge{role, player}) {
          left &= ~(std::uint64_t{1} << e);
          return;
        }
      }
    });
    if (Mutated(Mutation::kExactSuppression)) {
      std::size_t players = 0;
      facts.ForEachPlayer(relation, [&](TypeId, ThingId) { ++players; });
      if (players != edges.size()) continue;
    }
    if (left == 0) return true;
  }
  return false;
}

void Reasoner::ConcludeOwnership(const Instance& instance, const Frame& frame) {
  const Head& head = instance.head;
  const ThingId owner = frame[head.owner];
  ThingId attribute = kNoThing;
  if (const auto* bound = std::get_if<Head::Bound>(&head.attribute)) {
    attribute = frame[bound->attribute];
  } else {
    std::optional<Value> value;
    if (const auto* literal = std::get_if<Value>(&head.attribute)) {
      value = *literal;
    } else {
      value = Convert(world_.values->Get(frame[std::get<Head::Computed>(head.attribute).value]),
                      *world_.schema->Get(head.type).value_type);
    }
    if (!value) return;
    attribute = world_.facts->Find(head.type, *value);
    if (attribute == kNoThing) attribute = inferred_.InternAttribute(head.type, *value);
  }
  if (world_.Owns(owner, attribute) || !WithinLimits()) return;
  inferred_.AddOwnership(owner, attribute);
  Note(head.predicate, owner, attribute);
}

void Reasoner::Note(PredicateId predicate, ThingId thing, ThingId attribute) {
  if (states_[predicate].deltas.empty()) return;
  components_[states_[predicate].component].facts.push_back({predicate, thing, attribute});
}

bool Reasoner::WithinLimits() {
  if (inferred_.fact_count() >= limits_.facts_max) {
    world_.budget->Fail({ErrorCode::kTooComplex, "more than " + std::to_string(limits_.facts_max) +
                                                     " facts would be inferred"});
    return false;
  }
  if (limits_.memory_bytes_max != 0 && inferred_.fact_count() % 4096 == 0 &&
      inferred_.bytes() > limits_.memory_bytes_max) {
    world_.budget->Fail(
        {ErrorCode::kResourceExhausted, "inferred facts take more memory than the query may use"});
    return false;
  }
  return true;
}

// ---- Closures ----

void Reasoner::DemandClosure(PredicateId predicate, std::span<const GivenValue> given) {
  using enum ClosureWalk::Direction;
  State& state = states_[predicate];
  const Closure& closure = *derivable_.closures[predicate];
  if (given.empty()) {
    state.complete = true;
    const TypeTable* table = world_.facts->Table(closure.type);
    for (std::uint32_t i = 0; table != nullptr && i < table->count; ++i) {
      world_.facts->ForEachPlayer(table->things[i], [&](TypeId role, ThingId player) {
        if (role == closure.below) Search(predicate, player, kUp);
      });
    }
    return;
  }
  for (const GivenValue& value : given) {
    if ((value.key == closure.below && state.searched_above.contains(value.value)) ||
        (value.key == closure.above && state.searched_below.contains(value.value))) {
      return;
    }
  }
  // Other roles than the two are never concluded.
  for (const GivenValue& value : given) {
    if (value.key == closure.below) return Search(predicate, value.value, kUp);
    if (value.key == closure.above) return Search(predicate, value.value, kDown);
  }
}

// Everything above (or below) `start`. What persisted relations say directly is not concluded.
void Reasoner::Search(PredicateId predicate, ThingId start, ClosureWalk::Direction direction) {
  State& state = states_[predicate];
  const Closure& closure = *derivable_.closures[predicate];
  const bool upwards = direction == ClosureWalk::Direction::kUp;
  if (!(upwards ? state.searched_above : state.searched_below).insert(start).second) return;
  const auto& other_end = upwards ? state.searched_below : state.searched_above;
  ClosureWalk& walk = *state.closure;
  walk.Begin(start, direction);
  while (world_.budget->Spend()) {
    const ThingId next = walk.Next();
    if (next == kNoThing) return;
    if (walk.is_direct()) continue;
    // Has a search from the other end found the pair?
    if (other_end.contains(next)) continue;
    if (!WithinLimits()) return;
    const RoleEdge pair[2] = {{closure.above, upwards ? next : start},
                              {closure.below, upwards ? start : next}};
    inferred_.AddUnindexedRelation(closure.type, pair);
  }
}

}  // namespace pemba::reason::internal
