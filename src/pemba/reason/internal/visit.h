// Walks over syntax trees.
#pragma once

#include <type_traits>
#include <variant>

#include "pemba/reason/syntax.h"

namespace pemba::reason::internal {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

enum class Role : std::uint8_t { kThing, kType, kAttribute, kValue, kEither };

// Calls see(variable, role) for every variable of a statement, in the order of the text. kEither:
// an operand of `is`. kAttribute: a thing that must be an attribute. Nested patterns are not
// entered.
template <class See>
void VisitType(const syntax::TypeRef& type, See&& see) {
  if (const auto* variable = std::get_if<syntax::Variable>(&type)) see(*variable, Role::kType);
}

inline Role RoleOfOperand(const syntax::Variable& variable) {
  return variable.sigil == syntax::Sigil::kValue ? Role::kValue : Role::kAttribute;
}

template <class See>
void VisitExpression(const syntax::Expression& expression, See&& see) {
  std::visit(
      Overloaded{[](const Value&) {}, [&](const syntax::Variable& v) { see(v, RoleOfOperand(v)); },
                 [&](const syntax::Operation& o) {
                   VisitExpression(*o.left, see);
                   VisitExpression(*o.right, see);
                 },
                 [&](const syntax::Call& c) {
                   for (const auto& argument : c.arguments) VisitExpression(*argument, see);
                 }},
      expression.node);
}

template <class See>
void VisitPredicate(const syntax::Predicate& predicate, See&& see) {
  if (const auto* variable = std::get_if<syntax::Variable>(&predicate.operand)) {
    see(*variable, RoleOfOperand(*variable));
  }
}

template <class See>
void VisitStatement(const syntax::ThingStatement& statement, See&& see) {
  if (statement.predicate && !statement.isa && statement.has.empty()) {
    see(statement.subject, RoleOfOperand(statement.subject));
  } else {
    see(statement.subject, Role::kThing);
  }
  for (const auto& player : statement.players) {
    if (player.role) VisitType(*player.role, see);
    see(player.player, Role::kThing);
  }
  if (statement.predicate) VisitPredicate(*statement.predicate, see);
  if (statement.isa) VisitType(statement.isa->type, see);
  for (const auto& has : statement.has) {
    std::visit(Overloaded{[&](const syntax::Variable& v) { see(v, RoleOfOperand(v)); },
                          [&](const syntax::Predicate& p) { VisitPredicate(p, see); }},
               has.attribute);
  }
}

template <class See>
void VisitStatement(const syntax::TypeStatement& statement, See&& see) {
  VisitType(statement.subject, see);
  for (const auto& constraint : statement.constraints) {
    std::visit(Overloaded{[&](const syntax::Sub& c) { VisitType(c.type, see); },
                          [&](const syntax::Owns& c) {
                            VisitType(c.attribute, see);
                            if (c.overridden) VisitType(*c.overridden, see);
                          },
                          [&](const syntax::Relates& c) {
                            VisitType(c.role, see);
                            if (c.overridden) VisitType(*c.overridden, see);
                          },
                          [&](const syntax::Plays& c) {
                            VisitType(c.role, see);
                            if (c.overridden) VisitType(*c.overridden, see);
                          },
                          [](const auto&) {}},
               constraint);
  }
}

// Of one pattern of a conjunction; nothing for disjunctions and negations.
template <class See>
void VisitPattern(const syntax::Pattern& pattern, See&& see) {
  std::visit(Overloaded{[&](const syntax::ThingStatement& s) { VisitStatement(s, see); },
                        [&](const syntax::TypeStatement& s) { VisitStatement(s, see); },
                        [&](const syntax::Is& s) {
                          see(s.left, Role::kEither);
                          see(s.right, Role::kEither);
                        },
                        [&](const syntax::Assignment& s) {
                          see(s.variable, Role::kValue);
                          VisitExpression(s.expression, see);
                        },
                        [](const auto&) {}},
             pattern.node);
}

}  // namespace pemba::reason::internal
