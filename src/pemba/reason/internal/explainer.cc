#include "pemba/reason/internal/explainer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/mutation.h"
#include "pemba/reason/printer.h"

namespace pemba::reason::internal {
namespace {

constexpr std::size_t kProofStepsMax = 200'000;

std::vector<VariableId> ConcludedVariables(const Head& head) {
  std::vector<VariableId> variables;
  for (const auto& [role, player] : head.players) variables.push_back(player);
  if (!head.is_relation()) {
    variables.push_back(head.owner);
    if (const auto* bound = std::get_if<Head::Bound>(&head.attribute)) {
      variables.push_back(bound->attribute);
    } else if (const auto* computed = std::get_if<Head::Computed>(&head.attribute)) {
      variables.push_back(computed->value);
    }
  }
  return variables;
}

// Every negation of a rule's condition as text, also those in branches.
void CollectNegations(const syntax::Patterns& patterns, std::vector<std::string>& into) {
  for (const syntax::Pattern& pattern : patterns) {
    if (std::holds_alternative<syntax::Negation>(pattern.node)) into.push_back(ToText(pattern));
    if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
      for (const auto& branch : disjunction->branches) CollectNegations(branch, into);
    }
  }
}

}  // namespace

bool Explainer::IsInferredFact(const Fact& fact) const {
  if (fact.is_ownership()) return state_.inferred.Owns(fact.thing, fact.attribute);
  return IsInferred(fact.thing) && fact.thing - kFirstInferred < state_.inferred.thing_count();
}

std::uint32_t Explainer::SequenceOf(const Fact& fact) const {
  if (!fact.is_ownership()) return state_.inferred.SequenceOf(fact.thing);
  return state_.inferred.GetOwnership(state_.inferred.FindOwnership(fact.thing, fact.attribute))
      .sequence;
}

std::vector<Fact> Explainer::PremisesOf(const Instance& instance, const Frame& frame) const {
  std::vector<Fact> premises;
  for (const Atom& atom : instance.body().atoms) {
    if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
      premises.push_back({frame[relation->relation], kNoThing});
    } else if (const auto* has = std::get_if<HasAtom>(&atom)) {
      premises.push_back({frame[has->owner], frame[has->attribute]});
    }
  }
  return premises;
}

void Explainer::RunWith(const Instance& instance, Frame frame, const Fact& fact,
                        Premises premises_rule, std::uint32_t explanations_max,
                        std::vector<Explanation>& found) {
  VariableMask mask = instance.PresetMask();
  for (const VariableId variable : ConcludedVariables(instance.head)) mask[variable] = 1;
  for (const auto& [variable, type] : instance.presets) frame[variable] = type;
  const Planner planner(*state_.world.schema, *state_.world.facts, &state_.reasoner->derivable());
  const Plan plan = planner.Make(instance.pattern, instance.body(), std::move(mask));
  if (plan.incomplete) return;  // It has concluded nothing.
  Execution execution(plan, state_.world, frame);
  while (found.size() < explanations_max && execution.Next()) {
    std::vector<Fact> premises = PremisesOf(instance, frame);
    if (premises_rule == Premises::kEarlierOnly) {
      const bool later = std::any_of(premises.begin(), premises.end(), [&](const Fact& premise) {
        return IsInferredFact(premise) && SequenceOf(premise) >= SequenceOf(fact);
      });
      if (later) continue;
    }
    // Variables of negations are bound to whatever was tried last.
    Frame bound(frame.size(), kNoThing);
    Explanation explanation;
    for (const Domain& domain : instance.body().domains)
      bound[domain.variable] = frame[domain.variable];
    for (const auto& binds : plan.binds) {
      for (const VariableId variable : binds) bound[variable] = frame[variable];
    }
    // Two branches of a disjunction may hold with the same binding.
    if (!seen_.emplace(instance.rule, bound).second) continue;
    explanation.rule = instance.rule->label;
    explanation.conclusion = fact;
    for (VariableId variable = 0; variable < bound.size(); ++variable) {
      if (bound[variable] == kNoThing) continue;
      const VariableInfo& info = instance.pattern.variables[variable];
      explanation.bindings.push_back(
          {info.name, MakeConcept(state_.world, info.kind, bound[variable])});
    }
    for (const VariableId variable : ConcludedVariables(instance.head)) {
      explanation.conclusion_variables.push_back(instance.pattern.variables[variable].name);
    }
    if (Mutated(Mutation::kPremisesLost) && !premises.empty()) premises.pop_back();
    explanation.premises = std::move(premises);
    CollectNegations(instance.rule->definition->when, explanation.absent);
    found.push_back(std::move(explanation));
  }
}

void Explainer::SearchInstance(const Instance& instance, const Fact& fact, Premises premises,
                               std::uint32_t explanations_max, std::vector<Explanation>& found) {
  const World& world = state_.world;
  const Head& head = instance.head;
  Frame frame(instance.pattern.variables.size(), kNoThing);
  if (!head.is_relation()) {
    const ThingId attribute = fact.attribute;
    if (world.TypeOf(attribute) != head.type) return;
    if (fact.thing != kNoThing) frame[head.owner] = fact.thing;
    if (const auto* bound = std::get_if<Head::Bound>(&head.attribute)) {
      if (bound->attribute == head.owner && fact.thing != attribute) return;
      frame[bound->attribute] = attribute;
    } else if (const auto* literal = std::get_if<Value>(&head.attribute)) {
      if (*literal != world.ValueOf(attribute)) return;
    } else {
      frame[std::get<Head::Computed>(head.attribute).value] =
          world.values->Intern(world.ValueOf(attribute));
    }
    return RunWith(instance, std::move(frame), fact, premises, explanations_max, found);
  }
  // The players of the conclusion in every order that puts each into its role.
  const auto edges_span = state_.inferred.Edges(fact.thing);
  std::vector<RoleEdge> edges(edges_span.begin(), edges_span.end());
  if (edges.size() != head.players.size()) return;
  std::set<Frame> tried;
  std::sort(edges.begin(), edges.end());
  do {
    Frame one = frame;
    bool fits = true;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const auto [role, player] = head.players[i];
      fits = fits && edges[i].role == role &&
             (one[player] == kNoThing || one[player] == edges[i].player);
      one[player] = edges[i].player;
    }
    if (fits && tried.insert(one).second) {
      RunWith(instance, one, fact, premises, explanations_max, found);
    }
  } while (std::next_permutation(edges.begin(), edges.end()));
}

Result<std::vector<Explanation>> Explainer::Search(const Fact& fact, Premises premises,
                                                   std::uint32_t explanations_max) {
  std::vector<Explanation> found;
  seen_.clear();
  if (!IsInferredFact(fact)) return found;
  const PredicateIndex& index = state_.reasoner->program().index();
  // An attribute exists because somebody owns it.
  Fact wanted = fact;
  if (!fact.is_ownership() &&
      state_.world.schema->Get(state_.world.TypeOf(fact.thing)).kind == Kind::kAttribute) {
    const Row row = state_.inferred.FirstOwner(fact.thing);
    if (row == kNoRow) return found;
    Row first = row;  // The chain begins with the newest.
    while (state_.inferred.GetOwnership(first).next_of_attribute != kNoRow) {
      first = state_.inferred.GetOwnership(first).next_of_attribute;
    }
    wanted = {state_.inferred.GetOwnership(first).owner, fact.thing};
  }
  const TypeId type = state_.world.TypeOf(wanted.is_ownership() ? wanted.attribute : wanted.thing);
  const auto& predicates = wanted.is_ownership() ? index.by_attribute : index.by_relation;
  if (type >= predicates.size()) return found;
  for (const PredicateId predicate : predicates[type]) {
    for (const std::uint32_t instance : state_.reasoner->InstancesOf(predicate)) {
      SearchInstance(state_.reasoner->program().instances()[instance], wanted, premises,
                     explanations_max, found);
      if (!state_.world.budget->ok()) return state_.world.budget->error();
      if (found.size() >= explanations_max) return found;
      if (Mutated(Mutation::kExplainFirstInstance) && !found.empty()) return found;
    }
  }
  return found;
}

Result<std::vector<Explanation>> Explainer::Explain(const Fact& fact,
                                                    const ExplainOptions& options) {
  return Search(fact, Premises::kAny, options.explanations_max);
}

// With a stack of its own: a proof may be as deep as a chain of memberships is long.
Result<Proof> Explainer::Prove(const Fact& fact, const ExplainOptions& options) {
  Proof root;
  root.fact = fact;
  std::vector<std::pair<Proof*, std::uint32_t>> todo{{&root, 0}};
  std::size_t steps = 0;
  while (!todo.empty()) {
    const auto [proof, depth] = todo.back();
    todo.pop_back();
    if (!IsInferredFact(proof->fact)) continue;
    if (depth >= options.depth_max || ++steps > kProofStepsMax) {
      return Error{ErrorCode::kTooComplex, "the proof is too large"};
    }
    PEMBA_TRY(auto found, Search(proof->fact, Premises::kEarlierOnly, 1));
    if (found.empty()) return Error{ErrorCode::kInternal, "an inferred fact has no proof"};
    proof->step = std::move(found.front());
    // As many as there are, from here on never moved.
    proof->premises.resize(proof->step->premises.size());
    for (std::size_t i = 0; i < proof->premises.size(); ++i) {
      proof->premises[i].fact = proof->step->premises[i];
      todo.emplace_back(&proof->premises[i], depth + 1);
    }
  }
  return root;
}

std::string DescribeFact(const World& world, const Fact& fact) {
  const auto thing_text = [&](ThingId thing) {
    const Type& type = world.schema->Get(world.TypeOf(thing));
    return type.kind == Kind::kAttribute ? ToText(world.ValueOf(thing)) : IidText(thing);
  };
  const Type& type = world.schema->Get(world.TypeOf(fact.thing));
  std::string text = type.label;
  if (fact.is_ownership()) {
    return text + " " + thing_text(fact.thing) + " has " +
           world.schema->Get(world.TypeOf(fact.attribute)).label + " " + thing_text(fact.attribute);
  }
  if (type.kind != Kind::kRelation) return text + " " + thing_text(fact.thing);
  const char* separator = " (";
  const auto add = [&](TypeId role, ThingId player) {
    text += separator + world.schema->Get(role).name + ": " + thing_text(player);
    separator = ", ";
  };
  if (IsInferred(fact.thing)) {
    for (const RoleEdge& edge : world.inferred->Edges(fact.thing)) add(edge.role, edge.player);
  } else {
    world.facts->ForEachPlayer(fact.thing, add);
  }
  return text + ")";
}

}  // namespace pemba::reason::internal
