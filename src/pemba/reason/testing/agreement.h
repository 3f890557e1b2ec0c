// The engine against the definition, on one random world.
#pragma once

#include <cstdint>
#include <string>

namespace pemba::reason::testing {

struct AgreementResult {
  std::uint64_t agreements = 0;    // Queries answered alike, with and without inference.
  std::uint64_t nonempty = 0;      // Of those, with answers.
  std::uint64_t inferred = 0;      // Facts in the least model that are not persisted.
  std::uint64_t refused = 0;       // Queries that type inference or scoping refuses.
  std::uint64_t proofs = 0;        // Verified.
  std::uint64_t explanations = 0;  // Counted alike.
  std::string disagreement;        // Empty if there is none: schema, data, query and both answers.
};

AgreementResult CompareOnWorld(std::uint64_t seed, int query_count);

}  // namespace pemba::reason::testing
