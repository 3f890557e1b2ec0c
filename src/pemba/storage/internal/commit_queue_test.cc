#include "pemba/storage/internal/commit_queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

namespace pemba::storage::internal {
namespace {

// Commits into a vector; fails from the batch on that holds `fail_at`.
struct Medium {
  Status Commit(std::span<const CommitEntry> entries) {
    EXPECT_FALSE(busy.exchange(true)) << "two leaders at once";
    ++batches;
    Status status = Done{};
    for (const auto& entry : entries) {
      if (entry.key == fail_at) status = Error{ErrorCode::kUnavailable, "no space"};
    }
    if (status.ok()) {
      for (const auto& entry : entries) keys.push_back(entry.key);
    }
    busy = false;
    return status;
  }
  CommitQueue::Commit function() {
    return [this](std::span<const CommitEntry> entries) { return Commit(entries); };
  }

  std::string fail_at;
  std::vector<std::string> keys;
  int batches = 0;
  std::atomic<bool> busy = false;
};

TEST(CommitQueue, CommitsInTheOrderOfEnqueueing) {
  Medium medium;
  CommitQueue queue(medium.function());
  auto a = queue.Enqueue({"a", ""});
  auto b = queue.Enqueue({"b", ""});
  EXPECT_TRUE(b->Wait().ok());
  EXPECT_TRUE(a->Wait().ok());
  EXPECT_EQ(medium.keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(medium.batches, 1);
}

TEST(CommitQueue, ADroppedTicketIsCommittedAllTheSame) {
  Medium medium;
  CommitQueue queue(medium.function());
  queue.Enqueue({"a", ""}).reset();
  EXPECT_EQ(medium.keys.size(), 1u);
}

TEST(CommitQueue, CutsABatchAtItsBound) {
  Medium medium;
  CommitQueue queue(medium.function());
  const std::string half(CommitQueue::kBatchBytesMax / 2, 'x');
  std::vector<std::unique_ptr<AppendTicket>> tickets;
  for (const char* key : {"a", "b", "c", "d", "e"}) tickets.push_back(queue.Enqueue({key, half}));
  EXPECT_TRUE(tickets.back()->Wait().ok());
  EXPECT_EQ(medium.batches, 3);
  EXPECT_EQ(medium.keys.size(), 5u);
}

TEST(CommitQueue, RefusesEverythingAfterAFailure) {
  Medium medium;
  medium.fail_at = "b";
  CommitQueue queue(medium.function());
  EXPECT_TRUE(queue.Put({"a", ""}).ok());
  EXPECT_TRUE(queue.health().ok());
  auto b = queue.Enqueue({"b", ""});
  auto c = queue.Enqueue({"c", ""});
  EXPECT_FALSE(b->Wait().ok());
  EXPECT_FALSE(c->Wait().ok());
  EXPECT_FALSE(queue.Put({"d", ""}).ok());
  EXPECT_EQ(queue.health().error(), (Error{ErrorCode::kUnavailable, "no space"}));
  EXPECT_EQ(medium.keys, std::vector<std::string>{"a"});
}

TEST(CommitQueue, AFailureReachesThoseWhoQueuedDuringTheCommit) {
  std::latch committing(1);
  std::latch queued(1);
  int commits = 0;
  CommitQueue queue([&](std::span<const CommitEntry>) -> Status {
    ++commits;
    committing.count_down();
    queued.wait();
    return Error{ErrorCode::kUnavailable, "no space"};
  });
  std::thread leader([&] { EXPECT_FALSE(queue.Put({"a", ""}).ok()); });
  committing.wait();
  auto late = queue.Enqueue({"b", ""});
  std::thread follower([&] { EXPECT_FALSE(late->Wait().ok()); });
  queued.count_down();
  leader.join();
  follower.join();
  EXPECT_EQ(commits, 1);
}

// Without patience two halves of the writers take turns, which makes two commits a round.
TEST(CommitQueue, ThoseWhoComeBackAtOnceShareTheNextCommit) {
  constexpr int kThreads = 8, kRounds = 25;
  std::atomic<int> commits = 0;
  CommitQueue queue([&](std::span<const CommitEntry>) -> Status {
    ++commits;
    std::this_thread::sleep_for(std::chrono::milliseconds(8));
    return Done{};
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) EXPECT_TRUE(queue.Put({"key", ""}).ok());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LT(commits, kRounds * 17 / 10);
}

TEST(CommitQueue, ALoneWriterWaitsForNobody) {
  CommitQueue queue([&](std::span<const CommitEntry>) -> Status {
    std::this_thread::sleep_for(std::chrono::milliseconds(8));
    return Done{};
  });
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(queue.Put({"key", ""}).ok());
    fastest = std::min<std::chrono::nanoseconds>(fastest, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(fastest, std::chrono::milliseconds(10));
}

TEST(CommitQueue, NobodyIsForgottenUnderLoad) {
  constexpr int kThreads = 16;
  constexpr int kEach = 500;
  Medium medium;
  CommitQueue queue(medium.function());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        if (i % 3 == 0) {
          auto first = queue.Enqueue({key, ""});
          EXPECT_TRUE(queue.Put({key + "b", ""}).ok());
          EXPECT_TRUE(first->Wait().ok());
        } else {
          EXPECT_TRUE(queue.Put({key, ""}).ok());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(medium.keys.size(), std::size_t{kThreads} * (kEach + (kEach + 2) / 3));
}

}  // namespace
}  // namespace pemba::storage::internal
