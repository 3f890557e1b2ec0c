#include "pemba/bench/engine_driver.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "pemba/bench/engine_world.h"
#include "pemba/bench/floors.h"
#include "pemba/bench/histogram.h"
#include "pemba/bench/process_use.h"

namespace pemba::bench {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// Of a case, at least and at most. More than a cache keeps the paths of, and at size also more than
// it keeps the slots of the hash probe of: else that one would be measured in the cache.
constexpr std::size_t kQuestions = 32'768, kQuestionsMax = 262'144;
constexpr std::size_t kSlowQuestions = 16;  // Of a case whose single question takes long.

double Microseconds(double ns) { return ns / 1000; }

nanoseconds TimeNow() { return Steady::now().time_since_epoch(); }

// What reading the clock twice takes, to be taken off every measured time.
nanoseconds ClockCost() {
  auto least = nanoseconds::max();
  for (int i = 0; i < 1'000; ++i) {
    const auto start = TimeNow();
    least = std::min(least, TimeNow() - start);
  }
  return least;
}

// What one thread counted.
struct Tally {
  std::uint64_t calls = 0, answers = 0;
  nanoseconds elapsed{0}, cpu{0};
  std::optional<std::uint64_t> allocations = {};
  Histogram latency;
  std::string wrong;  // The first wrong answer; empty: none.

  void Merge(const Tally& other) {
    calls += other.calls;
    answers += other.answers;
    elapsed = std::max(elapsed, other.elapsed);
    cpu += other.cpu;
    if (other.allocations) allocations = allocations.value_or(0) + *other.allocations;
    latency.Merge(other.latency);
    if (wrong.empty()) wrong = other.wrong;
  }
};

// The questions in turn from `first`, until `until`; `between` runs around each.
template <class Ask>
void Rotate(std::size_t questions, std::size_t first, nanoseconds duration, std::size_t stride,
            const Ask& ask) {
  const auto until = TimeNow() + duration;
  std::size_t at = first % questions;
  do {
    for (std::size_t i = 0; i < stride; ++i) {
      if (!ask(at)) return;
      if (++at == questions) at = 0;
    }
  } while (TimeNow() < until);
}

class CaseRun {
 public:
  CaseRun(const EngineWorld& world, const Case& about, const std::vector<Prepared>& questions,
          nanoseconds duration)
      : world_(world), about_(about), questions_(questions), duration_(duration) {
    // Looking at the clock every so often only: after some 10 us.
    Asker asker(world, about.hops);
    const auto start = TimeNow();
    for (std::size_t i = 0; i < 4; ++i) (void)asker.Ask(questions[i % questions.size()]);
    const auto each = std::max<std::int64_t>((TimeNow() - start).count() / 4, 1);
    stride_ = static_cast<std::size_t>(std::clamp<std::int64_t>(10'000 / each, 1, 64));
  }

  Tally Run(std::uint32_t threads) const {
    std::vector<Tally> tallies(threads);
    std::vector<std::thread> others;
    for (std::uint32_t t = 1; t < threads; ++t) {
      others.emplace_back([&, t] { RunThread(t, tallies[t]); });
    }
    RunThread(0, tallies[0]);
    for (auto& thread : others) thread.join();
    Tally all;
    for (const auto& tally : tallies) all.Merge(tally);
    return all;
  }

 private:
  void RunThread(std::uint32_t thread, Tally& tally) const {
    Asker asker(world_, about_.hops);
    const auto first = static_cast<std::size_t>(thread) * 7'919;
    const auto ask = [&](std::size_t at) {
      if (asker.Ask(questions_[at]) == Asker::Answer::kRight) return true;
      tally.wrong = asker.Describe(questions_[at]);
      return false;
    };
    // Once through, so that the pages are there.
    for (std::size_t i = 0; i < questions_.size() && tally.wrong.empty(); ++i) (void)ask(i);
    if (!tally.wrong.empty()) return;

    const auto allocations = AllocationsOfThread();
    const auto cpu = CpuOfThread();
    const auto start = TimeNow();
    Rotate(questions_.size(), first, duration_ / 2, stride_, [&](std::size_t at) {
      const bool right = ask(at);
      ++tally.calls;
      tally.answers += asker.answers();
      return right;
    });
    tally.elapsed = TimeNow() - start;
    tally.cpu = CpuOfThread() - cpu;
    if (allocations) tally.allocations = *AllocationsOfThread() - *allocations;

    const auto clock_cost = ClockCost();
    Rotate(questions_.size(), first, duration_ / 2, stride_, [&](std::size_t at) {
      const auto asked = TimeNow();
      const bool right = ask(at);
      const auto took = TimeNow() - asked - clock_cost;
      tally.latency.Add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
      return right;
    });
  }

  const EngineWorld& world_;
  const Case& about_;
  const std::vector<Prepared>& questions_;
  const nanoseconds duration_;
  std::size_t stride_ = 1;
};

bool IsList(const Question& question) {
  return question.ask == Ask::kListObjects || question.ask == Ask::kListUsers;
}

void Fill(Row& row, const Tally& tally, const std::vector<Prepared>& questions) {
  const auto calls = static_cast<double>(std::max<std::uint64_t>(tally.calls, 1));
  const auto seconds = std::chrono::duration<double>(tally.elapsed).count();
  const bool list = IsList(questions.front().question());
  row.throughput = static_cast<double>(tally.calls) / seconds;
  if (list) row.ids = static_cast<double>(tally.answers) / seconds;
  row.cpu_us = Microseconds(static_cast<double>(tally.cpu.count()) / calls);
  if (tally.allocations) row.allocations = static_cast<double>(*tally.allocations) / calls;
  const auto at = [&](double share) {
    return Microseconds(static_cast<double>(tally.latency.Percentile(share)));
  };
  row.p50_us = at(0.5);
  row.p95_us = at(0.95);
  row.p99_us = at(0.99);
  row.p999_us = at(0.999);
  row.max_us = Microseconds(static_cast<double>(tally.latency.max()));
}

// The same texts looked up in the table of all tuples, in nanoseconds each: one after the other, as
// by a caller who waits for each answer. Without the dependency the processor would overlap the
// misses of several probes, which it cannot do for whole checks.
double ProbeCost(const ProbeTable& table, const std::vector<Prepared>& questions,
                 nanoseconds duration) {
  std::uint64_t probes = 0;
  std::size_t never = 0;  // 0, but only a finished probe can tell.
  const auto probe = [&](std::size_t at) {
    std::size_t found = table.Has(questions[at + never].text()) ? 1 : 0;
    asm volatile("" : "+r"(found));  // The compiler forgets that it is 0 or 1.
    never = found >> 1;
    ++probes;
    return true;
  };
  for (std::size_t i = 0; i < questions.size(); ++i) (void)probe(i);
  probes = 0;
  const auto cpu = CpuOfThread();
  Rotate(questions.size(), 0, duration, 64, probe);
  const auto used = CpuOfThread() - cpu;
  return static_cast<double>(used.count()) / static_cast<double>(probes);
}

Result<std::vector<Prepared>> PrepareQuestions(const Scenario& scenario, std::size_t index,
                                               const WorldSize& size) {
  Random random(size.seed * 1'000'003 + index);
  const auto count = std::clamp<std::size_t>(size.tuples / 4, kQuestions, kQuestionsMax);
  std::vector<Prepared> questions;
  questions.reserve(count);
  std::uint64_t answers = 0;
  while (questions.size() < count &&
         (questions.size() < kSlowQuestions || answers < 4 * kQuestions)) {
    auto question = scenario.Make(index, random);
    answers += std::max<std::uint64_t>(question.batch.size(), 1) + question.listed.count;
    PEMBA_TRY(auto prepared, Prepared::Make(std::move(question)));
    questions.push_back(std::move(prepared));
  }
  return questions;
}

}  // namespace

Result<std::vector<Row>> MeasureEngine(const ScenarioInfo& info, const EngineRun& run) {
  const auto scenario = info.make(run.size);
  ForgetPeak();
  const auto resident = ResidentBytes(0);
  const auto start = TimeNow();
  PEMBA_TRY(const auto world, EngineWorld::Make(*scenario));
  const auto built = std::chrono::duration<double>(TimeNow() - start).count();
  const auto tuples = static_cast<double>(world->tuples());

  std::vector<Row> rows;
  const auto row_of = [&](std::string name) {
    return Row{.scenario = std::string(info.name),
               .name = std::move(name),
               .driver = "engine",
               .tuples = world->tuples()};
  };
  Row load = row_of("load");
  load.throughput = tuples / built;
  load.bytes_per_tuple = static_cast<double>(world->graph().memory_use().total()) / tuples;
  ForgetPeak();
  const auto grown = ResidentBytes(0);
  if (resident && grown && *grown > *resident) {
    load.rss_per_tuple = static_cast<double>(*grown - *resident) / tuples;
  }
  load.rss_peak_mib = static_cast<double>(PeakResidentBytes(0).value_or(0)) / (1 << 20);
  rows.push_back(std::move(load));

  const ProbeTable table(*scenario);
  const auto cases = scenario->cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    PEMBA_TRY(const auto questions, PrepareQuestions(*scenario, i, run.size));
    const CaseRun measured(*world, cases[i], questions, run.duration);
    const auto floor = ProbeCost(table, questions, run.duration / 4);
    std::vector<std::uint32_t> counts = {1};
    if (run.threads > 1) counts.push_back(run.threads);
    for (const auto threads : counts) {
      const auto tally = measured.Run(threads);
      if (!tally.wrong.empty()) {
        return Error{ErrorCode::kInternal,
                     std::string(info.name) + " " + cases[i].name + ": " + tally.wrong};
      }
      Row row = row_of(cases[i].name);
      row.threads = threads;
      Fill(row, tally, questions);
      row.floor_us = Microseconds(floor);
      row.ratio = *row.cpu_us / *row.floor_us;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace pemba::bench
