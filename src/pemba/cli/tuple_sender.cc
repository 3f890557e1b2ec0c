#include "pemba/cli/tuple_sender.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "pemba/cli/tuple_file.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

json::object WriteBody(const TupleJob& job, std::span<const tuple::Tuple> chunk) {
  const bool writes = job.operation == TupleJob::Operation::kWrite;
  json::array keys;
  for (const auto& tuple : chunk) {
    auto key = TupleToJson(tuple);
    if (!writes) key.erase("condition");
    keys.push_back(std::move(key));
  }
  json::object part{{"tuple_keys", std::move(keys)}};
  if (!job.tolerance.empty()) part[writes ? "on_duplicate" : "on_missing"] = job.tolerance;
  json::object body{{writes ? "writes" : "deletes", std::move(part)}};
  if (!job.model_id.empty()) body["authorization_model_id"] = job.model_id;
  return body;
}

}  // namespace

std::chrono::duration<double> RequestPace::BeginOf(std::size_t request) const {
  if (per_second_ == 0) return std::chrono::duration<double>(0);
  // In the ramp, requests up to time t: the area under the line, per_second * t^2 / (2 * ramp).
  const double ramp = ramp_up_.count();
  const double in_ramp = per_second_ * ramp / 2;
  const auto number = static_cast<double>(request);
  if (number < in_ramp) {
    return std::chrono::duration<double>(std::sqrt(2 * ramp * number / per_second_));
  }
  return std::chrono::duration<double>(ramp + (number - in_ramp) / per_second_);
}

TupleReport SendTuples(const ApiOptions& api, const TupleJob& job,
                       const std::vector<tuple::Tuple>& tuples) {
  const std::size_t chunk_size = std::max<std::size_t>(job.tuples_per_write, 1);
  const std::size_t chunks = (tuples.size() + chunk_size - 1) / chunk_size;
  const auto chunk_at = [&](std::size_t chunk) {
    const auto begin = chunk * chunk_size;
    return std::span(tuples).subspan(begin, std::min(chunk_size, tuples.size() - begin));
  };
  // Each chunk's slot is written by the one thread that took the chunk, and read after the join.
  std::vector<std::optional<Error>> errors(chunks);
  std::atomic<std::size_t> next{0};
  const auto start = steady_clock::now();
  const auto work = [&] {
    ApiClient client(api);
    for (std::size_t chunk = next++; chunk < chunks; chunk = next++) {
      std::this_thread::sleep_until(
          start + std::chrono::duration_cast<steady_clock::duration>(job.pace.BeginOf(chunk)));
      auto answer = client.Post(StorePath(job.store_id, "/write"), WriteBody(job, chunk_at(chunk)));
      if (!answer.ok()) errors[chunk] = std::move(answer).error();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(job.parallel_requests, chunks); ++i) {
    threads.emplace_back(work);
  }
  work();
  for (auto& thread : threads) thread.join();

  TupleReport report;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    for (const auto& tuple : chunk_at(chunk)) {
      if (errors[chunk]) {
        report.failed.push_back({tuple, errors[chunk]->message});
      } else {
        report.successful.push_back(tuple);
      }
    }
  }
  return report;
}

}  // namespace pemba::cli
