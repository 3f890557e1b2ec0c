// bench run | list
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <boost/json/serialize.hpp>

#include "pemba/bench/run.h"
#include "pemba/bench/scenario.h"
#include "pemba/cli/command_line.h"

namespace pemba::cli {
namespace {

struct BenchOptions {
  bench::RunOptions run;
  std::string size = "10k";
  double duration_seconds = 2;
  std::string json_file;
};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<int> RunBench(Session& session, const BenchOptions& options) {
  auto run = options.run;
  PEMBA_TRY(run.tuples, bench::ParseSize(options.size));
  if (!(options.duration_seconds > 0 && options.duration_seconds <= 86'400)) {
    return Invalid("--duration must be some seconds, a day at most");
  }
  run.duration = std::chrono::milliseconds(static_cast<int>(options.duration_seconds * 1000));
  run.progress = [&session](std::string_view line) { session.err << line << "\n"; };
  std::ofstream json_file;
  if (!options.json_file.empty()) {
    json_file.open(options.json_file, std::ios::app);
    if (!json_file) return Invalid("cannot write `" + options.json_file + "`");
  }
  PEMBA_TRY(const auto report, bench::Run(run));
  session.out << bench::ToTable(report);
  if (json_file.is_open()) {
    json_file << boost::json::serialize(bench::ToJson(report)) << "\n";
    if (!json_file.flush()) return Invalid("cannot write `" + options.json_file + "`");
  }
  return 0;
}

Result<int> ListScenarios(Session& session) {
  for (const auto& info : bench::Scenarios()) {
    session.out << info.name << std::string(5 - info.name.size(), ' ') << info.title
                << std::string(24 - std::min<std::size_t>(info.title.size(), 23), ' ') << info.shape
                << "\n";
  }
  return 0;
}

}  // namespace

void AddBenchCommands(CommandLine& line) {
  auto& group = line.Group("bench", "Measure the engine, or a server, on worlds that hurt");
  const auto options = std::make_shared<BenchOptions>();
  auto& run = line.Command(group, "run", "Make worlds, ask, verify every answer, and report",
                           [options](Session& session) { return RunBench(session, *options); });
  run.add_option("--scenario", options->run.scenarios, "S1,S2 or all")->capture_default_str();
  run.add_option("--size", options->size, "Tuples in each world: 10k, 1m, 10m")
      ->capture_default_str();
  run.add_option("--seed", options->run.seed, "Another seed makes another world")
      ->capture_default_str();
  run.add_option("--duration", options->duration_seconds, "Seconds for each measurement")
      ->capture_default_str();
  run.add_option("--threads", options->run.threads, "That ask; beyond 1, measured beside 1")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  run.add_option("--directory", options->run.directory, "Where writes are measured");
  run.add_option("--commit", options->run.commit, "Goes into the report");
  run.add_option("--json", options->json_file, "Appends the report to this file, as one line");
  line.Command(group, "list", "The scenarios",
               [](Session& session) { return ListScenarios(session); });
}

}  // namespace pemba::cli
