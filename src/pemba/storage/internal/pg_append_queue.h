// PgAppendQueue: Datastore::Append on top of locked logs. Whoever waits first commits everything
// that is queued for the store, in one transaction.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage::internal {

// Thread-safe. Outlives its tickets.
class PgAppendQueue {
 public:
  // Locks the log of a store.
  using Lock = std::function<Result<std::unique_ptr<LockedLog>>(const StoreId&)>;

  explicit PgAppendQueue(Lock lock) : lock_(std::move(lock)) {}

  std::unique_ptr<AppendTicket> Enqueue(const StoreId& store, const Write& write);

 private:
  struct Entry {  // A copy of a write, as its record.
    Revision revision = 0;
    std::string body;
    std::optional<Status> outcome;
  };
  struct Queue {
    std::vector<std::shared_ptr<Entry>> waiting;
    bool leading = false;  // Somebody commits what was queued before.
  };
  class Ticket;

  Status Wait(const StoreId& store, Entry& entry);
  void Commit(const StoreId& store, const std::vector<std::shared_ptr<Entry>>& entries);

  const Lock lock_;
  std::mutex mutex_;  // Guards the queues and the outcomes.
  std::condition_variable done_;
  StringMap<Queue> queues_;
};

}  // namespace pemba::storage::internal
