// The memory budget of a server: stores go when others need their room, and come back unchanged.
#include <atomic>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "pemba/store/testing/world.h"

namespace pemba::store {
namespace {

using testing::AllTuples;
using testing::Write;

constexpr std::uint64_t kBudget = std::uint64_t{8} << 20;

class Memory : public testing::World {
 protected:
  Memory() : World(storage::NewMemoryDatastore()) {
    options_.memory_bytes_max = kBudget;
    Restart();
  }

  StoreId NewStore() {
    const auto id = stores_->CreateStore("one of many")->id;
    EXPECT_TRUE(OpenStore(id)->WriteModel(testing::MakeModel()).ok());
    return id;
  }

  static std::string Document(int n) {
    return "document:" + std::to_string(n) + "-with-a-name-that-takes-some-room";
  }
  static Result<Revision> WriteSome(Store& store, int first, int count) {
    testing::Request request;
    for (int i = first; i < first + count; ++i) {
      request.writes.push_back(testing::T(Document(i) + "#viewer@user:u" + std::to_string(i)));
    }
    return Write(store, request);
  }
  // Some 1.5 MiB of graph.
  void Fill(const StoreId& id) {
    for (int i = 0; i < 10'000; i += 100) {
      auto written = WriteSome(*OpenStore(id), i, 100);
      // Unloading is on its way, but has to wait for readers: a client asks again.
      for (int again = 0; !written.ok() && again < 400; ++again) {
        ASSERT_EQ(written.error().code, ErrorCode::kResourceExhausted);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        written = WriteSome(*OpenStore(id), i, 100);
      }
      ASSERT_TRUE(written.ok()) << written.error().message;
      EXPECT_LE(stores_->memory().bytes, kBudget);
    }
  }
};

TEST_F(Memory, StoresThatAreNotUsedMakeRoomAndComeBack) {
  std::vector<StoreId> ids;
  for (int i = 0; i < 12; ++i) {
    ids.push_back(NewStore());
    ASSERT_NO_FATAL_FAILURE(Fill(ids.back()));
  }
  EXPECT_LT(stores_->loaded(), ids.size());
  for (int round = 0; round < 2; ++round) {
    for (const auto& id : ids) {
      const auto store = OpenStore(id);
      EXPECT_EQ(store->Pin().revision(), 100u);
      EXPECT_EQ(store->Read({.page_size = 10})->tuples.size(), 10u);
      EXPECT_TRUE(store->Pin().ResolveModel("").ok());
      EXPECT_LE(stores_->memory().bytes, kBudget);
    }
  }
}

// The handle is that of a request that takes long; meanwhile nothing that is unloaded can be freed.
TEST_F(Memory, AHandleOnAnUnloadedStoreWritesToWhereItIsNow) {
  const auto id = NewStore();
  const auto old_handle = OpenStore(id);
  const auto* const before = &old_handle->core();
  for (int i = 0; i < 2; ++i) ASSERT_NO_FATAL_FAILURE(Fill(NewStore()));
  const auto last = NewStore();
  const auto loaded = stores_->loaded();
  for (int i = 0; stores_->loaded() == loaded && i < 100'000; i += 20) {
    if (stores_->memory().bytes > kBudget / 8 * 7) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // The rest is for what follows.
    } else {
      ASSERT_TRUE(WriteSome(*OpenStore(last), i, 20).ok());
    }
  }

  const auto written = WriteSome(*old_handle, 0, 3);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_NE(&OpenStore(id)->core(), before) << "the store was never unloaded";
  EXPECT_EQ(AllTuples(*OpenStore(id)).size(), 3u);
  EXPECT_TRUE(old_handle->PinAtLeast(*written, std::nullopt).ok());

  const auto model = old_handle->WriteModel(testing::MakeModel());
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(OpenStore(id)->Pin().ResolveModel("")->id, model->value);
  EXPECT_EQ(*WriteSome(*OpenStore(id), 3, 1), *written + 1);
  EXPECT_EQ(*WriteSome(*old_handle, 4, 1), *written + 2);
}

TEST_F(Memory, AStoreThatSomebodyKeepsOrListensToStays) {
  const auto kept = NewStore();
  const auto heard = NewStore();
  const auto neither = NewStore();
  std::optional<StoreHandle> handle = *stores_->Keep(kept);
  ASSERT_TRUE(WriteSome(**handle, 0, 3).ok());
  std::atomic<int> told = 0;
  auto listener = stores_->Listen(heard, 0, [&] { ++told; });
  for (int i = 0; i < 9; ++i) ASSERT_NO_FATAL_FAILURE(Fill(NewStore()));
  EXPECT_EQ(stores_->IsLoaded(kept), Stores::Loaded::kYes);
  EXPECT_EQ(stores_->IsLoaded(heard), Stores::Loaded::kYes);
  EXPECT_EQ(stores_->IsLoaded(neither), Stores::Loaded::kNo);
  EXPECT_GT(stores_->memory().unloaded, 0u);
  ASSERT_TRUE(WriteSome(**handle, 3, 1).ok());
  EXPECT_EQ(AllTuples(**handle).size(), 4u);
  EXPECT_EQ(told, 0);
  ASSERT_TRUE(WriteSome(*OpenStore(heard), 0, 1).ok());
  EXPECT_EQ(told, 1);

  listener.reset();
  handle.reset();
  for (int i = 0; i < 9; ++i) ASSERT_NO_FATAL_FAILURE(Fill(NewStore()));
  EXPECT_EQ(stores_->IsLoaded(kept), Stores::Loaded::kNo);
  EXPECT_EQ(stores_->IsLoaded(heard), Stores::Loaded::kNo);
  EXPECT_EQ(AllTuples(*OpenStore(kept)).size(), 4u);
}

// Who waits for a store that is just being unloaded hears of it all the same.
TEST_F(Memory, AListenerHearsOfAStoreThatCameAndWent) {
  const auto id = NewStore();
  for (int i = 0; i < 9; ++i) ASSERT_NO_FATAL_FAILURE(Fill(NewStore()));
  ASSERT_EQ(stores_->IsLoaded(id), Stores::Loaded::kNo);
  std::atomic<int> told = 0;
  const auto listener = stores_->Listen(id, 0, [&] { ++told; });
  EXPECT_EQ(told, 0);
  ASSERT_TRUE(WriteSome(*OpenStore(id), 0, 1).ok());
  EXPECT_EQ(told, 1);
}

// Also with tuples that expire, which are collected again once the store is back.
TEST_F(Memory, WhatExpiresInAnUnloadedStoreIsCollectedOnceItIsBack) {
  const auto id = NewStore();
  auto lent = testing::T("document:lent#viewer@user:anne");
  lent.expires_at = clock_.Now() + std::chrono::hours(1);
  ASSERT_TRUE(Write(*OpenStore(id), {.writes = {lent}}).ok());
  for (int i = 0; i < 9; ++i) ASSERT_NO_FATAL_FAILURE(Fill(NewStore()));
  ASSERT_EQ(stores_->IsLoaded(id), Stores::Loaded::kNo);
  clock_.Advance(std::chrono::hours(2));
  stores_->CollectExpired();
  EXPECT_EQ(stores_->IsLoaded(id), Stores::Loaded::kNo);
  EXPECT_EQ(OpenStore(id)->Pin().revision(), 1u);
  stores_->CollectExpired();
  EXPECT_EQ(OpenStore(id)->Pin().revision(), 2u);
  EXPECT_TRUE(AllTuples(*OpenStore(id)).empty());
}

TEST_F(Memory, WhatFindsNoRoomIsRefusedAndTheRestServes) {
  const auto id = NewStore();
  std::optional<Error> refused;
  int written = 0;
  for (; written < 100'000 && !refused; written += 100) {
    const auto revision = WriteSome(*OpenStore(id), written, 100);
    if (!revision.ok()) refused = revision.error();
    ASSERT_LE(stores_->memory().bytes, kBudget);
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused->message, "the server's memory budget of 8388608 bytes is spent");
  const auto store = OpenStore(id);
  EXPECT_EQ(store->Pin().revision(), static_cast<Revision>(written / 100 - 1));
  EXPECT_EQ(store->Read({.page_size = 7})->tuples.size(), 7u);
}

TEST_F(Memory, AStoreWithoutRoomIsNotOpened) {
  const auto id = NewStore();
  ASSERT_NO_FATAL_FAILURE(Fill(id));
  options_.memory_bytes_max = 1 << 20;
  Restart();
  const auto opened = stores_->Open(id);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kResourceExhausted);
  options_.memory_bytes_max = kBudget;
  Restart();
  EXPECT_EQ(OpenStore(id)->Pin().revision(), 100u);
}

TEST_F(Memory, NothingIsLostWhileStoresComeAndGoUnderLoad) {
  std::vector<StoreId> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(NewStore());
    ASSERT_NO_FATAL_FAILURE(Fill(ids.back()));
  }
  std::vector<std::atomic<int>> acknowledged(ids.size());
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 60; ++i) {
        const auto s = (i * 7 + t * 3) % ids.size();
        const auto opened = stores_->Open(ids[s]);
        if (!opened.ok()) continue;  // No room just now.
        const auto seen = (*opened)->Pin().revision();
        const auto first = static_cast<int>(100'000 + t * 10'000 + i);
        const auto revision = WriteSome(**opened, first, 1);
        if (!revision.ok()) continue;
        ++acknowledged[s];
        EXPECT_GT(*revision, seen);
        EXPECT_TRUE(OpenStore(ids[s])->PinAtLeast(*revision, std::nullopt).ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  int all = 0;
  for (std::size_t s = 0; s < ids.size(); ++s) {
    EXPECT_EQ(OpenStore(ids[s])->Pin().revision(), 100u + acknowledged[s]);
    all += acknowledged[s];
  }
  EXPECT_GT(all, 0);
}

TEST_F(Memory, AnIdleStoreIsSmall) {
  constexpr std::size_t kStores = 1'000;
  constexpr std::size_t kBytesMax = std::size_t{64} << 10;
  options_.memory_bytes_max = 0;
  Restart();
  const auto before = ::mallinfo2();
  for (std::size_t i = 0; i < kStores; ++i) {
    const auto id = NewStore();
    ASSERT_TRUE(WriteSome(*OpenStore(id), 0, 20).ok());
  }
  const auto after = ::mallinfo2();
  ASSERT_GE(stores_->loaded(), kStores);
  const auto bytes = (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / kStores;
  RecordProperty("bytes_per_store", static_cast<int>(bytes));
  std::cout << bytes << " bytes per idle store\n";
  EXPECT_LE(bytes, kBytesMax);
}

}  // namespace
}  // namespace pemba::store
