// In which order rules are evaluated, and that evaluation comes to an end.
#pragma once

#include <cstddef>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/schema.h"

namespace pemba::reason {

// Groups of rules as indices into Schema::rules(). Rules of one group may feed each other; what a
// rule negates is concluded completely by earlier groups. A rule feeds another if its conclusion
// unifies with an atom of the other's condition: by type, role and constant value, so that a
// negated `has validity false` is not fed by a conclusion `has validity true`.
struct Strata {
  std::vector<std::vector<std::size_t>> groups;
};

// Error: kNegationCycle, naming the rules of the circle. Tarjan's components, O(rules^2 x atoms).
Result<Strata> Stratify(const Schema& schema);

// Error: kNonTermination if a concluded relation can be a player of another concluded relation in a
// circle, or a rule concludes values that it computes from concluded ones: then there may be no end
// to what can be inferred.
Status CheckTermination(const Schema& schema);

}  // namespace pemba::reason
