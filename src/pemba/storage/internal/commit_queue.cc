#include "pemba/storage/internal/commit_queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "pemba/base/assert.h"

namespace pemba::storage::internal {

struct CommitQueue::Batch {
  enum class State : std::int32_t {  // As wide as a futex, to be waited on directly.
    kGathering,
    kLeaderWanted,  // It is this batch's turn; one who waits for it must lead.
    kDone,          // `outcome` is set and stays.
  };
  std::atomic<State> state{State::kGathering};  // Set with the mutex held; waited on without it.
  std::vector<CommitEntry> entries;             // Guarded by the mutex; then the leader's.
  std::size_t bytes = 0, writes = 0;
  Status outcome = Done{};
};

class CommitQueue::Ticket final : public AppendTicket {
 public:
  Ticket(CommitQueue& queue, std::shared_ptr<Batch> batch)
      : queue_(queue), batch_(std::move(batch)) {}
  ~Ticket() override {
    if (batch_ != nullptr) (void)Wait();
  }
  Status Wait() override {
    PEMBA_ASSERT(batch_ != nullptr);
    const auto batch = std::exchange(batch_, nullptr);
    return queue_.Wait(*batch);
  }

 private:
  CommitQueue& queue_;
  std::shared_ptr<Batch> batch_;  // Null once it was waited for.
};

std::unique_ptr<AppendTicket> CommitQueue::Enqueue(CommitEntry entry,
                                                   std::vector<CommitEntry> more) {
  const std::lock_guard lock(mutex_);
  if (failure_) {
    auto failed = std::make_shared<Batch>();
    failed->outcome = *failure_;
    failed->state = Batch::State::kDone;
    return std::make_unique<Ticket>(*this, std::move(failed));
  }
  if (queue_.empty() || queue_.back()->bytes >= kBatchBytesMax) {
    queue_.push_back(std::make_shared<Batch>());
  }
  Batch& batch = *queue_.back();
  const auto add = [&](CommitEntry& added) {
    batch.bytes += added.key.size() + (added.value ? added.value->size() : 0);
    batch.entries.push_back(std::move(added));
  };
  add(entry);
  for (CommitEntry& added : more) add(added);
  if (++batch.writes == expected_ && queue_.size() == 1) arrival_.notify_one();
  return std::make_unique<Ticket>(*this, queue_.back());
}

// The state is read before asking who leads. If it is still the same when the wait begins, whoever
// leads has yet to change it, or to see to it that a batch before this one has a leader.
Status CommitQueue::Wait(Batch& batch) {
  while (true) {
    const auto state = batch.state.load(std::memory_order_acquire);
    if (state == Batch::State::kDone) return batch.outcome;
    if (!leading_.load() && Lead()) continue;
    batch.state.wait(state, std::memory_order_acquire);
  }
}

bool CommitQueue::Lead() {
  std::unique_lock lock(mutex_);
  if (leading_.load()) return false;
  if (queue_.empty()) return true;  // The batch was done while its owner came to ask for the lead.
  leading_ = true;
  Gather(lock);
  std::vector<std::shared_ptr<Batch>> done = {std::move(queue_.front())};
  queue_.pop_front();

  lock.unlock();
  const auto start = std::chrono::steady_clock::now();
  const Status status = commit_(done.front()->entries);
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  lock.lock();

  // One slow commit does not make the next leader wait long.
  commit_time_ = commit_time_.count() == 0 ? took : std::min(took, (commit_time_ * 7 + took) / 8);
  expected_ = done.front()->writes + (queue_.empty() ? 0 : queue_.front()->writes);
  leading_ = false;
  if (!status.ok()) {
    failure_ = status.error();
    for (auto& batch : queue_) done.push_back(std::move(batch));
    queue_.clear();
  }
  for (auto& batch : done) {
    batch->outcome = status;
    batch->state.store(Batch::State::kDone, std::memory_order_release);
  }
  const std::shared_ptr<Batch> next = queue_.empty() ? nullptr : queue_.front();
  if (next != nullptr) next->state.store(Batch::State::kLeaderWanted, std::memory_order_release);
  lock.unlock();

  // Batches are shared: an owner that has seen the outcome already takes nothing away from here. Of
  // the next batch, those who have not come to wait yet will find nobody leading when they do.
  if (next != nullptr) next->state.notify_one();
  for (auto& batch : done) batch->state.notify_all();
  return true;
}

void CommitQueue::Gather(std::unique_lock<std::mutex>& lock) {
  const auto patience = std::min<std::chrono::nanoseconds>(commit_time_ / 4, kGatherMax);
  if (patience < kGatherMin) return;
  const Batch& oldest = *queue_.front();
  arrival_.wait_for(lock, patience,
                    [&] { return oldest.writes >= expected_ || oldest.bytes >= kBatchBytesMax; });
}

Status CommitQueue::health() const {
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  return Done{};
}

}  // namespace pemba::storage::internal
