// Several servers' stores on one PostgreSQL, in one process.
#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
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

constexpr const char* kAnne = "document:1#viewer@user:anne";
constexpr const char* kBob = "document:1#viewer@user:bob";

// One database server for all tests; each has a database of its own.
class Environment final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) {
      std::printf("SKIP: %s\n", why->c_str());
      std::exit(0);
    }
    auto started = PostgresServer::Start();
    PEMBA_CHECK(started.ok());
    server = *std::move(started);
  }
  void TearDown() override { server.reset(); }
  static inline std::unique_ptr<PostgresServer> server;
};
const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new Environment());

class Node {
 public:
  explicit Node(const storage::PostgresOptions& options, bool follows = true) {
    auto slow = options;
    if (!follows) slow.poll_announced = slow.poll_unannounced = std::chrono::hours(1);
    auto opened = storage::OpenPostgresDatastore(slow);
    PEMBA_CHECK(opened.ok());
    datastore_ = *std::move(opened);
    StoresOptions stores;
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

class Shared : public ::testing::Test {
 protected:
  Shared() {
    options_.primary.uri = Server().Uri(database_);
    EXPECT_TRUE(storage::MigratePostgres(options_, storage::Migrate::kYes).ok());
  }

  static PostgresServer& Server() { return *Environment::server; }
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

  const std::string database_ = Server().CreateDatabase();
  storage::PostgresOptions options_;
  StoreId store_;
};

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

}  // namespace
}  // namespace pemba::store::testing
