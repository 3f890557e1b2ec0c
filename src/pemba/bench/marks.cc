#include "pemba/bench/marks.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace pemba::bench {
namespace {

using Rows = std::span<const Row>;
using Value = std::optional<double>;

enum class Better : std::uint8_t { kLower, kHigher };

struct Rule {
  const char* name;
  double limit;
  Better better;
  const char* unit;
  std::function<Value(Rows, Better)> measure;
};

using About = std::function<bool(const Row&)>;
using FigureOf = std::function<Value(const Row&)>;

void Keep(Value& worst, double value, Better better) {
  if (!worst) {
    worst = value;
  } else {
    worst = better == Better::kLower ? std::max(*worst, value) : std::min(*worst, value);
  }
}

// The worst of a figure over the rows that are about the mark.
auto Worst(About about, FigureOf figure) {
  return [about = std::move(about), figure = std::move(figure)](Rows rows, Better better) {
    Value worst;
    for (const auto& row : rows) {
      const Value value = about(row) ? figure(row) : std::nullopt;
      if (value) Keep(worst, *value, better);
    }
    return worst;
  };
}

// Each row that is about the mark against the one that is its measure.
auto WorstAgainst(About about, std::function<bool(const Row& row, const Row& other)> is_measure,
                  FigureOf figure) {
  return [about = std::move(about), is_measure = std::move(is_measure), figure = std::move(figure)](
             Rows rows, Better better) {
    Value worst;
    for (const auto& row : rows) {
      if (!about(row)) continue;
      for (const auto& other : rows) {
        if (!is_measure(row, other)) continue;
        const auto value = figure(row), measure = figure(other);
        if (value && measure && *measure > 0) Keep(worst, *value / *measure, better);
      }
    }
    return worst;
  };
}

// One thread in process: of a scenario, or of its cases whose names begin so.
About Engine(std::string_view scenario, std::string_view name = {}) {
  return [=](const Row& row) {
    return row.driver == "engine" && row.scenario == scenario && row.name != "load" &&
           row.threads == 1 && row.name.starts_with(name);
  };
}

About EngineCase(std::string_view scenario, std::string_view name) {
  return [=](const Row& row) { return Engine(scenario)(row) && row.name == name; };
}

bool IsLoad(const Row& row) { return row.driver == "engine" && row.name == "load"; }
bool IsCheckInEngine(const Row& row) {
  return row.driver == "engine" && row.name != "load" && row.threads == 1 && !row.ids;
}
bool OnWire(const Row& row) {
  return row.driver == "grpc" || row.driver == "http2" || row.driver == "http1";
}
// S1 is what the echo server is compared with: its checks are the least work.
bool IsClosedCheck(const Row& row) {
  return OnWire(row) && row.scenario == "S1" && row.streams > 0;
}
bool IsOpenCheck(const Row& row) { return OnWire(row) && row.scenario == "S1" && row.streams == 0; }
auto IsLife(std::string_view what) {
  return [what](const Row& row) { return row.scenario == "life" && row.name.ends_with(what); };
}
bool IsStart(const Row& row) { return row.scenario == "start"; }
bool IsLongList(const Row& row) {
  return row.scenario == "S13" && row.name.ends_with("1m") && (row.streams > 0 || !OnWire(row));
}

Value Cpu(const Row& row) { return row.cpu_us; }
Value Ratio(const Row& row) { return row.ratio; }
Value Ids(const Row& row) { return row.ids; }
Value P50(const Row& row) { return row.p50_us; }
Value P99(const Row& row) { return row.p99_us; }
Value TailOverMedian(const Row& row) {
  if (!row.p99_us || row.p50_us.value_or(0) <= 0) return std::nullopt;
  return *row.p99_us / *row.p50_us;
}

Value OverSync(const Row& row) {
  if (!row.p50_us || !row.floor_us) return std::nullopt;
  return *row.p50_us - *row.floor_us;
}

bool SameRun(const Row& row, const Row& other) {
  return row.driver == other.driver && row.tuples == other.tuples;
}
bool IsTheGrantOf(const Row& row, const Row& other) {
  return Engine("S6", "granted")(other) && SameRun(row, other);
}
// "or, list of 100" for "but not, list of 100".
bool IsTheOrOf(const Row& row, const Row& other) {
  constexpr std::string_view kButNot = "but not", kOr = "or";
  return Engine("S7", kOr)(other) && SameRun(row, other) &&
         std::string_view(row.name).substr(kButNot.size()) ==
             std::string_view(other.name).substr(kOr.size());
}
bool IsTheIdleOf(const Row& row, const Row& other) {
  return other.name == "idle checks" && SameRun(row, other);
}

const std::vector<Rule>& Rules() {
  constexpr auto kLower = Better::kLower, kHigher = Better::kHigher;
  static const std::vector<Rule> rules = {
      {"S1: a check <= 3 x a hash probe of as many keys", 3, kLower, "x",
       Worst(Engine("S1"), Ratio)},
      {"S2: a check <= 1.5 us", 1.5, kLower, "us", Worst(Engine("S2"), Cpu)},
      {"S3: depth 20 <= 5 us", 5, kLower, "us", Worst(EngineCase("S3", "depth 20"), Cpu)},
      {"S6: a denial <= 1.2 x a grant", 1.2, kLower, "x",
       WorstAgainst(Engine("S6", "denied"), IsTheGrantOf, Cpu)},
      {"S7: `but not` <= 1.5 x `or`", 1.5, kLower, "x",
       WorstAgainst(Engine("S7", "but not"), IsTheOrOf, Cpu)},
      {"S10: <= 1 us from either side", 1, kLower, "us", Worst(Engine("S10"), Cpu)},
      {"engine: p99 <= 4 x p50", 4, kLower, "x", Worst(IsCheckInEngine, TailOverMedian)},
      {"wire: >= 80 % of the throughput of an echo server", 0.8, kHigher, "x",
       Worst(IsClosedCheck, Ratio)},
      {"wire: p50 <= 1.5 x the echo's", 1.5, kLower, "x", Worst(IsOpenCheck, Ratio)},
      {"lists: >= 20 million ids a second in the engine", 20e6, kHigher, "ids/s",
       Worst([](const Row& row) { return IsLongList(row) && row.driver == "engine"; }, Ids)},
      {"lists: >= 2 million ids a second on the wire", 2e6, kHigher, "ids/s",
       Worst([](const Row& row) { return IsLongList(row) && OnWire(row); }, Ids)},
      {"memory: <= 64 bytes a tuple", 64, kLower, "bytes",
       Worst(IsLoad, [](const Row& row) { return row.bytes_per_tuple; })},
      {"writes: p50 of one client <= fdatasync + 60 us", 60, kLower, "us more",
       Worst([](const Row& row) { return row.name == "one writer"; }, OverSync)},
      {"writes: 64 clients >= 70 % of the group-commit bound", 0.7, kHigher, "x",
       Worst([](const Row& row) { return row.name == "64 writers"; }, Ratio)},
      {"writes: import >= 1 million tuples a second", 1e6, kHigher, "tuples/s",
       Worst(IsLife("import"), [](const Row& row) { return row.throughput; })},
      {"start: first correct check <= 1 s", 1e6, kLower, "us", Worst(IsLife("first check"), P50)},
      {"start: full speed <= 2 s", 2e6, kLower, "us", Worst(IsLife("full speed"), P50)},
      {"memory: idle stores <= 64 KiB each", 64 << 10, kLower, "bytes",
       Worst(IsLife("idle stores"), [](const Row& row) { return row.rss_per_tuple; })},
      {"start: an empty server in <= 50 ms", 50'000, kLower, "us", Worst(IsStart, P50)},
      {"start: an empty server in <= 30 MiB", 30, kLower, "MiB",
       Worst(IsStart, [](const Row& row) { return row.rss_peak_mib; })},
      {"mixed load: p99 of checks <= 3 x idle", 3, kLower, "x",
       WorstAgainst([](const Row& row) { return row.name == "mixed: checks"; }, IsTheIdleOf, P99)},
  };
  return rules;
}

}  // namespace

std::vector<Mark> JudgeMarks(std::span<const Row> rows) {
  std::vector<Mark> marks;
  for (const auto& rule : Rules()) {
    Mark mark{.name = rule.name};
    if (const auto value = rule.measure(rows, rule.better)) {
      const bool pass = rule.better == Better::kLower ? *value <= rule.limit : *value >= rule.limit;
      mark.verdict = pass ? Verdict::kPass : Verdict::kMiss;
      mark.measured = fmt::format("{:.{}f} {}", *value, *value < 1'000 ? 2 : 0, rule.unit);
    }
    marks.push_back(std::move(mark));
  }
  return marks;
}

}  // namespace pemba::bench
