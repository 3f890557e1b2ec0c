// CommitQueue: many writers, one sync. Group commit with a leader among those who wait.
//
// Entries are committed in the order in which they were enqueued. They gather in a batch; whoever
// waits while nobody leads becomes the leader, commits the oldest batch and wakes its owners, while
// the next one gathers. There is no thread of its own, so a lone writer pays no hand-over. As in
// LevelDB's writer queue, except that the leader is whoever waits first and need not own the head
// of the queue (an owner that is slow to wait holds up nobody), and that a batch is woken as a
// whole, after the lock is released: waking writers one by one into a held lock cost more than the
// disk.
//
// Whoever is told that a write is durable often has the next one ready a moment later. Were the
// leader to go at once, those would miss each batch by a little, and two halves would take turns:
// so it waits until as many writes have come as were under way when the last commit ended, for a
// quarter of what a commit takes at most. A lone writer waits for nobody.
//
// After a failed commit the queue refuses everything: the state of the medium is then unknown, and
// a later success on top of it could acknowledge a write that depends on a lost one.
#pragma once

#include <atomic>
#include <chrono>
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
  std::string key;
  std::optional<std::string> value;  // Absent: the key is removed.
};

// Thread-safe. Outlives its tickets.
class CommitQueue {
 public:
  // Makes the entries durable, all or nothing. Called by one thread at a time.
  using Commit = std::function<Status(std::span<const CommitEntry>)>;

  // Commits that are faster than four times this are not waited for: no timer is as exact.
  static constexpr std::chrono::microseconds kGatherMin{100};
  static constexpr std::chrono::microseconds kGatherMax{2000};

  // A batch is closed after the entry that reaches this size.
  static constexpr std::size_t kBatchBytesMax = std::size_t{8} << 20;

  explicit CommitQueue(Commit commit) : commit_(std::move(commit)) {}
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // O(1), never blocks on input or output. A ticket that is dropped is committed all the same.
  // `more` comes in the same batch, after `entry`.
  std::unique_ptr<AppendTicket> Enqueue(CommitEntry entry, std::vector<CommitEntry> more = {});
  Status Put(CommitEntry entry) { return Enqueue(std::move(entry))->Wait(); }

  // The error of the commit that failed, if one did.
  Status health() const;

 private:
  struct Batch;
  class Ticket;

  Status Wait(Batch& batch);
  // Commits the oldest batch; false if somebody else leads.
  bool Lead();
  // Lets the oldest batch gather. The lock is held, but while it waits.
  void Gather(std::unique_lock<std::mutex>& lock);

  const Commit commit_;
  mutable std::mutex mutex_;                  // Guards everything below.
  std::deque<std::shared_ptr<Batch>> queue_;  // Oldest first; entries are added to the last.
  std::atomic<bool> leading_{false};          // Written with the mutex held.
  std::condition_variable
      arrival_;               // With mutex_: the oldest batch has as many writes as expected.
  std::size_t expected_ = 0;  // Writes that were under way when the last commit ended.
  std::chrono::nanoseconds commit_time_{0};  // Of late.
  std::optional<Error> failure_;
};

}  // namespace pemba::storage::internal
