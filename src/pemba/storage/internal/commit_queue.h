// CommitQueue: many writers, one sync. Group commit with a leader among those who wait.
//
// Entries are committed in the order in which they were enqueued. Whoever waits while nobody leads
// becomes the leader: it takes what is queued, commits it as one batch, and wakes the owners; those
// who enqueue meanwhile form the next batch. There is no thread of its own, so a lone writer pays
// no hand-over. As in LevelDB's writer queue, except that the leader is whoever waits first and
// need not be the head of the queue: an owner that is slow to wait holds up nobody.
//
// After a failed commit the queue refuses everything: the state of the medium is then unknown, and
// a later success on top of it could acknowledge a write that depends on a lost one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage::internal {

struct CommitEntry {
  std::string key, value;
};

// Thread-safe. Outlives its tickets.
class CommitQueue {
 public:
  // Makes the entries durable, all or nothing. Called by one thread at a time.
  using Commit = std::function<Status(std::span<const CommitEntry* const>)>;

  // A batch is cut after the entry that reaches this size.
  static constexpr std::size_t kBatchBytesMax = std::size_t{8} << 20;

  explicit CommitQueue(Commit commit) : commit_(std::move(commit)) {}
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // O(1), never blocks on input or output. A ticket that is dropped waits.
  std::unique_ptr<AppendTicket> Enqueue(CommitEntry entry);
  Status Put(CommitEntry entry) { return Enqueue(std::move(entry))->Wait(); }

  // The error of the commit that failed, if one did.
  Status health() const;

 private:
  class Ticket;

  Status Wait(Ticket& ticket);
  void Lead(std::unique_lock<std::mutex>& lock);
  std::vector<Ticket*> TakeBatch();
  static void Finish(Ticket& ticket, const Status& status);

  const Commit commit_;
  mutable std::mutex mutex_;  // Guards everything below and the fields of tickets.
  std::deque<Ticket*> queue_;
  bool leading_ = false;
  std::optional<Error> failure_;
};

}  // namespace pemba::storage::internal
