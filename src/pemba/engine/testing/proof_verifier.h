// Checks a proof from the model and the tuples that it names, and nothing of the engine.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pemba/engine/explanation.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/model/model.h"

namespace pemba::engine::testing {

// "" if `proof` shows that the question is allowed; else what is wrong with it.
//
// What holds follows from the named tuples alone. What does not hold also needs that no tuple was
// left out: `world` (all stored tuples) is searched for ones that the proof should have named. Pass
// the named tuples themselves to believe the proof in that.
std::string VerifyProof(const model::Model& model, const std::vector<tuple::Tuple>& world,
                        const Oracle::Question& question, const std::vector<ProofNode>& proof);

// All stored tuples that the proof names.
std::vector<tuple::Tuple> NamedTuples(const std::vector<ProofNode>& proof);

}  // namespace pemba::engine::testing
