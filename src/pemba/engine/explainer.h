// Explainer: answers a check and says why.
#pragma once

#include <cstddef>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/explanation.h"

namespace pemba::engine {

struct ExplainLimits {
  CheckLimits check = {};
  std::size_t proof_nodes_max = 1'000;      // From here on, what does not hold is cut.
  std::size_t steps_per_node_max = 100;     // Of what does not hold.
  std::size_t questions_max = 100'000;      // Looked at for a proof.
  std::size_t near_questions_max = 10'000;  // Looked at to say what is missing.
  std::size_t near_misses_max = 5;
  std::size_t obstacles_max = 8;  // Of one near miss.
};

// Thread-safe (const after construction), takes no lock, never blocks.
class Explainer {
 public:
  Explainer(ExplainLimits limits, const Clock& clock)
      : limits_(limits), clock_(clock), checker_(limits.check, clock) {}

  // The outcome is Checker's, to the letter. Cost: that of the check, then O(questions looked at):
  // no short cuts, so some ten times a check; bounded by the limits.
  //
  // Errors: kValidation (unknown type or relation), kDeadlineExceeded, kTooComplex (allowed, but
  // the proof needs more work than the limits allow). A check that fails for a reason in its data
  // is not an error here: the explanation says where.
  Result<Explanation> Explain(const graph::Snapshot& snapshot, const BoundModel& model,
                              const CheckQuery& query, Arena& arena) const;

 private:
  const ExplainLimits limits_;
  const Clock& clock_;
  const Checker checker_;
};

}  // namespace pemba::engine
