// bench nodes: several servers on one database.
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>

#include "pemba/bench/nodes_run.h"
#include "pemba/bench/scenario.h"
#include "pemba/cli/data_commands.h"
#include "pemba/cli/serve_command.h"
#include "pemba/server/server.h"

namespace pemba::cli {
namespace {

struct Options {
  server::SettingValues settings;
  bench::NodesOptions run;
  std::vector<std::string> targets;
  std::string size = "10k", protocol = "http1", json_file;
  double duration_seconds = 2;
};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<bench::Protocol> ProtocolNamed(const std::string& name) {
  using bench::Protocol;
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp2, Protocol::kHttp1}) {
    if (bench::NameOf(protocol) == name) return protocol;
  }
  return Invalid("--protocol must be grpc, http2 or http1");
}

// The database as `pemba serve` would take it; nothing if it is named nowhere.
Result<std::optional<storage::PostgresOptions>> DatabaseOf(server::SettingValues settings) {
  std::optional<storage::PostgresOptions> database;
  settings["datastore-engine"] = "postgres";
  PEMBA_TRY(const auto sources, SettingSourcesOf(settings));
  if (!server::FindGiven("datastore-uri", sources)) return database;
  PEMBA_TRY(const auto loaded, server::LoadConfig(sources));
  database = server::PostgresOptionsOf(loaded.config.postgres);
  database->connect_patience = database->connect_timeout;
  return database;
}

Result<bench::NodesOptions> RunOptionsOf(const Session& session, const Options& options) {
  auto run = options.run;
  PEMBA_TRY(run.tuples, bench::ParseSize(options.size));
  PEMBA_TRY(run.protocol, ProtocolNamed(options.protocol));
  PEMBA_TRY(run.datastore, DatabaseOf(options.settings));
  if (!(options.duration_seconds >= 0.01 && options.duration_seconds <= 86'400)) {
    return Invalid("--duration must be some seconds, a day at most");
  }
  run.duration = std::chrono::milliseconds(static_cast<int>(options.duration_seconds * 1000));
  for (const auto& target : options.targets) {
    PEMBA_TRY(auto endpoint, bench::ParseEndpoint(target));
    endpoint.token = session.api.token;
    run.targets.push_back(std::move(endpoint));
  }
  run.progress = [&session](std::string_view line) { session.err << line << "\n"; };
  return run;
}

Result<int> BenchNodes(Session& session, const Options& options) {
  PEMBA_TRY(const auto run, RunOptionsOf(session, options));
  std::ofstream json_file;
  if (!options.json_file.empty()) {
    json_file.open(options.json_file, std::ios::app);
    if (!json_file) return Invalid("cannot write `" + options.json_file + "`");
  }
  PEMBA_TRY(const auto report, bench::RunNodes(run));
  session.out << bench::ToTable(report);
  if (json_file.is_open()) {
    json_file << boost::json::serialize(bench::ToJson(report)) << "\n";
    if (!json_file.flush()) return Invalid("cannot write `" + options.json_file + "`");
  }
  return 0;
}

}  // namespace

void AddNodesBench(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  auto& command = line.Command(
      *line.root().get_subcommand("bench"), "nodes",
      "Measure several servers on one PostgreSQL: checks, what the database has to do with them, "
      "lag, import, first answers",
      [options](Session& session) { return BenchNodes(session, *options); });
  auto& to = options->run;
  for (const char* flag : {"datastore-uri", "datastore-username", "datastore-password"}) {
    command.add_option_function<std::string>(
        std::string("--") + flag,
        [options, flag](const std::string& value) { options->settings[flag] = value; },
        "As for `pemba serve`, from the environment, too; `pemba migrate` has made its tables");
  }
  command.add_option("--nodes", to.nodes, "Servers to start, on free ports of this machine")
      ->capture_default_str()
      ->check(CLI::Range(2, 64));
  command.add_option("--target", options->targets,
                     "Measure servers that run already instead; once for each of them");
  command
      .add_option("--protocol", options->protocol, "Of nodes that are started: grpc, http2, http1")
      ->capture_default_str();
  command.add_option("--size", options->size, "Tuples in the world: 10k, 1m, 10m")
      ->capture_default_str();
  command.add_option("--seed", to.seed, "Another seed makes another world")->capture_default_str();
  command.add_option("--duration", options->duration_seconds, "Seconds for each measurement")
      ->capture_default_str();
  const CLI::Range counts(1, 10'000);
  command.add_option("--connections", to.connections, "To each node")
      ->capture_default_str()
      ->check(counts);
  command.add_option("--streams", to.streams, "Calls at once on a connection")
      ->capture_default_str()
      ->check(counts);
  command.add_option("--server-threads", to.server_threads, "Of each node that is started")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command.add_option("--commit", to.commit, "Goes into the report");
  command.add_option("--json", options->json_file, "Appends the report to this file, as one line");
}

}  // namespace pemba::cli
