#include "pemba/bench/marks.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>

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

bool InEngine(const Row& row, std::string_view scenario) {
  return row.driver == "engine" && row.scenario == scenario && row.name != "load" &&
         row.threads == 1;
}

void Keep(Value& worst, double value, Better better) {
  if (!worst) {
    worst = value;
  } else {
    worst = better == Better::kLower ? std::max(*worst, value) : std::min(*worst, value);
  }
}

// The worst of a figure over the rows that are about the mark.
template <class About, class Figure>
auto Worst(About about, Figure figure) {
  return [about, figure](Rows rows, Better better) {
    Value worst;
    for (const auto& row : rows) {
      if (!about(row)) continue;
      const Value value = figure(row);
      if (value) Keep(worst, *value, better);
    }
    return worst;
  };
}

auto Of(std::string_view scenario, std::string_view name = {}) {
  return
      [=](const Row& row) { return InEngine(row, scenario) && (name.empty() || row.name == name); };
}

Value Cpu(const Row& row) { return row.cpu_us; }
Value Ratio(const Row& row) { return row.ratio; }

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> rules = {
      {"S1: a check <= 3 x a hash probe of as many keys", 3, Better::kLower, "x",
       Worst(Of("S1"), Ratio)},
      {"S2: a check <= 1.5 us", 1.5, Better::kLower, "us", Worst(Of("S2"), Cpu)},
      {"S3: depth 20 <= 5 us", 5, Better::kLower, "us", Worst(Of("S3", "depth 20"), Cpu)},
      {"memory: <= 64 bytes a tuple", 64, Better::kLower, "bytes",
       Worst([](const Row& row) { return row.driver == "engine" && row.name == "load"; },
             [](const Row& row) { return row.bytes_per_tuple; })},
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
      mark.measured = fmt::format("{:.2f} {}", *value, rule.unit);
    }
    marks.push_back(std::move(mark));
  }
  return marks;
}

}  // namespace pemba::bench
