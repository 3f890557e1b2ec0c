// WorkerPool: the threads that run handlers which may wait.
//
// Two lanes, so that those who wait for a sync of the disk, which costs no processor, neither keep
// others from theirs nor are too few to share it. Threads start when they are first needed.
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

// Thread-safe. One bounded queue a lane, first in first out.
class WorkerPool {
 public:
  struct Threads {
    std::size_t workers = 0;     // Of Execution::kWorker, and of calls that move there.
    std::size_t committers = 0;  // Of Execution::kCommit.
  };

  WorkerPool(Threads threads_max, std::size_t queue_max, const Fallbacks& fallbacks);
  ~WorkerPool();  // Runs what is queued (cancelled calls return at once), then joins.

  std::size_t waiting() const {  // In the queues.
    const std::lock_guard lock(mutex_);
    return workers_.queue.size() + committers_.queue.size();
  }

  enum class Offered { kTaken, kFull };
  Offered Offer(Exchange& exchange);

  // Runs the oldest queued call of a lane on the calling thread, if there is one: how tests without
  // threads make progress.
  enum class Ran { kCall, kNothing };
  Ran RunOne();

 private:
  struct Lane {
    const std::size_t threads_max;
    const int nice = 0;  // By how much its threads step back behind the others of the process.
    std::condition_variable work = {};
    std::deque<Exchange*> queue = {};
    std::size_t idle = 0;  // Threads that wait for work.
    std::vector<std::thread> threads = {};
  };

  void Work(Lane& lane);
  Exchange* Take(Lane& lane);

  const std::size_t queue_max_;  // Of each.
  const Fallbacks& fallbacks_;
  mutable std::mutex mutex_;  // Guards everything below.
  Lane workers_;
  Lane committers_;
  bool stopping_ = false;
};

}  // namespace pemba::rpc::internal
