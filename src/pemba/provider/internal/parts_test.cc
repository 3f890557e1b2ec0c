// The small parts of a remote provider: waits, the breaker, steps, statuses.
#include <chrono>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/provider/internal/backoff.h"
#include "pemba/provider/internal/circuit_breaker.h"
#include "pemba/provider/internal/tuples.h"
#include "pemba/provider/internal/wire_error.h"
#include "pemba/provider/provider.h"
#include "pemba/provider/testing/models.h"

namespace pemba::provider::internal {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using testing::T;
using testing::Ts;

class StillClock final : public Clock {
 public:
  WallTime Now() const override { return {}; }
  SteadyTime Steady() const override { return now; }
  SteadyTime now{};
};

TEST(Backoff, DoublesWithJitterUpToItsLimit) {
  Backoff backoff({100ms, 60s}, 1);
  auto most = 100ms;
  for (int i = 0; i < 20; ++i) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait, most / 2) << i;
    EXPECT_LE(wait, most) << i;
    most = std::min<std::chrono::milliseconds>(60s, 2 * most);
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), 100ms);
}

TEST(CircuitBreaker, OpensAfterFailuresInARowAndLetsOneTryAtATime) {
  using Permit = CircuitBreaker::Permit;
  StillClock clock;
  CircuitBreaker breaker(3, {100ms, 1s}, clock);
  for (int i = 0; i < 2; ++i) breaker.Failed();
  breaker.Succeeded();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(breaker.Ask(), Permit::kAsk);
    breaker.Failed();
  }
  EXPECT_EQ(breaker.state(), CircuitBreaker::State::kOpen);
  EXPECT_EQ(breaker.Ask(), Permit::kFailAtOnce);
  clock.now += 100ms;
  EXPECT_EQ(breaker.Ask(), Permit::kAsk);
  EXPECT_EQ(breaker.Ask(), Permit::kFailAtOnce);
  breaker.Failed();
  EXPECT_EQ(breaker.Ask(), Permit::kFailAtOnce);
  clock.now += 1s;
  EXPECT_EQ(breaker.Ask(), Permit::kAsk);
  breaker.Succeeded();
  EXPECT_EQ(breaker.state(), CircuitBreaker::State::kClosed);
  EXPECT_EQ(breaker.Ask(), Permit::kAsk);
  EXPECT_EQ(breaker.Ask(), Permit::kAsk);
}

struct StepsCase {
  const char* name;
  std::size_t removes, adds, size;
  std::vector<std::pair<std::size_t, std::size_t>> steps;
};
const StepsCase kStepsCases[] = {
    {"nothing", 0, 0, 100, {}},
    {"all in one", 40, 60, 100, {{40, 60}}},
    {"no limit", 400, 600, 0, {{400, 600}}},
    {"one more than fits", 41, 60, 100, {{41, 0}, {0, 60}}},
    {"removals first", 250, 101, 100, {{100, 0}, {100, 0}, {50, 0}, {0, 100}, {0, 1}}},
};

TEST(Steps, HaveRemovalsFirstAndNoMoreThanFits) {
  for (const auto& c : kStepsCases) {
    SCOPED_TRACE(c.name);
    const std::vector<tuple::Tuple> removes(c.removes, T("doc:1#get@person:a"));
    const std::vector<tuple::Tuple> adds(c.adds, T("doc:1#get@person:b"));
    std::vector<std::pair<std::size_t, std::size_t>> steps;
    for (const auto& step : StepsOf(removes, adds, c.size)) {
      steps.emplace_back(step.removes.size(), step.adds.size());
    }
    EXPECT_EQ(steps, c.steps);
  }
}

TEST(NetOf, NamesEachTupleOnceAndAddsRatherThanRemoves) {
  const auto net = NetOf(Ts({"doc:1#get@person:a", "doc:1#get@person:b", "doc:1#get@person:a"}),
                         Ts({"doc:1#get@person:b", "doc:1#get@person:b"}));
  EXPECT_EQ(net.removes, Ts({"doc:1#get@person:a"}));
  EXPECT_EQ(net.adds, Ts({"doc:1#get@person:b"}));
}

struct StatusCase {
  std::uint32_t number;
  const char* message;
  ErrorCode code;
  FailureClass failure;
};
constexpr StatusCase kStatusCases[] = {
    {14, "connect failed", ErrorCode::kUnavailable, FailureClass::kTransient},
    {13, "stream was reset", ErrorCode::kUnavailable, FailureClass::kTransient},
    {2, "who knows", ErrorCode::kUnavailable, FailureClass::kTransient},
    {10, "transactional write failed due to conflict", ErrorCode::kConflict,
     FailureClass::kTransient},
    {10,
     "transactional write failed due to conflict: attempted to write a tuple which already exists "
     "with a different condition: user: 'a'",
     ErrorCode::kTupleStateMismatch, FailureClass::kPermanent},
    {8, "throttled", ErrorCode::kResourceExhausted, FailureClass::kTransient},
    {8, "received message larger than max", ErrorCode::kLimitExceeded, FailureClass::kPermanent},
    {4, "", ErrorCode::kDeadlineExceeded, FailureClass::kUnknown},
    {3, "invalid WriteRequest.X: y", ErrorCode::kInvalidArgument, FailureClass::kPermanent},
    {7, "", ErrorCode::kForbidden, FailureClass::kPermanent},
    {16, "", ErrorCode::kUnauthenticated, FailureClass::kPermanent},
    {1004, "invalid claims", ErrorCode::kInvalidClaims, FailureClass::kPermanent},
    {1010, "missing bearer token", ErrorCode::kBearerTokenMissing, FailureClass::kPermanent},
    {1500, "unauthenticated", ErrorCode::kUnauthenticated, FailureClass::kPermanent},
    {2000, "Invalid tuple 'a:1#b@c:d'. Reason: type 'a' not found", ErrorCode::kTypeNotFound,
     FailureClass::kStaleModel},
    {2000, "Invalid tuple 'a:1#b@c:d'. Reason: relation 'a#b' not found",
     ErrorCode::kRelationNotFound, FailureClass::kStaleModel},
    {2000, "invalid relation: type 'a' not found", ErrorCode::kTypeNotFound,
     FailureClass::kStaleModel},
    {2000,
     "Invalid tuple 'a:1#b@c:d'. Reason: type 'c' is not an allowed type restriction for 'a#b'",
     ErrorCode::kRelationNotFound, FailureClass::kStaleModel},
    {2000, "Invalid tuple 'a:type 'x' not found'. Reason: the 'user' field is malformed",
     ErrorCode::kValidation, FailureClass::kPermanent},
    {2001, "", ErrorCode::kModelNotFound, FailureClass::kStaleModel},
    {2017, "cannot write a tuple which already exists", ErrorCode::kTupleStateMismatch,
     FailureClass::kPermanent},
    {2020, "", ErrorCode::kLatestModelNotFound, FailureClass::kStaleModel},
    {2053, "", ErrorCode::kLimitExceeded, FailureClass::kPermanent},
    {2056, "", ErrorCode::kInvalidModel, FailureClass::kPermanent},
    {3500, "", ErrorCode::kThrottled, FailureClass::kTransient},
    {4000, "Internal Server Error", ErrorCode::kUnavailable, FailureClass::kTransient},
    {4004, "", ErrorCode::kDeadlineExceeded, FailureClass::kUnknown},
    {5002, "", ErrorCode::kStoreNotFound, FailureClass::kPermanent},
};

TEST(FromStatus, SaysWhatHelps) {
  for (const auto& c : kStatusCases) {
    SCOPED_TRACE(std::to_string(c.number) + " " + c.message);
    const auto error = FromStatus(c.number, c.message);
    EXPECT_EQ(error.code, c.code);
    EXPECT_EQ(ClassOf(error.code), c.failure);
    EXPECT_EQ(error.message, c.message);
  }
}

}  // namespace
}  // namespace pemba::provider::internal
