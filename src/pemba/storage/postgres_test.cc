#include "pemba/storage/postgres.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_schema.h"
#include "pemba/storage/testing/datastore_contract.h"
#include "pemba/storage/testing/postgres_server.h"

namespace pemba::storage::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const StoreId kStore{"01J0000000000000000000000A"};
const StoreId kOther{"01J0000000000000000000000B"};

// One server for all tests of this program; each has a database of its own.
class Environment final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) {
      std::printf("SKIP: %s\n", why->c_str());
      std::exit(0);
    }
    auto started = PostgresServer::Start();
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.error().message.c_str());
      std::abort();
    }
    server = *std::move(started);
    if (PgBouncer::WhyNotHere()) return;
    auto pooled = PgBouncer::Start(*server);
    if (pooled.ok()) pooler = *std::move(pooled);
  }
  void TearDown() override {
    pooler.reset();
    server.reset();
  }
  static inline std::unique_ptr<PostgresServer> server;
  static inline std::unique_ptr<PgBouncer> pooler;  // Null: not installed.
};

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new Environment());

PostgresServer& Server() { return *Environment::server; }

PostgresOptions OptionsFor(const PostgresServer& server, const std::string& database) {
  PostgresOptions options;
  options.primary.uri = server.Uri(database);
  options.connect_patience = seconds(5);
  return options;
}

PostgresOptions OptionsFor(const std::string& database) { return OptionsFor(Server(), database); }

std::string MigratedDatabase() {
  auto database = Server().CreateDatabase();
  const auto migrated = MigratePostgres(OptionsFor(database), Migrate::kYes);
  EXPECT_TRUE(migrated.ok()) << (migrated.ok() ? "" : migrated.error().message);
  return database;
}

std::unique_ptr<Datastore> MustOpen(const PostgresOptions& options) {
  auto datastore = OpenPostgresDatastore(options);
  if (!datastore.ok()) {
    std::fprintf(stderr, "%s\n", datastore.error().message.c_str());
    std::abort();
  }
  return *std::move(datastore);
}

class PostgresBackend final : public Backend {
 public:
  Datastore& datastore() override { return *datastore_; }
  Reopened Reopen() override {
    datastore_.reset();
    datastore_ = MustOpen(OptionsFor(database_));
    return Reopened::kYes;
  }

 private:
  const std::string database_ = MigratedDatabase();
  std::unique_ptr<Datastore> datastore_ = MustOpen(OptionsFor(database_));
};

std::unique_ptr<Backend> NewPostgresBackend() { return std::make_unique<PostgresBackend>(); }

INSTANTIATE_TEST_SUITE_P(Postgres, DatastoreContract, ::testing::Values(&NewPostgresBackend));

// The same through a pooler in transaction mode: no session lives longer than a transaction.
class PooledBackend final : public Backend {
 public:
  PooledBackend() { (void)Reopen(); }
  Datastore& datastore() override { return *datastore_; }
  Reopened Reopen() override {
    datastore_.reset();
    PostgresOptions options;
    options.primary.uri = Environment::pooler->Uri(database_);
    datastore_ = MustOpen(options);
    return Reopened::kYes;
  }

 private:
  const std::string database_ = MigratedDatabase();
  std::unique_ptr<Datastore> datastore_;
};

std::unique_ptr<Backend> NewPooledBackend() {
  return Environment::pooler ? std::make_unique<PooledBackend>() : nullptr;
}

INSTANTIATE_TEST_SUITE_P(PgBouncer, DatastoreContract, ::testing::Values(&NewPooledBackend));

class Postgres : public ::testing::Test {
 protected:
  static SteadyTime Soon() { return steady_clock::now() + seconds(5); }

  static Status Append(Datastore& datastore, const StoreId& store, Revision revision) {
    const std::string object = "document:" + std::to_string(revision);
    const Change change{Change::Operation::kWrite, {object, "viewer", "user:anne"}};
    return datastore.Append(store, {revision, WallTime(milliseconds(revision)), {&change, 1}})
        ->Wait();
  }

  static std::vector<Revision> Revisions(const Datastore& datastore, const StoreId& store) {
    std::vector<Revision> revisions;
    const auto read = datastore.ReadWrites(store, 0, [&](const Write& write) {
      revisions.push_back(write.revision);
      return Visit::kContinue;
    });
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return revisions;
  }

  const std::string database_ = MigratedDatabase();
  const PostgresOptions options_ = OptionsFor(database_);
};

TEST_F(Postgres, RefusesADatabaseThatIsNotMigratedAndSaysWhatToDo) {
  const auto opened = OpenPostgresDatastore(OptionsFor(Server().CreateDatabase()));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(opened.error().message, HasSubstr("pemba migrate"));
}

TEST_F(Postgres, RefusesANewerSchemaUnlessThatSaysItIsCompatible) {
  Server().Sql(database_, "UPDATE pemba_schema SET version = 9, compatible_from = 9");
  const auto opened = OpenPostgresDatastore(options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(opened.error().message, HasSubstr("version 9"));
  const auto migrated = MigratePostgres(options_, Migrate::kYes);
  ASSERT_FALSE(migrated.ok());
  EXPECT_THAT(migrated.error().message, HasSubstr("version 9"));

  Server().Sql(database_, "UPDATE pemba_schema SET compatible_from = 1");
  EXPECT_TRUE(OpenPostgresDatastore(options_).ok());
  EXPECT_TRUE(MigratePostgres(options_, Migrate::kYes).ok());
}

TEST_F(Postgres, MigrationMayBeRepeatedAndOnlyTold) {
  const auto options = OptionsFor(Server().CreateDatabase());
  const auto told = MigratePostgres(options, Migrate::kOnlyTell);
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told->found, 0);
  EXPECT_EQ(told->wanted, internal::kPgSchemaVersion);
  EXPECT_THAT(told->sql, HasSubstr("CREATE TABLE pemba_log"));
  EXPECT_FALSE(OpenPostgresDatastore(options).ok());

  EXPECT_EQ(MigratePostgres(options, Migrate::kYes)->found, 0);
  const auto again = MigratePostgres(options, Migrate::kYes);
  EXPECT_EQ(again->found, internal::kPgSchemaVersion);
  EXPECT_EQ(again->sql, "");
  EXPECT_TRUE(OpenPostgresDatastore(options).ok());
}

TEST_F(Postgres, RunnersOfTheMigrationWaitForEachOther) {
  const auto options = OptionsFor(Server().CreateDatabase());
  std::vector<std::thread> runners;
  for (int i = 0; i < 6; ++i) {
    runners.emplace_back([&] {
      const auto migrated = MigratePostgres(options, Migrate::kYes);
      EXPECT_TRUE(migrated.ok()) << (migrated.ok() ? "" : migrated.error().message);
    });
  }
  for (auto& runner : runners) runner.join();
  EXPECT_TRUE(OpenPostgresDatastore(options).ok());
}

TEST_F(Postgres, TheSecretIsTheSameForAllServers) {
  const auto one = MustOpen(options_);
  const auto two = MustOpen(options_);
  EXPECT_EQ(one->secret().size(), 32u);
  EXPECT_EQ(one->secret(), two->secret());
}

// What is told to callers or to the operator.
TEST_F(Postgres, PasswordsAreInNoMessage) {
  std::string told;
  std::mutex mutex;
  auto options = options_;
  options.connect_patience = milliseconds(300);
  options.report = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    told.append(line).append("\n");
  };
  for (const std::string uri :
       {"postgres://u:hunter2@127.0.0.1:1/db", "postgres://u:hunter2@[::1/db", "hunter2",
        "host=127.0.0.1 port=1 password=hunter2 nonsense=1", "postgres://u:hunter2@h/db?hunter2"}) {
    options.primary = {.uri = uri, .username = "", .password = ""};
    const auto opened = OpenPostgresDatastore(options);
    ASSERT_FALSE(opened.ok()) << uri;
    told += opened.error().message + "\n";
  }
  options.primary = {"postgres://127.0.0.1:1/db", "u", "hunter2"};
  told += OpenPostgresDatastore(options).error().message;
  EXPECT_THAT(told, Not(HasSubstr("hunter2")));
}

TEST_F(Postgres, UserAndPasswordOverrideTheUri) {
  Server().Sql(database_, "CREATE ROLE keeper" + database_ + " LOGIN SUPERUSER");
  auto options = options_;
  options.primary.uri =
      "postgres://nobody_of_that_name@127.0.0.1:" + std::to_string(Server().port()) + "/" +
      database_ + "?pool_max_conns=5&sslmode=prefer&default_query_exec_mode=simple_protocol";
  options.connect_patience = milliseconds(300);
  EXPECT_FALSE(OpenPostgresDatastore(options).ok());
  options.primary.username = "keeper" + database_;
  options.primary.password = "whatever";
  EXPECT_TRUE(OpenPostgresDatastore(options).ok());
}

TEST_F(Postgres, AMissingRowOfTheLogIsALoss) {
  const auto datastore = MustOpen(options_);
  for (Revision r = 1; r <= 5; ++r) ASSERT_TRUE(Append(*datastore, kStore, r).ok());
  Server().Sql(database_, "DELETE FROM pemba_log WHERE revision = 3");
  const auto read = datastore->ReadWrites(kStore, 0, [](const Write&) { return Visit::kContinue; });
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(read.error().message, HasSubstr("revision 3"));
}

TEST_F(Postgres, ARowThatWasAlteredIsALoss) {
  const auto datastore = MustOpen(options_);
  ASSERT_TRUE(datastore->WriteModel(kStore, {{"m"}, "text"}).ok());
  ASSERT_TRUE(Append(*datastore, kStore, 1).ok());
  Server().Sql(database_,
               "UPDATE pemba_log SET record = set_byte(record, 9, 7);"
               "UPDATE pemba_model SET body = set_byte(body, 2, 7)");
  const auto read = datastore->ReadWrites(kStore, 0, [](const Write&) { return Visit::kContinue; });
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
  const auto model = datastore->ReadModel(kStore, {"m"});
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kDataLoss);
}

TEST_F(Postgres, ALongLogIsReadInChunksAndStopsWhereAsked) {
  const auto datastore = MustOpen(options_);
  constexpr Revision kCount = 3000;
  {
    const auto locked = datastore->shared()->Lock(kStore, 0, Soon());
    ASSERT_TRUE(locked.ok());
    const Change change{Change::Operation::kWrite, {"document:1", "viewer", "user:anne"}};
    std::vector<Write> writes;
    for (Revision r = 1; r <= kCount; ++r) writes.push_back({r, {}, {&change, 1}});
    ASSERT_TRUE((*locked)->Commit(writes).ok());
  }
  EXPECT_EQ(Revisions(*datastore, kStore).size(), kCount);
  Revision last = 0;
  ASSERT_TRUE(datastore
                  ->ReadWrites(kStore, 0,
                               [&](const Write& write) {
                                 last = write.revision;
                                 return last == 700 ? Visit::kStop : Visit::kContinue;
                               })
                  .ok());
  EXPECT_EQ(last, 700u);
  EXPECT_EQ(Revisions(*datastore, kStore).size(), kCount);  // The connection is still good.
}

TEST_F(Postgres, TheLockOfALogIsHeldAgainstOtherServers) {
  const auto one = MustOpen(options_);
  const auto two = MustOpen(options_);
  ASSERT_TRUE(Append(*one, kStore, 1).ok());
  std::atomic<bool> committed = false;
  std::thread other;
  {
    const auto locked = one->shared()->Lock(kStore, 1, Soon());
    ASSERT_TRUE(locked.ok());
    EXPECT_EQ((*locked)->head().revision, 1u);
    other = std::thread([&] {
      const auto late = two->shared()->Lock(kStore, 0, Soon());
      ASSERT_TRUE(late.ok());
      EXPECT_TRUE(committed);
      EXPECT_EQ((*late)->head().revision, 2u);
      std::vector<Revision> seen;
      EXPECT_TRUE((*late)
                      ->ReadWrites(0,
                                   [&](const Write& write) {
                                     seen.push_back(write.revision);
                                     return Visit::kContinue;
                                   })
                      .ok());
      EXPECT_THAT(seen, ElementsAre(1, 2));
    });
    EXPECT_TRUE(Append(*two, kOther, 1).ok());  // Another store waits for nobody.
    std::this_thread::sleep_for(milliseconds(100));
    const Change change{Change::Operation::kWrite, {"document:2", "viewer", "user:anne"}};
    const Write write{2, {}, {&change, 1}};
    committed = true;
    EXPECT_TRUE((*locked)->Commit({&write, 1}).ok());
  }
  other.join();
}

TEST_F(Postgres, ALockThatIsNotGrantedInTimeIsAnError) {
  const auto one = MustOpen(options_);
  const auto two = MustOpen(options_);
  const auto held = one->shared()->Lock(kStore, 0, Soon());
  ASSERT_TRUE(held.ok());
  const auto begin = steady_clock::now();
  const auto refused = two->shared()->Lock(kStore, 0, begin + milliseconds(200));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(steady_clock::now() - begin, seconds(2));
}

TEST_F(Postgres, ALockWhoseHolderIsSilentIsTakenBack) {
  const auto one = MustOpen(options_);
  const auto two = MustOpen(options_);
  const auto silent = one->shared()->Lock(kStore, 0, Soon());
  ASSERT_TRUE(silent.ok());
  EXPECT_TRUE(two->shared()->Lock(kStore, 0, steady_clock::now() + seconds(9)).ok());
  const Change change{Change::Operation::kWrite, {"document:1", "viewer", "user:anne"}};
  const Write write{1, {}, {&change, 1}};
  const auto late = (*silent)->Commit({&write, 1});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(late.error().message, HasSubstr("not known"));
  EXPECT_EQ(*two->Head(kStore), 0u);
}

TEST_F(Postgres, AnnouncementsThatAPoolerSwallowsAreNotMissed) {
  if (!Environment::pooler) GTEST_SKIP() << *PgBouncer::WhyNotHere();
  auto options = options_;
  options.primary.uri = Environment::pooler->Uri(database_);
  options.poll_announced = seconds(30);
  options.poll_unannounced = milliseconds(10);
  const auto datastore = MustOpen(options);
  std::this_thread::sleep_for(milliseconds(300));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(datastore->shared()->AwaitNews().of, News::Of::kAny);
}

TEST_F(Postgres, ALockThatIsDroppedAppendsNothing) {
  const auto datastore = MustOpen(options_);
  { ASSERT_TRUE(datastore->shared()->Lock(kStore, 0, Soon()).ok()); }
  EXPECT_EQ(*datastore->Head(kStore), 0u);
  EXPECT_TRUE(Append(*datastore, kStore, 1).ok());
}

TEST_F(Postgres, HeadsAreThoseOfTheStoresAskedForInTheirOrder) {
  const auto datastore = MustOpen(options_);
  ASSERT_TRUE(Append(*datastore, kOther, 1).ok());
  ASSERT_TRUE(datastore->WriteModel(kStore, {{"m2"}, "two"}).ok());
  ASSERT_TRUE(datastore->WriteModel(kStore, {{"m1"}, "one"}).ok());
  const std::vector<StoreId> stores = {kStore, {"unknown"}, kOther};
  const auto heads = datastore->shared()->Heads(stores, Soon());
  ASSERT_TRUE(heads.ok());
  EXPECT_THAT(*heads, ElementsAre(LogHead{0, "m2"}, LogHead{}, LogHead{1, ""}));
}

// Waits for news of the store, whatever else is told before.
bool HearsOf(SharedLogs& logs, const StoreId& store, std::chrono::nanoseconds patience) {
  const auto give_up = steady_clock::now() + patience;
  while (steady_clock::now() < give_up) {
    const auto news = logs.AwaitNews();
    if (std::ranges::find(news.stores, store) != news.stores.end()) return true;
  }
  return false;
}

TEST_F(Postgres, OtherServersHearOfAppendsAndModels) {
  auto options = options_;
  options.poll_unannounced = options.poll_announced = seconds(30);
  const auto one = MustOpen(options);
  const auto two = MustOpen(options);
  EXPECT_EQ(two->shared()->AwaitNews().of, News::Of::kAny);  // The first look is at everything.
  std::this_thread::sleep_for(milliseconds(300));            // Until it listens.
  ASSERT_TRUE(Append(*one, kStore, 1).ok());
  EXPECT_TRUE(HearsOf(*two->shared(), kStore, seconds(5)));
  ASSERT_TRUE(one->WriteModel(kOther, {{"m"}, "text"}).ok());
  EXPECT_TRUE(HearsOf(*two->shared(), kOther, seconds(5)));
}

TEST_F(Postgres, WithoutAnnouncementsOneLooksOften) {
  auto options = options_;
  options.poll_announced = seconds(30);
  options.poll_unannounced = milliseconds(10);
  const auto datastore = MustOpen(options);
  (void)datastore->shared()->AwaitNews();
  std::this_thread::sleep_for(milliseconds(300));  // Until it listens.
  Server().StopNow(PostgresServer::Stop::kFast);
  std::this_thread::sleep_for(milliseconds(300));
  const auto begin = steady_clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(datastore->shared()->AwaitNews().of, News::Of::kAny);
  EXPECT_LT(steady_clock::now() - begin, seconds(10));
  ASSERT_TRUE(Server().StartAgain().ok());
}

TEST_F(Postgres, AWaitForNewsCanBeEnded) {
  auto options = options_;
  options.poll_unannounced = options.poll_announced = seconds(30);
  const auto datastore = MustOpen(options);
  (void)datastore->shared()->AwaitNews();
  std::thread waits([&] { (void)datastore->shared()->AwaitNews(); });
  datastore->shared()->EndWait();
  waits.join();
}

TEST_F(Postgres, ComesBackAfterTheDatabaseWasRestarted) {
  std::vector<std::string> told;
  std::mutex mutex;
  auto options = options_;
  options.statement_timeout = seconds(2);
  options.report = [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    told.emplace_back(line);
  };
  const auto datastore = MustOpen(options);
  ASSERT_TRUE(Append(*datastore, kStore, 1).ok());
  EXPECT_TRUE(datastore->Health().ok());

  Server().StopNow(PostgresServer::Stop::kFast);
  const auto refused = Append(*datastore, kStore, 2);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message, "the database cannot be reached");
  EXPECT_FALSE(datastore->Head(kStore).ok());
  EXPECT_FALSE(datastore->Health().ok());

  ASSERT_TRUE(Server().StartAgain().ok());
  EXPECT_TRUE(Append(*datastore, kStore, 2).ok());
  EXPECT_TRUE(datastore->Health().ok());
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1, 2));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("not reachable")));
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("reachable again")));
}

TEST_F(Postgres, SurvivesTheLossOfItsConnections) {
  const auto datastore = MustOpen(options_);
  for (Revision r = 1; r <= 10; ++r) {
    ASSERT_TRUE(Append(*datastore, kStore, r).ok());
    Server().Sql(database_,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE application_name = 'pemba'");
    ASSERT_TRUE(datastore->WriteModel(kStore, {{"m" + std::to_string(r)}, "text"}).ok());
  }
  EXPECT_EQ(Revisions(*datastore, kStore).size(), 10u);
}

TEST_F(Postgres, NeverOpensMoreConnectionsThanItMay) {
  auto options = options_;
  options.connections_max = 2;
  const auto datastore = MustOpen(options);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const StoreId store{"store" + std::to_string(i)};
      for (Revision r = 1; r <= 30; ++r) EXPECT_TRUE(Append(*datastore, store, r).ok());
    });
  }
  int most = 0;
  for (int i = 0; i < 5; ++i) {
    most = std::max(most, std::stoi(Server().Sql(database_,
                                                 "SELECT count(*) FROM pg_stat_activity WHERE "
                                                 "application_name = 'pemba' AND datname = "
                                                 "current_database()")));
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);  // Two, and one that listens.
}

TEST_F(Postgres, TheReplicaIsReadAndThePrimaryFillsIn) {
  auto replica = Server().MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  auto options = options_;
  options.secondary.uri = (*replica)->Uri(database_);
  options.statement_timeout = seconds(2);
  const auto datastore = MustOpen(options);
  for (Revision r = 1; r <= 3; ++r) ASSERT_TRUE(Append(*datastore, kStore, r).ok());
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1, 2, 3));

  (*replica)->Sql("postgres", "SELECT pg_wal_replay_pause()");
  ASSERT_TRUE(Append(*datastore, kStore, 4).ok());
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1, 2, 3, 4));

  (*replica)->StopNow(PostgresServer::Stop::kCrash);
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1, 2, 3, 4));
  ASSERT_TRUE((*replica)->StartAgain().ok());

  ASSERT_TRUE(datastore->CreateStore({kStore, "acme", {}, {}}).ok());
  for (int i = 0; i < 100 && (*replica)->Sql(database_, "SELECT name FROM pemba_store").empty();
       ++i) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  Server().StopNow(PostgresServer::Stop::kFast);
  EXPECT_TRUE(datastore->GetStore(kStore).ok());
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1, 2, 3, 4));
  EXPECT_FALSE(Append(*datastore, kStore, 5).ok());
  ASSERT_TRUE(Server().StartAgain().ok());
}

// What was a replica and is a server of its own now has a log of its own.
TEST_F(Postgres, AReplicaThatWasPromotedIsNotReadForThePrimary) {
  auto replica = Server().MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  auto options = options_;
  options.secondary.uri = (*replica)->Uri(database_);
  const auto datastore = MustOpen(options);
  ASSERT_TRUE(Append(*datastore, kStore, 1).ok());
  for (int i = 0; i < 100 && (*replica)->Sql(database_, "SELECT store FROM pemba_log").empty();
       ++i) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  (*replica)->Sql("postgres", "SELECT pg_promote()");
  const auto promoted = MustOpen(OptionsFor(**replica, database_));
  for (Revision r = 2; r <= 5; ++r) ASSERT_TRUE(Append(*promoted, kStore, r).ok());
  EXPECT_THAT(Revisions(*datastore, kStore), ElementsAre(1));
  const Change change{Change::Operation::kWrite, {"document:other", "viewer", "user:anne"}};
  ASSERT_TRUE(datastore->Append(kStore, {2, WallTime(milliseconds(2)), {&change, 1}})->Wait().ok());
  std::vector<std::string> objects;
  ASSERT_TRUE(datastore
                  ->ReadWrites(kStore, 0,
                               [&](const Write& write) {
                                 objects.emplace_back(write.changes[0].tuple.object);
                                 return Visit::kContinue;
                               })
                  .ok());
  EXPECT_THAT(objects, ElementsAre("document:1", "document:other"));
}

// One of two hosts is there and silent: the other one is found all the same.
TEST_F(Postgres, ASilentHostDoesNotKeepOneFromTheOthers) {
  auto replica = Server().MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  (*replica)->Pause();
  auto options = options_;
  const auto host = [](const PostgresServer& server) {
    return "127.0.0.1:" + std::to_string(server.port());
  };
  options.primary.uri = "postgres://postgres@" + host(**replica) + "," + host(Server()) + "/" +
                        database_ + "?target_session_attrs=read-write";
  const auto datastore = MustOpen(options);
  EXPECT_TRUE(Append(*datastore, kStore, 1).ok());
  (*replica)->Resume();  // It answers now, but is read-only.
  EXPECT_TRUE(Append(*MustOpen(options), kStore, 2).ok());
}

}  // namespace
}  // namespace pemba::storage::testing
