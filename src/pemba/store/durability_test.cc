// Durable before visible, visible before acknowledged; and what happens when it cannot be made
// durable.
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/storage/testing/gated_datastore.h"
#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kAnne = "document:1#viewer@user:anne";
const std::string kBob = "document:1#viewer@user:bob";
const std::string kCarl = "document:1#viewer@user:carl";

class DurabilityTest : public World {
 protected:
  DurabilityTest() : World(NewGate()), gate_(static_cast<Gate&>(*datastore_)) {}
  ~DurabilityTest() override { gate_.Open(); }

  using Gate = storage::testing::GatedDatastore;
  static std::unique_ptr<storage::Datastore> NewGate() {
    return std::make_unique<Gate>(storage::NewMemoryDatastore());
  }

  std::future<Result<Revision>> WriteAsync(Request request) {
    return std::async(std::launch::async, [this, request = std::move(request)] {
      return Write(*OpenStore(), request);
    });
  }
  static void ExpectUnavailable(std::future<Result<Revision>>& future) {
    const auto result = future.get();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  }
  static bool Running(std::future<Result<Revision>>& future) {
    return future.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout;
  }

  Gate& gate_;
};

TEST_F(DurabilityTest, PastTheDeadlineNothingIsWritten) {
  const auto write = [&](SteadyTime deadline) {
    const std::vector<tuple::Tuple> writes = {T(kAnne)};
    return OpenStore()->Write({.writes = writes, .deadline = deadline});
  };
  const auto late = write(clock_.Steady() - std::chrono::milliseconds(1));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(OpenStore()->Pin().revision(), 0u);
  EXPECT_THAT(AllChanges(*OpenStore()), IsEmpty());
  EXPECT_EQ(*write(clock_.Steady() + std::chrono::minutes(1)), 1u);  // The store is in order.
}

// What others have under way is waited for only until the deadline.
TEST_F(DurabilityTest, AWriteThatFindsEverythingDoneWaitsUntilItsDeadline) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  const std::vector<tuple::Tuple> same = {T(kAnne)};
  const auto start = clock_.Steady();
  const auto outcome = OpenStore()->Write({.writes = same,
                                           .on_duplicate = "ignore",
                                           .deadline = start + std::chrono::milliseconds(30)});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_GE(clock_.Steady() - start, std::chrono::milliseconds(30));
  gate_.Release();
  EXPECT_EQ(*anne.get(), 1u);
}

TEST_F(DurabilityTest, NothingIsVisibleBeforeItIsDurable) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  EXPECT_EQ(OpenStore()->Pin().revision(), 0u);
  EXPECT_THAT(AllTuples(*OpenStore()), IsEmpty());
  EXPECT_THAT(AllChanges(*OpenStore()), IsEmpty());
  EXPECT_TRUE(Running(anne));
  gate_.Release();
  EXPECT_EQ(*anne.get(), 1u);
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne));
}

TEST_F(DurabilityTest, WritersDoNotWaitForEachOther) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  auto bob = WriteAsync({.writes = {T(kBob)}});
  gate_.AwaitWaiting(2);  // Both are on their way: one sync will do for both.
  gate_.Release(2);
  EXPECT_EQ(*anne.get(), 1u);
  EXPECT_EQ(*bob.get(), 2u);
}

TEST_F(DurabilityTest, AnAcknowledgedWriteShowsEverythingBeforeIt) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  auto bob = WriteAsync({.writes = {T(kBob)}});
  gate_.AwaitWaiting(2);
  gate_.Release(2);
  EXPECT_EQ(*bob.get(), 2u);
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne, kBob));
  EXPECT_EQ(*anne.get(), 1u);
}

// The loser of a race is told to try again, not that it asked for something wrong.
TEST_F(DurabilityTest, WritingWhatAnotherRequestIsWritingIsAConflict) {
  gate_.Close();
  auto first = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  const auto second = Write(*OpenStore(), {.writes = {T(kAnne)}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error(), (Error{ErrorCode::kConflict,
                                   "transactional write failed due to conflict: one or more tuples "
                                   "to write were inserted by another transaction"}));
  gate_.Release();
  EXPECT_TRUE(first.get().ok());
  const auto third = Write(*OpenStore(), {.writes = {T(kAnne)}});
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, ErrorCode::kTupleStateMismatch);
}

TEST_F(DurabilityTest, DeletingWhatAnotherRequestIsDeletingIsAConflict) {
  MustWrite({.writes = {T(kAnne)}});
  gate_.Close();
  auto first = WriteAsync({.deletes = {kAnne}});
  gate_.AwaitWaiting(1);
  const auto second = Write(*OpenStore(), {.deletes = {kAnne}});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error(), (Error{ErrorCode::kConflict,
                                   "transactional write failed due to conflict: one or more tuples "
                                   "to delete were deleted by another transaction"}));
  gate_.Release();
  EXPECT_TRUE(first.get().ok());
}

// "Already there" must not be acknowledged before "there" is durable.
TEST_F(DurabilityTest, SkippingWaitsForWhatItReliesOn) {
  gate_.Close();
  auto first = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  auto second = WriteAsync({.writes = {T(kAnne)}, .on_duplicate = "ignore"});
  EXPECT_TRUE(Running(second));
  gate_.Release();
  EXPECT_EQ(*first.get(), 1u);
  EXPECT_EQ(*second.get(), 1u);
}

TEST_F(DurabilityTest, SkippingFailsWithWhatItReliesOn) {
  gate_.Close();
  auto first = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  auto second = WriteAsync({.writes = {T(kAnne)}, .on_duplicate = "ignore"});
  EXPECT_TRUE(Running(second));
  gate_.FailNext(1);
  ExpectUnavailable(first);
  const auto result = second.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kConflict);
}

TEST_F(DurabilityTest, AFailedWriteLeavesNothingBehind) {
  MustWrite({.writes = {T(kAnne)}});
  const auto before = OpenStore()->Pin();
  gate_.Close();
  auto bob = WriteAsync({.writes = {T(kBob)}, .deletes = {kAnne}});
  gate_.AwaitWaiting(1);
  auto carl = WriteAsync({.writes = {T(kCarl)}});
  gate_.FailNext(2);
  ExpectUnavailable(bob);
  ExpectUnavailable(carl);
  gate_.Open();

  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne));
  EXPECT_EQ(MustWrite({.writes = {T(kCarl)}}), 2u);  // The revision was not used up.
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne, kCarl));
  EXPECT_THAT(AllChanges(*OpenStore()), ElementsAre("+" + kAnne, "+" + kCarl));
  EXPECT_EQ(before.revision(), 1u);  // A view from before still stands.
  EXPECT_TRUE(before.ResolveModel("").ok());
}

// Part of a batch is durable, the rest fails: what was durable is acknowledged and kept.
TEST_F(DurabilityTest, WhatWasDurableBeforeAFailureStays) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  auto bob = WriteAsync({.writes = {T(kBob)}});
  gate_.AwaitWaiting(2);
  gate_.Release(1);
  gate_.FailNext(1);
  EXPECT_EQ(*anne.get(), 1u);
  ExpectUnavailable(bob);
  gate_.Open();
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne));
}

TEST_F(DurabilityTest, AStoreThatCannotBeLoadedAgainServesReadsAndRefusesWrites) {
  MustWrite({.writes = {T(kAnne)}});
  gate_.Close();
  auto bob = WriteAsync({.writes = {T(kBob)}});
  gate_.AwaitWaiting(1);
  gate_.set_read_error(Error{ErrorCode::kUnavailable, "no connection"});
  gate_.FailNext(1);
  ExpectUnavailable(bob);
  gate_.Open();
  EXPECT_FALSE(Write(*OpenStore(), {.writes = {T(kCarl)}}).ok());
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne));
  EXPECT_FALSE(reports().empty());

  gate_.set_read_error(std::nullopt);
  EXPECT_EQ(MustWrite({.writes = {T(kCarl)}}), 2u);
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne, kCarl));
}

TEST_F(DurabilityTest, AViewCanWaitForARevision) {
  gate_.Close();
  auto anne = WriteAsync({.writes = {T(kAnne)}});
  gate_.AwaitWaiting(1);
  const auto at_once = OpenStore()->PinAtLeast(1, std::nullopt);
  ASSERT_FALSE(at_once.ok());
  EXPECT_EQ(at_once.error().code, ErrorCode::kUnavailable);
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  EXPECT_FALSE(OpenStore()->PinAtLeast(1, soon).ok());
  auto waiting = std::async(std::launch::async, [this] {
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto view = OpenStore()->PinAtLeast(1, late);
    return view.ok() ? view->revision() : 0;
  });
  gate_.Release();
  EXPECT_EQ(waiting.get(), 1u);
  EXPECT_TRUE(anne.get().ok());
  EXPECT_EQ(OpenStore()->PinAtLeast(0, std::nullopt)->revision(), 1u);
}

}  // namespace
}  // namespace pemba::store::testing
