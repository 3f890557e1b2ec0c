#include "pemba/bench/run.h"

#include <ctime>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pemba/bench/engine_driver.h"
#include "pemba/bench/floors.h"
#include "pemba/bench/marks.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {
namespace {

constexpr std::uint32_t kSyncs = 500;

std::string DateOfNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

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

}  // namespace

std::string MachineClass() {
  utsname name{};
  uname(&name);
  const auto bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return fmt::format("{} cores {}, {:.0f} GiB", std::thread::hardware_concurrency(), name.machine,
                     bytes / (1 << 30));
}

Result<Report> Run(const RunOptions& options) {
  PEMBA_TRY(const auto scenarios, FindScenarios(options.scenarios));
  const auto tell = [&](const std::string& line) {
    if (options.progress) options.progress(line);
  };
  Report report{.date = DateOfNow(),
                .commit = options.commit,
                .machine = MachineClass(),
                .seed = options.seed};
  if (!options.directory.empty()) {
    PEMBA_TRY(const auto syncs, MeasureSync(options.directory, kSyncs));
    Row row{.scenario = "floor", .name = "write+fdatasync", .driver = "system"};
    SetLatency(row, syncs);
    report.rows.push_back(std::move(row));
  }
  for (const auto* info : scenarios) {
    tell(fmt::format("{} {}: {} tuples", info->name, info->title, SizeText(options.tuples)));
    PEMBA_TRY(auto rows, MeasureEngine(*info, {.size = {options.tuples, options.seed},
                                               .duration = options.duration,
                                               .threads = options.threads}));
    for (auto& row : rows) report.rows.push_back(std::move(row));
  }
  report.marks = JudgeMarks(report.rows);
  return report;
}

}  // namespace pemba::bench
