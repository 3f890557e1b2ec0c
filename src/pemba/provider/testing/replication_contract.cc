#include "pemba/provider/testing/replication_contract.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/provider/model_merge.h"
#include "pemba/provider/testing/models.h"
#include "pemba/storage/memory.h"

namespace pemba::provider::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReplicationContract);

namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const StoreId kControlPlane{"01J0000000000000000000000C"};
constexpr auto kPatience = 20s;

// Until it holds, or 20 s.
template <class Holds>
bool Await(const Holds& holds) {
  for (const auto end = std::chrono::steady_clock::now() + kPatience; !holds();) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace

ReplicationContract::ReplicationContract()
    : datastore_(storage::NewMemoryDatastore()),
      stores_(std::make_unique<store::Stores>(*datastore_, clock_)) {}

ReplicationContract::~ReplicationContract() { outbox_.reset(); }

void ReplicationContract::SetUp() {
  bench_ = GetParam()();
  if (bench_ == nullptr) GTEST_SKIP() << "what this provider needs is not there";
  provider_ = bench_->Connect();
  ASSERT_NE(provider_, nullptr);
  WriteModel(Library());
  auto handle = stores_->Keep(kControlPlane);
  ASSERT_TRUE(handle.ok());
  handle_ = std::make_unique<store::StoreHandle>(*std::move(handle));
  store_ = &**handle_;
}

void ReplicationContract::WriteModel(const model::Model& model) {
  const auto written = (*stores_->Open(kControlPlane))->WriteModel(model);
  ASSERT_TRUE(written.ok()) << written.error().message;
  if (outbox_ != nullptr) outbox_->ModelChanged();
}

Revision ReplicationContract::Commit(const std::vector<tuple::Tuple>& writes,
                                     const std::vector<tuple::Tuple>& deletes) {
  std::vector<tuple::TupleView> views;
  for (const auto& t : deletes) views.push_back(t.view());
  const auto committed = store().WriteTuples({.writes = writes,
                                              .deletes = views,
                                              .on_duplicate = "replace",
                                              .on_missing = "ignore",
                                              .form = store::WriteRequest::Form::kExtended});
  EXPECT_TRUE(committed.ok()) << (committed.ok() ? "" : committed.error().message);
  return committed.ok() ? committed->revision : 0;
}

void ReplicationContract::StartOutbox(OutboxOptions options) {
  metrics_ = std::make_unique<telemetry::Registry>();
  options.metrics = metrics_.get();
  options.model_quiet = 20ms;
  options.model_poll = 50ms;
  options.model_check = 200ms;
  options.retry_min = 10ms;
  options.retry_max = 500ms;
  options.cursor_interval = 10ms;
  if (options.drift.mode == DriftMode::kFix) options.drift.mode = DriftMode::kOff;  // By hand.
  options.report = [this](std::string_view line) {
    const std::lock_guard lock(mutex_);
    reports_.emplace_back(line);
  };
  auto started = Outbox::Start(*stores_, kControlPlane, provider(), clock_, std::move(options));
  ASSERT_TRUE(started.ok()) << started.error().message;
  outbox_ = *std::move(started);
}

void ReplicationContract::Settle() {
  // A provider that has lost all has no model either; nothing counts as applied from when it has
  // one again until it has everything.
  const auto wanted = store().ListModels(1, "")->models.front();
  ASSERT_TRUE(Await([&] {
    const auto model = provider().ReadModel();
    return model.ok() && SameModels(ManagedPart(*model), ManagedPart(wanted));
  }));
  const auto head = store().Pin().revision();
  const auto applied = outbox().AwaitApplied(head, std::chrono::steady_clock::now() + kPatience);
  ASSERT_TRUE(applied.ok()) << applied.error().message;
}

std::vector<std::string> ReplicationContract::Here() {
  std::vector<std::string> texts;
  const auto page = store().Read({.page_size = 100'000});
  EXPECT_TRUE(page.ok());
  for (const auto& stored : page->tuples) {
    if (IsManagedTuple(stored.tuple.view())) texts.push_back(tuple::ToText(stored.tuple.view()));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::vector<std::string> ReplicationContract::There() {
  std::vector<std::string> texts;
  const auto read = provider().ReadTuples([&](const tuple::Tuple& t) -> Status {
    if (IsManagedTuple(t.view())) texts.push_back(tuple::ToText(t.view()));
    return Done{};
  });
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string ReplicationContract::Decides(const tuple::Tuple& question) {
  const auto outcome = provider().Check({&question, 1}, {.at_least = 0}).front();
  if (!outcome.ok()) return outcome.error().message;
  return *outcome == Decision::kAllowed ? "yes" : "no";
}

std::string ReplicationContract::Metric(const std::string& line_start) {
  std::istringstream lines(metrics_->Scrape());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(line_start + " ")) return line.substr(line_start.size() + 1);
  }
  return "";
}

std::vector<std::string> ReplicationContract::reports() {
  const std::lock_guard lock(mutex_);
  return reports_;
}

TEST_P(ReplicationContract, WhatWasThereBeforeAndWhatComesIsThere) {
  Commit(Ts({"doc:1#get@person:a", "doc:1#parent@folder:1"}));
  StartOutbox();
  Settle();
  EXPECT_EQ(There(), Here());
  Commit(Ts({"folder:1#edit@person:b"}), Ts({"doc:1#get@person:a"}));
  Settle();
  EXPECT_EQ(There(), Here());
  EXPECT_EQ(Decides(T("doc:1#edit@person:b")), "yes");
  EXPECT_EQ(Decides(T("doc:1#get@person:a")), "no");
  EXPECT_EQ(Metric("provider_backlog"), "0");
  EXPECT_NE(Metric("grant_propagation_seconds_count"), "0");
  EXPECT_EQ(outbox().health(), Health::kOk);
}

TEST_P(ReplicationContract, AThousandGrantsOfOneCommitComeAndGo) {
  StartOutbox();
  std::vector<tuple::Tuple> grants;
  for (int i = 0; i < 1000; ++i) grants.push_back(T("doc:1#get@person:p" + std::to_string(i)));
  Commit(grants);
  Settle();
  EXPECT_THAT(There(), SizeIs(1000));
  Commit({}, grants);
  Settle();
  EXPECT_THAT(There(), IsEmpty());
}

TEST_P(ReplicationContract, OthersTypesAndTuplesStay) {
  ASSERT_TRUE(provider().WriteModel(Foreign(), "").ok());
  const auto foreign = T("team:red#member@user:anne");
  ASSERT_TRUE(provider().Apply({}, {&foreign, 1}).ok());
  Commit(Ts({"doc:1#get@person:a"}));
  StartOutbox();
  Settle();
  ASSERT_TRUE(outbox().Compare(DriftMode::kFix).ok());
  EXPECT_EQ(Decides(foreign), "yes");
  EXPECT_EQ(There(), Here());
}

TEST_P(ReplicationContract, AKindThatGoesAndComesBackBringsNoAccessWithIt) {
  const auto grant = T("doc:1#get@person:a");
  Commit({grant});
  StartOutbox();
  Settle();
  Commit({}, {grant});  // As the control plane does: tuples, then the model.
  auto without = Library();
  without.types.pop_back();
  WriteModel(without);
  Settle();
  EXPECT_THAT(There(), IsEmpty());
  EXPECT_NE(Decides(grant), "yes");
  WriteModel(Library());
  Settle();
  // A model may be there a moment before questions are decided by it.
  EXPECT_TRUE(Await([&] {
    EXPECT_NE(Decides(grant), "yes");
    return Decides(grant) == "no";
  }));
}

TEST_P(ReplicationContract, TuplesFindTheirNewRelationThere) {
  StartOutbox();
  Settle();
  WriteModel(Library({"get", "edit", "share"}));
  const auto grant = T("doc:1#share@person:a");
  Commit({grant});
  Settle();
  EXPECT_EQ(Decides(grant), "yes");
}

TEST_P(ReplicationContract, WhatWasGrantedAndRevokedWhileNobodyFollowedIsNotMade) {
  StartOutbox();
  Settle();
  StopOutbox();
  WriteModel(Library({"get", "edit", "share"}));
  Commit(Ts({"doc:1#share@person:a", "doc:1#get@person:a"}));
  Commit({}, Ts({"doc:1#share@person:a"}));
  WriteModel(Library());
  StartOutbox();
  Settle();
  EXPECT_EQ(There(), Here());
  EXPECT_THAT(outbox().rejected(), IsEmpty());
}

TEST_P(ReplicationContract, ManyKindsAtOnceAreFewModels) {
  StartOutbox();
  Settle();
  const auto before = provider().ReadModel()->id;
  auto model = Library();
  for (int i = 0; i < 20; ++i) {
    model.types.push_back(Type("many.example/K" + std::to_string(i), {{"get", {kUser}}}));
    WriteModel(model);
  }
  Settle();
  const auto after = provider().ReadModel();
  ASSERT_TRUE(after.ok());
  EXPECT_NE(after->id, before);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(provider().ReadModel()->id, after->id);  // Nothing more is written.
}

TEST_P(ReplicationContract, AnotherOutboxGoesOnWhereTheFirstHasEnded) {
  Commit(Ts({"doc:1#get@person:a"}));
  StartOutbox();
  Settle();
  StopOutbox();
  Commit(Ts({"doc:2#get@person:a"}), Ts({"doc:1#get@person:a"}));
  StartOutbox();
  Settle();
  EXPECT_EQ(There(), Here());
  EXPECT_THAT(reports(), SizeIs(1)) << "only the first compares everything";
}

TEST_P(ReplicationContract, AProviderThatWasResetMeanwhileIsMadeAnew) {
  Commit(Ts({"doc:1#get@person:a"}));
  StartOutbox();
  Settle();
  StopOutbox();
  bench().Crash();
  StartOutbox();
  Settle();
  EXPECT_EQ(There(), Here());
}

TEST_P(ReplicationContract, AnotherTargetIsMadeAnew) {
  Commit(Ts({"doc:1#get@person:a"}));
  StartOutbox({.target = "one"});
  Settle();
  StopOutbox();
  const auto behind = Ts({"doc:1#get@person:a", "doc:9#get@person:zombie"});
  ASSERT_TRUE(provider().Apply({&behind[0], 1}, {&behind[1], 1}).ok());
  StartOutbox({.target = "two"});
  Settle();
  EXPECT_EQ(There(), Here());
}

TEST_P(ReplicationContract, DriftIsReportedAndRepaired) {
  Commit(Ts({"doc:1#get@person:a", "doc:2#get@person:a"}));
  StartOutbox();
  Settle();
  const auto behind = Ts({"doc:1#get@person:a", "doc:3#get@person:zombie"});
  ASSERT_TRUE(provider().Apply({&behind[0], 1}, {&behind[1], 1}).ok());

  auto found = outbox().Compare(DriftMode::kReport);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_THAT(found->missing, ElementsAre(behind[0]));
  EXPECT_THAT(found->extra, ElementsAre(behind[1]));
  EXPECT_EQ(Metric("provider_drift_tuples{kind=\"missing\"}"), "1");
  EXPECT_EQ(Metric("provider_drift_tuples{kind=\"extra\"}"), "1");
  EXPECT_EQ(outbox().health(), Health::kDegraded);
  EXPECT_EQ(Decides(behind[1]), "yes");

  found = outbox().Compare(DriftMode::kFix);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->size(), 2U);
  EXPECT_EQ(There(), Here());
  EXPECT_EQ(Metric("provider_drift_tuples{kind=\"missing\"}"), "0");
  EXPECT_EQ(outbox().Compare(DriftMode::kReport)->size(), 0U);
  EXPECT_EQ(outbox().health(), Health::kOk);
}

TEST_P(ReplicationContract, ComparingWhileMuchIsWrittenFindsNoDrift) {
  StartOutbox();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    std::mt19937 random(7);
    while (!done) {
      const auto t = T("doc:" + std::to_string(random() % 50) + "#get@person:a");
      random() % 2 == 0 ? Commit({t}) : Commit({}, {t});
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto found = outbox().Compare(DriftMode::kReport);
    if (!found.ok()) continue;  // Not caught up with the beginning yet.
    EXPECT_EQ(found->size(), 0U);
  }
  done = true;
  writer.join();
  Settle();
  EXPECT_EQ(There(), Here());
}

TEST_P(ReplicationContract, AModelThatSomebodyWroteOverIsRepaired) {
  Commit(Ts({"doc:1#get@person:a"}));
  StartOutbox();
  Settle();
  const auto id = provider().ReadModel()->id;
  ASSERT_TRUE(provider().WriteModel(Foreign(), id).ok());  // By one who knows only his own types.
  Commit(Ts({"doc:2#get@person:a"}));
  Settle();
  EXPECT_EQ(Decides(T("doc:2#get@person:a")), "yes");
  const auto model = provider().ReadModel();
  EXPECT_TRUE(AcceptsTuple(*model, T("team:red#member@user:anne").view()));
}

TEST_P(ReplicationContract, ATupleThatIsRefusedDoesNotHoldUpOthers) {
  StartOutbox();
  Settle();
  // 260 bytes: the wire takes 256.
  const auto refused = T("doc:" + std::string(245, 'x') + "#get@person:a");
  Commit({T("doc:1#get@person:a"), refused, T("doc:2#get@person:a")});
  Commit(Ts({"doc:3#get@person:a"}));
  Settle();
  if (outbox().rejected().empty()) {
    EXPECT_EQ(There(), Here());  // A provider without that limit.
    return;
  }
  ASSERT_THAT(outbox().rejected(), SizeIs(1));
  EXPECT_EQ(outbox().rejected().front().tuple, refused);
  EXPECT_THAT(There(), SizeIs(3));
  EXPECT_EQ(outbox().health(), Health::kDegraded);
  EXPECT_EQ(outbox().Compare(DriftMode::kReport)->size(), 0U);
  Commit({}, {refused});
  Settle();
  EXPECT_TRUE(Await([&] { return outbox().rejected().empty(); }));
}

TEST_P(ReplicationContract, CrashesOfTheProviderAreCaughtUpWith) {
  StartOutbox();
  std::mt19937 random(11);
  for (int crash = 0; crash < 3; ++crash) {
    std::thread writer([&] {
      for (int i = 0; i < 60; ++i) {
        const auto doc = "doc:" + std::to_string(random() % 20);
        const auto t = T(doc + "#get@person:p" + std::to_string(random() % 10));
        random() % 3 == 0 ? Commit({}, {t}) : Commit({t});
        std::this_thread::sleep_for(1ms);
      }
    });
    std::this_thread::sleep_for(20ms);
    bench().Crash();
    writer.join();
  }
  Settle();
  EXPECT_EQ(There(), Here());
  EXPECT_EQ(outbox().Compare(DriftMode::kReport)->size(), 0U);
}

TEST_P(ReplicationContract, RestartsOfTheOutboxInTheMiddleLoseNothing) {
  std::mt19937 random(13);
  for (int restart = 0; restart < 8; ++restart) {
    StartOutbox({.changes_per_step = 7});
    for (int i = 0; i < 40; ++i) {
      const auto doc = "doc:" + std::to_string(random() % 20);
      const auto t = T(doc + "#get@person:p" + std::to_string(random() % 10));
      random() % 3 == 0 ? Commit({}, {t}) : Commit({t});
    }
    StopOutbox();
  }
  StartOutbox();
  Settle();
  EXPECT_EQ(There(), Here());
}

TEST_P(ReplicationContract, WhoWaitsForARevisionSeesIt) {
  StartOutbox();
  Settle();
  for (int i = 0; i < 30; ++i) {
    const auto t = T("doc:" + std::to_string(i) + "#get@person:a");
    const auto revision = Commit({t});
    ASSERT_TRUE(outbox().AwaitApplied(revision, std::chrono::steady_clock::now() + kPatience).ok());
    ASSERT_EQ(Decides(t), "yes");
  }
  const auto never = outbox().AwaitApplied(1'000'000, std::chrono::steady_clock::now() + 10ms);
  ASSERT_FALSE(never.ok());
  EXPECT_EQ(never.error().code, ErrorCode::kUnavailable);
}

}  // namespace pemba::provider::testing
