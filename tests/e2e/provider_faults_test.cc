// A remote provider whose server is slow, answers errors, loses answers, is old or takes little.
#include <chrono>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faulty_front.h"
#include "pemba/base/testing/temporary_directory.h"
#include "pemba/provider/model_merge.h"
#include "pemba/provider/openfga.h"
#include "pemba/provider/testing/models.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using provider::Decision;
using provider::FailureClass;
using provider::OpenFga;
using provider::testing::Library;
using provider::testing::T;
using provider::testing::Ts;

class ProviderFaults : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(std::vector<std::string> flags) {
    provider_.reset();
    front_.reset();
    flags.emplace_back("--metrics-enabled=false");
    data_ = std::make_unique<TemporaryDirectory>();
    server_ = std::make_unique<ServerProcess>(data_->path() / "data", flags);
    front_ = std::make_unique<FaultyFront>(server_->grpc_address());
    auto opened = OpenFga::Open({.address = front_->address(),
                                 .store_name = "faults",
                                 .retry_min = 10ms,
                                 .retry_max = 100ms,
                                 .failures_max = 20},
                                clock_);
    ASSERT_TRUE(opened.ok());
    provider_ = *std::move(opened);
    const auto published = provider::PublishModel(*provider_, Library());
    ASSERT_TRUE(published.ok()) << published.error().message;
  }
  Status Add(const std::vector<tuple::Tuple>& tuples) { return provider_->Apply({}, tuples); }
  std::set<std::string> Stored() {
    std::set<std::string> texts;
    const auto read = provider_->ReadTuples([&](const tuple::Tuple& t) -> Status {
      EXPECT_TRUE(texts.insert(tuple::ToText(t.view())).second);
      return Done{};
    });
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return texts;
  }
  Result<Decision> Ask(const tuple::Tuple& question, std::chrono::milliseconds patience) {
    return provider_->Check({&question, 1}, {.deadline = clock_.Steady() + patience}).front();
  }

  const SystemClock clock_;
  std::unique_ptr<TemporaryDirectory> data_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<FaultyFront> front_;
  std::unique_ptr<OpenFga> provider_;
  const tuple::Tuple grant_ = T("doc:1#get@person:a");
};

TEST_F(ProviderFaults, WhatPassesByItselfIsTriedAgain) {
  for (const std::uint32_t status : {14U, 10U, 8U, 3500U, 4000U, 13U}) {
    front_->Add({.method = "Write", .status = status, .message = "not now"});
  }
  const auto applied = Add({grant_});
  ASSERT_TRUE(applied.ok()) << applied.error().message;
  EXPECT_EQ(front_->calls("Write"), 7U);
  front_->Add({.method = "BatchCheck", .status = 14, .message = "not now", .times = 2});
  const auto outcome = Ask(grant_, 2s);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(*outcome, Decision::kAllowed);
}

TEST_F(ProviderFaults, WhatDoesNotIsNot) {
  for (const std::uint32_t status : {1500U, 1600U, 3U, 16U}) {
    const auto before = front_->calls("Write");
    front_->Add({.method = "Write", .status = status, .message = "never"});
    const auto applied = Add({grant_});
    ASSERT_FALSE(applied.ok()) << status;
    EXPECT_EQ(provider::ClassOf(applied.error().code), FailureClass::kPermanent) << status;
    EXPECT_EQ(front_->calls("Write"), before + 1);
  }
}

TEST_F(ProviderFaults, AnAnswerThatIsLostIsAskedForAgain) {
  front_->Add({.method = "Write",
               .status = 14,
               .message = "connection lost",
               .when = Fault::When::kAfter,
               .times = 2});
  ASSERT_TRUE(Add({grant_, T("doc:2#get@person:a")}).ok());
  EXPECT_EQ(Stored().size(), 2U);
  front_->Add(
      {.method = "Write", .status = 14, .message = "connection lost", .when = Fault::When::kAfter});
  ASSERT_TRUE(provider_->Apply({&grant_, 1}, {}).ok());
  EXPECT_EQ(Stored().size(), 1U);
}

TEST_F(ProviderFaults, AModelWhoseAnswerIsLostIsNotWrittenTwice) {
  front_->Add({.method = "WriteAuthorizationModel",
               .status = 14,
               .message = "connection lost",
               .when = Fault::When::kAfter});
  EXPECT_FALSE(provider::PublishModel(*provider_, Library({"get"})).ok());
  const auto id = provider_->ReadModel()->id;
  const auto again = provider::PublishModel(*provider_, Library({"get"}));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->was, provider::PublishedModel::Was::kThere);
  EXPECT_EQ(again->model.id, id);
}

TEST_F(ProviderFaults, ASlowServerIsWaitedForUntilTheDeadline) {
  ASSERT_TRUE(Add({grant_}).ok());
  front_->Add({.method = "BatchCheck", .delay = 300ms, .times = 2});
  const auto late = Ask(grant_, 100ms);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  const auto in_time = Ask(grant_, 2s);
  ASSERT_TRUE(in_time.ok()) << in_time.error().message;
  EXPECT_EQ(*in_time, Decision::kAllowed);
}

TEST_F(ProviderFaults, AServerThatCannotIgnoreIsAskedInParts) {
  front_->BeOld();
  std::vector<tuple::Tuple> all;
  for (int i = 0; i < 40; ++i) all.push_back(T("doc:1#get@person:p" + std::to_string(i)));
  ASSERT_TRUE(Add({all.begin(), all.begin() + 7}).ok());
  ASSERT_TRUE(Add({all[30], all[31]}).ok());
  const auto added = Add(all);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_EQ(Stored().size(), 40U);
  ASSERT_TRUE(provider_->Apply({&all[5], 1}, {}).ok());
  const auto removed = provider_->Apply({all.data(), 10}, {});
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(Stored().size(), 30U);
}

TEST_F(ProviderFaults, AServerWithoutBatchCheckIsAskedOneByOne) {
  ASSERT_TRUE(Add({grant_}).ok());
  front_->Add({.method = "BatchCheck", .status = 12, .message = "no such method", .times = 1'000});
  const auto outcomes = provider_->Check(
      Ts({"doc:1#get@person:a", "doc:1#shred@person:a", "doc:1#get@person:b"}), {});
  ASSERT_EQ(outcomes.size(), 3U);
  ASSERT_TRUE(outcomes[0].ok() && outcomes[2].ok());
  EXPECT_EQ(*outcomes[0], Decision::kAllowed);
  EXPECT_EQ(*outcomes[2], Decision::kDenied);
  EXPECT_EQ(provider::ClassOf(outcomes[1].error().code), FailureClass::kStaleModel);
  EXPECT_TRUE(Ask(grant_, 1s).ok());
  EXPECT_EQ(front_->calls("BatchCheck"), 1U);
}

TEST_F(ProviderFaults, ARoleOf351PermissionsNeverMakesAWriteTooLarge) {
  std::vector<std::string> permissions;
  for (int i = 0; i < 351; ++i) permissions.push_back("p" + std::to_string(i));
  const auto published = provider::PublishModel(*provider_, Library(permissions));
  ASSERT_TRUE(published.ok()) << published.error().message;
  std::vector<tuple::Tuple> grants;
  for (const auto& p : permissions) grants.push_back(T("doc:1#" + p + "@person:owner"));
  ASSERT_TRUE(Add(grants).ok());
  EXPECT_EQ(front_->tuples_max(), 100U);
  EXPECT_EQ(front_->calls("Write"), 4U);
  EXPECT_EQ(Stored().size(), 351U);
}

TEST_F(ProviderFaults, AServerThatTakesLessIsGivenLess) {
  Start({"--max-tuples-per-write=7"});
  std::vector<tuple::Tuple> grants;
  for (int i = 0; i < 50; ++i) grants.push_back(T("doc:1#get@person:p" + std::to_string(i)));
  const auto added = Add(grants);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_EQ(Stored().size(), 50U);
  EXPECT_EQ(provider_->capabilities().tuples_per_write_max, 7U);
  const auto before = front_->calls("Write");
  ASSERT_TRUE(provider_->Apply(grants, {}).ok());
  EXPECT_EQ(front_->calls("Write"), before + 8);  // Nothing is refused any more.
}

}  // namespace
}  // namespace pemba::e2e
