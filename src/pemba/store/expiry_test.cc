// Tuples that expire: for no question there from their time on, and deleted some time later.
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/expander.h"
#include "pemba/engine/lister.h"
#include "pemba/storage/embedded.h"
#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kAnne = "document:1#viewer@user:anne";

class ExpiryTest : public World {
 protected:
  static StoresOptions ByHand() {
    StoresOptions options;
    options.expiry_interval = 0ms;
    options.store.expired_per_turn_max = 10;
    return options;
  }
  ExpiryTest() : ExpiryTest(storage::NewMemoryDatastore(), ByHand()) {}
  ExpiryTest(std::unique_ptr<storage::Datastore> datastore, StoresOptions options)
      : World(std::move(datastore), std::move(options)) {}

  tuple::Tuple Until(std::string_view text, std::chrono::milliseconds from_now,
                     std::string_view condition = "", std::string_view context = "") {
    auto t = T(text, condition, context);
    t.expires_at = clock_.Now() + from_now;
    return t;
  }
  Result<WriteResult> Try(const std::vector<tuple::Tuple>& writes,
                          std::string_view on_duplicate = "") {
    return OpenStore()->WriteTuples(
        {.writes = writes, .on_duplicate = on_duplicate, .form = WriteRequest::Form::kExtended});
  }
  Revision Must(const std::vector<tuple::Tuple>& writes, std::string_view on_duplicate = "") {
    const auto result = Try(writes, on_duplicate);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? result->revision : 0;
  }

  bool Allowed(std::string_view text) {
    const auto store = OpenStore();
    const auto view = store->Pin();
    const auto model = view.ResolveModel("");
    EXPECT_TRUE(model.ok());
    Arena arena;
    const boost::json::object context;
    const auto decision = engine::Checker({}, clock_)
                              .Check(view.snapshot(), *model->bound,
                                     {*tuple::ParseTuple(text), {}, &context, {}}, arena);
    EXPECT_TRUE(decision.ok()) << (decision.ok() ? "" : decision.error().message);
    return decision.ok() && *decision == engine::Decision::kAllowed;
  }
  std::vector<std::string> Viewers() {
    const auto store = OpenStore();
    const auto view = store->Pin();
    const auto model = view.ResolveModel("");
    const auto tree = engine::Expander(clock_).Expand(
        view.snapshot(), *model->bound, {.object = "document:1", .relation = "viewer"});
    EXPECT_TRUE(tree.ok());
    return tree->root.users;
  }
};

TEST_F(ExpiryTest, ATupleHoldsBeforeItsTimeAndNotAtIt) {
  Must({Until(kAnne, 1000ms)});
  EXPECT_TRUE(Allowed(kAnne));
  EXPECT_THAT(Viewers(), ElementsAre("user:anne"));
  EXPECT_EQ(AllTuples(*OpenStore()).size(), 1u);
  clock_.Advance(999ms);
  EXPECT_TRUE(Allowed(kAnne));
  clock_.Advance(1ms);
  EXPECT_FALSE(Allowed(kAnne));
  EXPECT_THAT(Viewers(), IsEmpty());
  EXPECT_THAT(AllTuples(*OpenStore()), IsEmpty());
}

// The first of them makes the store look where it did not look before.
TEST_F(ExpiryTest, ModelsThatAreInUseSeeTheFirstOne) {
  MustWrite({.writes = {T("document:1#viewer@group:g#member")}});
  const auto store = OpenStore();
  const auto before = store->Pin();
  ASSERT_TRUE(before.ResolveModel("").ok());
  EXPECT_FALSE(Allowed(kAnne));
  Must({Until("group:g#member@user:anne", 1000ms)});
  EXPECT_TRUE(Allowed(kAnne));
  Must({Until("document:2#viewer@user:*", 1000ms)});
  EXPECT_TRUE(Allowed("document:2#viewer@user:zoe"));
  // Somebody still asks of the state before.
  EXPECT_EQ(before.snapshot().revision(), 1u);
  EXPECT_TRUE(before.ResolveModel("").ok());
  clock_.Advance(1000ms);
  EXPECT_FALSE(Allowed(kAnne));
  EXPECT_FALSE(Allowed("document:2#viewer@user:zoe"));
}

TEST_F(ExpiryTest, ConditionAndExpiryBothHaveToHold) {
  const auto met = R"({"until":"2100-01-01T00:00:00Z","now":"2024-01-01T00:00:00Z"})";
  const auto unmet = R"({"until":"2000-01-01T00:00:00Z","now":"2024-01-01T00:00:00Z"})";
  Must({Until(kAnne, 1000ms, "soon", met),
        Until("document:1#viewer@user:bob", 1000ms, "soon", unmet)});
  EXPECT_TRUE(Allowed(kAnne));
  EXPECT_FALSE(Allowed("document:1#viewer@user:bob"));
  EXPECT_THAT(AllTuples(*OpenStore()),
              ElementsAre("document:1#viewer@user:anne with soon "
                          R"({"now":"2024-01-01T00:00:00Z","until":"2100-01-01T00:00:00Z"})"
                          " until 1700000001000",
                          "document:1#viewer@user:bob with soon "
                          R"({"now":"2024-01-01T00:00:00Z","until":"2000-01-01T00:00:00Z"})"
                          " until 1700000001000"));
  clock_.Advance(1000ms);
  EXPECT_FALSE(Allowed(kAnne));
}

TEST_F(ExpiryTest, WhatHasExpiredIsNotThereForWrites) {
  Must({Until(kAnne, 1000ms)});
  EXPECT_EQ(Try({Until(kAnne, 2000ms)}).error().code, ErrorCode::kTupleStateMismatch);
  clock_.Advance(1000ms);
  EXPECT_EQ(Write(*OpenStore(), {.deletes = {std::string(kAnne)}}).error().code,
            ErrorCode::kTupleStateMismatch);
  const std::vector<tuple::TupleView> anne{*tuple::ParseTuple(kAnne)};
  const auto bob = T("document:1#viewer@user:bob");
  const auto demanded =
      OpenStore()->Write({.writes = {&bob, 1}, .preconditions = {.present = anne}});
  EXPECT_EQ(demanded.error().code, ErrorCode::kConflict);
  // An ordinary write over it: from now on it stays.
  MustWrite({.writes = {T(kAnne)}});
  clock_.Advance(24h);
  stores_->CollectExpired();
  EXPECT_TRUE(Allowed(kAnne));
}

TEST_F(ExpiryTest, AnExpiryIsRenewedByReplacing) {
  Must({Until(kAnne, 1000ms)});
  // Not by ignoring: the caller would believe in an expiry that is not so.
  const auto ignored = Try({Until(kAnne, 2000ms)}, "ignore");
  EXPECT_EQ(ignored.error().message,
            "transactional write failed due to conflict: attempted to write a tuple which already "
            "exists with a different expiry: user: 'user:anne', relation: 'viewer', object: "
            "'document:1'");
  EXPECT_EQ(Write(*OpenStore(), {.writes = {T(kAnne)}, .on_duplicate = "ignore"}).error().code,
            ErrorCode::kConflict);
  Must({Until(kAnne, 5000ms)}, "replace");
  clock_.Advance(3000ms);
  stores_->CollectExpired();
  EXPECT_TRUE(Allowed(kAnne));
  Must({T(kAnne)}, "replace");
  clock_.Advance(10000ms);
  EXPECT_TRUE(Allowed(kAnne));
  EXPECT_THAT(AllChanges(*OpenStore()),
              ElementsAre("+document:1#viewer@user:anne until 1700000001000",
                          "+document:1#viewer@user:anne until 1700000005000",
                          "+document:1#viewer@user:anne"));
}

TEST_F(ExpiryTest, ThePastAndTheEndOfTimeAreRefused) {
  EXPECT_EQ(Try({Until(kAnne, 0ms)}).error().message,
            "Invalid tuple 'document:1#viewer@user:anne'. Reason: it expires in the past");
  auto late = T(kAnne);
  late.expires_at = WallTime(std::chrono::milliseconds(9'000'000'000'001));
  EXPECT_EQ(Try({late}).error().message,
            "Invalid tuple 'document:1#viewer@user:anne'. Reason: it expires too late");
  EXPECT_EQ(OpenStore()->Pin().revision(), 0u);
}

TEST_F(ExpiryTest, WhatExpiredIsDeletedInOrdinaryWrites) {
  std::vector<tuple::Tuple> writes;
  for (int i = 0; i < 25; ++i) {
    writes.push_back(Until("document:" + std::to_string(i) + "#viewer@user:anne", 1000ms));
  }
  writes.push_back(Until("document:x#viewer@user:anne", 5000ms));
  writes.push_back(T("document:y#viewer@user:anne"));
  Must(writes);
  stores_->CollectExpired();
  EXPECT_EQ(OpenStore()->Pin().revision(), 1u) << "nothing has expired";
  clock_.Advance(1000ms);
  // Ten at a time.
  for (Revision revision = 2; revision <= 4; ++revision) {
    stores_->CollectExpired();
    EXPECT_EQ(OpenStore()->Pin().revision(), revision);
  }
  stores_->CollectExpired();
  EXPECT_EQ(OpenStore()->Pin().revision(), 4u);
  std::size_t deleted = 0;
  for (const auto& change : AllChanges(*OpenStore())) deleted += change.starts_with("-") ? 1 : 0;
  EXPECT_EQ(deleted, 25u);
  EXPECT_EQ(AllTuples(*OpenStore()).size(), 2u);

  clock_.Advance(4000ms);
  stores_->CollectExpired();
  EXPECT_EQ(OpenStore()->Pin().revision(), 5u);
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre("document:y#viewer@user:anne"));
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(ExpiryTest, PagesOfReadAgreeWhereverTheyAreCut) {
  std::vector<tuple::Tuple> writes;
  for (int i = 0; i < 12; ++i) {
    const auto text = "document:" + std::to_string(i) + "#viewer@user:anne";
    writes.push_back(i % 3 == 0 ? T(text) : Until(text, i % 3 == 1 ? 1000ms : 2000ms));
  }
  Must(writes);
  clock_.Advance(1000ms);
  const auto whole = AllTuples(*OpenStore());
  EXPECT_EQ(whole.size(), 8u);
  for (std::size_t page_size = 1; page_size < 9; ++page_size) {
    EXPECT_EQ(AllTuples(*OpenStore(), page_size), whole);
  }
}

TEST_F(ExpiryTest, SurvivesARestart) {
  Must({Until(kAnne, 1000ms), T("document:2#viewer@user:anne")});
  Restart();
  EXPECT_TRUE(Allowed(kAnne));
  clock_.Advance(1000ms);
  EXPECT_FALSE(Allowed(kAnne));
  Restart();
  EXPECT_FALSE(Allowed(kAnne));
  EXPECT_TRUE(Allowed("document:2#viewer@user:anne"));
  stores_->CollectExpired();
  EXPECT_EQ(OpenStore()->Pin().revision(), 2u);
}

// Where the tuples lie in the base of the graph.
TEST(ExpiryOnDisk, IsInTheCheckpointToo) {
  const TemporaryDirectory directory;
  auto datastore = storage::OpenEmbeddedDatastore({.directory = directory.path() / "data"});
  ASSERT_TRUE(datastore.ok());
  FakeClock clock;
  StoresOptions options;
  options.checkpoint_directory = directory.path() / "graph";
  options.expiry_interval = 0ms;
  options.report = [](std::string_view line) { ADD_FAILURE() << line; };
  StoreId id;
  const auto expires_at = clock.Now() + 1000ms;
  {
    Stores stores(**datastore, clock, options);
    id = stores.CreateStore("acme")->id;
    ASSERT_TRUE((*stores.Open(id))->WriteModel(MakeModel()).ok());
    std::vector<tuple::Tuple> writes;
    for (int i = 0; i < 6'000; ++i) {
      writes.push_back(T("document:" + std::to_string(i) + "#viewer@user:anne"));
      if (i % 2 == 0) writes.back().expires_at = expires_at;
    }
    for (int half = 0; half < 2; ++half) {
      const auto part = std::span(writes).subspan(static_cast<std::size_t>(half) * 3'000, 3'000);
      ASSERT_TRUE((*stores.Open(id))
                      ->WriteTuples({.writes = part, .form = WriteRequest::Form::kExtended})
                      .ok());
    }
    std::vector<tuple::Tuple> more;
    for (int i = 0; i < 6'000; ++i) {
      more.push_back(T("document:m" + std::to_string(i) + "#owner@user:anne"));
    }
    ASSERT_TRUE((*stores.Open(id))
                    ->WriteTuples({.writes = more, .form = WriteRequest::Form::kExtended})
                    .ok());
  }
  ASSERT_TRUE(std::filesystem::exists(options.checkpoint_directory / (id.value + ".graph")));
  Stores stores(**datastore, clock, options);
  const auto store = *stores.Open(id);
  EXPECT_EQ(AllTuples(*store, 1'000).size(), 12'000u);
  clock.Advance(1000ms);
  EXPECT_EQ(AllTuples(*store, 1'000).size(), 9'000u);
  for (int turn = 0; turn < 3; ++turn) stores.CollectExpired();
  EXPECT_EQ(store->Pin().revision(), 6u);
  EXPECT_EQ(AllTuples(*store, 1'000).size(), 9'000u);
}

TEST(ExpiryInTheBackground, DeletesWithoutBeingAsked) {
  const auto datastore = storage::NewMemoryDatastore();
  const SystemClock clock;
  StoresOptions options;
  options.expiry_interval = 5ms;
  Stores stores(*datastore, clock, options);
  const auto id = stores.CreateStore("acme")->id;
  const auto store = *stores.Open(id);
  ASSERT_TRUE(store->WriteModel(MakeModel()).ok());
  auto t = T(kAnne);
  t.expires_at = clock.Now() + 300ms;
  ASSERT_TRUE(stores.Open(id).ok());
  ASSERT_TRUE((*stores.Open(id))
                  ->WriteTuples({.writes = {&t, 1}, .form = WriteRequest::Form::kExtended})
                  .ok());
  for (int i = 0; i < 2'000 && (*stores.Open(id))->Pin().revision() < 2; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_THAT(AllChanges(**stores.Open(id)).back(), "-document:1#viewer@user:anne");
}

}  // namespace
}  // namespace pemba::store::testing
