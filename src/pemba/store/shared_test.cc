// Several servers' stores on one PostgreSQL, in one process.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/model/dsl.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/on_postgres.h"
#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using storage::testing::PostgresServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kAnne = "document:1#viewer@user:anne";
constexpr const char* kBob = "document:1#viewer@user:bob";

class Node {
 public:
  explicit Node(const storage::PostgresOptions& options, bool follows = true,
                std::uint64_t memory_bytes_max = 0) {
    auto slow = options;
    if (!follows) slow.poll_announced = slow.poll_unannounced = std::chrono::hours(1);
    auto opened = storage::OpenPostgresDatastore(slow);
    PEMBA_CHECK(opened.ok());
    datastore_ = *std::move(opened);
    StoresOptions stores;
    stores.memory_bytes_max = memory_bytes_max;
    stores.report = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      reports_.emplace_back(line);
    };
    stores_ = std::make_unique<Stores>(*datastore_, clock_, stores);
  }

  Stores& operator*() { return *stores_; }
  Stores* operator->() { return stores_.get(); }
  StoreHandle Open(const StoreId& id) {
    auto handle = stores_->Open(id);
    EXPECT_TRUE(handle.ok()) << (handle.ok() ? "" : handle.error().message);
    return *std::move(handle);
  }
  std::vector<std::string> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }

 private:
  SystemClock clock_;
  std::mutex mutex_;
  std::vector<std::string> reports_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<Stores> stores_;
};

class Shared : public storage::testing::OnPostgres {
 protected:
  static SteadyTime Soon() { return steady_clock::now() + seconds(5); }

  // A store with the model.
  void CreateStore(Node& node) {
    store_ = node->CreateStore("acme")->id;
    ASSERT_TRUE(node.Open(store_)->WriteModel(MakeModel()).ok());
  }

  // Until it follows by itself.
  static bool Reaches(const Store& store, Revision revision) {
    const auto give_up = Soon();
    while (store.Pin().revision() < revision && steady_clock::now() < give_up) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return store.Pin().revision() >= revision;
  }

  StoreId store_;
};

// A relation that MakeModel does not have.
model::Model WithEditor() {
  auto model = model::ModelFromDsl(
      "model\n  schema 1.1\n\ntype user\n\ntype document\n  relations\n"
      "    define viewer: [user] or editor\n    define editor: [user]\n");
  PEMBA_CHECK(model.ok());
  return *std::move(model);
}

std::vector<tuple::Tuple> Editor() { return {T("document:1#editor@user:anne")}; }

std::string LatestOf(const View& view) {
  const auto model = view.ResolveModel("");
  return model.ok() ? std::string(model->id) : model.error().message;
}

TEST_F(Shared, AModelAndTuplesAreOneWriteEverywhere) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto here = one.Open(store_), there = two.Open(store_);
  const auto before = LatestOf(there->Pin());
  ASSERT_EQ(before, LatestOf(here->Pin()));
  const View old = there->Pin();

  const auto model = WithEditor();
  const auto tuples = Editor();
  const auto written = here->Write({.writes = tuples, .model = &model});
  ASSERT_TRUE(written.ok()) << written.error().message;
  const auto after = LatestOf(here->Pin());
  EXPECT_NE(after, before);
  ASSERT_TRUE(Reaches(*there, *written));
  EXPECT_EQ(LatestOf(there->Pin()), after);
  EXPECT_EQ(LatestOf(old), before);  // Of the revision that it is of.

  // One that starts now, and one that has forgotten, read which revision brought it.
  Node late(options_);
  EXPECT_EQ(LatestOf(late.Open(store_)->Pin()), after);
  EXPECT_EQ(late.Open(store_)->Pin().revision(), *written);
}

// Whoever has the turn sees all that is committed, and nobody writes until it is given back.
TEST_F(Shared, NobodyWritesWhileAnotherHasItsTurn) {
  Node one(options_), two(options_, false);
  CreateStore(one);
  const auto here = one.Open(store_), there = two.Open(store_);
  const std::vector<tuple::Tuple> anne{T(kAnne)}, bob{T(kBob)};
  const auto before = here->Write({.writes = anne});
  ASSERT_TRUE(before.ok());
  auto turn = there->TakeTurn();
  ASSERT_TRUE(turn.ok()) << turn.error().message;
  EXPECT_EQ(there->Pin().revision(), *before);
  std::atomic<bool> written{false};
  std::thread other([&] {
    EXPECT_TRUE(here->Write({.writes = bob, .on_duplicate = "ignore"}).ok());
    written = true;
  });
  while (Server().Sql(database_,
                      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                      "AND wait_event_type = 'Lock'") == "0") {
    std::this_thread::yield();
  }
  EXPECT_FALSE(written);
  // What is refused does not give it back.
  EXPECT_EQ((*turn)->Write({.writes = anne}).error().code, ErrorCode::kTupleStateMismatch);
  const auto mine = (*turn)->Write({.writes = bob, .preconditions = {.revision = *before}});
  ASSERT_TRUE(mine.ok()) << mine.error().message;
  EXPECT_EQ(mine->revision, *before + 1);
  other.join();
  // From then on it is a write like others.
  const auto view = anne[0].view();
  EXPECT_TRUE((*turn)->Write({.deletes = {&view, 1}}).ok());
  EXPECT_FALSE((*turn)->Write({.writes = anne, .preconditions = {.revision = *before}}).ok());
}

TEST_F(Shared, ATurnThatTheDatabaseTookBackWritesNothing) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto here = one.Open(store_), there = two.Open(store_);
  const std::vector<tuple::Tuple> anne{T(kAnne)}, bob{T(kBob)};
  auto turn = here->TakeTurn();
  ASSERT_TRUE(turn.ok()) << turn.error().message;
  // As it does with a holder that is silent for too long.
  Server().Sql(database_,
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
               "current_database() AND state = 'idle in transaction'");
  ASSERT_TRUE(there->Write({.writes = anne}).ok());
  EXPECT_EQ((*turn)->Write({.writes = bob}).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(here->Write({.writes = bob}).ok());
}

TEST_F(Shared, AModelIsWrittenOnlyAfterTheOneThatItWasMadeFrom) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto here = one.Open(store_), there = two.Open(store_);
  const auto first = LatestOf(here->Pin());
  ASSERT_TRUE(there->WriteModel(MakeModel()).ok());
  const auto model = WithEditor();
  const auto tuples = Editor();
  const auto stale =
      here->Write({.writes = tuples, .model = &model, .preconditions = {.latest_model = first}});
  ASSERT_FALSE(stale.ok());
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);
  EXPECT_THAT(AllTuples(*here), IsEmpty());
  const auto second = (*there->ListModels(1, "")).models.front().id;
  EXPECT_TRUE(
      here->Write({.writes = tuples, .model = &model, .preconditions = {.latest_model = second}})
          .ok());
  // What the model does not know is no tuple, and then there is no model either.
  const auto newest = LatestOf(here->Pin());
  const auto without = MakeModel();
  const std::vector<tuple::Tuple> unknown = {T("document:2#editor@user:anne")};
  EXPECT_FALSE(here->Write({.writes = unknown, .model = &without}).ok());
  EXPECT_EQ(LatestOf(here->Pin()), newest);
}

// Who sees a revision sees its model, and who does not yet see it sees the one before.
TEST_F(Shared, NobodySeesAModelWithoutItsRevision) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto here = one.Open(store_), there = two.Open(store_);
  constexpr int kWrites = 60;
  // Even revisions bring the one with editors, odd ones the other. By revision.
  std::vector<std::string> brought(kWrites + 1);
  brought[0] = LatestOf(there->Pin());
  std::atomic<bool> done{false};
  std::vector<std::pair<Revision, std::string>> seen;
  std::thread reader([&] {
    while (!done) {
      const View view = there->Pin();
      const auto model = LatestOf(view);
      if (seen.empty() || seen.back() != std::pair(view.revision(), model)) {
        seen.emplace_back(view.revision(), model);
      }
    }
  });
  const auto with = WithEditor(), without = MakeModel();
  for (int i = 1; i <= kWrites; ++i) {
    const auto written = here->Write({.model = i % 2 == 0 ? &with : &without});
    ASSERT_TRUE(written.ok()) << written.error().message;
    ASSERT_EQ(*written, static_cast<Revision>(i));
    brought[i] = LatestOf(here->Pin());
  }
  EXPECT_TRUE(Reaches(*there, kWrites));
  done = true;
  reader.join();
  for (const auto& [revision, model] : seen) {
    EXPECT_EQ(model, brought[revision]) << "revision " << revision;
  }
}

TEST_F(Shared, AWriteIsSeenOnTheOtherServer) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto there = two.Open(store_);
  ASSERT_TRUE(Write(*one.Open(store_), {.writes = {T(kAnne)}}).ok());
  ASSERT_TRUE(Reaches(*there, 1));
  EXPECT_THAT(AllTuples(*there), ElementsAre(kAnne));
  ASSERT_TRUE(Write(*there, {.writes = {T(kBob)}, .deletes = {kAnne}}).ok());
  ASSERT_TRUE(Reaches(*one.Open(store_), 2));
  EXPECT_THAT(AllTuples(*one.Open(store_)), ElementsAre(kBob));
  EXPECT_THAT(
      AllChanges(*one.Open(store_)),
      ElementsAre(std::string("+") + kAnne, std::string("-") + kAnne, std::string("+") + kBob));
}

TEST_F(Shared, WhoAsksForTheNewestHasItThoughNothingWasAnnounced) {
  Node one(options_), two(options_, /*follows=*/false);
  CreateStore(one);
  const auto there = two.Open(store_);
  for (Revision r = 1; r <= 5; ++r) {
    const auto text = "document:" + std::to_string(r) + "#viewer@user:anne";
    ASSERT_EQ(*Write(*one.Open(store_), {.writes = {T(text)}}), r);
    if (r % 2 == 0) {
      EXPECT_EQ(there->PinNewest(Soon())->revision(), r);
    } else {
      EXPECT_EQ(there->PinAtLeast(r, Soon())->revision(), r);
    }
  }
  const auto beyond = there->PinAtLeast(6, steady_clock::now() + milliseconds(100));
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(beyond.error().message, HasSubstr("revision 6"));
}

// The writer's server does not know yet what the other has written.
TEST_F(Shared, AWriteIsJudgedAgainstEverythingThatIsDurable) {
  Node one(options_), two(options_, /*follows=*/false);
  CreateStore(one);
  const auto there = two.Open(store_);
  ASSERT_TRUE(Write(*one.Open(store_), {.writes = {T(kAnne)}}).ok());
  const auto again = Write(*there, {.writes = {T(kAnne)}});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);  // It could not know.
  const auto knowingly = Write(*there, {.writes = {T(kAnne)}});
  EXPECT_EQ(knowingly.error().code, ErrorCode::kTupleStateMismatch);
  EXPECT_EQ(*Write(*there, {.writes = {T(kAnne)}, .on_duplicate = "ignore"}), 1u);
  ASSERT_EQ(*Write(*one.Open(store_), {.writes = {T(kBob)}}), 2u);
  EXPECT_EQ(*Write(*there, {.deletes = {kBob}}), 3u);
}

// Each of some tuples is moved about by writers on all servers: as many moves succeed as there are
// revisions, and the tuple is always in one place.
TEST_F(Shared, ManyWritersOfOneStoreTakeTurns) {
  constexpr int kNodes = 3;
  constexpr int kThreads = 3;
  constexpr int kMoves = 60;
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < kNodes; ++i) nodes.push_back(std::make_unique<Node>(options_));
  CreateStore(*nodes[0]);
  ASSERT_TRUE(Write(*nodes[0]->Open(store_), {.writes = {T("document:a#viewer@user:x")}}).ok());
  std::atomic<int> moved = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kNodes * kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto store = nodes[t % kNodes]->Open(store_);
      for (int i = 0; i < kMoves; ++i) {
        const bool there = (i + t) % 2 == 0;
        const std::string from = std::string("document:") + (there ? "a" : "b") + "#viewer@user:x";
        const std::string to = std::string("document:") + (there ? "b" : "a") + "#viewer@user:x";
        const auto written = Write(*store, {.writes = {T(to)}, .deletes = {from}});
        ++(written.ok() ? moved : refused);
        if (!written.ok()) {
          EXPECT_TRUE(written.error().code == ErrorCode::kConflict ||
                      written.error().code == ErrorCode::kTupleStateMismatch)
              << written.error().message;
        }
        EXPECT_EQ(AllTuples(*store).size(), 1u);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(moved + refused, kNodes * kThreads * kMoves);
  EXPECT_GT(moved, 0);
  for (const auto& node : nodes) {
    const auto store = node->Open(store_);
    EXPECT_EQ(store->PinNewest(Soon())->revision(), static_cast<Revision>(moved) + 1);
    EXPECT_EQ(AllChanges(*store).size(), static_cast<std::size_t>(moved) * 2 + 1);
  }
}

TEST_F(Shared, WritersOfOneServerShareATransaction) {
  Node node(options_);
  CreateStore(node);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto text =
            "document:" + std::to_string(t) + "-" + std::to_string(i) + "#viewer@user:anne";
        EXPECT_TRUE(Write(*node.Open(store_), {.writes = {T(text)}}).ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(node.Open(store_)->Pin().revision(), 400u);
  const auto transactions =
      std::stoi(Server().Sql(database_, "SELECT count(DISTINCT xmin::text) FROM pemba_log"));
  EXPECT_LT(transactions, 400);
}

TEST_F(Shared, ModelsOfTheOtherServerAreFound) {
  Node one(options_), two(options_);
  CreateStore(one);
  const auto there = two.Open(store_);
  const auto first = there->Pin().ResolveModel("");
  ASSERT_TRUE(first.ok());
  const auto id = one.Open(store_)->WriteModel(MakeModel());
  ASSERT_TRUE(id.ok());
  EXPECT_TRUE(there->Pin().ResolveModel(id->value).ok());  // By its id: at once.
  {
    const auto newest = there->PinNewest(Soon());
    ASSERT_TRUE(newest.ok());
    EXPECT_EQ(newest->ResolveModel("")->id, id->value);
  }
  const auto third = one.Open(store_)->WriteModel(MakeModel());
  const auto give_up = Soon();  // By itself it finds the latest after a moment.
  while (there->Pin().ResolveModel("")->id != third->value && steady_clock::now() < give_up) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(there->Pin().ResolveModel("")->id, third->value);
}

TEST_F(Shared, AStoreThatAnotherServerMadeIsLoadedOnFirstUse) {
  Node one(options_), two(options_);
  CreateStore(one);
  std::vector<tuple::Tuple> many;
  for (int i = 0; i < 100; ++i)
    many.push_back(T("document:" + std::to_string(i) + "#viewer@user:anne"));
  for (int i = 0; i < 20; ++i) {
    for (auto& t : many) t.subject = "user:" + std::to_string(i);
    ASSERT_TRUE(Write(*one.Open(store_), {.writes = many}).ok());
  }
  EXPECT_EQ(AllTuples(*two.Open(store_)).size(), 2000u);
}

TEST_F(Shared, ADatabaseThatWentBackIsNoticedAndItsStateIsServed) {
  Node node(options_);
  CreateStore(node);
  const auto store = node.Open(store_);
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(
        Write(*store, {.writes = {T("document:" + std::to_string(i) + "#viewer@user:anne")}}).ok());
  }
  Server().Sql(database_,
               "DELETE FROM pemba_log WHERE revision > 2; UPDATE pemba_head SET revision = 2");
  const auto newest = store->PinNewest(Soon());
  ASSERT_TRUE(newest.ok()) << newest.error().message;
  EXPECT_EQ(newest->revision(), 2u);
  EXPECT_EQ(AllTuples(*store).size(), 2u);
  EXPECT_THAT(node.reports(), Contains(HasSubstr("not the one that this server knows")));
  EXPECT_EQ(*Write(*store, {.writes = {T("document:6#viewer@user:anne")}}), 3u);
}

TEST_F(Shared, WithoutTheDatabaseReadsGoOnAndSayHowOldTheyAre) {
  auto options = options_;
  options.statement_timeout = seconds(1);
  Node node(options);
  CreateStore(node);
  const auto store = node.Open(store_);
  ASSERT_TRUE(Write(*store, {.writes = {T(kAnne)}}).ok());
  ASSERT_TRUE(node->following().has_value());
  EXPECT_TRUE(node->Health().ok());

  Server().StopNow(PostgresServer::Stop::kFast);
  std::this_thread::sleep_for(milliseconds(1500));
  EXPECT_THAT(AllTuples(*store), ElementsAre(kAnne));
  EXPECT_GE(node->following()->silent_for, seconds(1));
  EXPECT_FALSE(node->Health().ok());
  EXPECT_EQ(store->PinNewest(Soon()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Write(*store, {.writes = {T(kBob)}}).error().code, ErrorCode::kUnavailable);

  ASSERT_TRUE(Server().StartAgain().ok());
  EXPECT_EQ(*Write(*store, {.writes = {T(kBob)}}), 2u);
  const auto give_up = Soon();
  while (node->following()->silent_for > seconds(1) && steady_clock::now() < give_up) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_LE(node->following()->silent_for, seconds(1));
  EXPECT_TRUE(node->Health().ok());
}

constexpr std::uint64_t kBudget = std::uint64_t{8} << 20;

// Some 1.5 MiB of graph in 100 writes.
void Fill(Node& node, const StoreId& id) {
  std::vector<tuple::Tuple> writes(100);
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 100; ++j) {
      writes[static_cast<std::size_t>(j)] =
          T("document:" + std::to_string(i * 100 + j) +
            "-with-a-name-that-takes-some-room#viewer@user:u" + std::to_string(i * 100 + j));
    }
    auto written = Write(*node.Open(id), {.writes = writes});
    for (int again = 0; !written.ok() && again < 400; ++again) {
      ASSERT_EQ(written.error().code, ErrorCode::kResourceExhausted) << written.error().message;
      std::this_thread::sleep_for(milliseconds(5));
      written = Write(*node.Open(id), {.writes = writes});
    }
    ASSERT_TRUE(written.ok()) << written.error().message;
    ASSERT_LE(node->memory().bytes, kBudget);
  }
}

TEST_F(Shared, StoresOfAFollowerMakeRoomAndComeBackWithWhatOthersWroteMeanwhile) {
  Node writer(options_);
  Node small(options_, true, kBudget);
  CreateStore(writer);
  const auto first = store_;
  ASSERT_TRUE(Write(*writer.Open(first), {.writes = {T(kAnne)}}).ok());
  {
    const auto there = small.Open(first);
    ASSERT_TRUE(there->PinAtLeast(1, Soon()).ok());
  }
  for (int i = 0; i < 9; ++i) {
    CreateStore(small);
    ASSERT_NO_FATAL_FAILURE(Fill(small, store_));
  }
  ASSERT_EQ(small->IsLoaded(first), Stores::Loaded::kNo);
  EXPECT_GT(small->memory().unloaded, 0u);

  ASSERT_TRUE(Write(*writer.Open(first), {.writes = {T(kBob)}, .deletes = {kAnne}}).ok());
  std::this_thread::sleep_for(milliseconds(50));  // News of a store that is not here: no trouble.
  ASSERT_EQ(small->IsLoaded(first), Stores::Loaded::kNo);
  const auto back = small.Open(first);
  EXPECT_THAT(AllTuples(*back), ElementsAre(kBob));
  EXPECT_THAT(AllChanges(*back), ElementsAre("+" + std::string(kAnne), "-" + std::string(kAnne),
                                             "+" + std::string(kBob)));
  // And it is followed again.
  ASSERT_TRUE(Write(*writer.Open(first), {.writes = {T(kAnne)}}).ok());
  EXPECT_TRUE(Reaches(*small.Open(first), 3));
  EXPECT_EQ(*Write(*small.Open(first), {.deletes = {kAnne}}), 4u);
  EXPECT_THAT(small.reports(), IsEmpty());
}

TEST_F(Shared, AWriteThatThisServerCannotHoldIsRefusedBeforeItIsDurable) {
  Node small(options_, true, kBudget / 4);
  CreateStore(small);
  std::optional<Error> refused;
  Revision last = 0;
  for (int i = 0; i < 100'000 && !refused; i += 100) {
    std::vector<tuple::Tuple> writes;
    for (int j = i; j < i + 100; ++j) {
      writes.push_back(T("document:" + std::to_string(j) + "-with-a-long-name#viewer@user:anne"));
    }
    const auto written = Write(*small.Open(store_), {.writes = writes});
    if (written.ok()) {
      last = *written;
    } else {
      refused = written.error();
    }
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(refused->message, HasSubstr("the server's memory budget"));
  EXPECT_EQ(small.Open(store_)->Pin().revision(), last);
  Node large(options_);
  EXPECT_EQ(large.Open(store_)->Pin().revision(), last) << "it was durable all the same";
}

// Both servers read, write and unload at once; each sees its own writes, and in the end the same.
TEST_F(Shared, NothingIsLostWhileStoresComeAndGoOnBothServers) {
  Node one(options_, true, kBudget), two(options_, true, kBudget);
  std::vector<StoreId> ids;
  for (int i = 0; i < 7; ++i) {
    CreateStore(one);
    ids.push_back(store_);
    ASSERT_NO_FATAL_FAILURE(Fill(one, store_));
  }
  std::vector<std::atomic<Revision>> acknowledged(ids.size());
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Node& node = t % 2 == 0 ? one : two;
      for (unsigned i = 0; i < 40; ++i) {
        const auto s = (i * 5 + t * 3) % ids.size();
        const auto opened = node->Open(ids[s]);
        if (!opened.ok()) continue;  // No room just now.
        const auto name = "document:new" + std::to_string(t) + "-" + std::to_string(i);
        const auto revision = Write(**opened, {.writes = {T(name + "#viewer@user:anne")}});
        if (!revision.ok()) continue;
        ++acknowledged[s];
        const auto again = node->Open(ids[s]);
        if (again.ok()) {
          EXPECT_GE((*again)->Pin().revision(), *revision);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  Revision all = 0;
  for (std::size_t s = 0; s < ids.size(); ++s) {
    EXPECT_EQ(one.Open(ids[s])->PinNewest(Soon())->revision(), 100 + acknowledged[s]);
    EXPECT_EQ(two.Open(ids[s])->PinNewest(Soon())->revision(), 100 + acknowledged[s]);
    all += acknowledged[s];
  }
  EXPECT_GT(all, 0u);
  EXPECT_GT(one->memory().unloaded + two->memory().unloaded, 0u);
}

// Each store's writers wait for their own.
TEST_F(Shared, AStoreWhoseEndSomebodyHoldsKeepsNobodyElseWaiting) {
  Node node(options_);
  CreateStore(node);
  const auto held = store_;
  CreateStore(node);
  auto other = storage::OpenPostgresDatastore(options_);
  ASSERT_TRUE(other.ok());
  auto lock = (*other)->shared()->Lock(held, 0, Soon());
  ASSERT_TRUE(lock.ok());
  std::atomic<bool> released = false;
  std::thread waits([&] {
    EXPECT_TRUE(Write(*node.Open(held), {.writes = {T(kAnne)}}).ok());
    EXPECT_TRUE(released);
  });
  EXPECT_TRUE(Write(*node.Open(store_), {.writes = {T(kAnne)}}).ok());
  std::this_thread::sleep_for(milliseconds(100));
  released = true;
  lock->reset();
  waits.join();
}

// A log that has been trimmed: who loads it has the right tuples, who is behind loads it again, and
// who lists changes hears what is no longer kept.
class Trimmed : public Shared {
 protected:
  // Document 1 is shared with anne and taken from her, five times; then bob gets it, and carl.
  void WriteHistory(Node& node) {
    CreateStore(node);
    const auto store = node.Open(store_);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(Write(*store, {.writes = {T(kAnne)}}).ok());
      ASSERT_TRUE(Write(*store, {.deletes = {kAnne}}).ok());
    }
    ASSERT_TRUE(Write(*store, {.writes = {T(kBob)}}).ok());
  }
  // All but the last write.
  void TrimAll() {
    const auto trimmed = storage::TrimPostgresLogs(
        options_, {.before = std::chrono::system_clock::now() + seconds(10)},
        [](const storage::TrimmedLog&) {});
    ASSERT_TRUE(trimmed.ok()) << trimmed.error().message;
  }
};

TEST_F(Trimmed, IsLoadedAndFollowedAsEver) {
  Node one(options_);
  WriteHistory(one);
  const auto here = one.Open(store_);
  TrimAll();
  Node two(options_);
  const auto there = two.Open(store_);
  EXPECT_THAT(AllTuples(*there), ElementsAre(kBob));
  EXPECT_EQ(there->Pin().revision(), 11u);
  // A server that was there already goes on, and so does one that has loaded the trimmed log.
  ASSERT_EQ(*Write(*there, {.writes = {T(kAnne)}}), 12u);
  ASSERT_TRUE(Reaches(*here, 12));
  ASSERT_EQ(*Write(*here, {.deletes = {kBob}}), 13u);
  ASSERT_TRUE(Reaches(*there, 13));
  EXPECT_THAT(AllTuples(*there), ElementsAre(kAnne));
  EXPECT_TRUE(one.reports().empty());
  EXPECT_TRUE(two.reports().empty());
}

// Puts rows of the log of one database into that of another, where nobody hears of them.
class Unheard : public Trimmed {
 protected:
  // Makes a store with the history in a database of its own.
  void MakeHistory(const std::vector<std::string>& changes) {  // "+tuple" or "-tuple".
    source_ = Server().CreateDatabase();
    storage::PostgresOptions elsewhere;
    elsewhere.primary.uri = Server().Uri(source_);
    ASSERT_TRUE(storage::MigratePostgres(elsewhere, storage::Migrate::kYes).ok());
    Node node(elsewhere);
    CreateStore(node);
    const auto store = node.Open(store_);
    for (const auto& change : changes) {
      const auto tuple = change.substr(1);
      const auto written = change[0] == '+' ? Write(*store, {.writes = {T(tuple)}})
                                            : Write(*store, {.deletes = {tuple.c_str()}});
      ASSERT_TRUE(written.ok()) << written.error().message;
    }
    Copy("pemba_model", "store, id, body", "true");
  }
  void CopyRevisions(int first, int last) {
    Copy("pemba_log", "store, revision, time_ms, changes, record",
         "revision BETWEEN " + std::to_string(first) + " AND " + std::to_string(last));
    Server().Sql(database_, "DELETE FROM pemba_head");
    Copy("pemba_head", "store, revision, latest_model", "true");
    Server().Sql(database_, "UPDATE pemba_head SET revision = " + std::to_string(last));
  }

 private:
  void Copy(const std::string& table, const std::string& columns, const std::string& which) {
    std::istringstream rows(Server().Sql(
        source_, "SELECT format('(' || repeat('%L,', " + CountOf(columns) + " - 1) || '%L)', " +
                     columns + ") FROM " + table + " WHERE " + which));
    for (std::string row; std::getline(rows, row);) {
      Server().Sql(database_, "INSERT INTO " + table + " (" + columns + ") VALUES " + row);
    }
  }
  static std::string CountOf(const std::string& columns) {
    return std::to_string(std::ranges::count(columns, ',') + 1);
  }

  std::string source_;
};

// However little it knew: nothing but the model, one write, or more.
TEST_F(Unheard, AServerThatWasBehindLoadsTheStoreAgain) {
  const std::string anne = kAnne, bob = kBob, two = "document:2#viewer@user:anne",
                    three = "document:3#viewer@user:anne";
  MakeHistory({"+" + anne, "+" + bob, "-" + anne, "+" + two, "+" + anne, "+" + three, "-" + anne});
  for (const int known : {0, 1, 2}) {
    SCOPED_TRACE(known);
    Server().Sql(database_, "TRUNCATE pemba_log, pemba_head, pemba_horizon");
    CopyRevisions(1, known);
    Node behind(options_, /*follows=*/false);
    const auto store = behind.Open(store_);
    ASSERT_EQ(store->Pin().revision(), static_cast<Revision>(known));
    std::this_thread::sleep_for(milliseconds(200));  // Its first look at everything is over.
    CopyRevisions(known + 1, 7);
    TrimAll();
    if (known == 2) {  // A writer has to know, too.
      EXPECT_EQ(*Write(*store, {.deletes = {kBob}}), 8u);
      EXPECT_FALSE(Write(*store, {.deletes = {kAnne}}).ok());
    } else {
      EXPECT_EQ(store->PinNewest(Soon())->revision(), 7u);
      EXPECT_THAT(AllTuples(*store),
                  ElementsAre(kBob, "document:2#viewer@user:anne", "document:3#viewer@user:anne"));
    }
    EXPECT_THAT(behind.reports(), Contains(HasSubstr("no longer kept; the store is loaded again")));
  }
}

// A watcher that comes from another server knows more than this one.
TEST_F(Unheard, AFeedMayBeginWhereAnotherServerIs) {
  const std::string anne = kAnne, bob = kBob;
  MakeHistory({"+" + anne, "+" + bob, "-" + anne});
  CopyRevisions(1, 1);
  Node behind(options_, /*follows=*/false);
  const auto store = behind.Open(store_);
  std::this_thread::sleep_for(milliseconds(200));  // Its first look at everything is over.
  CopyRevisions(2, 3);
  ASSERT_EQ(store->Pin().revision(), 1u);
  EXPECT_TRUE(store->StartFeed({.after_revision = 3}).ok());
  EXPECT_FALSE(store->StartFeed({.after_revision = 4}).ok());
}

TEST_F(Trimmed, ListsOfChangesThatWouldHaveHolesAreRefused) {
  Node node(options_);
  WriteHistory(node);
  const auto store = node.Open(store_);
  const auto first = store->ReadChanges({.page_size = 3});
  ASSERT_TRUE(first.ok());
  const auto all = store->ReadChanges({.page_size = 100});
  ASSERT_TRUE(all.ok());
  TrimAll();
  const auto refused = [](const auto& answer, ErrorCode code) {
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, code);
    EXPECT_THAT(answer.error().message, HasSubstr("up to revision 10 are no longer kept"));
  };
  refused(store->ReadChanges({}), ErrorCode::kInvalidStartTime);
  refused(store->ReadChanges({.start_time = WallTime()}), ErrorCode::kInvalidStartTime);
  refused(store->ReadChanges({.continuation_token = first->continuation_token}),
          ErrorCode::kInvalidContinuationToken);
  refused(store->ReadFeed({0, 0}, "", 10), ErrorCode::kInvalidArgument);
  refused(store->ReadFeed({5, 0}, "", 10), ErrorCode::kInvalidArgument);

  // Who knows everything up to there goes on without a hole.
  EXPECT_EQ(store->ReadFeed({10, 0}, "", 10)->writes.size(), 1u);
  ASSERT_TRUE(Write(*store, {.writes = {T(kAnne)}}).ok());
  const auto later = store->ReadChanges({.continuation_token = all->continuation_token});
  ASSERT_TRUE(later.ok()) << later.error().message;
  EXPECT_EQ(later->changes.size(), 1u);
  EXPECT_EQ(store->ReadChanges({.start_time = later->changes[0].time})->changes.size(), 1u);
}

}  // namespace
}  // namespace pemba::store::testing
