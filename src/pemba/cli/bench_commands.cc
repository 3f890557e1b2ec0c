// bench run | list | plot | echo
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <boost/json/serialize.hpp>

#include "pemba/bench/echo_server.h"
#include "pemba/bench/marks_table.h"
#include "pemba/bench/plot.h"
#include "pemba/bench/run.h"
#include "pemba/bench/scenario.h"
#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"

namespace pemba::cli {
namespace {

struct BenchOptions {
  bench::RunOptions run;
  std::string size = "10k";
  std::string drivers = "engine";
  std::string target, ca_file;
  bool insecure = false;
  double duration_seconds = 2;
  double rate = 0;
  std::string json_file;
};

struct EchoOptions {
  std::string address = "127.0.0.1:0";
  std::size_t io_threads = 1;
};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// The options as the run takes them.
Result<bench::RunOptions> RunOptionsOf(const Session& session, const BenchOptions& options) {
  auto run = options.run;
  PEMBA_TRY(run.tuples, bench::ParseSize(options.size));
  PEMBA_TRY(run.drivers, bench::ParseDrivers(options.drivers));
  if (!(options.duration_seconds >= 0.01 && options.duration_seconds <= 86'400)) {
    return Invalid("--duration must be some seconds, a day at most");
  }
  run.duration = std::chrono::milliseconds(static_cast<int>(options.duration_seconds * 1000));
  if (options.rate != 0) run.rate = options.rate;
  if (!options.target.empty()) {
    PEMBA_TRY(auto target, bench::ParseEndpoint(options.target));
    if (!target.tls && (options.insecure || !options.ca_file.empty())) {
      return Invalid("--ca-file and --insecure are about TLS, which `" + options.target +
                     "` does not use");
    }
    target.ca_file = options.ca_file;
    target.verify_peer = !options.insecure;
    target.token = session.api.token;
    run.target = std::move(target);
  }
  run.progress = [&session](std::string_view line) { session.err << line << "\n"; };
  return run;
}

Result<int> RunBench(Session& session, const BenchOptions& options) {
  PEMBA_TRY(const auto run, RunOptionsOf(session, options));
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

struct PlotOptions {
  std::string results = "bench/results/history.jsonl";
  std::string directory = ".";
};

Result<int> Plot(Session& session, const PlotOptions& options) {
  PEMBA_TRY(const auto text, ReadFile(options.results));
  const auto reports = bench::ReportsFromLines(text);
  if (!reports.ok()) return Invalid(options.results + ": " + reports.error().message);
  const std::filesystem::path directory = options.directory;
  const std::pair<const char*, std::string> documents[] = {
      {"latency.svg", bench::ToSvg(bench::LatencyBySize(*reports))},
      {"throughput.svg", bench::ToSvg(bench::ThroughputByConcurrency(*reports))},
      {"marks.md", bench::MarksTable(*reports)}};
  for (const auto& [name, content] : documents) {
    const auto path = directory / name;
    std::ofstream file(path);
    file << content;
    if (!file.flush()) return Invalid("cannot write `" + path.string() + "`");
    session.out << path.string() << "\n";
  }
  return 0;
}

// Until SIGTERM. Says where it listens as `serve` does: one address for both protocols.
Result<int> RunEcho(Session& session, const EchoOptions& options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  PEMBA_TRY(const auto echo, bench::EchoServer::Start(options.address, options.io_threads));
  session.out << "grpc listening on " << echo->address() << "\nhttp listening on "
              << echo->address() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  echo->Shutdown();
  return 0;
}

void AddRun(CommandLine& line, CLI::App& group) {
  const auto options = std::make_shared<BenchOptions>();
  auto& run = line.Command(group, "run", "Make worlds, ask, verify every answer, and report",
                           [options](Session& session) { return RunBench(session, *options); });
  auto& to = options->run;
  const CLI::Range counts(1, 10'000);
  run.add_option("--scenario", to.scenarios, "S1,S2 or all")->capture_default_str();
  run.add_option("--size", options->size, "Tuples in each world: 10k, 1m, 10m")
      ->capture_default_str();
  run.add_option("--seed", to.seed, "Another seed makes another world")->capture_default_str();
  run.add_option("--driver", options->drivers,
                 "engine (in process), grpc, http2, http1 (a server that is started for the run)"
                 " or all")
      ->capture_default_str();
  run.add_option("--target", options->target,
                 "Measure this server instead: http://, https://, http2://, https2://, grpc:// or"
                 " grpcs://HOST:PORT; with --api-token, if it asks for one");
  run.add_option("--ca-file", options->ca_file, "Who may have signed the target's certificate");
  run.add_flag("--insecure", options->insecure, "Believe whatever certificate the target shows");
  run.add_option("--duration", options->duration_seconds, "Seconds for each measurement")
      ->capture_default_str();
  run.add_option("--rate", options->rate,
                 "Calls a second of the open loop; default: 30 % of what the closed loop reached")
      ->check(CLI::Range(1.0, 1e9));
  run.add_option("--connections", to.connections, "For each thread that asks")
      ->capture_default_str()
      ->check(counts);
  run.add_option("--streams", to.streams, "Calls at once on a connection, in the closed loop")
      ->capture_default_str()
      ->check(counts);
  run.add_option("--threads", to.threads, "That ask; in process, more are measured beside one")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  run.add_option("--server-threads", to.server_threads, "Of the server that is started")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  run.add_option("--life", to.life_stores,
                 "Instead of calls: fill a server, start it again, and so many idle stores; with a"
                 " driver on the wire")
      ->check(CLI::Range(0, 1'000'000));
  run.add_option("--directory", to.directory, "Where the floor of writes is measured");
  run.add_option("--commit", to.commit, "Goes into the report");
  run.add_option("--json", options->json_file, "Appends the report to this file, as one line");
}

}  // namespace

void AddBenchCommands(CommandLine& line) {
  auto& group = line.Group("bench", "Measure the engine, or a server, on worlds that hurt");
  AddRun(line, group);
  line.Command(group, "list", "The scenarios",
               [](Session& session) { return ListScenarios(session); });
  const auto plots = std::make_shared<PlotOptions>();
  auto& plot = line.Command(
      group, "plot",
      "Draw reports: latency.svg and throughput.svg, and what became of the marks: marks.md",
      [plots](Session& session) { return Plot(session, *plots); });
  plot.add_option("--results", plots->results, "What `run --json` has written")
      ->capture_default_str();
  plot.add_option("--output", plots->directory, "Directory of the files")->capture_default_str();
  const auto options = std::make_shared<EchoOptions>();
  auto& echo = line.Command(group, "echo", "Serve the transport with nothing behind it: the floor",
                            [options](Session& session) { return RunEcho(session, *options); });
  echo.add_option("--address", options->address, "Where to listen")->capture_default_str();
  echo.add_option("--io-threads", options->io_threads, "Threads; 0: one per core")
      ->capture_default_str();
}

}  // namespace pemba::cli
