#include "pemba/storage/internal/commit_queue.h"

#include "pemba/base/assert.h"

namespace pemba::storage::internal {

class CommitQueue::Ticket final : public AppendTicket {
 public:
  Ticket(CommitQueue& queue, CommitEntry entry) : queue_(queue), entry_(std::move(entry)) {}
  ~Ticket() override {
    if (!collected_) (void)queue_.Wait(*this);
  }
  Status Wait() override {
    PEMBA_ASSERT(!collected_);
    collected_ = true;
    return queue_.Wait(*this);
  }

 private:
  friend class CommitQueue;

  CommitQueue& queue_;
  const CommitEntry entry_;
  bool collected_ = false;  // Touched by the owner only.
  // Guarded by the queue's mutex.
  std::condition_variable wake_;  // Done, or asked to lead.
  bool waiting_ = false;
  std::optional<Status> outcome_;
};

std::unique_ptr<AppendTicket> CommitQueue::Enqueue(CommitEntry entry) {
  auto ticket = std::make_unique<Ticket>(*this, std::move(entry));
  const std::lock_guard lock(mutex_);
  if (failure_) {
    ticket->outcome_ = *failure_;
  } else {
    queue_.push_back(ticket.get());
  }
  return ticket;
}

Status CommitQueue::Wait(Ticket& ticket) {
  std::unique_lock lock(mutex_);
  while (!ticket.outcome_) {
    if (!leading_) {
      Lead(lock);
    } else {
      ticket.waiting_ = true;
      ticket.wake_.wait(lock);
    }
  }
  return *ticket.outcome_;
}

void CommitQueue::Lead(std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  const auto batch = TakeBatch();
  std::vector<const CommitEntry*> entries;
  entries.reserve(batch.size());
  for (const Ticket* ticket : batch) entries.push_back(&ticket->entry_);

  lock.unlock();
  const Status status = commit_(entries);
  lock.lock();

  leading_ = false;
  for (Ticket* ticket : batch) Finish(*ticket, status);
  if (!status.ok()) {
    failure_ = status.error();
    for (Ticket* ticket : queue_) Finish(*ticket, status);
    queue_.clear();
  }
  // Somebody who sleeps must lead the next batch; those who have not come to wait yet lead when
  // they do.
  for (Ticket* ticket : queue_) {
    if (ticket->waiting_) {
      ticket->wake_.notify_one();
      break;
    }
  }
}

std::vector<CommitQueue::Ticket*> CommitQueue::TakeBatch() {
  std::vector<Ticket*> batch;
  std::size_t bytes = 0;
  while (!queue_.empty() && bytes < kBatchBytesMax) {
    Ticket* ticket = queue_.front();
    queue_.pop_front();
    bytes += ticket->entry_.key.size() + ticket->entry_.value.size();
    batch.push_back(ticket);
  }
  return batch;
}

// The owner may destroy the ticket as soon as the mutex is released, so this is the last touch.
void CommitQueue::Finish(Ticket& ticket, const Status& status) {
  ticket.outcome_ = status;
  ticket.wake_.notify_one();
}

Status CommitQueue::health() const {
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  return Done{};
}

}  // namespace pemba::storage::internal
