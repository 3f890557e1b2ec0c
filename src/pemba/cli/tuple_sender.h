// TupleSender: many tuples to a server, in chunks, in parallel, at a bounded rate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pemba/cli/api_client.h"
#include "pemba/tuple/tuple.h"

namespace pemba::cli {

// Spreads requests over time: from 0 to `per_second` along a straight line in the first `ramp_up`,
// then `per_second`. A rate of 0 sets no limit.
class RequestPace {
 public:
  RequestPace(std::uint32_t per_second, std::chrono::seconds ramp_up)
      : per_second_(per_second), ramp_up_(ramp_up) {}
  // When the request of that number, from 0, may begin, counted from the start. Grows with it.
  std::chrono::duration<double> BeginOf(std::size_t request) const;

 private:
  double per_second_;
  std::chrono::duration<double> ramp_up_;
};

// How far a job is. Tuples before `finished` have an answer, be it a failure: a later job may skip
// them, and at worst sends again what was under way behind them.
struct TupleProgress {
  std::size_t finished = 0, total = 0;
  std::chrono::duration<double> elapsed{0};
};

struct TupleJob {
  enum class Operation { kWrite, kDelete } operation = Operation::kWrite;
  std::string store_id, model_id;     // Model: empty for the latest.
  std::string tolerance;              // on_duplicate or on_missing: "ignore" or "error".
  std::size_t tuples_per_write = 1;   // A chunk stands or falls as one.
  std::size_t parallel_requests = 1;  // Connections.
  RequestPace pace{0, std::chrono::seconds(0)};
  // After so many requests in a row without any answer the job ends; 0: never.
  std::size_t unanswered_max = 20;
  std::function<void(const TupleProgress&)> progress = {};  // About once a second; may be empty.
};

struct TupleReport {
  struct Failure {
    tuple::Tuple tuple;
    std::string reason;
  };
  std::vector<tuple::Tuple> successful;  // Both in the order of the tuples.
  std::vector<Failure> failed;
  // If the job ended early: where to go on, as in TupleProgress. Tuples that were never sent are in
  // neither list.
  std::optional<std::size_t> stopped_at;
};

// Sends all tuples, whatever becomes of single chunks, unless nobody answers any more. Blocks until
// every answer is there.
TupleReport SendTuples(const ApiOptions& api, const TupleJob& job,
                       const std::vector<tuple::Tuple>& tuples);

}  // namespace pemba::cli
