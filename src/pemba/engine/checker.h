// Checker: decides whether a subject has a relation to an object, on one snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/bound_model.h"
#include "pemba/graph/graph.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine {

// Zero denies, so blank memory fails closed.
enum class Decision : std::uint8_t { kDenied, kAllowed };

struct CheckLimits {
  std::uint32_t resolve_node_limit = 0;  // Tuple hops, as the reference counts them; 0: no limit.
  std::uint64_t steps_max = 0;           // Work units per check; 0: no limit. Beyond: kTooComplex.
  // Of the arena, looked at every few hundred steps; 0: no limit. Beyond: kResourceExhausted.
  std::uint64_t memory_bytes_max = 0;
};

// Borrowed parts of one question.
struct CheckQuery {
  tuple::TupleView tuple;
  std::span<const tuple::Tuple> contextual_tuples;  // Validated against the model already.
  const boost::json::object* context = nullptr;     // Of the request; null: none.
  std::optional<SteadyTime> deadline;
};

// Thread-safe (const after construction), takes no lock, never blocks. Iterative: the depth of the
// data costs arena memory, not stack.
class Checker {
 public:
  Checker(CheckLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // Cost: O(tuples reachable from object#relation) at worst; a directly written tuple is two
  // dictionary probes and one row search.
  // Errors: kValidation (condition could not be evaluated), kTooComplex, kDeadlineExceeded; never
  // for "denied". The outcome depends on the set of branch outcomes, never on evaluation order.
  Result<Decision> Check(const graph::Snapshot& snapshot, const BoundModel& model,
                         const CheckQuery& query, Arena& arena) const;

  // As Check for each query; what queries of one subject share is found out once.
  std::vector<Result<Decision>> BatchCheck(const graph::Snapshot& snapshot, const BoundModel& model,
                                           std::span<const CheckQuery> queries, Arena& arena) const;

 private:
  // Of queries that differ in object and relation only.
  void AnswerGroup(const graph::Snapshot& snapshot, const BoundModel& model,
                   std::span<const CheckQuery> queries, std::span<const std::uint32_t> group,
                   Arena& arena, std::span<Result<Decision>> answers) const;

  CheckLimits limits_;
  const Clock& clock_;
};

}  // namespace pemba::engine
