// Checks proofs without the engine that made them.
#pragma once

#include <string>

#include "pemba/reason/database.h"
#include "pemba/reason/testing/model.h"

namespace pemba::reason::testing {

// Empty if the proof is right: every leaf is persisted, every step names a rule whose condition
// holds under its bindings over persisted facts and the step's premises alone, and whose conclusion
// is the fact. Negations are checked against `all`, the least model; not at all if it is null.
// Otherwise what is wrong.
std::string VerifyProof(const Proof& proof, const Schema& schema, const Model& persisted,
                        const Model* all);
std::string VerifyProof(const Proof& proof, Transaction& transaction);

}  // namespace pemba::reason::testing
