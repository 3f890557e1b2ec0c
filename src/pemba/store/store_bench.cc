// What durability costs: one writer and many beside the floor of the disk, replay, start from a
// checkpoint, and the read path's share of a query.
//
// The directory is a fresh one under $TMPDIR (or /tmp): measure on the disk that matters.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/model/dsl.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/memory.h"
#include "pemba/store/internal/core.h"
#include "pemba/store/stores.h"

namespace pemba::store {
namespace {

using Steady = std::chrono::steady_clock;

const StoreId kStore{"01J0000000000000000000000A"};
const SystemClock kClock;

// A server's stores in a directory, with a model.
struct Server {
  explicit Server(const std::filesystem::path& directory)
      : datastore(*storage::OpenEmbeddedDatastore({.directory = directory})) {
    StoresOptions options;
    options.checkpoint_directory = directory / "graph";
    options.store.changes_per_checkpoint = 0;
    stores = std::make_unique<Stores>(*datastore, kClock, std::move(options));
  }
  void WriteModel() {
    const auto model = model::ModelFromDsl(
        "model\n  schema 1.1\n\ntype user\n\ntype document\n  relations\n"
        "    define viewer: [user]\n");
    if (!(*stores->Open(kStore))->WriteModel(*model).ok()) std::abort();
  }
  std::unique_ptr<storage::Datastore> datastore;
  std::unique_ptr<Stores> stores;
};

tuple::Tuple TupleOf(std::uint64_t n) {
  return {"document:" + std::to_string(n / 5), "viewer", "user:" + std::to_string(n % 100'003),
          std::nullopt};
}

void Percentiles(benchmark::State& state, std::vector<double>& us) {
  std::ranges::sort(us);
  state.counters["p50_us"] = us[us.size() / 2];
  state.counters["p99_us"] = us[us.size() * 99 / 100];
}

double Microseconds(Steady::time_point from) {
  return std::chrono::duration<double, std::micro>(Steady::now() - from).count();
}

// The floor: 200 bytes appended to a file, and fdatasync.
void BM_FdatasyncFloor(benchmark::State& state) {
  const TemporaryDirectory directory;
  const int file = open((directory.path() / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  const std::string record(200, 'x');
  std::vector<double> us;
  for (auto _ : state) {
    const auto start = Steady::now();
    if (write(file, record.data(), record.size()) != 200 || fdatasync(file) != 0) std::abort();
    us.push_back(Microseconds(start));
  }
  close(file);
  Percentiles(state, us);
}
BENCHMARK(BM_FdatasyncFloor)->Iterations(2000)->UseRealTime();

void BM_OneWriter(benchmark::State& state) {
  const TemporaryDirectory directory;
  Server server(directory.path());
  server.WriteModel();
  auto store = *server.stores->Open(kStore);
  std::vector<double> us;
  std::uint64_t n = 0;
  for (auto _ : state) {
    const auto tuple = TupleOf(n++);
    const auto start = Steady::now();
    if (!store->Write({.writes = {&tuple, 1}}).ok()) std::abort();
    us.push_back(Microseconds(start));
  }
  Percentiles(state, us);
}
BENCHMARK(BM_OneWriter)->Iterations(2000)->UseRealTime();

// The bound of group commit: as many writes per sync as there are writers.
void BM_ManyWriters(benchmark::State& state) {
  const TemporaryDirectory directory;
  Server server(directory.path());
  server.WriteModel();
  auto store = *server.stores->Open(kStore);
  const auto writers = state.range(0);
  std::atomic<std::uint64_t> next = 0;
  constexpr std::uint64_t kWrites = 20'000;
  std::vector<double> us;
  std::mutex mutex;
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&] {
        std::vector<double> mine;
        for (auto n = next++; n < kWrites; n = next++) {
          const auto tuple = TupleOf(n);
          const auto start = Steady::now();
          if (!store->Write({.writes = {&tuple, 1}}).ok()) std::abort();
          mine.push_back(Microseconds(start));
        }
        const std::lock_guard lock(mutex);
        us.insert(us.end(), mine.begin(), mine.end());
      });
    }
    for (auto& thread : threads) thread.join();
  }
  state.SetItemsProcessed(kWrites);
  Percentiles(state, us);
}
BENCHMARK(BM_ManyWriters)->Arg(8)->Arg(64)->Iterations(1)->UseRealTime();

// Batches of 100 from several threads, as an import does; then start from the log, then from a
// checkpoint.
void BM_ImportAndStart(benchmark::State& state) {
  const auto tuples = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    const TemporaryDirectory directory;
    {
      Server server(directory.path());
      server.WriteModel();
      auto store = *server.stores->Open(kStore);
      std::atomic<std::uint64_t> next = 0;
      const auto start = Steady::now();
      std::vector<std::thread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
          for (auto first = next.fetch_add(100); first < tuples; first = next.fetch_add(100)) {
            std::vector<tuple::Tuple> batch;
            for (std::uint64_t n = first; n < first + 100; ++n) batch.push_back(TupleOf(n));
            if (!store->Write({.writes = batch}).ok()) std::abort();
          }
        });
      }
      for (auto& thread : threads) thread.join();
      state.counters["import_tuples_s"] = static_cast<double>(tuples) * 1e6 / Microseconds(start);
    }
    std::filesystem::rename(directory.path() / "graph", directory.path() / "aside");
    const auto start_of = [&](const char* name) {
      const auto start = Steady::now();
      Server server(directory.path());
      const auto store = *server.stores->Open(kStore);
      if (store->Pin().revision() != tuples / 100) std::abort();
      state.counters[name] = Microseconds(start) / 1000;
      std::filesystem::remove_all(directory.path() / "graph");
    };
    start_of("start_from_log_ms");
    std::filesystem::remove_all(directory.path() / "graph");
    std::filesystem::rename(directory.path() / "aside", directory.path() / "graph");
    start_of("start_from_checkpoint_ms");
  }
  state.counters["replay_tuples_s"] =
      static_cast<double>(tuples) * 1e3 / state.counters["start_from_log_ms"];
}
BENCHMARK(BM_ImportAndStart)->Arg(1'000'000)->Iterations(1)->UseRealTime();

// Calls at fixed times until told to stop; latencies count from when a call was due, so that a
// stall is charged to all who would have come meanwhile.
std::vector<double> CallEvery(std::chrono::microseconds interval, const std::atomic<bool>& stop,
                              const std::function<void(std::uint64_t)>& call) {
  std::vector<double> us;
  auto due = Steady::now();
  for (std::uint64_t n = 0; !stop; ++n, due += interval) {
    std::this_thread::sleep_until(due);
    call(n);
    us.push_back(Microseconds(due));
  }
  std::ranges::sort(us);
  return us;
}

// A writer and a reader of single tuples beside a store of so many, left alone for two seconds;
// then while its checkpoint is saved over and over. What is written is merged meanwhile.
void BM_CallsBesideCheckpoints(benchmark::State& state) {
  const auto tuples = static_cast<std::uint64_t>(state.range(0));
  const TemporaryDirectory directory;
  Server server(directory.path());
  server.WriteModel();
  auto store = *server.stores->Open(kStore);
  for (std::uint64_t first = 0; first < tuples; first += 10'000) {
    std::vector<tuple::Tuple> batch;
    for (std::uint64_t n = first; n < first + 10'000; ++n) batch.push_back(TupleOf(n));
    if (!store->Write({.writes = batch, .size = WriteRequest::Size::kAny}).ok()) std::abort();
  }
  std::uint64_t written = tuples;
  const auto measure = [&](const std::string& name, const std::function<void()>& meanwhile) {
    std::atomic<bool> stop = false;
    std::vector<double> writes, reads;
    std::thread writer([&] {
      writes = CallEvery(std::chrono::milliseconds(2), stop, [&](std::uint64_t) {
        const auto tuple = TupleOf(written++);
        if (!store->Write({.writes = {&tuple, 1}}).ok()) std::abort();
      });
    });
    std::thread reader([&] {
      reads = CallEvery(std::chrono::milliseconds(1), stop, [&](std::uint64_t n) {
        const auto tuple = TupleOf(n * 7919 % tuples);
        const auto [type, id] = tuple::SplitObject(tuple.object);
        bool found = false;
        store->Pin().snapshot().Scan({type, id, tuple.relation, tuple.subject}, nullptr, 1,
                                     [&](const graph::StoredTuple&) { found = true; });
        if (!found) std::abort();
      });
    });
    const auto until = Steady::now() + std::chrono::seconds(2);
    do {
      meanwhile();
    } while (Steady::now() < until);
    stop = true;
    writer.join();
    reader.join();
    for (const auto& [what, us] : {std::pair("write", &writes), std::pair("read", &reads)}) {
      state.counters[name + "_" + what + "_p99_us"] = (*us)[us->size() * 99 / 100];
      state.counters[name + "_" + what + "_p999_us"] = (*us)[us->size() * 999 / 1000];
      state.counters[name + "_" + what + "_max_us"] = us->back();
    }
  };
  for (auto _ : state) {
    measure("alone", [] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
    measure("checkpoint", [&] { store->core().SaveCheckpoint(); });
  }
}
BENCHMARK(BM_CallsBesideCheckpoints)->Arg(1'000'000)->Arg(10'000'000)->Iterations(1);

void BM_EmptyServerStart(benchmark::State& state) {
  const TemporaryDirectory directory;
  for (auto _ : state) Server server(directory.path());
}
BENCHMARK(BM_EmptyServerStart)->Iterations(10)->UseRealTime()->Unit(benchmark::kMillisecond);

// What a query pays here: find the store, pin, resolve the latest model.
void BM_OpenPinResolve(benchmark::State& state) {
  static const auto datastore = storage::NewMemoryDatastore();
  static Stores stores(*datastore, kClock);
  if (state.thread_index() == 0) {
    const auto model = model::ModelFromDsl("model\n  schema 1.1\n\ntype user\n");
    if (!(*stores.Open(kStore))->WriteModel(*model).ok()) std::abort();
  }
  for (auto _ : state) {
    const auto store = *stores.Open(kStore);
    const auto view = store->Pin();
    benchmark::DoNotOptimize(view.ResolveModel("")->bound);
  }
}
BENCHMARK(BM_OpenPinResolve)->Threads(1)->Threads(2);

}  // namespace
}  // namespace pemba::store
