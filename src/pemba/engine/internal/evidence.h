// Tuples and questions in text, for people.
#pragma once

#include <string>

#include "pemba/engine/explanation.h"
#include "pemba/engine/internal/proof_search.h"

namespace pemba::engine::internal {

// With the context that its condition was evaluated on.
Evidence EvidenceOf(const Request& request, const ReadTuple& read);

std::string ObjectText(const Request& request, const Vertex& vertex);
const std::string& RelationText(const Request& request, const Vertex& vertex);

}  // namespace pemba::engine::internal
