// What would have been needed: the closest ways from a denied question to "allowed".
#pragma once

#include <vector>

#include "pemba/engine/explainer.h"
#include "pemba/engine/explanation.h"
#include "pemba/engine/internal/proof_search.h"

namespace pemba::engine::internal {

// At most limits.near_misses_max, the cheapest first; of equal cost by text.
// `search` has looked at everything it could (Extent::kEverything).
//
// A way is judged by itself: a tuple that is missing on one side of an operator might also turn up
// on the right of a `but not`.
std::vector<NearMiss> FindNearMisses(Request& request, const ProofSearch& search,
                                     const ExplainLimits& limits);

}  // namespace pemba::engine::internal
