// WriteQueue: writers that come while one is at work wait, and are then taken on by one of them
// together. As LevelDB's queue of writers does.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace pemba::resource::internal {

class WriteQueue {
 public:
  // One that waits, for as long as its Run lasts.
  struct Writer {
    std::condition_variable wake;
    bool done = false;  // Guarded by the queue.
  };
  // Does what writers wait for, in order; answers how many of them, at least the first. Called by
  // one thread at a time.
  using Lead = std::function<std::size_t(std::span<Writer* const>)>;

  explicit WriteQueue(std::size_t group_max) : group_max_(group_max) {}

  // Returns when it is done for `writer`, by this call of `lead` or by another's.
  void Run(Writer& writer, const Lead& lead) {
    std::unique_lock lock(mutex_);
    waiting_.push_back(&writer);
    writer.wake.wait(lock, [&] { return writer.done || waiting_.front() == &writer; });
    if (writer.done) return;
    const auto count = std::min(group_max_, waiting_.size());
    const std::vector<Writer*> group(waiting_.begin(),
                                     waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    const std::size_t taken = lead(group);
    lock.lock();
    for (std::size_t i = 0; i < taken; ++i) {
      waiting_.front()->done = true;
      waiting_.front()->wake.notify_one();
      waiting_.pop_front();
    }
    if (!waiting_.empty()) waiting_.front()->wake.notify_one();
  }

 private:
  const std::size_t group_max_;
  std::mutex mutex_;
  std::deque<Writer*> waiting_;  // The first one leads.
};

}  // namespace pemba::resource::internal
