#include "pemba/bench/run.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pemba/base/scratch_directory.h"
#include "pemba/bench/child_server.h"
#include "pemba/bench/engine_driver.h"
#include "pemba/bench/floors.h"
#include "pemba/bench/life_run.h"
#include "pemba/bench/marks.h"
#include "pemba/bench/process_use.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/wire_run.h"

namespace pemba::bench {
namespace {

constexpr std::uint32_t kSyncs = 500;
constexpr int kStarts = 5;
constexpr std::pair<std::string_view, Driver> kDrivers[] = {{"engine", Driver::kEngine},
                                                            {"grpc", Driver::kGrpc},
                                                            {"http2", Driver::kHttp2},
                                                            {"http1", Driver::kHttp1}};

class Runner {
 public:
  explicit Runner(const RunOptions& options) : options_(options) {}

  Result<Report> Run() {
    PEMBA_TRY(const auto scenarios, FindScenarios(options_.scenarios));
    report_ = {.date = DateOfNow(),
               .commit = options_.commit,
               .machine = MachineClass(),
               .seed = options_.seed};
    if (!options_.directory.empty()) {
      PEMBA_TRY(std::ignore, RunSync());
    }
    if (options_.target) {
      PEMBA_TRY(std::ignore, RunTarget(scenarios));
    } else {
      for (const auto driver : options_.drivers) {
        PEMBA_TRY(std::ignore,
                  driver == Driver::kEngine ? RunEngine(scenarios) : RunServer(driver, scenarios));
      }
    }
    report_.marks = JudgeMarks(report_.rows);
    return std::move(report_);
  }

 private:
  using Chosen = std::vector<const ScenarioInfo*>;

  void Tell(std::string_view driver, const ScenarioInfo& info) {
    if (!options_.progress) return;
    options_.progress(fmt::format("{}: {} {}, {} tuples", driver, info.name, info.title,
                                  SizeText(options_.tuples)));
  }
  void Add(std::vector<Row> rows) { std::ranges::move(rows, std::back_inserter(report_.rows)); }

  Status RunSync() {
    PEMBA_TRY(const auto syncs, MeasureSync(options_.directory, kSyncs));
    Row row{.scenario = "floor", .name = "write+fdatasync", .driver = "system"};
    SetLatency(row, syncs);
    report_.rows.push_back(std::move(row));
    return Done{};
  }

  Status RunEngine(const Chosen& scenarios) {
    for (const auto* info : scenarios) {
      Tell("engine", *info);
      PEMBA_TRY(auto rows, MeasureEngine(*info, {.size = {options_.tuples, options_.seed},
                                                 .duration = options_.duration,
                                                 .threads = options_.threads}));
      Add(std::move(rows));
    }
    return Done{};
  }

  WireRun RunAt(const Endpoint& endpoint, std::optional<pid_t> process) const {
    return {.endpoint = endpoint,
            .process = process,
            .size = {options_.tuples, options_.seed},
            .shape = {options_.connections,
                      endpoint.protocol == Protocol::kHttp1 ? 1 : options_.streams},
            .threads = options_.threads,
            .duration = options_.duration,
            .rate = options_.rate};
  }

  Result<EchoFigures> RunEcho(Protocol protocol) {
    if (options_.progress) options_.progress(fmt::format("{}: echo", NameOf(protocol)));
    PEMBA_TRY(const auto echo,
              ChildServer::Start(Program(), {"bench", "echo", "--io-threads",
                                             std::to_string(options_.server_threads)}));
    PEMBA_TRY(auto figures, MeasureEcho(RunAt(echo->endpoint(protocol), echo->process())));
    Add(figures.rows);
    return figures;
  }

  // From nothing to listening, on an empty directory.
  Status RunStart() {
    if (options_.progress) options_.progress("start of an empty server");
    Histogram took;
    Row row{.scenario = "start", .name = "empty server", .driver = "system"};
    for (int i = 0; i < kStarts; ++i) {
      PEMBA_TRY(const auto data, ScratchDirectory::Make());
      const auto begun = std::chrono::steady_clock::now();
      PEMBA_TRY(const auto server, StartServer(data->path()));
      took.Add(static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begun).count()));
      if (const auto peak = PeakResidentBytes(server->process())) {
        row.rss_peak_mib = static_cast<double>(*peak) / (1 << 20);
      }
    }
    SetLatency(row, took);
    report_.rows.push_back(std::move(row));
    return Done{};
  }

  Result<std::unique_ptr<ChildServer>> StartServer(const std::string& data_directory) const {
    return ChildServer::Start(
        Program(),
        {"serve", "--data-dir", data_directory, "--http-addr", "127.0.0.1:0", "--grpc-addr",
         "127.0.0.1:0", "--log-level", "none", "--metrics-addr", "127.0.0.1:0", "--io-threads",
         std::to_string(options_.server_threads), "--listObjects-max-results", "0",
         "--listUsers-max-results", "0",
         // A list that time cuts is a wrong answer here, however busy the machine.
         "--listObjects-deadline", "0", "--listUsers-deadline", "0", "--request-timeout", "60s"});
  }

  Status RunServer(Driver driver, const Chosen& scenarios) {
    const auto protocol = driver == Driver::kGrpc    ? Protocol::kGrpc
                          : driver == Driver::kHttp2 ? Protocol::kHttp2
                                                     : Protocol::kHttp1;
    if (!std::exchange(start_measured_, true)) {
      PEMBA_TRY(std::ignore, RunStart());
    }
    if (options_.life_stores) return RunLife(protocol, scenarios);
    PEMBA_TRY(const auto echo, RunEcho(protocol));
    for (const auto* info : scenarios) {
      Tell(NameOf(protocol), *info);
      // A server for each: its memory and its log are this scenario's.
      PEMBA_TRY(const auto data, ScratchDirectory::Make());
      PEMBA_TRY(const auto server, StartServer(data->path()));
      auto run = RunAt(server->endpoint(protocol), server->process());
      run.unlimited = true;
      run.data_directory = data->path();
      PEMBA_TRY(auto rows, MeasureWire(*info, run, &echo, report_.notes));
      Add(std::move(rows));
    }
    return Done{};
  }

  Status RunLife(Protocol protocol, const Chosen& scenarios) {
    const auto start = [this](const std::string& directory) { return StartServer(directory); };
    for (const auto* info : scenarios) {
      Tell("life", *info);
      PEMBA_TRY(const auto data, ScratchDirectory::Make());
      const Endpoint any{.protocol = protocol};
      PEMBA_TRY(auto rows, MeasureRestart(*info, RunAt(any, {}), protocol, start, data->path()));
      Add(std::move(rows));
    }
    if (*options_.life_stores == 0) return Done{};
    if (options_.progress) {
      options_.progress(fmt::format("life: {} idle stores", *options_.life_stores));
    }
    PEMBA_TRY(const auto data, ScratchDirectory::Make());
    PEMBA_TRY(auto row, MeasureIdleStores(*options_.life_stores, protocol, start, data->path()));
    Add({std::move(row)});
    return Done{};
  }

  Status RunTarget(const Chosen& scenarios) {
    const auto run = RunAt(*options_.target, std::nullopt);
    for (const auto* info : scenarios) {
      Tell(NameOf(options_.target->protocol), *info);
      PEMBA_TRY(auto rows, MeasureWire(*info, run, nullptr, report_.notes));
      Add(std::move(rows));
    }
    return Done{};
  }

  std::string Program() const {
    return options_.program.empty() ? ThisProgram() : options_.program;
  }

  const RunOptions& options_;
  Report report_;
  bool start_measured_ = false;
};

}  // namespace

Result<std::vector<Driver>> ParseDrivers(std::string_view names) {
  std::vector<Driver> drivers;
  if (names == "all") {
    for (const auto& [name, driver] : kDrivers) drivers.push_back(driver);
    return drivers;
  }
  while (true) {
    const auto comma = std::min(names.find(','), names.size());
    const auto name = names.substr(0, comma);
    const auto* const found =
        std::ranges::find(kDrivers, name, &std::pair<std::string_view, Driver>::first);
    if (found == std::end(kDrivers)) {
      return Error{ErrorCode::kInvalidArgument,
                   "there is no driver `" + std::string(name) +
                       "`; there are engine, grpc, http2, http1 and all"};
    }
    drivers.push_back(found->second);
    if (comma == names.size()) return drivers;
    names.remove_prefix(comma + 1);
  }
}

std::string DateOfNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string MachineClass() {
  utsname name{};
  uname(&name);
  const auto bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return fmt::format("{} cores {}, {:.0f} GiB", std::thread::hardware_concurrency(), name.machine,
                     bytes / (1 << 30));
}

Result<Report> Run(const RunOptions& options) { return Runner(options).Run(); }

}  // namespace pemba::bench
