// Several servers on one PostgreSQL, started here with its defaults of durability: import, a
// server's first answer, the lag from an acknowledged write to another server, and the way of a
// lone write.
//
// PEMBA_BENCH_TUPLES: how many are imported (1,000,000).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "pemba/model/dsl.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
#include "pemba/store/stores.h"

namespace pemba::store {
namespace {

using storage::testing::PostgresServer;
using Steady = std::chrono::steady_clock;

const StoreId kStore{"01J0000000000000000000000A"};
const SystemClock kClock;

template <class T>
T Must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::abort();
  }
  return *std::move(result);
}

// A database with its tables.
struct Database {
  Database() : server(Must(PostgresServer::Start(PostgresServer::Durability::kFull))) {
    name = server->CreateDatabase();
    options.primary.uri = server->Uri(name);
    (void)Must(storage::MigratePostgres(options, storage::Migrate::kYes));
  }
  std::int64_t transactions() const {
    return std::stoll(server->Sql("postgres",
                                  "SELECT pg_stat_clear_snapshot(); SELECT xact_commit FROM "
                                  "pg_stat_database WHERE datname = '" +
                                      name + "'"));
  }
  std::unique_ptr<PostgresServer> server;
  std::string name;
  storage::PostgresOptions options;
};

struct Node {
  explicit Node(const Database& database)
      : datastore(Must(storage::OpenPostgresDatastore(database.options))),
        stores(std::make_unique<Stores>(*datastore, kClock)) {}
  Store& store() {
    if (!handle) handle.emplace(Must(stores->Open(kStore)));
    return **handle;
  }
  void WriteModel() {
    const auto model =
        Must(model::ModelFromDsl("model\n  schema 1.1\n\ntype user\n\ntype document\n  relations\n"
                                 "    define viewer: [user]\n"));
    (void)Must(Must(stores->Open(kStore))->WriteModel(model));
  }
  std::unique_ptr<storage::Datastore> datastore;
  std::unique_ptr<Stores> stores;
  std::optional<StoreHandle> handle;
};

tuple::Tuple TupleOf(std::uint64_t n) {
  return {"document:" + std::to_string(n / 5), "viewer", "user:" + std::to_string(n % 100'003),
          std::nullopt};
}

double Milliseconds(Steady::time_point from) {
  return std::chrono::duration<double, std::milli>(Steady::now() - from).count();
}

void Percentiles(benchmark::State& state, std::vector<double>& ms) {
  std::ranges::sort(ms);
  state.counters["p50_ms"] = ms[ms.size() / 2];
  state.counters["p99_ms"] = ms[ms.size() * 99 / 100];
}

// 100 tuples in a write, ten writers; then a server that has never seen the store answers.
void BM_ImportThenFirstAnswer(benchmark::State& state) {
  const char* wanted = std::getenv("PEMBA_BENCH_TUPLES");  // NOLINT(concurrency-mt-unsafe)
  const std::uint64_t tuples = wanted == nullptr ? 1'000'000 : std::strtoull(wanted, nullptr, 10);
  for (auto _ : state) {
    const Database database;
    Node node(database);
    node.WriteModel();
    node.store();
    std::atomic<std::uint64_t> next = 0;
    std::vector<std::thread> writers;
    const auto begin = Steady::now();
    for (int w = 0; w < 10; ++w) {
      writers.emplace_back([&] {
        std::vector<tuple::Tuple> some;
        for (auto from = next.fetch_add(100); from < tuples; from = next.fetch_add(100)) {
          some.clear();
          for (auto n = from; n < std::min(from + 100, tuples); ++n) some.push_back(TupleOf(n));
          (void)Must(node.store().Write({.writes = some}));
        }
      });
    }
    for (auto& writer : writers) writer.join();
    state.counters["tuples_per_s"] = static_cast<double>(tuples) / Milliseconds(begin) * 1000;

    const auto start = Steady::now();
    Node fresh(database);
    const auto view = fresh.store().Pin();
    (void)Must(view.ResolveModel(""));
    if (view.revision() != node.store().Pin().revision()) std::abort();
    state.counters["first_answer_ms"] = Milliseconds(start);
  }
}
BENCHMARK(BM_ImportThenFirstAnswer)->Iterations(1)->UseRealTime()->Unit(benchmark::kSecond);

// From the acknowledgement at one server until the other shows it.
void BM_Lag(benchmark::State& state) {
  const Database database;
  Node one(database), two(database);
  one.WriteModel();
  one.store();
  two.store();
  std::this_thread::sleep_for(std::chrono::seconds(1));  // Until both listen.
  std::vector<double> ms;
  std::uint64_t n = 0;
  for (auto _ : state) {
    const auto t = TupleOf(5 * n++);
    const auto revision = Must(one.store().Write({.writes = {&t, 1}}));
    const auto acknowledged = Steady::now();
    while (two.store().Pin().revision() < revision) std::this_thread::yield();
    ms.push_back(Milliseconds(acknowledged));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Percentiles(state, ms);
}
BENCHMARK(BM_Lag)->Iterations(1000)->UseRealTime();

void BM_LoneWrite(benchmark::State& state) {
  const Database database;
  Node node(database);
  node.WriteModel();
  node.store();
  std::vector<double> ms;
  std::uint64_t n = 0;
  for (auto _ : state) {
    const auto t = TupleOf(5 * n++);
    const auto begin = Steady::now();
    (void)Must(node.store().Write({.writes = {&t, 1}}));
    ms.push_back(Milliseconds(begin));
  }
  Percentiles(state, ms);
}
BENCHMARK(BM_LoneWrite)->Iterations(500)->UseRealTime();

// Pins and models of a followed store: how many transactions the database sees meanwhile.
void BM_ReadsAskNothing(benchmark::State& state) {
  const Database database;
  Node node(database);
  node.WriteModel();
  (void)Must(node.store().Pin().ResolveModel(""));
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const auto before = database.transactions();
  const auto begin = Steady::now();
  for (auto _ : state) {
    const auto view = node.store().Pin();
    benchmark::DoNotOptimize(view.ResolveModel(""));
  }
  const double seconds = Milliseconds(begin) / 1000;
  state.counters["transactions_per_s"] =
      static_cast<double>(database.transactions() - before) / seconds;
}
BENCHMARK(BM_ReadsAskNothing)->MinTime(3)->UseRealTime();

}  // namespace
}  // namespace pemba::store
