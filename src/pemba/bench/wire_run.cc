#include "pemba/bench/wire_run.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pemba/bench/floors.h"
#include "pemba/bench/process_use.h"
#include "pemba/bench/served_world.h"

namespace pemba::bench {
namespace {

constexpr double kShareOfCapacity = 0.3;  // At which latency is looked at.
constexpr std::uint32_t kHopsMax = 25;
constexpr std::uint64_t kListedMax = 1'000;
// From here on lists are asked for one by one: a few fill the wire, and more would only wait.
constexpr std::uint64_t kListedLong = 100'000;
// S14. Between bursts the server is nearly idle, in them it has two thirds of what it can take.
constexpr double kMixedShare = 1.0 / 30, kBurstFactor = 20, kWriteShare = 0.01;

// One world on one server, measured one load after another.
class Measurement {
 public:
  Measurement(const WireRun& run, const WireCodec& codec, const Scenario& scenario,
              Verification verification)
      : run_(run), codec_(codec), scenario_(scenario), verification_(verification) {}

  LoadRun Closed() const {
    return {.shape = run_.shape,
            .threads = run_.threads,
            .duration = run_.duration,
            .seed = run_.size.seed,
            .verification = verification_};
  }
  LoadRun Open(double rate) const {
    LoadRun load = Closed();
    load.rate = rate;
    // Room for whoever arrives: waiting for the generator's own streams says nothing.
    if (run_.endpoint.protocol == Protocol::kHttp1) {
      load.shape.connections = std::max(load.shape.connections, 64u);
    } else {
      load.shape.streams = 100;
    }
    return load;
  }

  // Runs the load; `row` is told all but latencies.
  Result<LoadTally> Measure(std::size_t case_index, LoadRun load, Row& row) {
    load.first_writable = next_writable_;
    next_writable_ += load.threads * kWritablePerThread;
    const auto cpu = run_.process ? CpuOf(*run_.process) : std::nullopt;
    PEMBA_TRY(auto tally, RunLoad(run_.endpoint, codec_, scenario_, case_index, load));
    const auto cpu_after = run_.process ? CpuOf(*run_.process) : std::nullopt;
    row.threads = load.threads;
    row.connections = load.shape.connections * load.threads;
    row.rate = load.rate;
    if (!load.rate) row.streams = load.shape.streams;
    const auto seconds = std::chrono::duration<double>(tally.elapsed).count();
    row.throughput = static_cast<double>(tally.calls) / seconds;
    if (tally.ids > 0) row.ids = static_cast<double>(tally.ids) / seconds;
    if (tally.shed > 0) {
      row.shed = static_cast<double>(tally.shed) / static_cast<double>(tally.shed + tally.calls);
    }
    if (cpu && cpu_after && tally.answered > 0) {
      row.cpu_us = static_cast<double>((*cpu_after - *cpu).count()) / 1000 /
                   static_cast<double>(tally.answered);
    }
    if (run_.process) {
      if (const auto peak = PeakResidentBytes(*run_.process)) {
        row.rss_peak_mib = static_cast<double>(*peak) / (1 << 20);
      }
    }
    return tally;
  }

 private:
  const WireRun& run_;
  const WireCodec& codec_;
  const Scenario& scenario_;
  const Verification verification_;
  std::uint64_t next_writable_ = 0;
};

const Histogram& Asked(const LoadTally& tally) {
  return tally.checks.count() > 0 ? tally.checks : tally.lists;
}

void CompareThroughput(Row& row, const EchoFigures& echo) {
  row.ratio = *row.throughput / echo.throughput;
  if (!row.cpu_us || echo.cpu_us == 0) return;
  row.floor_us = echo.cpu_us;
  row.ratio = std::min(*row.ratio, echo.cpu_us / *row.cpu_us);
}

void CompareLatency(Row& row, const EchoFigures& echo) {
  row.floor_us = echo.p50_us;
  row.ratio = *row.p50_us / echo.p50_us;
}

constexpr std::uint32_t kSyncs = 200;

// One client that writes, then 64 at once. What is written is looked up again each time.
Status MeasureWrites(Measurement& measurement, const WireRun& run, const Row& about,
                     std::vector<Row>& rows) {
  std::optional<double> sync_us;
  if (!run.data_directory.empty()) {
    PEMBA_TRY(const auto syncs, MeasureSync(run.data_directory, kSyncs));
    sync_us = static_cast<double>(syncs.Percentile(0.5)) / 1000;
  }
  for (const std::uint32_t clients : {1u, 64u}) {
    auto load = measurement.Closed();
    load.shape = {.connections = clients, .streams = 1};
    load.threads = 1;
    load.writes = 1;
    Row row = about;
    row.name = clients == 1 ? "one writer" : "64 writers";
    PEMBA_TRY(const auto tally, measurement.Measure(0, load, row));
    SetLatency(row, tally.writes);
    row.floor_us = sync_us;
    if (sync_us) row.ratio = *row.throughput * *sync_us / 1e6 / clients;
    rows.push_back(std::move(row));
  }
  return Done{};
}

// S14: idle checks, then checks, lists and writes with bursts.
Status MeasureMixed(Measurement& measurement, double capacity, const Row& about,
                    std::chrono::milliseconds duration, std::vector<Row>& rows) {
  Row idle = about;
  idle.name = "idle checks";
  PEMBA_TRY(const auto quiet,
            measurement.Measure(0, measurement.Open(capacity * kMixedShare), idle));
  SetLatency(idle, quiet.checks);
  rows.push_back(idle);
  auto load = measurement.Open(capacity * kMixedShare);
  load.writes = kWriteShare;
  load.bursts = {.factor = kBurstFactor, .period = duration / 4, .length = duration / 40};
  Row mixed = about;
  PEMBA_TRY(const auto tally, measurement.Measure(1, load, mixed));
  const auto add = [&](const char* name, const Histogram& latency) {
    Row row = mixed;
    row.name = name;
    SetLatency(row, latency);
    if (latency.count() > 0) rows.push_back(std::move(row));
  };
  add("mixed: checks", tally.checks);
  add("mixed: lists", tally.lists);
  add("mixed: writes", tally.writes);
  return Done{};
}

}  // namespace

void SetLatency(Row& row, const Histogram& latency) {
  const auto at = [&](double share) {
    return static_cast<double>(latency.Percentile(share)) / 1000;
  };
  row.p50_us = at(0.5);
  row.p95_us = at(0.95);
  row.p99_us = at(0.99);
  row.p999_us = at(0.999);
  row.max_us = static_cast<double>(latency.max()) / 1000;
}

Result<EchoFigures> MeasureEcho(const WireRun& run) {
  // Any ids: nobody looks at them. They are as long as real ones.
  constexpr const char* kId = "01J00000000000000000000000";
  const auto scenario = Scenarios().front().make({.tuples = 10'000, .seed = run.size.seed});
  const WireCodec codec(run.endpoint.protocol, kId, kId);
  Measurement measurement(run, codec, *scenario, Verification::kStatusOnly);
  EchoFigures echo;
  Row closed{
      .scenario = "floor", .name = "echo", .driver = std::string(NameOf(run.endpoint.protocol))};
  Row open = closed;
  PEMBA_TRY(const auto tally, measurement.Measure(0, measurement.Closed(), closed));
  SetLatency(closed, tally.checks);
  echo.throughput = *closed.throughput;
  echo.cpu_us = closed.cpu_us.value_or(0);
  const double rate = run.rate.value_or(echo.throughput * kShareOfCapacity);
  PEMBA_TRY(const auto timely, measurement.Measure(0, measurement.Open(rate), open));
  SetLatency(open, timely.checks);
  echo.p50_us = *open.p50_us;
  echo.rows = {std::move(closed), std::move(open)};
  return echo;
}

Result<std::vector<Row>> MeasureWire(const ScenarioInfo& info, const WireRun& run,
                                     const EchoFigures* echo, std::vector<std::string>& notes) {
  const auto scenario = info.make(run.size);
  PEMBA_TRY(const auto world, ServedWorld::Make(run.endpoint, *scenario));
  Measurement measurement(run, world->codec(), *scenario, Verification::kAnswers);
  const auto cases = scenario->cases();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto what = fmt::format("{} {}", info.name, cases[i].name);
    const auto with_name = [&](Error error) {
      return Error{error.code, what + ": " + error.message};
    };
    if (!run.unlimited && (cases[i].hops > kHopsMax || cases[i].listed > kListedMax)) {
      notes.push_back(what + " is left out: beyond the reference's default limits");
      continue;
    }
    const Row about{.scenario = std::string(info.name),
                    .name = cases[i].name,
                    .driver = std::string(NameOf(run.endpoint.protocol)),
                    .tuples = world->tuples()};
    const bool mixed = scenario->Writable(0).has_value();
    Row closed = about;
    auto load = measurement.Closed();
    if (cases[i].listed >= kListedLong) load.shape = {.connections = 1, .streams = 1};
    const auto most = measurement.Measure(i, load, closed);
    if (!most.ok()) return with_name(most.error());
    SetLatency(closed, Asked(*most));
    const bool checks = most->lists.count() == 0;
    if (echo != nullptr && checks) CompareThroughput(closed, *echo);
    const double capacity = *closed.throughput;
    rows.push_back(std::move(closed));
    if (mixed) {
      auto done = MeasureMixed(measurement, run.rate ? *run.rate / kMixedShare : capacity, about,
                               run.duration, rows);
      if (done.ok()) done = MeasureWrites(measurement, run, about, rows);
      if (!done.ok()) return with_name(done.error());
      break;  // The other case is in the mix.
    }
    Row open = about;
    const double rate = run.rate.value_or(capacity * kShareOfCapacity);
    const auto timely = measurement.Measure(i, measurement.Open(rate), open);
    if (!timely.ok()) return with_name(timely.error());
    SetLatency(open, Asked(*timely));
    if (echo != nullptr && checks) CompareLatency(open, *echo);
    rows.push_back(std::move(open));
  }
  return rows;
}

}  // namespace pemba::bench
