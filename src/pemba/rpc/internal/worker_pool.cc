#include "pemba/rpc/internal/worker_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include "pemba/rpc/internal/exchange.h"

namespace pemba::rpc::internal {
namespace {

// Where cores are few, who answers within microseconds goes before who works for milliseconds.
constexpr int kNiceOfWorkers = 5;

void StepBack(int nice) {
  const auto thread = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + nice);
}

}  // namespace

WorkerPool::WorkerPool(Threads threads_max, std::size_t queue_max, const Fallbacks& fallbacks)
    : queue_max_(queue_max),
      fallbacks_(fallbacks),
      workers_{.threads_max = threads_max.workers, .nice = kNiceOfWorkers},
      committers_{.threads_max = threads_max.committers} {}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (Lane* lane : {&workers_, &committers_}) {
    lane->work.notify_all();
    for (auto& thread : lane->threads) thread.join();
  }
}

WorkerPool::Offered WorkerPool::Offer(Exchange& exchange) {
  const auto* const route = exchange.request.route;
  const bool commits = route != nullptr && route->execution == Execution::kCommit;
  Lane& lane = commits ? committers_ : workers_;
  {
    const std::lock_guard lock(mutex_);
    if (lane.queue.size() >= queue_max_) return Offered::kFull;
    lane.queue.push_back(&exchange);
    // What is queued already has woken its thread, which may not have come for it yet.
    if (lane.queue.size() > lane.idle && lane.threads.size() < lane.threads_max) {
      lane.threads.emplace_back([this, &lane] { Work(lane); });
      return Offered::kTaken;
    }
  }
  lane.work.notify_one();
  return Offered::kTaken;
}

WorkerPool::Ran WorkerPool::RunOne() {
  for (Lane* lane : {&workers_, &committers_}) {
    std::unique_lock lock(mutex_);
    if (lane->queue.empty()) continue;
    Exchange* const exchange = Take(*lane);
    lock.unlock();
    exchange->RunOnWorker(fallbacks_);
    return Ran::kCall;
  }
  return Ran::kNothing;
}

Exchange* WorkerPool::Take(Lane& lane) {
  Exchange* const exchange = lane.queue.front();
  lane.queue.pop_front();
  return exchange;
}

void WorkerPool::Work(Lane& lane) {
  if (lane.nice != 0) StepBack(lane.nice);
  for (;;) {
    Exchange* exchange = nullptr;
    {
      std::unique_lock lock(mutex_);
      ++lane.idle;
      lane.work.wait(lock, [&] { return stopping_ || !lane.queue.empty(); });
      --lane.idle;
      if (lane.queue.empty()) return;
      exchange = Take(lane);
    }
    exchange->RunOnWorker(fallbacks_);
  }
}

}  // namespace pemba::rpc::internal
