#include "pemba/reason/internal/predicate.h"

#include "pemba/reason/internal/comparison.h"

namespace pemba::reason::internal {

PredicateId PredicateIndex::Intern(const Predicate& predicate) {
  auto& by_type = predicate.form == Predicate::Form::kRelation ? by_relation : by_attribute;
  if (predicate.type >= by_type.size()) by_type.resize(predicate.type + 1);
  for (const PredicateId known : by_type[predicate.type]) {
    if (predicates[known].value == predicate.value &&
        predicates[known].creates == predicate.creates) {
      return known;
    }
  }
  by_type[predicate.type].push_back(static_cast<PredicateId>(predicates.size()));
  predicates.push_back(predicate);
  return by_type[predicate.type].back();
}

std::vector<PredicateId> PredicateIndex::Ownerships(
    const TypeSet& types, VariableId attribute,
    const std::vector<ValueConstraint>& constraints) const {
  std::vector<PredicateId> found;
  for (TypeId type = 0; type < by_attribute.size(); ++type) {
    if (!types.Contains(type)) continue;
    for (const PredicateId candidate : by_attribute[type]) {
      bool feeds = true;
      for (const ValueConstraint& constraint : constraints) {
        const auto& value = predicates[candidate].value;
        if (constraint.variable == attribute && value &&
            !Holds(*value, constraint.comparator, constraint.value)) {
          feeds = false;
        }
      }
      if (feeds) found.push_back(candidate);
    }
  }
  return found;
}

std::vector<PredicateId> PredicateIndex::Creations(
    const TypeSet& types, VariableId attribute,
    const std::vector<ValueConstraint>& constraints) const {
  std::vector<PredicateId> found = Ownerships(types, attribute, constraints);
  std::erase_if(found, [this](PredicateId id) { return !predicates[id].creates; });
  return found;
}

}  // namespace pemba::reason::internal
