#include "pemba/storage/internal/pg_append_queue.h"

#include <utility>

#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage::internal {

class PgAppendQueue::Ticket final : public AppendTicket {
 public:
  Ticket(PgAppendQueue& queue, const StoreId& store, std::shared_ptr<Entry> entry)
      : queue_(queue), store_(store), entry_(std::move(entry)) {}
  ~Ticket() override {
    if (entry_ != nullptr) (void)Wait();
  }
  Status Wait() override {
    const auto entry = std::exchange(entry_, nullptr);
    return queue_.Wait(store_, *entry);
  }

 private:
  PgAppendQueue& queue_;
  const StoreId store_;
  std::shared_ptr<Entry> entry_;  // Null once it was waited for.
};

std::unique_ptr<AppendTicket> PgAppendQueue::Enqueue(const StoreId& store, const Write& write) {
  if (auto checked = CheckId(store.value, "store"); !checked.ok()) {
    return std::make_unique<SettledTicket>(std::move(checked));
  }
  if (auto checked = CheckRecordKeys(write); !checked.ok()) {
    return std::make_unique<SettledTicket>(std::move(checked));
  }
  auto entry = std::make_shared<Entry>(Entry{write.revision, EncodeWrite(write), std::nullopt});
  const std::lock_guard lock(mutex_);
  queues_[store.value].waiting.push_back(entry);
  return std::make_unique<Ticket>(*this, store, std::move(entry));
}

Status PgAppendQueue::Wait(const StoreId& store, Entry& entry) {
  std::unique_lock lock(mutex_);
  while (!entry.outcome) {
    Queue& queue = queues_[store.value];
    if (queue.leading) {
      done_.wait(lock);
      continue;
    }
    queue.leading = true;
    const auto entries = std::exchange(queue.waiting, {});
    lock.unlock();
    Commit(store, entries);
    lock.lock();
    const auto led = queues_.find(store.value);
    led->second.leading = false;
    if (led->second.waiting.empty()) queues_.erase(led);
    done_.notify_all();
  }
  return *entry.outcome;
}

// What does not follow the head, or what was taken before it, is refused.
void PgAppendQueue::Commit(const StoreId& store,
                           const std::vector<std::shared_ptr<Entry>>& entries) {
  auto locked = lock_(store);
  std::vector<Write> writes;
  std::vector<WriteParts> parts(entries.size());
  std::vector<Status> outcomes;
  outcomes.reserve(entries.size());
  Revision last = locked.ok() ? (*locked)->head().revision : 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = *entries[i];
    if (!locked.ok()) {
      outcomes.emplace_back(locked.error());
    } else if (entry.revision != last + 1) {
      outcomes.emplace_back(RevisionTaken(store.value, entry.revision, last));
    } else {
      auto write = DecodeWrite(entry.body, parts[i]);
      write->revision = ++last;
      writes.push_back(*write);
      outcomes.emplace_back(Done{});
    }
  }
  const Status committed = writes.empty() ? Status(Done{}) : (*locked)->Commit(writes);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i]->outcome = outcomes[i].ok() ? committed : outcomes[i];
  }
}

}  // namespace pemba::storage::internal
