#include "pemba/reason/testing/model.h"

#include <algorithm>
#include <functional>

#include "pemba/reason/internal/comparison.h"
#include "pemba/reason/strata.h"

namespace pemba::reason::testing {
namespace {

using syntax::Comparator;
using syntax::Exactness;
using syntax::Label;
using syntax::Variable;
using Next = std::function<void(const Binding&)>;

ModelValue OfThing(ThingId thing) { return {ModelValue::Form::kThing, thing, false}; }
ModelValue OfType(TypeId type) { return {ModelValue::Form::kType, type, false}; }

class Solver {
 public:
  Solver(const Model& model, const Schema& schema, const Model* negated_in)
      : model_(model), schema_(schema), negated_in_(negated_in == nullptr ? model : *negated_in) {}

  // Statements first, then assignments, then what only checks.
  void Run(const syntax::Patterns& patterns, const Binding& begin, const Next& done) const {
    std::vector<const syntax::Pattern*> order;
    for (const int stage : {0, 1, 2, 3}) {
      for (const syntax::Pattern& pattern : patterns) {
        if (StageOf(pattern) == stage) order.push_back(&pattern);
      }
    }
    Step(order, 0, begin, [&](const Binding& binding) {
      for (const syntax::Pattern& pattern : patterns) {
        if (!PredicatesHold(pattern, binding)) return;
      }
      done(binding);
    });
  }

 private:
  static int StageOf(const syntax::Pattern& pattern) {
    if (std::holds_alternative<syntax::Assignment>(pattern.node)) return 1;
    if (std::holds_alternative<syntax::Disjunction>(pattern.node)) return 2;
    if (std::holds_alternative<syntax::Is>(pattern.node)) return 2;
    if (std::holds_alternative<syntax::Negation>(pattern.node)) return 3;
    return 0;
  }

  void Step(const std::vector<const syntax::Pattern*>& order, std::size_t at,
            const Binding& binding, const Next& done) const {
    if (at == order.size()) return done(binding);
    const Next next = [&](const Binding& more) { Step(order, at + 1, more, done); };
    std::visit([&](const auto& node) { Match(node, binding, next); }, order[at]->node);
  }

  // ---- Variables ----
  // Goes on with the variable bound to `value`, unless it is bound to something else.
  static void Bind(const Variable& variable, const ModelValue& value, const Binding& binding,
                   const Next& next) {
    const auto found = binding.find(variable.name);
    if (found != binding.end()) {
      if (found->second == value) next(binding);
      return;
    }
    Binding more = binding;
    more[variable.name] = value;
    next(more);
  }
  void EachThing(const Variable& variable, const Binding& binding, const Next& next) const {
    if (const auto found = binding.find(variable.name); found != binding.end()) {
      if (found->second.form == ModelValue::Form::kThing) next(binding);
      return;
    }
    for (const auto& [id, thing] : model_.things) Bind(variable, OfThing(id), binding, next);
  }
  void EachType(const syntax::TypeRef& type, const Binding& binding,
                const std::function<void(TypeId, const Binding&)>& next) const {
    if (const auto* label = std::get_if<Label>(&type)) {
      if (const Type* found = schema_.Find(ToText(*label))) next(found->id, binding);
      return;
    }
    const auto& variable = std::get<Variable>(type);
    for (TypeId id = 0; id < schema_.type_limit(); ++id) {
      if (!schema_.Exists(id)) continue;
      Bind(variable, OfType(id), binding, [&](const Binding& more) { next(id, more); });
    }
  }
  std::optional<Value> ValueOf(const ModelValue& bound) const {
    if (bound.form == ModelValue::Form::kValue) return bound.value;
    if (bound.form == ModelValue::Form::kType) return std::nullopt;
    return model_.things.at(bound.id).value;
  }

  // ---- Things ----
  void Match(const syntax::ThingStatement& statement, const Binding& binding,
             const Next& next) const {
    if (statement.subject.sigil == syntax::Sigil::kValue) return next(binding);
    EachThing(statement.subject, binding, [&](const Binding& with) {
      const ThingId id = with.at(statement.subject.name).id;
      const ModelThing& thing = model_.things.at(id);
      if (statement.iid && *statement.iid != id) return;
      if (statement.predicate && !thing.value) return;
      MatchIsa(statement, thing, with, [&](const Binding& typed) {
        MatchPlayers(statement, thing, 0, {}, typed,
                     [&](const Binding& placed) { MatchHas(statement, thing, 0, placed, next); });
      });
    });
  }
  void MatchIsa(const syntax::ThingStatement& statement, const ModelThing& thing,
                const Binding& binding, const Next& next) const {
    if (!statement.isa) return next(binding);
    const bool exact = statement.isa->exactness == Exactness::kExact;
    if (const auto* label = std::get_if<Label>(&statement.isa->type)) {
      const Type* type = schema_.Find(ToText(*label));
      if (type == nullptr) return;
      if (exact ? type->id == thing.type : schema_.Supertypes(thing.type).Contains(type->id)) {
        next(binding);
      }
      return;
    }
    const auto& variable = std::get<Variable>(statement.isa->type);
    if (exact) return Bind(variable, OfType(thing.type), binding, next);
    for (const TypeId type : schema_.Supertypes(thing.type)) {
      Bind(variable, OfType(type), binding, next);
    }
  }
  void MatchPlayers(const syntax::ThingStatement& statement, const ModelThing& thing,
                    std::size_t at, std::set<std::size_t> used, const Binding& binding,
                    const Next& next) const {
    if (at == statement.players.size()) return next(binding);
    const syntax::Player& entry = statement.players[at];
    std::size_t index = 0;
    for (const auto& [role, player] : thing.edges) {
      const std::size_t edge = index++;
      if (used.count(edge) != 0) continue;
      std::set<std::size_t> more_used = used;
      more_used.insert(edge);
      const ThingId who = player;
      const Next go_on = [&](const Binding& more) {
        Bind(entry.player, OfThing(who), more, [&](const Binding& placed) {
          MatchPlayers(statement, thing, at + 1, more_used, placed, next);
        });
      };
      if (!entry.role) {
        go_on(binding);
        continue;
      }
      if (const auto* variable = std::get_if<Variable>(&*entry.role)) {
        for (const TypeId super : schema_.Supertypes(role)) {
          Bind(*variable, OfType(super), binding, go_on);
        }
        continue;
      }
      const auto& label = std::get<Label>(*entry.role);
      bool fits = false;
      for (const TypeId super : schema_.Supertypes(role)) {
        const Type* scoped = label.scope.empty() ? nullptr : schema_.Find(ToText(label));
        fits = fits || (label.scope.empty() ? schema_.Get(super).name == label.name
                                            : scoped != nullptr && scoped->id == super);
      }
      if (fits) go_on(binding);
    }
  }
  void MatchHas(const syntax::ThingStatement& statement, const ModelThing& thing, std::size_t at,
                const Binding& binding, const Next& next) const {
    if (at == statement.has.size()) return next(binding);
    const syntax::Has& has = statement.has[at];
    const auto* variable = std::get_if<Variable>(&has.attribute);
    for (const ThingId id : thing.owned) {
      const ModelThing& attribute = model_.things.at(id);
      if (has.type) {
        const Type* type = schema_.Find(ToText(*has.type));
        if (type == nullptr || !schema_.Supertypes(attribute.type).Contains(type->id)) continue;
      }
      if (variable != nullptr) {
        Bind(*variable, OfThing(id), binding,
             [&](const Binding& more) { MatchHas(statement, thing, at + 1, more, next); });
        continue;
      }
      const auto& predicate = std::get<syntax::Predicate>(has.attribute);
      if (const auto* literal = std::get_if<Value>(&predicate.operand)) {
        if (!internal::Holds(*attribute.value, predicate.comparator, *literal)) continue;
      }
      // Compared when everything is bound: remember which attribute was meant.
      Binding more = binding;
      more[OwnedKey(statement, at)] = OfThing(id);
      MatchHas(statement, thing, at + 1, more, next);
    }
  }
  // The attribute that `has` means without a variable is a variable of its own.
  static std::string OwnedKey(const syntax::ThingStatement& statement, std::size_t at) {
    return "_owned " + statement.subject.name + " " + std::to_string(statement.at.line) + ":" +
           std::to_string(statement.at.column) + " " + std::to_string(at);
  }

  // Comparisons of statements of this conjunction, when everything is bound.
  bool PredicatesHold(const syntax::Pattern& pattern, const Binding& binding) const {
    const auto* statement = std::get_if<syntax::ThingStatement>(&pattern.node);
    if (statement == nullptr) return true;
    if (statement->predicate) {
      const auto left = ValueOf(binding.at(statement->subject.name));
      if (!left || !Holds(*left, *statement->predicate, binding)) return false;
    }
    for (std::size_t i = 0; i < statement->has.size(); ++i) {
      const auto* predicate = std::get_if<syntax::Predicate>(&statement->has[i].attribute);
      if (predicate == nullptr || std::holds_alternative<Value>(predicate->operand)) continue;
      const auto owned = binding.find(OwnedKey(*statement, i));
      if (!Holds(*model_.things.at(owned->second.id).value, *predicate, binding)) return false;
    }
    return true;
  }
  bool Holds(const Value& left, const syntax::Predicate& predicate, const Binding& binding) const {
    if (const auto* literal = std::get_if<Value>(&predicate.operand)) {
      return internal::Holds(left, predicate.comparator, *literal);
    }
    const auto right = ValueOf(binding.at(std::get<Variable>(predicate.operand).name));
    return right && internal::Holds(left, predicate.comparator, *right);
  }

  // ---- The others ----
  void Match(const syntax::Is& is, const Binding& binding, const Next& next) const {
    // Both sides are bound elsewhere; a side that is not (in a negation) can be anything.
    const auto left = binding.find(is.left.name), right = binding.find(is.right.name);
    if (left != binding.end()) return Bind(is.right, left->second, binding, next);
    if (right != binding.end()) return Bind(is.left, right->second, binding, next);
    for (const auto& [id, thing] : model_.things) {
      const ThingId both = id;
      Bind(is.left, OfThing(both), binding,
           [&](const Binding& more) { Bind(is.right, OfThing(both), more, next); });
    }
  }
  void Match(const syntax::Assignment& assignment, const Binding& binding, const Next& next) const {
    const auto value = internal::Evaluate(assignment.expression,
                                          [&](const Variable& variable) -> std::optional<Value> {
                                            return ValueOf(binding.at(variable.name));
                                          });
    if (value) {
      Bind(assignment.variable, {ModelValue::Form::kValue, 0, *value}, binding, next);
    }
  }
  void Match(const syntax::Disjunction& disjunction, const Binding& binding,
             const Next& next) const {
    for (const syntax::Patterns& branch : disjunction.branches) Run(branch, binding, next);
  }
  void Match(const syntax::Negation& negation, const Binding& binding, const Next& next) const {
    bool found = false;
    Solver(negated_in_, schema_, &negated_in_).Run(negation.body, binding, [&](const Binding&) {
      found = true;
    });
    if (!found) next(binding);
  }
  void Match(const syntax::TypeStatement& statement, const Binding& binding,
             const Next& next) const {
    EachType(statement.subject, binding, [&](TypeId type, const Binding& with) {
      MatchConstraints(statement, type, 0, with, next);
    });
  }
  void MatchConstraints(const syntax::TypeStatement& statement, TypeId type, std::size_t at,
                        const Binding& binding, const Next& next) const {
    if (at == statement.constraints.size()) return next(binding);
    const auto go_on = [&](const Binding& more) {
      MatchConstraints(statement, type, at + 1, more, next);
    };
    const auto& constraint = statement.constraints[at];
    if (const auto* sub = std::get_if<syntax::Sub>(&constraint)) {
      EachType(sub->type, binding, [&](TypeId above, const Binding& more) {
        const bool holds = sub->exactness == Exactness::kExact
                               ? type != above && schema_.Get(type).supertype == above
                               : schema_.Supertypes(type).Contains(above);
        if (holds) go_on(more);
      });
    } else if (const auto* relates = std::get_if<syntax::Relates>(&constraint)) {
      EachRole(relates->role, type, binding, [&](TypeId role, const Binding& more) {
        if (schema_.Relates(type).Contains(role)) go_on(more);
      });
    } else if (const auto* plays = std::get_if<syntax::Plays>(&constraint)) {
      EachType(plays->role, binding, [&](TypeId role, const Binding& more) {
        if (schema_.Plays(type).Contains(role)) go_on(more);
      });
    } else if (const auto* owns = std::get_if<syntax::Owns>(&constraint)) {
      EachType(owns->attribute, binding, [&](TypeId attribute, const Binding& more) {
        if (schema_.OwnedBy(type).Contains(attribute)) go_on(more);
      });
    } else if (const auto* is = std::get_if<syntax::TypeIs>(&constraint)) {
      const Type* found = schema_.Find(ToText(is->label));
      if (found != nullptr && found->id == type) go_on(binding);
    }
  }
  void EachRole(const syntax::TypeRef& role, TypeId relation, const Binding& binding,
                const std::function<void(TypeId, const Binding&)>& next) const {
    const auto* label = std::get_if<Label>(&role);
    if (label == nullptr || !label->scope.empty()) return EachType(role, binding, next);
    if (const Type* found = schema_.FindRole(relation, label->name)) next(found->id, binding);
  }

  const Model& model_;
  const Schema& schema_;
  const Model& negated_in_;
};

}  // namespace

std::string Model::NameOf(ThingId thing, const Schema& schema) const {
  const ModelThing& what = things.at(thing);
  return what.inferred ? NameOfInferred(what, schema) : "#" + std::to_string(thing);
}

std::string Model::NameOfInferred(const ModelThing& what, const Schema& schema) const {
  std::string name = schema.Get(what.type).label;
  if (what.value) return name + " " + ToText(*what.value);
  std::multiset<std::string> parts;
  for (const auto& [role, player] : what.edges) {
    parts.insert("(" + schema.Get(role).label + ":" + NameOf(player, schema) + ")");
  }
  for (const std::string& part : parts) name += part;
  return name;
}

Model LoadModel(Transaction& transaction) {
  Model model;
  transaction.ForEachThing([&](const Concept& shown,
                               std::span<const Transaction::RolePlayer> players,
                               std::span<const ThingId> owned) {
    ModelThing& thing = model.things[shown.thing];
    thing.type = shown.type;
    thing.value = shown.value;
    for (const auto& [role, player] : players) thing.edges.emplace(role, player);
    thing.owned.insert(owned.begin(), owned.end());
  });
  return model;
}

std::vector<Binding> Solve(const syntax::Patterns& patterns, const Model& model,
                           const Schema& schema, const Binding& begin, const Model* negated_in) {
  std::vector<Binding> found;
  Solver(model, schema, negated_in).Run(patterns, begin, [&](const Binding& binding) {
    found.push_back(binding);
  });
  return found;
}

namespace {

TypeId TypeNamed(const syntax::TypeRef& type, const Binding& binding, const Schema& schema) {
  const auto* label = std::get_if<Label>(&type);
  return label != nullptr ? schema.Find(ToText(*label))->id
                          : binding.at(std::get<Variable>(type).name).id;
}

}  // namespace

ModelThing ConcludedBy(const Rule& rule, const Binding& binding, const Schema& schema) {
  const syntax::ThingStatement& then = rule.definition->then;
  ModelThing relation;
  relation.type = TypeNamed(then.isa->type, binding, schema);
  relation.inferred = true;
  for (const syntax::Player& player : then.players) {
    const auto* label = std::get_if<Label>(&*player.role);
    const TypeId role = label != nullptr && label->scope.empty()
                            ? schema.FindRole(relation.type, label->name)->id
                            : TypeNamed(*player.role, binding, schema);
    relation.edges.emplace(role, binding.at(player.player.name).id);
  }
  return relation;
}

Added ConcludeInModel(const Rule& rule, const Binding& binding, const Schema& schema, Model& model,
                      ThingId number) {
  const syntax::ThingStatement& then = rule.definition->then;
  if (!then.players.empty()) {
    ModelThing relation = ConcludedBy(rule, binding, schema);
    for (const auto& [id, other] : model.things) {
      if (other.type != relation.type) continue;
      if (other.inferred ? other.edges == relation.edges
                         : std::includes(other.edges.begin(), other.edges.end(),
                                         relation.edges.begin(), relation.edges.end())) {
        return Added::kNo;
      }
    }
    model.things[number] = std::move(relation);
    return Added::kYes;
  }
  const ThingId owner = binding.at(then.subject.name).id;
  const syntax::Has& has = then.has.front();
  ThingId attribute = number;
  const auto* variable = std::get_if<Variable>(&has.attribute);
  if (variable != nullptr && variable->sigil == syntax::Sigil::kConcept) {
    attribute = binding.at(variable->name).id;
  } else {
    Value value = false;
    if (variable != nullptr) {
      value = binding.at(variable->name).value;
    } else {
      const auto& operand = std::get<syntax::Predicate>(has.attribute).operand;
      value = std::holds_alternative<Value>(operand)
                  ? std::get<Value>(operand)
                  : binding.at(std::get<Variable>(operand).name).value;
    }
    const Type& type = *schema.Find(ToText(*has.type));
    const auto converted = internal::Convert(value, *type.value_type);
    if (!converted) return Added::kNo;
    for (const auto& [id, other] : model.things) {
      if (other.type == type.id && other.value == *converted) attribute = id;
    }
    if (attribute == number) {
      ModelThing& made = model.things[number];
      made.type = type.id;
      made.value = *converted;
      made.inferred = true;
    }
  }
  if (!model.things.at(owner).owned.insert(attribute).second) return Added::kNo;
  model.inferred_ownerships.emplace(owner, attribute);
  return Added::kYes;
}

Model LeastModel(Model model, const Schema& schema) {
  const auto strata = Stratify(schema);
  if (!strata.ok()) return model;
  ThingId number = kFirstInferred;
  for (const auto& group : (*strata).groups) {
    for (bool changed = true; changed;) {
      changed = false;
      for (const std::size_t index : group) {
        const Rule& rule = schema.rules()[index];
        for (const Binding& binding : Solve(rule.definition->when, model, schema)) {
          if (ConcludeInModel(rule, binding, schema, model, number) == Added::kYes) changed = true;
          if (model.things.count(number) != 0) ++number;
        }
      }
    }
  }
  return model;
}

}  // namespace pemba::reason::testing
