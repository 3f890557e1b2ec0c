#include "pemba/store/internal/reclaimer.h"

#include <optional>
#include <thread>

#include <gtest/gtest.h>

namespace pemba::store::internal {
namespace {

TEST(Reclaimer, FreesAtOnceWhatNobodyReads) {
  Reclaimer reclaimer;
  int freed = 0;
  reclaimer.Retire([&] { ++freed; });
  EXPECT_EQ(freed, 0);
  EXPECT_FALSE(reclaimer.Collect());
  EXPECT_EQ(freed, 1);
}

TEST(Reclaimer, WaitsForThoseWhoEnteredBefore) {
  Reclaimer reclaimer;
  int freed = 0;
  std::optional<Reclaimer::Guard> before(reclaimer.Enter());
  reclaimer.Retire([&] { ++freed; });
  EXPECT_TRUE(reclaimer.Collect());
  EXPECT_TRUE(reclaimer.Collect());
  EXPECT_EQ(freed, 0);
  const auto after = reclaimer.Enter();  // Holds nothing back that was retired before.
  before.reset();
  EXPECT_FALSE(reclaimer.Collect());
  EXPECT_EQ(freed, 1);
}

TEST(Reclaimer, AnOldReaderHoldsBackEveryLaterGeneration) {
  Reclaimer reclaimer;
  int freed = 0;
  std::optional<Reclaimer::Guard> reader(reclaimer.Enter());
  for (int i = 0; i < 5; ++i) {
    reclaimer.Retire([&] { ++freed; });
    EXPECT_TRUE(reclaimer.Collect());
  }
  EXPECT_EQ(freed, 0);
  reader.reset();
  while (reclaimer.Collect()) {
  }
  EXPECT_EQ(freed, 5);
}

TEST(Reclaimer, AMovedGuardStillGuards) {
  Reclaimer reclaimer;
  int freed = 0;
  std::optional<Reclaimer::Guard> moved;
  {
    auto guard = reclaimer.Enter();
    moved.emplace(std::move(guard));
  }
  reclaimer.Retire([&] { ++freed; });
  EXPECT_TRUE(reclaimer.Collect());
  std::thread([&] { moved.reset(); }).join();
  EXPECT_FALSE(reclaimer.Collect());
  EXPECT_EQ(freed, 1);
}

TEST(Reclaimer, WhatIsLeftIsFreedAtTheEnd) {
  int freed = 0;
  {
    Reclaimer reclaimer;
    reclaimer.Retire([&] { ++freed; });
  }
  EXPECT_EQ(freed, 1);
}

// Readers follow a pointer to a value that is poisoned before it is freed.
TEST(Reclaimer, NobodyReadsWhatWasFreed) {
  Reclaimer reclaimer;
  constexpr int kAlive = 42;
  std::atomic<std::atomic<int>*> current{new std::atomic<int>(kAlive)};
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto guard = reclaimer.Enter();
        const auto* value = current.load();
        for (int j = 0; j < 10; ++j) ASSERT_EQ(value->load(std::memory_order_relaxed), kAlive);
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    auto* old = current.exchange(new std::atomic<int>(kAlive));
    reclaimer.Retire([old] {
      old->store(0);
      delete old;
    });
    reclaimer.Collect();
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  delete current.load();
}

}  // namespace
}  // namespace pemba::store::internal
