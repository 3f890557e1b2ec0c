// Predicates: what rules can conclude, as fine as stratification needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pemba/reason/pattern.h"
#include "pemba/reason/type_set.h"
#include "pemba/reason/value.h"

namespace pemba::reason::internal {

using PredicateId = std::uint32_t;

// Relations of exactly one type; or ownerships of attributes of exactly one type, with one value if
// the rules that conclude them name it. `validity false` and `validity true` are two predicates:
// with one, "valid unless invalid" would depend negatively on itself.
struct Predicate {
  enum class Form : std::uint8_t { kRelation, kOwnership };
  Form form = Form::kRelation;
  TypeId type = 0;             // Of the relation or of the attribute.
  std::optional<Value> value;  // Nothing: any.
  // Ownerships: whether the attribute may be new. Not if the rule's condition binds it.
  bool creates = true;
};

// A comparison of an attribute with a literal. What a variable must satisfy tells which predicates
// can feed it.
struct ValueConstraint {
  VariableId variable = 0;
  syntax::Comparator comparator = syntax::Comparator::kEqual;
  Value value;
};

// The predicates of one set of rules, by what they conclude.
struct PredicateIndex {
  std::vector<Predicate> predicates;
  std::vector<std::vector<PredicateId>> by_relation;   // By type; at most one each.
  std::vector<std::vector<PredicateId>> by_attribute;  // By type.

  const PredicateId* OfRelation(TypeId type) const {
    return type < by_relation.size() && !by_relation[type].empty() ? by_relation[type].data()
                                                                   : nullptr;
  }
  // Adds it if it is new.
  PredicateId Intern(const Predicate& predicate);
  // Those that can make ownerships of an attribute with one of these types, under all constraints
  // on `attribute`.
  std::vector<PredicateId> Ownerships(const TypeSet& types, VariableId attribute,
                                      const std::vector<ValueConstraint>& constraints) const;
  // Those of them that can make the attribute itself.
  std::vector<PredicateId> Creations(const TypeSet& types, VariableId attribute,
                                     const std::vector<ValueConstraint>& constraints) const;
};

}  // namespace pemba::reason::internal
