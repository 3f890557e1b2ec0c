// Writes down why a vertex came out as it did.
#pragma once

#include <vector>

#include "pemba/engine/explainer.h"
#include "pemba/engine/explanation.h"
#include "pemba/engine/internal/proof_search.h"

namespace pemba::engine::internal {

// The proof of the root, which is settled. What holds is written in full; once there are
// limits.proof_nodes_max nodes, what does not hold is cut.
std::vector<ProofNode> WriteProof(const Request& request, const ProofSearch& search,
                                  const ExplainLimits& limits);

// Some tuple that the settled vertex rests on; null: none (it is the subject itself, or nothing is
// there).
const ReadTuple* FirstTuple(const ProofSearch& search, VertexId id);

}  // namespace pemba::engine::internal
