// WorkerPool: the threads that run handlers which may wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "pemba/rpc/router.h"

namespace pemba::rpc::internal {

class Exchange;

// Thread-safe. One bounded queue, first in first out.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_max, const Fallbacks& fallbacks);
  ~WorkerPool();  // Runs what is queued (cancelled calls return at once), then joins.

  std::size_t waiting() const {  // In the queue.
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

  enum class Offered { kTaken, kFull };
  Offered Offer(Exchange& exchange);

  // Runs the oldest queued call on the calling thread, if there is one: how tests without threads
  // make progress.
  enum class Ran { kCall, kNothing };
  Ran RunOne();

 private:
  void Work();

  const std::size_t queue_max_;
  const Fallbacks& fallbacks_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Exchange*> queue_;  // Guarded by mutex_, as is stopping_.
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pemba::rpc::internal
