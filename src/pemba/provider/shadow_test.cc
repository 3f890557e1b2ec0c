// The first provider decides; the second one's differences are seen and change nothing.
#include "pemba/provider/shadow.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/provider/embedded.h"
#include "pemba/provider/testing/models.h"
#include "pemba/storage/memory.h"

namespace pemba::provider::testing {
namespace {

using ::testing::SizeIs;

class ShadowTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Embedded> Open(store::Stores& stores, const char* id, const Clock& clock) {
    return *Embedded::Open(stores, StoreId{id}, clock);
  }
  void SetUp() override {
    ASSERT_TRUE(primary_->WriteModel(Library(), "").ok());
    ASSERT_TRUE(secondary_->WriteModel(Library(), "").ok());
  }
  std::unique_ptr<Shadow> Start(ShadowOptions options = {}) {
    options.on_mismatch = [this](const Mismatch& m) { mismatches_.push_back(m); };
    return std::make_unique<Shadow>(*primary_, *secondary_, clock_, std::move(options));
  }
  Decision Ask(Shadow& shadow, const tuple::Tuple& question) {
    return *shadow.Check({&question, 1}, {}).front();
  }

  const SystemClock clock_;
  const std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, clock_};
  const std::unique_ptr<Embedded> primary_ = Open(stores_, "01J0000000000000000000000A", clock_);
  const std::unique_ptr<Embedded> secondary_ = Open(stores_, "01J0000000000000000000000B", clock_);
  const tuple::Tuple grant_ = T("doc:1#get@person:a");
  std::vector<Mismatch> mismatches_;  // Read after AwaitIdle.
};

TEST_F(ShadowTest, ThePrimaryDecidesAndTheDifferenceIsToldWithBothReasons) {
  ASSERT_TRUE(primary_->Apply({}, {&grant_, 1}).ok());
  const auto shadow = Start();
  EXPECT_EQ(Ask(*shadow, grant_), Decision::kAllowed);
  EXPECT_EQ(Ask(*shadow, T("doc:1#get@person:b")), Decision::kDenied);
  shadow->AwaitIdle();
  ASSERT_THAT(mismatches_, SizeIs(1));
  EXPECT_EQ(mismatches_[0].question, grant_);
  EXPECT_EQ(mismatches_[0].primary, Decision::kAllowed);
  EXPECT_EQ(mismatches_[0].secondary, Decision::kDenied);
  ASSERT_TRUE(mismatches_[0].primary_explanation && mismatches_[0].secondary_explanation);
  EXPECT_FALSE(mismatches_[0].primary_explanation->proof.empty());
  EXPECT_FALSE(mismatches_[0].secondary_explanation->near_misses.empty());
  EXPECT_EQ(shadow->counts().compared, 2U);
  EXPECT_EQ(shadow->counts().mismatches, 1U);
}

TEST_F(ShadowTest, AgreementIsSilent) {
  ASSERT_TRUE(primary_->Apply({}, {&grant_, 1}).ok());
  ASSERT_TRUE(secondary_->Apply({}, {&grant_, 1}).ok());
  const auto shadow = Start();
  for (int i = 0; i < 120; ++i) EXPECT_EQ(Ask(*shadow, grant_), Decision::kAllowed);
  shadow->AwaitIdle();
  EXPECT_THAT(mismatches_, SizeIs(0));
  EXPECT_EQ(shadow->counts().compared, 120U);
}

TEST_F(ShadowTest, ASecondaryThatFailsIsNoMismatchAndAPrimaryThatFailsIsNotHidden) {
  ASSERT_TRUE(primary_->WriteModel(Library({"get", "share"}), primary_->ReadModel()->id).ok());
  const auto shadow = Start();
  EXPECT_EQ(Ask(*shadow, T("doc:1#share@person:a")), Decision::kDenied);
  const auto unknown = T("doc:1#edit@person:a");
  EXPECT_FALSE(shadow->Check({&unknown, 1}, {}).front().ok());
  shadow->AwaitIdle();
  EXPECT_THAT(mismatches_, SizeIs(0));
  EXPECT_EQ(shadow->counts().failed, 1U);
  EXPECT_EQ(shadow->counts().compared, 0U);
}

TEST_F(ShadowTest, WhatChangesMeanwhileIsNoMismatch) {
  ASSERT_TRUE(primary_->Apply({}, {&grant_, 1}).ok());
  const auto other = T("doc:2#get@person:a");
  ASSERT_TRUE(secondary_->Apply({}, {&other, 1}).ok());  // Both have revision 1.
  Revision revision = 0;  // Asked for by the thread that compares only.
  const auto shadow = Start({.revision = [&revision] { return revision = 1 - revision; }});
  EXPECT_EQ(Ask(*shadow, grant_), Decision::kAllowed);
  shadow->AwaitIdle();
  EXPECT_THAT(mismatches_, SizeIs(0));
  EXPECT_EQ(shadow->counts().failed, 1U);
}

TEST_F(ShadowTest, BothAreAskedAsOfOneRevision) {
  ASSERT_TRUE(primary_->Apply({}, {&grant_, 1}).ok());
  constexpr Revision kNotThere = 1'000;
  const auto shadow =
      Start({.patience = std::chrono::milliseconds(50), .revision = [] { return kNotThere; }});
  EXPECT_EQ(Ask(*shadow, grant_), Decision::kAllowed);
  shadow->AwaitIdle();
  EXPECT_THAT(mismatches_, SizeIs(0));
  EXPECT_EQ(shadow->counts().failed, 1U);
}

TEST_F(ShadowTest, WhatDoesNotFitIntoTheQueueIsCounted) {
  const auto shadow = Start({.queue_max = 10});
  const std::vector<tuple::Tuple> many(100, grant_);
  EXPECT_THAT(shadow->Check(many, {}), SizeIs(100));
  shadow->AwaitIdle();
  const auto counts = shadow->counts();
  EXPECT_EQ(counts.compared, 10U);
  EXPECT_EQ(counts.dropped, 90U);
}

}  // namespace
}  // namespace pemba::provider::testing
