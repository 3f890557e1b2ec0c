#include "pemba/cli/tuple_sender.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
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
    key.erase("expires_at");
    if (!writes) key.erase("condition");
    keys.push_back(std::move(key));
  }
  json::object part{{"tuple_keys", std::move(keys)}};
  if (!job.tolerance.empty()) part[writes ? "on_duplicate" : "on_missing"] = job.tolerance;
  json::object body{{writes ? "writes" : "deletes", std::move(part)}};
  if (!job.model_id.empty()) body["authorization_model_id"] = job.model_id;
  return body;
}

// Tuples that expire are beyond the wire's Write.
bool Expires(const TupleJob& job, std::span<const tuple::Tuple> chunk) {
  return job.operation == TupleJob::Operation::kWrite &&
         std::any_of(chunk.begin(), chunk.end(),
                     [](const tuple::Tuple& tuple) { return tuple.expires_at.has_value(); });
}

json::object WriteTuplesBody(const TupleJob& job, std::span<const tuple::Tuple> chunk) {
  json::array writes;
  for (const auto& tuple : chunk) {
    auto key = TupleToJson(tuple);
    json::object write;
    if (tuple.expires_at) write["expires_at"] = TimeText(*tuple.expires_at);
    key.erase("expires_at");
    write["tuple_key"] = std::move(key);
    writes.push_back(std::move(write));
  }
  json::object body{{"writes", std::move(writes)}};
  if (!job.tolerance.empty()) body["on_duplicate"] = job.tolerance;
  if (!job.model_id.empty()) body["authorization_model_id"] = job.model_id;
  return body;
}

Status SendChunk(ApiClient& client, const TupleJob& job, std::span<const tuple::Tuple> chunk) {
  const bool extended = Expires(job, chunk) || job.tolerance == "replace";
  auto answer =
      extended ? client.Post(StorePath(job.store_id, "/write-tuples"), WriteTuplesBody(job, chunk))
               : client.Post(StorePath(job.store_id, "/write"), WriteBody(job, chunk));
  if (!answer.ok()) return std::move(answer).error();
  return Done{};
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

namespace {

// One slot per chunk. Thread-safe.
class Outcomes {
 public:
  Outcomes(const TupleJob& job, std::size_t chunks, std::size_t chunk_size, std::size_t tuples)
      : job_(job), chunk_size_(chunk_size), tuples_(tuples), chunks_(chunks) {}

  // False once the job is over: nobody answers.
  bool Add(std::size_t chunk, Status status) {
    const std::lock_guard lock(mutex_);
    const bool unanswered = !status.ok() && status.error().code == ErrorCode::kUnavailable;
    unanswered_ = unanswered ? unanswered_ + 1 : 0;
    chunks_[chunk] = std::move(status);
    // What nobody answered is not finished: a later job sends it again.
    while (finished_ < chunks_.size() && IsFinished(finished_)) ++finished_;
    Report();
    if (job_.unanswered_max > 0 && unanswered_ >= job_.unanswered_max) over_ = true;
    return !over_;
  }

  // After all threads have ended.
  const std::optional<Status>& at(std::size_t chunk) const { return chunks_[chunk]; }
  bool over() const { return over_; }
  std::size_t finished_tuples() const { return std::min(finished_ * chunk_size_, tuples_); }

 private:
  bool IsFinished(std::size_t chunk) const {
    const auto& status = chunks_[chunk];
    return status && (status->ok() || status->error().code != ErrorCode::kUnavailable);
  }

  void Report() {
    const auto now = steady_clock::now();
    if (!job_.progress || now < next_report_) return;
    next_report_ = now + std::chrono::seconds(1);
    job_.progress({finished_tuples(), tuples_, now - begin_});
  }

  const TupleJob& job_;
  const std::size_t chunk_size_, tuples_;
  const steady_clock::time_point begin_ = steady_clock::now();
  std::mutex mutex_;  // Guards everything below.
  std::vector<std::optional<Status>> chunks_;
  std::size_t finished_ = 0;  // Chunks from the start without a gap.
  std::size_t unanswered_ = 0;
  bool over_ = false;
  steady_clock::time_point next_report_ = begin_ + std::chrono::seconds(1);
};

}  // namespace

TupleReport SendTuples(const ApiOptions& api, const TupleJob& job,
                       const std::vector<tuple::Tuple>& tuples) {
  const std::size_t chunk_size = std::max<std::size_t>(job.tuples_per_write, 1);
  const std::size_t chunks = (tuples.size() + chunk_size - 1) / chunk_size;
  const auto chunk_at = [&](std::size_t chunk) {
    const auto begin = chunk * chunk_size;
    return std::span(tuples).subspan(begin, std::min(chunk_size, tuples.size() - begin));
  };
  Outcomes outcomes(job, chunks, chunk_size, tuples.size());
  std::atomic<std::size_t> next{0};
  const auto start = steady_clock::now();
  const auto work = [&] {
    ApiClient client(api);
    for (std::size_t chunk = next++; chunk < chunks; chunk = next++) {
      std::this_thread::sleep_until(
          start + std::chrono::duration_cast<steady_clock::duration>(job.pace.BeginOf(chunk)));
      if (!outcomes.Add(chunk, SendChunk(client, job, chunk_at(chunk)))) {
        next = chunks;  // For all threads.
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(job.parallel_requests, chunks); ++i) {
    threads.emplace_back(work);
  }
  work();
  for (auto& thread : threads) thread.join();

  TupleReport report;
  if (outcomes.over()) report.stopped_at = outcomes.finished_tuples();
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const auto& status = outcomes.at(chunk);
    if (!status) continue;
    for (const auto& tuple : chunk_at(chunk)) {
      if (status->ok()) {
        report.successful.push_back(tuple);
      } else {
        report.failed.push_back({tuple, status->error().message});
      }
    }
  }
  return report;
}

}  // namespace pemba::cli
