#include "pemba/rpc/internal/worker_pool.h"

#include "pemba/rpc/internal/exchange.h"

namespace pemba::rpc::internal {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_max, const Fallbacks& fallbacks)
    : queue_max_(queue_max), fallbacks_(fallbacks) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (auto& thread : threads_) thread.join();
}

WorkerPool::Offered WorkerPool::Offer(Exchange& exchange) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_) return Offered::kFull;
    queue_.push_back(&exchange);
  }
  work_.notify_one();
  return Offered::kTaken;
}

WorkerPool::Ran WorkerPool::RunOne() {
  Exchange* exchange = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return Ran::kNothing;
    exchange = queue_.front();
    queue_.pop_front();
  }
  exchange->RunOnWorker(fallbacks_);
  return Ran::kCall;
}

void WorkerPool::Work() {
  for (;;) {
    Exchange* exchange = nullptr;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      exchange = queue_.front();
      queue_.pop_front();
    }
    exchange->RunOnWorker(fallbacks_);
  }
}

}  // namespace pemba::rpc::internal
