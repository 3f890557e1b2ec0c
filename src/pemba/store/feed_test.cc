// What the reader of a change feed is told: whole writes, each once, in order.
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FeedTest : public World {
 protected:
  FeedBatch After(const FeedPosition& from, std::string_view type = "",
                  std::size_t changes_max = 100) {
    auto batch = OpenStore()->ReadFeed(from, type, changes_max);
    EXPECT_TRUE(batch.ok());
    return *std::move(batch);
  }
  static std::vector<std::string> Texts(const FeedBatch& batch) {
    std::vector<std::string> texts;
    for (const auto& write : batch.writes) {
      for (const auto& change : write.changes) {
        const bool wrote = change.operation == graph::Change::Operation::kWrite;
        EXPECT_EQ(change.revision, write.revision);
        texts.push_back(std::to_string(write.revision) + (wrote ? " +" : " -") +
                        TextOf(change.tuple));
      }
    }
    return texts;
  }
  ErrorCode CodeOfStart(const FeedRequest& request) {
    const auto start = OpenStore()->StartFeed(request);
    return start.ok() ? ErrorCode::kInternal : start.error().code;
  }
};

TEST_F(FeedTest, WritesAreNeverSplit) {
  MustWrite({.writes = {T("document:1#owner@user:a"), T("group:1#member@user:a"),
                        T("document:2#owner@user:a")}});
  MustWrite({.deletes = {"document:1#owner@user:a"}});
  auto batch = After({0, 0}, "", 2);
  EXPECT_THAT(Texts(batch), ElementsAre("1 +document:1#owner@user:a", "1 +group:1#member@user:a",
                                        "1 +document:2#owner@user:a"));
  EXPECT_EQ(batch.next, (FeedPosition{1, 0}));
  batch = After(batch.next, "", 2);
  EXPECT_THAT(Texts(batch), ElementsAre("2 -document:1#owner@user:a"));
  EXPECT_EQ(batch.next, (FeedPosition{2, 0}));
}

TEST_F(FeedTest, OtherTypesAreSkippedButPassed) {
  MustWrite({.writes = {T("document:1#owner@user:a"), T("group:2#member@user:a")}});
  MustWrite({.writes = {T("group:1#member@user:a")}});
  const auto batch = After({0, 0}, "document");
  EXPECT_THAT(Texts(batch), ElementsAre("1 +document:1#owner@user:a"));
  EXPECT_EQ(batch.next, (FeedPosition{2, 0}));
}

TEST_F(FeedTest, NothingNewIsNoProgress) {
  const auto last = MustWrite({.writes = {T("document:1#owner@user:a")}});
  const auto batch = After({last, 0});
  EXPECT_THAT(Texts(batch), IsEmpty());
  EXPECT_EQ(batch.next, (FeedPosition{last, 0}));
}

TEST_F(FeedTest, StartsWhereItIsTold) {
  MustWrite({.writes = {T("document:1#owner@user:a")}});
  MustWrite({.writes = {T("document:2#owner@user:a")}});
  const auto store = OpenStore();
  EXPECT_EQ(*store->StartFeed({}), (FeedPosition{2, 0}));
  EXPECT_EQ(*store->StartFeed({.after_revision = 0}), (FeedPosition{0, 0}));
  EXPECT_EQ(*store->StartFeed({.after_revision = 2}), (FeedPosition{2, 0}));
  const auto token = store->MakeFeedToken({1, 0}, "document");
  EXPECT_EQ(*store->StartFeed({.type = "document", .continuation_token = token}),
            (FeedPosition{1, 0}));

  // The store of a backup that is older than the reader.
  EXPECT_EQ(CodeOfStart({.after_revision = 3}), ErrorCode::kInvalidArgument);
  const auto ahead = store->MakeFeedToken({3, 0}, "");
  EXPECT_EQ(CodeOfStart({.continuation_token = ahead}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfStart({.after_revision = 1, .continuation_token = token}),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOfStart({.type = "group", .continuation_token = token}),
            ErrorCode::kContinuationTokenMismatch);
  EXPECT_EQ(CodeOfStart({.continuation_token = "bm8"}), ErrorCode::kInvalidContinuationToken);
}

TEST_F(FeedTest, GoesOnFromATokenOfReadChangesAndBack) {
  MustWrite({.writes = {T("document:1#owner@user:a"), T("document:2#owner@user:a"),
                        T("document:3#owner@user:a")}});
  MustWrite({.writes = {T("document:4#owner@user:a")}});
  const auto store = OpenStore();
  const auto page = store->ReadChanges({.page_size = 2});
  const auto start = store->StartFeed({.continuation_token = page->continuation_token});
  ASSERT_TRUE(start.ok());
  EXPECT_THAT(Texts(After(*start)),
              ElementsAre("1 +document:3#owner@user:a", "2 +document:4#owner@user:a"));
  const auto token = store->MakeFeedToken(*start, "");
  EXPECT_EQ(store->ReadChanges({.continuation_token = token})->changes.size(), 2u);
  EXPECT_EQ(*store->StartFeed({.continuation_token = token}), *start);
  const auto whole = store->MakeFeedToken({1, 0}, "");
  EXPECT_EQ(store->ReadChanges({.continuation_token = whole})->changes.size(), 1u);
}

TEST_F(FeedTest, ListenersAreToldOnce) {
  std::atomic<int> told = 0;
  const auto tell = [&] { ++told; };
  const auto first = stores_->Listen(store_id_, 0, tell);
  EXPECT_EQ(told, 0);
  MustWrite({.writes = {T("document:1#owner@user:a")}});
  EXPECT_EQ(told, 1);
  MustWrite({.writes = {T("document:2#owner@user:a")}});
  EXPECT_EQ(told, 1);
  const auto late = stores_->Listen(store_id_, 1, tell);
  EXPECT_EQ(told, 2) << "there is a revision after 1 already";
  {
    const auto gone = stores_->Listen(store_id_, 2, tell);
    const auto elsewhere = stores_->Listen(stores_->CreateStore("other")->id, 0, tell);
  }
  MustWrite({.writes = {T("document:3#owner@user:a")}});
  EXPECT_EQ(told, 2);
  const auto last = stores_->Listen(store_id_, 3, tell);
  ASSERT_TRUE(stores_->DeleteStore(store_id_).ok());
  EXPECT_EQ(told, 3);
  const auto after = stores_->Listen(store_id_, 3, tell);
  EXPECT_EQ(told, 4) << "it is deleted already";
}

// The id is served before anything is stored under it; then by another object.
TEST_F(FeedTest, ListenersOfAnEmptyStoreHearOfItsFirstWrite) {
  const auto id = stores_->CreateStore("empty")->id;
  std::promise<void> told;
  const auto listener = stores_->Listen(id, 0, [&] { told.set_value(); });
  ASSERT_TRUE(OpenStore(id)->WriteModel(MakeModel()).ok());
  ASSERT_TRUE(Write(*OpenStore(id), {.writes = {T("document:1#owner@user:a")}}).ok());
  EXPECT_EQ(told.get_future().wait_for(0s), std::future_status::ready);
}

// Readers that listen, read and listen again, beside writers.
TEST_F(FeedTest, AReaderThatListensMissesNothing) {
  constexpr int kWriters = 3;
  constexpr int kWrites = 200;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w] {
      for (int n = 0; n < kWrites; ++n) {
        const auto id = std::to_string(w) + "-" + std::to_string(n);
        MustWrite({.writes = {T("document:" + id + "#owner@user:a"),
                              T("document:" + id + "#viewer@user:b")}});
        if (n % 3 == 0) MustWrite({.deletes = {"document:" + id + "#owner@user:a"}});
      }
    });
  }
  constexpr std::size_t kChanges = kWriters * (2 * kWrites + (kWrites + 2) / 3);
  std::vector<std::string> seen;
  FeedPosition at;
  while (seen.size() < kChanges) {
    const auto batch = After(at, "", 7);
    for (const auto& write : batch.writes) {
      EXPECT_GT(write.revision, at.revision);
      for (const auto& change : write.changes) {
        const bool wrote = change.operation == graph::Change::Operation::kWrite;
        seen.push_back((wrote ? "+" : "-") + TextOf(change.tuple));
      }
    }
    at = batch.next;
    const auto told = std::make_shared<std::promise<void>>();
    const auto listener = stores_->Listen(store_id_, at.revision, [told] { told->set_value(); });
    if (seen.size() < kChanges) {
      ASSERT_EQ(told->get_future().wait_for(60s), std::future_status::ready);
    }
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(seen, AllChanges(*OpenStore()));
}

}  // namespace
}  // namespace pemba::store::testing
