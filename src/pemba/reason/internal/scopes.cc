#include "pemba/reason/internal/scopes.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

#include "pemba/reason/internal/visit.h"

namespace pemba::reason::internal {
namespace {

using syntax::Negation;
using syntax::Patterns;
using syntax::Sigil;
using syntax::ThingStatement;
using syntax::Variable;

// `$x` and `?x` are two variables; the key keeps the sigil.
std::string Key(const Variable& variable) {
  return (variable.sigil == Sigil::kConcept ? "$" : "?") + variable.name;
}
std::string Shown(const Variable& variable) { return "`" + Key(variable) + "`"; }

bool Intersect(const StringSet& a, const StringSet& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& name) { return b.contains(name); });
}

void AddNamed(const Variable& variable, StringSet& names) {
  if (!variable.anonymous()) names.insert(Key(variable));
}

// What every answer of a conjunction binds, the lenient reading included.
void AddBound(const Patterns& patterns, StringSet& names) {
  for (const auto& pattern : patterns) {
    VisitPattern(pattern, [&](const Variable& v, Role) { AddNamed(v, names); });
    const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node);
    if (!disjunction) continue;
    StringSet common;
    AddBound(disjunction->branches.front(), common);
    for (std::size_t i = 1; i < disjunction->branches.size(); ++i) {
      StringSet branch;
      AddBound(disjunction->branches[i], branch);
      erase_if(common, [&](const auto& name) { return !branch.contains(name); });
    }
    names.insert(common.begin(), common.end());
  }
}

// Every named variable that a nested pattern mentions, however deep.
void AddMentioned(const Patterns& patterns, StringSet& names) {
  for (const auto& pattern : patterns) {
    VisitPattern(pattern, [&](const Variable& v, Role) { AddNamed(v, names); });
    if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
      for (const auto& branch : disjunction->branches) AddMentioned(branch, names);
    } else if (const auto* negation = std::get_if<Negation>(&pattern.node)) {
      AddMentioned(negation->body, names);
    }
  }
}

enum class Inside : std::uint8_t { kTrunk, kNegation };

// Nested patterns share a variable with what surrounds them, and no negation is the whole of one.
Status CheckNesting(const Patterns& patterns, const StringSet& outside, Problem nested_negation,
                    Inside inside) {
  StringSet around = outside;
  AddBound(patterns, around);
  const auto check_nested = [&](const Patterns& body, Position at, std::string_view what,
                                Inside now) -> Status {
    StringSet mentioned;
    AddMentioned(body, mentioned);
    if (!Intersect(mentioned, around)) {
      return MakeError(
          Problem::kUnboundedNestedPattern, at,
          "this " + std::string(what) + " shares no named variable with what surrounds it");
    }
    return CheckNesting(body, around, nested_negation, now);
  };
  for (const auto& pattern : patterns) {
    if (const auto* negation = std::get_if<Negation>(&pattern.node)) {
      const bool forbidden =
          nested_negation == Problem::kRuleNestedNegation || patterns.size() == 1;
      if (inside == Inside::kNegation && forbidden) {
        return MakeError(nested_negation, negation->at, "a negation stands inside a negation");
      }
      PEMBA_TRY(std::ignore,
                check_nested(negation->body, negation->at, "negation", Inside::kNegation));
    } else if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
      const bool block = disjunction->branches.size() == 1;
      for (const auto& branch : disjunction->branches) {
        PEMBA_TRY(std::ignore,
                  check_nested(branch, disjunction->at, block ? "block" : "branch", inside));
      }
    }
  }
  return Done{};
}

// What a variable is used as, over all patterns of a query.
class Kinds {
 public:
  Status Add(const Patterns& patterns) {
    for (const auto& pattern : patterns) {
      Status seen = Done{};
      VisitPattern(pattern, [&](const Variable& variable, Role role) {
        if (seen.ok()) seen = See(variable, role);
      });
      PEMBA_TRY(std::ignore, std::move(seen));
      if (const auto* is = std::get_if<syntax::Is>(&pattern.node)) is_.push_back(is);
      if (const auto* assignment = std::get_if<syntax::Assignment>(&pattern.node)) {
        PEMBA_TRY(std::ignore, Assign(assignment->variable));
      }
      if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
        for (const auto& branch : disjunction->branches) {
          PEMBA_TRY(std::ignore, Add(branch));
        }
      } else if (const auto* negation = std::get_if<Negation>(&pattern.node)) {
        PEMBA_TRY(std::ignore, Add(negation->body));
      }
    }
    return Done{};
  }

  Status Finish() const {
    for (const syntax::Is* is : is_) {
      for (const Variable* side : {&is->left, &is->right}) {
        if (!kinds_.contains(Key(*side))) {
          return MakeError(Problem::kInvalidPattern, side->at,
                           Shown(*side) + " occurs in `is` alone; say what it is");
        }
      }
      if (kinds_.at(Key(is->left)) != kinds_.at(Key(is->right))) return Conflict(is->right);
    }
    for (const Variable* variable : values_used_) {
      if (!values_assigned_.contains(variable->name)) {
        return MakeError(Problem::kVariableOutOfScope, variable->at,
                         Shown(*variable) + " is never given a value");
      }
    }
    return Done{};
  }

 private:
  static Error Conflict(const Variable& variable) {
    return MakeError(Problem::kVariableKindConflict, variable.at,
                     Shown(variable) + " is used as a thing and as a type");
  }

  Status See(const Variable& variable, Role role) {
    if (role == Role::kEither) return Done{};
    if (variable.sigil == Sigil::kValue) {
      if (role != Role::kValue) {
        return MakeError(Problem::kSyntax, variable.at,
                         Shown(variable) + " holds a value; a concept variable such as `$" +
                             variable.name + "` is needed here");
      }
      values_used_.push_back(&variable);
      return Done{};
    }
    const bool type = role == Role::kType;
    const auto [found, added] = kinds_.emplace(Key(variable), type);
    if (!added && found->second != type) return Conflict(variable);
    return Done{};
  }

  Status Assign(const Variable& variable) {
    if (!values_assigned_.insert(variable.name).second) {
      return MakeError(Problem::kInvalidPattern, variable.at,
                       Shown(variable) + " is given a value twice");
    }
    return Done{};
  }

  StringMap<bool> kinds_;  // True for types.
  std::vector<const syntax::Is*> is_;
  std::vector<const Variable*> values_used_;
  StringSet values_assigned_;
};

// Values are computed in an order in which each needs only earlier ones.
Status CheckAssignments(const Patterns& patterns) {
  std::vector<const syntax::Assignment*> open;
  for (const auto& pattern : patterns) {
    if (const auto* assignment = std::get_if<syntax::Assignment>(&pattern.node)) {
      open.push_back(assignment);
    }
  }
  while (!open.empty()) {
    StringSet unknown;
    for (const auto* assignment : open) unknown.insert(assignment->variable.name);
    const auto waits = [&](const syntax::Assignment* assignment) {
      bool needs_unknown = false;
      VisitExpression(assignment->expression, [&](const Variable& v, Role) {
        needs_unknown |= v.sigil == Sigil::kValue && unknown.contains(v.name);
      });
      return needs_unknown;
    };
    const std::size_t before = open.size();
    std::erase_if(open, [&](const auto* assignment) { return !waits(assignment); });
    if (open.size() == before) {
      return MakeError(Problem::kInvalidPattern, open.front()->at,
                       Shown(open.front()->variable) + " is computed from itself");
    }
  }
  return Done{};
}

Status CheckPatterns(const Patterns& patterns, Problem nested_negation) {
  StringSet named;
  AddBound(patterns, named);
  if (named.empty()) {
    StringSet mentioned;
    AddMentioned(patterns, mentioned);
    if (mentioned.empty()) {
      return MakeError(Problem::kNoNamedVariable, {}, "the pattern has no named variable");
    }
  }
  PEMBA_TRY(std::ignore, CheckNesting(patterns, {}, nested_negation, Inside::kTrunk));
  if (named.empty()) {
    return MakeError(Problem::kNoNamedVariable, {},
                     "the pattern has no named variable outside negations and branches");
  }
  Kinds kinds;
  PEMBA_TRY(std::ignore, kinds.Add(patterns));
  PEMBA_TRY(std::ignore, kinds.Finish());
  return CheckAssignments(patterns);
}

Status CheckIn(const StringSet& scope, const Variable& variable, std::string_view clause) {
  if (!variable.anonymous() && scope.contains(Key(variable))) return Done{};
  const std::string shown = variable.anonymous() ? "`$_`" : Shown(variable);
  return MakeError(
      Problem::kVariableOutOfScope, variable.at,
      "the " + std::string(clause) + " names " + shown +
          ", which is not matched; only variables that every answer binds can be used");
}

Status CheckMatch(const syntax::Match& match) {
  StringSet scope;
  AddBound(match.patterns, scope);
  if (!match.get.empty()) {
    StringSet projected;
    for (const Variable& variable : match.get) {
      PEMBA_TRY(std::ignore, CheckIn(scope, variable, "projection"));
      projected.insert(Key(variable));
    }
    scope = std::move(projected);
  }
  for (const auto& key : match.sort) {
    PEMBA_TRY(std::ignore, CheckIn(scope, key.variable, "sort clause"));
  }
  if (match.group) {
    PEMBA_TRY(std::ignore, CheckIn(scope, *match.group, "group clause"));
  }
  if (match.aggregate && match.aggregate->variable) {
    PEMBA_TRY(std::ignore, CheckIn(scope, *match.aggregate->variable, "aggregate"));
  }
  return Done{};
}

Status CheckDeletes(const Patterns& patterns, const std::vector<ThingStatement>& deletes) {
  StringSet scope;
  AddBound(patterns, scope);
  for (const auto& statement : deletes) {
    Status seen = Done{};
    VisitStatement(statement, [&](const Variable& variable, Role) {
      // An anonymous player names the edge by its role alone, which deletes nothing in particular.
      if (seen.ok()) seen = CheckIn(scope, variable, "delete clause");
    });
    PEMBA_TRY(std::ignore, std::move(seen));
  }
  return Done{};
}

// ---- Rules ----

Error Conclusion(Problem problem, Position at, const syntax::RuleDefinition& rule,
                 std::string_view text) {
  return MakeError(problem, at,
                   "the conclusion of the rule `" + rule.label.name + "` " + std::string(text));
}

Status CheckRelation(const syntax::RuleDefinition& rule) {
  const ThingStatement& then = rule.then;
  if (!then.subject.anonymous()) {
    return Conclusion(Problem::kRuleConclusionRelationVariable, then.subject.at, rule,
                      "names its relation " + Shown(then.subject) +
                          "; a rule makes a relation, it cannot extend one");
  }
  if (!then.isa) {
    return Conclusion(Problem::kRuleConclusionNotSingle, then.at, rule,
                      "does not say what type its relation is of (`isa`)");
  }
  for (const auto& player : then.players) {
    if (!player.role) {
      return Conclusion(Problem::kRuleConclusionRoleMissing, player.at, rule,
                        "gives " + Shown(player.player) + " no role");
    }
  }
  return Done{};
}

Status CheckOwnership(const syntax::RuleDefinition& rule, const StringSet& bound) {
  const syntax::Has& has = rule.then.has.front();
  if (const auto* variable = std::get_if<Variable>(&has.attribute)) {
    if (has.type && variable->sigil == Sigil::kConcept && bound.contains(Key(*variable))) {
      return Conclusion(Problem::kRuleConclusionTypesVariable, has.at, rule,
                        "types the attribute " + Shown(*variable) +
                            ", which the condition binds; write `has " + Key(*variable) + "`");
    }
    return Done{};
  }
  const auto& predicate = std::get<syntax::Predicate>(has.attribute);
  if (predicate.comparator != syntax::Comparator::kEqual ||
      !std::holds_alternative<Value>(predicate.operand)) {
    return Conclusion(Problem::kRuleConclusionInvalid, predicate.at, rule,
                      "compares; it must say which value is owned");
  }
  return Done{};
}

void AddTrunk(const Patterns& patterns, StringSet& names) {
  for (const auto& pattern : patterns) {
    VisitPattern(pattern, [&](const Variable& v, Role) { AddNamed(v, names); });
    const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node);
    if (disjunction && disjunction->branches.size() == 1) {
      AddTrunk(disjunction->branches.front(), names);
    }
  }
}

}  // namespace

StringSet BoundVariables(const Patterns& patterns) {
  StringSet names;
  AddBound(patterns, names);
  return names;
}

Status CheckScopes(const syntax::Query& query) {
  const auto check = [](const Patterns& patterns) {
    return CheckPatterns(patterns, Problem::kRedundantNestedNegation);
  };
  return std::visit(Overloaded{[&](const syntax::Match& q) -> Status {
                                 PEMBA_TRY(std::ignore, check(q.patterns));
                                 return CheckMatch(q);
                               },
                               [&](const syntax::Insert& q) -> Status {
                                 if (q.match.empty()) return Done{};
                                 return check(q.match);
                               },
                               [&](const syntax::Delete& q) -> Status {
                                 PEMBA_TRY(std::ignore, check(q.match));
                                 return CheckDeletes(q.match, q.statements);
                               },
                               [&](const syntax::Update& q) -> Status {
                                 PEMBA_TRY(std::ignore, check(q.match));
                                 return CheckDeletes(q.match, q.deletes);
                               },
                               [](const auto&) -> Status { return Done{}; }},
                    query.node);
}

Status CheckRule(const syntax::RuleDefinition& rule) {
  PEMBA_TRY(std::ignore, CheckPatterns(rule.when, Problem::kRuleNestedNegation));
  StringSet bound;
  AddTrunk(rule.when, bound);

  const ThingStatement& then = rule.then;
  const int conclusions = (then.players.empty() ? 0 : 1) + static_cast<int>(then.has.size());
  if (conclusions > 1) {
    return Conclusion(Problem::kRuleConclusionNotSingle, then.at, rule,
                      "says more than one thing; it must be one relation or one ownership");
  }
  if (then.iid || then.predicate || conclusions == 0 || (then.isa && !then.has.empty())) {
    return Conclusion(Problem::kRuleConclusionInvalid, then.at, rule,
                      "must be one relation or one ownership of an attribute");
  }
  if (!then.players.empty()) {
    PEMBA_TRY(std::ignore, CheckRelation(rule));
  } else {
    PEMBA_TRY(std::ignore, CheckOwnership(rule, bound));
  }

  Status unbound = Done{};
  VisitStatement(then, [&](const Variable& variable, Role) {
    const bool the_relation =
        variable.anonymous() && variable == then.subject && !then.players.empty();
    if (!unbound.ok() || the_relation || bound.contains(Key(variable))) return;
    unbound = Conclusion(Problem::kRuleConclusionUnbound, variable.at, rule,
                         "uses " + (variable.anonymous() ? "`$_`" : Shown(variable)) +
                             ", which the condition does not bind outside negations and branches");
  });
  return unbound;
}

}  // namespace pemba::reason::internal
