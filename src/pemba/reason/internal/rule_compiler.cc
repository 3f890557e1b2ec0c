#include "pemba/reason/internal/rule_compiler.h"

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <re2/re2.h>

#include "pemba/reason/internal/resolver.h"
#include "pemba/reason/internal/visit.h"

namespace pemba::reason::internal {
namespace {

using syntax::Label;
using syntax::Sigil;
using syntax::Variable;

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

// Of the one rule that it is made for.
class RuleCompiler {
 public:
  RuleCompiler(std::shared_ptr<const syntax::RuleDefinition> definition, const Schema& schema)
      : schema_(schema), resolver_(schema) {
    rule_.label = definition->label.name;
    rule_.definition = std::move(definition);
  }

  Result<Rule> Run() && {
    auto when = resolver_.Run(rule_.definition->when);
    if (!when.ok()) return InRule(when.error());
    rule_.when = *std::move(when);
    PEMBA_TRY(std::ignore, CompileConclusion());
    return std::move(rule_);
  }

 private:
  const syntax::ThingStatement& then() const { return rule_.definition->then; }

  // What is an incoherent pattern in a query is a rule that can never apply.
  Error InRule(const Error& error) const {
    const auto problem = ProblemOf(error);
    if (problem != Problem::kIncoherentPattern && problem != Problem::kIncomparable) return error;
    return MakeError(Problem::kRuleBodyIncoherent, rule_.definition->label.at,
                     "the condition of the rule " + Quoted(rule_.label) +
                         " can never hold in this schema: " + error.message);
  }

  Error Fail(Problem problem, Position at, const std::string& text) const {
    return MakeError(problem, at, "the rule " + Quoted(rule_.label) + " " + text);
  }

  VariableId IdOf(const Variable& variable) const { return *rule_.when.Find(variable.name); }

  // ---- Which types the head's variables have, and whether the condition allows a combination ----

  const TypeSet& DomainOf(VariableId variable) const {
    const auto& trunk = resolver_.trunk_problem();
    return trunk.problem.DomainOf(trunk.nodes.at(variable));
  }

  Outcome Allows(std::initializer_list<std::pair<VariableId, TypeId>> types) const {
    TypeProblem problem = resolver_.trunk_problem().problem;
    for (const auto& [variable, type] : types) {
      problem.Restrict(resolver_.trunk_problem().nodes.at(variable), {type});
    }
    return problem.Satisfiable();
  }

  // A head's type or role: a label's types, or what a variable can be bound to.
  struct Choice {
    std::optional<VariableId> variable;
    TypeSet types;
  };
  Outcome Allows(const Choice& a, TypeId a_type, const Choice& b, TypeId b_type) const {
    TypeProblem problem = resolver_.trunk_problem().problem;
    const auto& nodes = resolver_.trunk_problem().nodes;
    if (a.variable) problem.Restrict(nodes.at(*a.variable), {a_type});
    if (b.variable) problem.Restrict(nodes.at(*b.variable), {b_type});
    return problem.Satisfiable();
  }

  // ---- Conclusions ----

  Status CompileConclusion() {
    if (!rule_.when.trunk.answerable) {
      // Nothing can be inferred as the schema is now; there is nothing to prove insertable.
      return then().players.empty() ? CompileOwnership(Proof::kNone)
                                    : CompileRelation(Proof::kNone);
    }
    return then().players.empty() ? CompileOwnership(Proof::kInsertable)
                                  : CompileRelation(Proof::kInsertable);
  }

  enum class Proof : std::uint8_t { kNone, kInsertable };

  Result<TypeId> LabelledType(const Label& label, Kind kind) const {
    const Type* type = label.scope.empty() ? schema_.Find(label.name) : nullptr;
    if (!type) {
      return MakeError(Problem::kTypeNotFound, label.at,
                       "the type " + Quoted(ToText(label)) + " is not defined");
    }
    if (type->kind != kind) {
      return MakeError(
          Problem::kKindMismatch, label.at,
          Quoted(label.name) +
              (kind == Kind::kRelation ? " is not a relation type" : " is not an attribute type"));
    }
    return type->id;
  }

  Status CompileRelation(Proof proof) {
    ConcludedRelation conclusion;
    Choice relation;
    const Position at = then().isa->at;
    if (const auto* label = std::get_if<Label>(&then().isa->type)) {
      PEMBA_TRY(const TypeId type, LabelledType(*label, Kind::kRelation));
      conclusion.type = type;
      relation.types = {type};
    } else {
      relation.variable = IdOf(std::get<Variable>(then().isa->type));
      conclusion.type_variable = relation.variable;
      relation.types = DomainOf(*relation.variable);
    }
    PEMBA_TRY(std::ignore, CheckConcludedType(relation, at, proof));
    for (const auto& listed : then().players) {
      PEMBA_TRY(auto player, CompilePlayer(relation, listed, proof));
      conclusion.players.push_back(std::move(player));
    }
    rule_.then = std::move(conclusion);
    return Done{};
  }

  Status CheckConcludedType(const Choice& relation, Position at, Proof proof) const {
    for (const TypeId type : relation.types) {
      if (relation.variable && proof == Proof::kNone) continue;
      const Type& declared = schema_.Get(type);
      const bool possible =
          !relation.variable || Allows({{*relation.variable, type}}) == Outcome::kPossible;
      if (declared.kind != Kind::kRelation && possible) {
        return Fail(Problem::kRuleConclusionNotInsertable, at,
                    "could conclude an instance of " + Quoted(declared.label) +
                        ", which is not a relation type");
      }
      if (declared.abstractness == Abstractness::kAbstract && possible) {
        return Fail(Problem::kRuleConclusionAbstract, at,
                    (relation.variable ? "could conclude" : "concludes") +
                        std::string(" an instance of ") + Quoted(declared.label) +
                        ", which is abstract");
      }
    }
    return Done{};
  }

  Result<PlayerAtom> CompilePlayer(const Choice& relation, const syntax::Player& listed,
                                   Proof proof) {
    PlayerAtom player;
    player.player = IdOf(listed.player);
    Choice role;
    if (const auto* label = std::get_if<Label>(&*listed.role)) {
      PEMBA_TRY(role.types, LabelledRoles(relation, *label));
    } else {
      role.variable = IdOf(std::get<Variable>(*listed.role));
      role.types = DomainOf(*role.variable);
    }
    player.role = role.variable;
    player.roles = role.types;
    if (proof == Proof::kNone) return player;

    for (const TypeId type : relation.types) {
      PEMBA_TRY(std::ignore, CheckRelated(relation, type, role, *listed.role, listed.at));
    }
    const Choice thing{player.player, DomainOf(player.player)};
    for (const TypeId played : role.types) {
      for (const TypeId type : thing.types - schema_.Players(played)) {
        if (Allows(role, played, thing, type) == Outcome::kImpossible) continue;
        return Fail(Problem::kRuleConclusionNotInsertable, listed.at,
                    "could conclude that " + Quoted("$" + listed.player.name) +
                        ", being of the type " + Quoted(schema_.Get(type).label) + ", plays " +
                        Quoted(schema_.Get(played).label) + ", which that type does not play");
      }
    }
    return player;
  }

  Result<TypeSet> LabelledRoles(const Choice& relation, const Label& label) const {
    TypeSet roles;
    for (const TypeId type : relation.types) {
      const Type* role = schema_.FindRole(type, label.name);
      if (role && (label.scope.empty() || schema_.Find(ToText(label)) == role)) roles.Add(role->id);
    }
    if (roles.empty()) {
      return MakeError(Problem::kRoleNotFound, label.at,
                       "the concluded relation relates no role " + Quoted(ToText(label)));
    }
    return roles;
  }

  // A label is looked up in the relation that is concluded, so it has to mean a role in each; a
  // role variable is bound on its own, so each of its roles has to be related.
  Status CheckRelated(const Choice& relation, TypeId type, const Choice& role,
                      const syntax::TypeRef& written, Position at) const {
    if (!role.variable) {
      if (role.types.Intersects(schema_.Relates(type)) ||
          (relation.variable && Allows({{*relation.variable, type}}) == Outcome::kImpossible)) {
        return Done{};
      }
      return Fail(Problem::kRuleConclusionNotInsertable, at,
                  "could conclude an instance of " + Quoted(schema_.Get(type).label) +
                      ", which relates no role " + Quoted(ToText(std::get<Label>(written))));
    }
    for (const TypeId played : role.types - schema_.Relates(type)) {
      if (Allows(relation, type, role, played) == Outcome::kImpossible) continue;
      return Fail(Problem::kRuleConclusionNotInsertable, at,
                  "could conclude an instance of " + Quoted(schema_.Get(type).label) +
                      " with the role " + Quoted(schema_.Get(played).label) +
                      ", which it does not relate");
    }
    return Done{};
  }

  Status CompileOwnership(Proof proof) {
    ConcludedOwnership conclusion;
    conclusion.owner = IdOf(then().subject);
    const syntax::Has& has = then().has.front();
    const auto* variable = std::get_if<Variable>(&has.attribute);
    Choice attribute;
    if (variable && variable->sigil == Sigil::kConcept) {
      attribute.variable = IdOf(*variable);
      attribute.types = DomainOf(*attribute.variable);
      conclusion.attribute = *attribute.variable;
    } else {
      PEMBA_TRY(auto put, CompilePut(has));
      attribute.types = {put.type};
      conclusion.attribute = std::move(put);
    }
    if (proof == Proof::kInsertable) {
      PEMBA_TRY(std::ignore, CheckOwned(conclusion.owner, attribute, has.at));
    }
    rule_.then = std::move(conclusion);
    return Done{};
  }

  Status CheckOwned(VariableId owner, const Choice& attribute, Position at) const {
    const Choice thing{owner, DomainOf(owner)};
    for (const TypeId owned : attribute.types) {
      for (const TypeId type : thing.types - schema_.Owners(owned)) {
        if (Allows(attribute, owned, thing, type) == Outcome::kImpossible) continue;
        return Fail(Problem::kRuleConclusionNotInsertable, at,
                    "could conclude that " + Quoted("$" + then().subject.name) +
                        ", being of the type " + Quoted(schema_.Get(type).label) + ", owns " +
                        Quoted(schema_.Get(owned).label) + ", which that type does not own");
      }
    }
    return Done{};
  }

  Result<ConcludedOwnership::Put> CompilePut(const syntax::Has& has) const {
    PEMBA_TRY(const TypeId id, LabelledType(*has.type, Kind::kAttribute));
    const Type& type = schema_.Get(id);
    if (type.abstractness == Abstractness::kAbstract) {
      return Fail(Problem::kRuleConclusionAbstract, has.at,
                  "concludes an instance of " + Quoted(type.label) + ", which is abstract");
    }
    ConcludedOwnership::Put put;
    put.type = id;
    if (const auto* variable = std::get_if<Variable>(&has.attribute)) {
      put.value = IdOf(*variable);
      return put;
    }
    Value value = std::get<Value>(std::get<syntax::Predicate>(has.attribute).operand);
    if (type.value_type == ValueType::kDouble && TypeOf(value) == ValueType::kLong) {
      value = static_cast<double>(std::get<std::int64_t>(value));
    }
    if (TypeOf(value) != type.value_type) {
      return Fail(Problem::kRuleConclusionBadValue, has.at,
                  "gives " + Quoted(type.label) + " the value " + ToText(value) +
                      ", which is not a " + std::string(Name(*type.value_type)));
    }
    if (!type.regex.empty() && !re2::RE2::FullMatch(std::get<std::string>(value), type.regex)) {
      return Fail(Problem::kRuleConclusionBadValue, has.at,
                  "gives " + Quoted(type.label) + " the value " + ToText(value) +
                      ", which its regular expression does not allow");
    }
    put.value = std::move(value);
    return put;
  }

  const Schema& schema_;
  Resolver resolver_;
  Rule rule_;
};

// ---- Mentions ----

void AddLabel(const syntax::TypeRef& type, std::vector<Label>& labels) {
  if (const auto* label = std::get_if<Label>(&type)) labels.push_back(*label);
}

void AddLabels(const syntax::ThingStatement& statement, std::vector<Label>& labels) {
  for (const auto& player : statement.players) {
    if (player.role) AddLabel(*player.role, labels);
  }
  if (statement.isa) AddLabel(statement.isa->type, labels);
  for (const auto& has : statement.has) {
    if (has.type) labels.push_back(*has.type);
  }
}

void AddLabels(const syntax::TypeStatement& statement, std::vector<Label>& labels) {
  AddLabel(statement.subject, labels);
  for (const auto& constraint : statement.constraints) {
    std::visit(
        Overloaded{[&](const syntax::Sub& c) { AddLabel(c.type, labels); },
                   [&](const syntax::TypeIs& c) { labels.push_back(c.label); },
                   [&](const syntax::Owns& c) { AddLabel(c.attribute, labels); },
                   [&](const syntax::Relates& c) { AddLabel(c.role, labels); },
                   [&](const syntax::Plays& c) { AddLabel(c.role, labels); }, [](const auto&) {}},
        constraint);
  }
}

void AddLabels(const syntax::Patterns& patterns, std::vector<Label>& labels) {
  for (const auto& pattern : patterns) {
    std::visit(Overloaded{[&](const syntax::ThingStatement& s) { AddLabels(s, labels); },
                          [&](const syntax::TypeStatement& s) { AddLabels(s, labels); },
                          [&](const syntax::Disjunction& s) {
                            for (const auto& branch : s.branches) AddLabels(branch, labels);
                          },
                          [&](const syntax::Negation& s) { AddLabels(s.body, labels); },
                          [](const auto&) {}},
               pattern.node);
  }
}

// Whether a relation pattern has an edge that could be of this role.
bool HasEdge(const std::vector<PlayerAtom>& players, TypeId role) {
  for (const PlayerAtom& player : players) {
    if (player.roles.Contains(role)) return true;
  }
  return false;
}
bool HasEdge(const Conjunction& conjunction, TypeId role) {
  for (const Atom& atom : conjunction.atoms) {
    const auto* relation = std::get_if<RelationAtom>(&atom);
    if (relation && HasEdge(relation->players, role)) return true;
  }
  for (const auto& branches : conjunction.disjunctions) {
    for (const Conjunction& branch : branches) {
      if (HasEdge(branch, role)) return true;
    }
  }
  for (const Conjunction& negation : conjunction.negations) {
    if (HasEdge(negation, role)) return true;
  }
  return false;
}

}  // namespace

Result<Rule> CompileRule(std::shared_ptr<const syntax::RuleDefinition> definition,
                         const Schema& schema) {
  return RuleCompiler(std::move(definition), schema).Run();
}

Mention MentionOf(const Rule& rule, TypeId id, const Schema& schema) {
  std::vector<Label> labels;
  AddLabels(rule.definition->when, labels);
  AddLabels(rule.definition->then, labels);
  const Type& type = schema.Get(id);
  const bool is_role = type.kind == Kind::kRole;
  for (const Label& label : labels) {
    if (!label.scope.empty()) {
      const Type* role = schema.Find(ToText(label));
      if ((role && role->id == id) || label.scope == type.label) return Mention::kNamed;
      continue;
    }
    if (!is_role && label.name == type.label) return Mention::kNamed;
    if (!is_role || label.name != type.name) continue;
    // The label may mean a role of the same name in another relation.
    const auto* concluded = std::get_if<ConcludedRelation>(&rule.then);
    if (HasEdge(rule.when.trunk, id) || (concluded && HasEdge(concluded->players, id))) {
      return Mention::kNamed;
    }
  }
  return Mention::kNone;
}

}  // namespace pemba::reason::internal
