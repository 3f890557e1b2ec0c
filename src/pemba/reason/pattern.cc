#include "pemba/reason/pattern.h"

#include <algorithm>

namespace pemba::reason {

const TypeSet* Conjunction::DomainOf(VariableId variable) const {
  const auto found = std::lower_bound(
      domains.begin(), domains.end(), variable,
      [](const Domain& domain, VariableId wanted) { return domain.variable < wanted; });
  return found != domains.end() && found->variable == variable ? &found->types : nullptr;
}

std::optional<VariableId> ResolvedPattern::Find(const std::string& name) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].name == name) return static_cast<VariableId>(i);
  }
  return std::nullopt;
}

}  // namespace pemba::reason
