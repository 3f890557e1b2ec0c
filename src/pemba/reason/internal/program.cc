#include "pemba/reason/internal/program.h"

#include <algorithm>
#include <set>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/mutation.h"

namespace pemba::reason::internal {
namespace {

using Presets = std::vector<std::pair<VariableId, TypeId>>;

void Narrow(Conjunction& body, VariableId variable, const TypeSet& types) {
  const auto found = std::lower_bound(
      body.domains.begin(), body.domains.end(), variable,
      [](const Domain& domain, VariableId wanted) { return domain.variable < wanted; });
  if (found != body.domains.end() && found->variable == variable) {
    found->types &= types;
  } else {
    body.domains.insert(found, {variable, types});
  }
}

// One conjunction for each choice of branches.
void Flatten(const Conjunction& body, std::vector<Conjunction>& into) {
  Conjunction rest = body;
  std::vector<std::vector<Conjunction>> disjunctions = std::move(rest.disjunctions);
  rest.disjunctions.clear();
  std::vector<Conjunction> done{std::move(rest)};
  for (const auto& branches : disjunctions) {
    std::vector<Conjunction> choices;
    for (const Conjunction& branch : branches) Flatten(branch, choices);
    if (Mutated(Mutation::kRuleBranchLost) && choices.size() > 1) choices.pop_back();
    std::vector<Conjunction> next;
    for (const Conjunction& left : done) {
      for (const Conjunction& choice : choices) {
        Conjunction both = left;
        for (const Domain& domain : choice.domains) Narrow(both, domain.variable, domain.types);
        both.atoms.insert(both.atoms.end(), choice.atoms.begin(), choice.atoms.end());
        both.negations.insert(both.negations.end(), choice.negations.begin(),
                              choice.negations.end());
        both.answerable = both.answerable && choice.answerable;
        next.push_back(std::move(both));
      }
    }
    done = std::move(next);
  }
  into.insert(into.end(), std::make_move_iterator(done.begin()),
              std::make_move_iterator(done.end()));
}

std::optional<TypeId> PresetOf(const Presets& presets, VariableId variable) {
  for (const auto& [known, type] : presets) {
    if (known == variable) return type;
  }
  return std::nullopt;
}

// Whether an atom between types holds; nothing if it is another atom or not all is preset.
std::optional<int> HoldsForTypes(const Schema& schema, const Presets& presets, const Atom& atom) {
  const auto both = [&](VariableId a, VariableId b, auto holds) -> std::optional<int> {
    const auto left = PresetOf(presets, a), right = PresetOf(presets, b);
    if (!left || !right) return std::nullopt;
    return holds(*left, *right) ? 1 : 0;
  };
  if (const auto* sub = std::get_if<SubAtom>(&atom)) {
    return both(sub->subtype, sub->supertype, [&](TypeId below, TypeId above) {
      return sub->exactness == syntax::Exactness::kExact
                 ? schema.DirectSubtypes(above).Contains(below)
                 : schema.Subtypes(above).Contains(below);
    });
  }
  if (const auto* relates = std::get_if<RelatesAtom>(&atom)) {
    return both(relates->relation, relates->role, [&](TypeId relation, TypeId role) {
      return schema.Relates(relation).Contains(role);
    });
  }
  if (const auto* plays = std::get_if<PlaysAtom>(&atom)) {
    return both(plays->player, plays->role,
                [&](TypeId player, TypeId role) { return schema.Plays(player).Contains(role); });
  }
  if (const auto* is = std::get_if<IsAtom>(&atom)) {
    return both(is->left, is->right, [](TypeId a, TypeId b) { return a == b; });
  }
  return std::nullopt;
}

// Puts preset types into the body: domains and roles become narrower, atoms that are decided go.
// False if nothing can match.
bool Substitute(const Schema& schema, const Presets& presets, Conjunction& body) {
  for (const auto& [variable, type] : presets) Narrow(body, variable, TypeSet{type});
  std::vector<Atom> kept;
  for (Atom& atom : body.atoms) {
    if (const auto holds = HoldsForTypes(schema, presets, atom)) {
      if (*holds == 0) return false;
      continue;
    }
    if (const auto* isa = std::get_if<IsaAtom>(&atom)) {
      if (const auto type = PresetOf(presets, isa->type)) {
        Narrow(
            body, isa->thing,
            isa->exactness == syntax::Exactness::kExact ? TypeSet{*type} : schema.Subtypes(*type));
        continue;
      }
    }
    if (auto* relation = std::get_if<RelationAtom>(&atom)) {
      for (PlayerAtom& player : relation->players) {
        if (!player.role) continue;
        if (const auto role = PresetOf(presets, *player.role)) {
          player.roles &= schema.Subtypes(*role);
          player.role.reset();
        }
      }
    }
    kept.push_back(std::move(atom));
  }
  body.atoms = std::move(kept);
  for (Atom& atom : body.atoms) {
    auto* relation = std::get_if<RelationAtom>(&atom);
    if (relation == nullptr) continue;
    TypeSet related;
    for (const TypeId type : *body.DomainOf(relation->relation)) related |= schema.Relates(type);
    for (PlayerAtom& player : relation->players) {
      player.roles &= related;
      if (player.roles.empty()) return false;
      TypeSet players;
      for (const TypeId role : player.roles) players |= schema.Players(role);
      Narrow(body, player.player, players);
    }
  }
  return std::none_of(body.domains.begin(), body.domains.end(),
                      [](const Domain& domain) { return domain.types.empty(); });
}

}  // namespace

VariableMask Instance::PresetMask() const {
  VariableMask mask(pattern.variables.size(), 0);
  for (const auto& [variable, type] : presets) mask[variable] = 1;
  return mask;
}

Program::Program(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  for (const Rule& rule : schema_->rules()) Expand(rule);
  for (Instance& instance : instances_) {
    FindOccurrences(instance);
    instance.closure = FindClosure(instance);
  }
}

void Program::Expand(const Rule& rule) {
  if (!rule.when.trunk.answerable) return;
  std::vector<VariableId> variables;
  if (const auto* relation = std::get_if<ConcludedRelation>(&rule.then)) {
    if (relation->type_variable) variables.push_back(*relation->type_variable);
    for (const PlayerAtom& player : relation->players) {
      if (player.role) variables.push_back(*player.role);
    }
  }
  std::sort(variables.begin(), variables.end());
  variables.erase(std::unique(variables.begin(), variables.end()), variables.end());
  std::vector<Conjunction> bodies;
  Flatten(rule.when.trunk, bodies);
  for (const Conjunction& body : bodies) {
    if (body.answerable) ExpandTypes(rule, body, variables, {});
  }
}

void Program::ExpandTypes(const Rule& rule, const Conjunction& body,
                          std::vector<VariableId> variables, Presets presets) {
  for (const Atom& atom : body.atoms) {
    if (HoldsForTypes(*schema_, presets, atom) == 0) return;
  }
  if (variables.empty()) return AddInstances(rule, body, std::move(presets));
  const VariableId variable = variables.back();
  variables.pop_back();
  const TypeSet* types = body.DomainOf(variable);
  if (types == nullptr) return;
  for (const TypeId type : *types) {
    Presets more = presets;
    more.emplace_back(variable, type);
    ExpandTypes(rule, body, variables, std::move(more));
  }
}

void Program::AddInstances(const Rule& rule, Conjunction body, Presets presets) {
  if (!Substitute(*schema_, presets, body)) return;
  Instance instance;
  instance.rule = &rule;
  instance.pattern.variables = rule.when.variables;
  instance.pattern.trunk = std::move(body);
  instance.presets = presets;

  // A relation variable that no atom places is matched as a relation with any players.
  Conjunction& trunk = instance.pattern.trunk;
  std::set<VariableId> placed;
  for (const Atom& atom : trunk.atoms) {
    if (const auto* has = std::get_if<HasAtom>(&atom)) placed.insert({has->owner, has->attribute});
    if (const auto* is = std::get_if<IsAtom>(&atom)) placed.insert({is->left, is->right});
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      placed.insert(relation->relation);
      for (const PlayerAtom& player : relation->players) placed.insert(player.player);
    }
  }
  for (const Domain& domain : trunk.domains) {
    if (instance.pattern.variables[domain.variable].kind == VariableKind::kThing &&
        placed.count(domain.variable) == 0 &&
        domain.types.Intersects(schema_->OfKind(Kind::kRelation))) {
      trunk.atoms.push_back(RelationAtom{domain.variable, {}});
    }
  }

  Head& head = instance.head;
  if (const auto* relation = std::get_if<ConcludedRelation>(&rule.then)) {
    head.type =
        relation->type_variable ? *PresetOf(presets, *relation->type_variable) : relation->type;
    for (const PlayerAtom& player : relation->players) {
      TypeSet roles = player.roles & schema_->Relates(head.type);
      if (player.role) roles &= schema_->Subtypes(*PresetOf(presets, *player.role));
      if (roles.empty()) return;
      head.players.emplace_back(*roles.begin(), player.player);
    }
    head.predicate = index_.Intern({Predicate::Form::kRelation, head.type, {}, true});
    instances_.push_back(std::move(instance));
    return;
  }
  const auto& ownership = std::get<ConcludedOwnership>(rule.then);
  head.owner = ownership.owner;
  if (const auto* put = std::get_if<ConcludedOwnership::Put>(&ownership.attribute)) {
    head.type = put->type;
    Predicate predicate{Predicate::Form::kOwnership, head.type, {}, true};
    if (const auto* value = std::get_if<Value>(&put->value)) {
      const auto value_type = schema_->Get(head.type).value_type;
      predicate.value = Convert(*value, value_type.value_or(TypeOf(*value)));
      if (!predicate.value) return;
      head.attribute = *predicate.value;
    } else {
      head.attribute = Head::Computed{std::get<VariableId>(put->value)};
    }
    head.predicate = index_.Intern(predicate);
    instances_.push_back(std::move(instance));
    return;
  }
  const VariableId attribute = std::get<VariableId>(ownership.attribute);
  head.attribute = Head::Bound{attribute};
  const TypeSet* types = trunk.DomainOf(attribute);
  for (const TypeId type : types == nullptr ? TypeSet() : *types) {
    Instance one = instance;
    Narrow(one.pattern.trunk, attribute, TypeSet{type});
    one.head.type = type;
    one.head.predicate = index_.Intern({Predicate::Form::kOwnership, type, {}, false});
    instances_.push_back(std::move(one));
  }
}

void Program::FindOccurrences(Instance& instance) const {
  const Conjunction& body = instance.body();
  std::vector<ValueConstraint> constraints;
  CollectConstraints(body, constraints);
  std::set<VariableId> owned;
  for (std::size_t i = 0; i < body.atoms.size(); ++i) {
    Instance::Occurrence occurrence{static_cast<int>(i), {}};
    if (const auto* relation = std::get_if<RelationAtom>(&body.atoms[i])) {
      for (const TypeId type : *body.DomainOf(relation->relation)) {
        if (const PredicateId* id = index_.OfRelation(type)) occurrence.predicates.push_back(*id);
      }
    } else if (const auto* has = std::get_if<HasAtom>(&body.atoms[i])) {
      owned.insert(has->attribute);
      occurrence.predicates =
          index_.Ownerships(*body.DomainOf(has->attribute), has->attribute, constraints);
    }
    if (!occurrence.predicates.empty()) instance.occurrences.push_back(std::move(occurrence));
  }
  for (const Domain& domain : body.domains) {
    if (instance.pattern.variables[domain.variable].kind != VariableKind::kThing ||
        owned.count(domain.variable) != 0) {
      continue;
    }
    const auto created = index_.Creations(domain.types, domain.variable, constraints);
    instance.others.insert(instance.others.end(), created.begin(), created.end());
  }
  for (const Conjunction& negation : body.negations) {
    FindNegated(negation, constraints, instance.negated);
  }
}

void Program::FindNegated(const Conjunction& body, const std::vector<ValueConstraint>& outer,
                          std::vector<PredicateId>& into) const {
  std::vector<ValueConstraint> constraints = outer;
  CollectConstraints(body, constraints);
  std::set<VariableId> placed;
  for (const Atom& atom : body.atoms) {
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      placed.insert(relation->relation);
      for (const PlayerAtom& player : relation->players) placed.insert(player.player);
      for (const TypeId type : *body.DomainOf(relation->relation)) {
        if (const PredicateId* id = index_.OfRelation(type)) into.push_back(*id);
      }
    } else if (const auto* has = std::get_if<HasAtom>(&atom)) {
      placed.insert({has->owner, has->attribute});
      const auto found =
          index_.Ownerships(*body.DomainOf(has->attribute), has->attribute, constraints);
      into.insert(into.end(), found.begin(), found.end());
    }
  }
  for (const auto& branches : body.disjunctions) {
    for (const Conjunction& branch : branches) FindNegated(branch, constraints, into);
  }
  for (const Conjunction& negation : body.negations) FindNegated(negation, constraints, into);
}

std::optional<Closure> Program::FindClosure(const Instance& instance) const {
  const Conjunction& body = instance.body();
  const Head& head = instance.head;
  if (head.players.size() != 2 || !body.negations.empty()) return std::nullopt;
  std::vector<const RelationAtom*> relations;
  std::vector<const HasAtom*> ownerships;
  for (const Atom& atom : body.atoms) {
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      relations.push_back(relation);
    } else if (const auto* has = std::get_if<HasAtom>(&atom)) {
      ownerships.push_back(has);
    } else {
      return std::nullopt;
    }
  }
  const auto [above, x] = head.players[0];
  const auto [below, z] = head.players[1];
  if (relations.size() != 2 || above == below || x == z) return std::nullopt;

  // Each atom is T(above: a, below: b).
  std::vector<std::pair<VariableId, VariableId>> edges;
  for (const RelationAtom* relation : relations) {
    if (!(*body.DomainOf(relation->relation) == TypeSet{head.type}) ||
        relation->players.size() != 2) {
      return std::nullopt;
    }
    VariableId upper = 0, lower = 0;
    int found = 0;
    for (const PlayerAtom& player : relation->players) {
      if (player.role) return std::nullopt;
      if (player.roles == TypeSet{above}) {
        upper = player.player;
        found |= 1;
      } else if (player.roles == TypeSet{below}) {
        lower = player.player;
        found |= 2;
      }
    }
    if (found != 3) return std::nullopt;
    edges.emplace_back(upper, lower);
  }
  if (edges[0].first != x) std::swap(edges[0], edges[1]);
  const VariableId y = edges[0].second;
  if (edges[0].first != x || edges[1] != std::make_pair(y, z) || y == x || y == z ||
      relations[0]->relation == relations[1]->relation) {
    return std::nullopt;
  }
  std::set<VariableId> used{x, y, z, relations[0]->relation, relations[1]->relation};
  if (used.size() != 5) return std::nullopt;

  // All three own something of the same types, or nobody must.
  TypeSet attributes;
  const TypeSet* owned_by[3] = {nullptr, nullptr, nullptr};
  const VariableId ends[3] = {x, y, z};
  for (const HasAtom* has : ownerships) {
    if (!used.insert(has->attribute).second) return std::nullopt;
    const auto end = std::find(std::begin(ends), std::end(ends), has->owner) - std::begin(ends);
    if (end == 3 || owned_by[end] != nullptr) return std::nullopt;
    owned_by[end] = body.DomainOf(has->attribute);
    attributes |= *owned_by[end];
  }
  for (const TypeId type : attributes) {
    if (type < index_.by_attribute.size() && !index_.by_attribute[type].empty()) {
      return std::nullopt;
    }
  }
  // The types of x, y and z exclude nothing that the roles and the ownerships do not.
  const auto owns_one = [&](TypeId type) {
    return attributes.empty() || schema_->OwnedBy(type).Intersects(attributes);
  };
  for (int end = 0; end < 3; ++end) {
    if ((owned_by[end] == nullptr) != attributes.empty()) return std::nullopt;
    const TypeSet& types = *body.DomainOf(ends[end]);
    TypeSet needed = end == 2 ? schema_->Players(below) : schema_->Players(above);
    if (end == 1) needed &= schema_->Players(below);
    TypeSet ownable;
    for (const TypeId type : needed - schema_->AbstractTypes()) {
      if (owns_one(type) && !types.Contains(type)) return std::nullopt;
    }
    for (const TypeId type : types) ownable |= schema_->OwnedBy(type);
    if (owned_by[end] != nullptr && !(*owned_by[end] == (attributes & ownable))) {
      return std::nullopt;
    }
  }
  // Every other variable would be one more condition.
  for (const Domain& domain : body.domains) {
    if (instance.pattern.variables[domain.variable].kind == VariableKind::kThing &&
        used.count(domain.variable) == 0) {
      return std::nullopt;
    }
  }
  Closure closure{head.type, std::min(above, below), std::max(above, below), {}};
  for (const TypeId type : attributes) closure.attributes.push_back(type);
  return closure;
}

}  // namespace pemba::reason::internal
