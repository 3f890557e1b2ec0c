#include "pemba/cli/tuple_sender.h"

#include <gtest/gtest.h>

namespace pemba::cli {
namespace {

double BeginOf(const RequestPace& pace, std::size_t request) {
  return pace.BeginOf(request).count();
}

TEST(RequestPace, WithoutRateNothingWaits) {
  EXPECT_EQ(BeginOf(RequestPace(0, std::chrono::seconds(10)), 1'000'000), 0);
}

TEST(RequestPace, WithoutRampRequestsAreEvenlySpaced) {
  const RequestPace pace(10, std::chrono::seconds(0));
  EXPECT_DOUBLE_EQ(BeginOf(pace, 0), 0);
  EXPECT_DOUBLE_EQ(BeginOf(pace, 1), 0.1);
  EXPECT_DOUBLE_EQ(BeginOf(pace, 100), 10);
}

TEST(RequestPace, TheRampEndsAtTheFullRate) {
  const RequestPace pace(10, std::chrono::seconds(20));  // 100 requests in the ramp.
  EXPECT_DOUBLE_EQ(BeginOf(pace, 0), 0);
  EXPECT_DOUBLE_EQ(BeginOf(pace, 25), 10);  // A quarter of the area at half of the time.
  EXPECT_DOUBLE_EQ(BeginOf(pace, 100), 20);
  EXPECT_DOUBLE_EQ(BeginOf(pace, 110), 21);
  for (std::size_t i = 1; i < 200; ++i) {
    EXPECT_GE(BeginOf(pace, i) - BeginOf(pace, i - 1), 0.1 - 1e-9) << i;
  }
}

TEST(SendTuples, AServerThatIsNotThereFailsEveryTuple) {
  ApiOptions api;
  api.url = "http://127.0.0.1:1";
  TupleJob job;
  job.store_id = "store";
  job.tuples_per_write = 2;
  job.parallel_requests = 3;
  const std::vector<tuple::Tuple> tuples(5, {"doc:1", "viewer", "user:anne", std::nullopt});
  const auto report = SendTuples(api, job, tuples);
  EXPECT_TRUE(report.successful.empty());
  ASSERT_EQ(report.failed.size(), 5u);
  EXPECT_NE(report.failed[0].reason.find("cannot talk to"), std::string::npos);
}

TEST(SendTuples, GivesUpWhenNobodyAnswersAndSaysWhereToGoOn) {
  ApiOptions api;
  api.url = "http://127.0.0.1:1";
  TupleJob job;
  job.store_id = "store";
  job.unanswered_max = 3;
  const std::vector<tuple::Tuple> tuples(100, {"document:1", "viewer", "user:anne", std::nullopt});
  const auto report = SendTuples(api, job, tuples);
  ASSERT_TRUE(report.stopped_at.has_value());
  EXPECT_EQ(*report.stopped_at, 0U);
  EXPECT_EQ(report.failed.size(), 3U);
  EXPECT_TRUE(report.successful.empty());
}

}  // namespace
}  // namespace pemba::cli
