// migrate | validate-models
#include "pemba/cli/data_commands.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pemba/cli/openfga_import.h"
#include "pemba/cli/serve_command.h"
#include "pemba/model/json.h"
#include "pemba/model/validation.h"
#include "pemba/server/duration.h"
#include "pemba/server/server.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/postgres.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPageSize = 100;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

using Flags = std::shared_ptr<server::SettingValues>;

// A flag of `serve` on another command.
void AddSetting(CLI::App& command, const Flags& flags, const std::string& flag,
                const std::string& help) {
  command.add_option_function<std::string>(
      "--" + flag, [flags, flag](const std::string& value) { (*flags)[flag] = value; }, help);
}

// The value that `serve` would take; "" if there is none.
Result<std::string> ValueOf(const Flags& flags, std::string_view flag) {
  PEMBA_TRY(auto sources, SettingSourcesOf(*flags));
  auto given = server::FindGiven(flag, sources);
  return given ? std::move(given->value) : std::string();
}

storage::PostgresOptions OptionsOf(const server::LoadedConfig& loaded) {
  return server::PostgresOptionsOf(loaded.config.postgres);
}

struct MigrateOptions {
  server::SettingValues settings;
  std::string version = "0", timeout;
  bool only_tell = false;
};

Result<int> MigratePostgresDatabase(Session& session, const MigrateOptions& given) {
  PEMBA_TRY(const auto sources, SettingSourcesOf(given.settings));
  PEMBA_TRY(const auto loaded, server::LoadConfig(sources));
  auto options = OptionsOf(loaded);
  options.connect_patience = std::chrono::minutes(1);
  auto timeout = given.timeout;
  for (const char* name : {"PEMBA_TIMEOUT", "OPENFGA_TIMEOUT"}) {
    if (timeout.empty()) timeout = server::ProcessEnvironment(name).value_or("");
  }
  if (!timeout.empty()) {
    const auto patience = server::ParseDuration(timeout);
    if (!patience || patience->count() <= 0) return Invalid("--timeout: not a duration such as 1m");
    options.connect_patience = *patience;
  }
  options.report = [&](std::string_view line) { session.err << line << "\n"; };
  const auto how = given.only_tell ? storage::Migrate::kOnlyTell : storage::Migrate::kYes;
  PEMBA_TRY(const auto schema, storage::MigratePostgres(options, how));
  if (given.only_tell) session.out << schema.sql;
  if (schema.found >= schema.wanted) {
    session.err << "nothing to migrate: the schema has version " << schema.found << "\n";
  } else {
    session.err << (given.only_tell ? "would migrate" : "migrated") << " the schema from version "
                << schema.found << " to " << schema.wanted << "\n";
  }
  return 0;
}

// Deployments run this before each start and wait for its success: it may be repeated, and several
// may run at once. Where there is no schema that is said, not pretended.
Result<int> Migrate(Session& session, const std::shared_ptr<MigrateOptions>& given) {
  const Flags flags(given, &given->settings);
  PEMBA_TRY(const auto engine, ValueOf(flags, "datastore-engine"));
  if (engine.empty()) return Invalid("missing datastore engine type");
  // Steps that undo a version would lose what was written since; `--version` names the latest.
  if (given->version != "0") return Invalid("--version: this server migrates to the latest only");
  if (engine == "postgres") return MigratePostgresDatabase(session, *given);
  if (engine == "memory" || engine == "embedded") {
    session.err << "nothing to migrate: the " << engine << " datastore has no schema\n";
    return 0;
  }
  if (engine == "mysql" || engine == "sqlite") {
    session.err << "nothing was migrated: this server keeps no data in " << engine
                << ", and `pemba serve` does not start with that engine\n";
    return 0;
  }
  return Invalid("unknown datastore engine type: " + engine);
}

struct FromOpenfgaOptions {
  server::SettingValues settings;
  storage::PostgresAddress source;
};

Result<std::unique_ptr<storage::Datastore>> OpenTarget(const server::LoadedConfig& loaded) {
  switch (loaded.config.datastore_engine) {
    case server::DatastoreEngine::kPostgres:
      return storage::OpenPostgresDatastore(OptionsOf(loaded));
    case server::DatastoreEngine::kEmbedded:
      return storage::OpenEmbeddedDatastore(
          {.directory = loaded.config.data_directory / "datastore"});
    case server::DatastoreEngine::kMemory:
      break;
  }
  return Invalid("the memory datastore would forget what was imported");
}

Result<int> FromOpenfga(Session& session, const FromOpenfgaOptions& given) {
  PEMBA_TRY(const auto sources, SettingSourcesOf(given.settings));
  PEMBA_TRY(const auto loaded, server::LoadConfig(sources));
  PEMBA_TRY(const auto source,
            storage::OpenfgaSource::Open(given.source, std::chrono::seconds(30)));
  PEMBA_TRY(const auto target, OpenTarget(loaded));
  PEMBA_TRY(const auto report, ImportOpenfga(*source, *target, [&](std::string_view line) {
              session.err << line << "\n";
            }));
  session.Print(json::object{{"stores", report.stores},
                             {"models", report.models},
                             {"assertions", report.assertions},
                             {"changes", report.changes},
                             {"corrections", report.corrections},
                             {"tuples_compared", report.tuples}});
  return 0;
}

void AddFromOpenfga(CommandLine& line, CLI::App& migrate) {
  const auto given = std::make_shared<FromOpenfgaOptions>();
  const Flags flags(given, &given->settings);
  auto& command = line.Command(migrate, "from-openfga",
                               "Import the PostgreSQL database of an OpenFGA server; repeatable",
                               [given](Session& session) { return FromOpenfga(session, *given); });
  line.Require(command.add_option("--from-uri", given->source.uri, "URI of its database"));
  command.add_option("--from-username", given->source.username, "User, in the place of the URI's");
  command.add_option("--from-password", given->source.password,
                     "Password, in the place of the URI's");
  for (const char* flag : {"datastore-engine", "datastore-uri", "datastore-username",
                           "datastore-password", "data-dir"}) {
    AddSetting(command, flags, flag, "Of this server, as for `pemba serve`");
  }
}

void AddMigrate(CommandLine& line) {
  const auto given = std::make_shared<MigrateOptions>();
  const Flags flags(given, &given->settings);
  auto& command = line.Command(line.root(), "migrate",
                               "Bring the tables of the postgres datastore to this version",
                               [given](Session& session) { return Migrate(session, given); });
  AddSetting(command, flags, "datastore-engine", "Engine (required)");
  AddSetting(command, flags, "datastore-uri", "URI of the database");
  AddSetting(command, flags, "datastore-username", "User, in the place of the URI's");
  AddSetting(command, flags, "datastore-password", "Password, in the place of the URI's");
  command.add_option("--timeout", given->timeout, "How long to wait for the database; default 1m");
  command.add_flag("--dry-run", given->only_tell, "Print the statements and change nothing");
  command.add_option("--version", given->version, "0: the latest; there is no other");
  for (const char* flag : {"log-format", "log-level", "log-timestamp-format"}) {
    AddSetting(command, flags, flag, "Accepted, without effect");
  }
  command.add_flag_function(
      "--verbose", [](auto) {}, "Accepted, without effect");
  AddFromOpenfga(line, command);
}

json::object ReportOf(const StoreId& store, const storage::ModelRecord& record, bool latest) {
  json::object report{{"store_id", store.value},
                      {"model_id", record.id.value},
                      {"is_latest_model", latest},
                      {"error", ""}};
  const auto model = model::ModelFromJson(record.text);
  if (!model.ok()) {
    report["error"] = model.error().message;
  } else if (const auto valid = model::ValidateModel(*model); !valid.ok()) {
    report["error"] = valid.error().message;
  }
  return report;
}

Status AddReports(const storage::Datastore& datastore, const StoreId& store, json::array& reports) {
  std::string before;
  for (bool latest = true;;) {
    PEMBA_TRY(const auto models,
              datastore.ListModels(store, {.before = before, .count_max = kPageSize}));
    if (models.empty()) return Done{};
    for (const auto& model : models) {
      reports.push_back(ReportOf(store, model, latest));
      latest = false;
    }
    before = models.back().id.value;
  }
}

Result<std::unique_ptr<storage::Datastore>> OpenToValidate(const Flags& flags) {
  PEMBA_TRY(const auto engine, ValueOf(flags, "datastore-engine"));
  if (engine == "postgres") {
    PEMBA_TRY(const auto sources, SettingSourcesOf(*flags));
    PEMBA_TRY(const auto loaded, server::LoadConfig(sources));
    return storage::OpenPostgresDatastore(OptionsOf(loaded));
  }
  if (!engine.empty() && engine != "embedded") {
    return Invalid("models can be validated in the embedded datastore and in postgres, not in `" +
                   engine + "`");
  }
  PEMBA_TRY(auto data, ValueOf(flags, "data-dir"));
  const auto directory = std::filesystem::path(data.empty() ? "./data" : data) / "datastore";
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    return Invalid("there is no datastore in `" + directory.string() + "`");
  }
  return storage::OpenEmbeddedDatastore({.directory = directory});
}

// Exit code 0 also if there are findings: they are the answer.
Result<int> ValidateModels(Session& session, const Flags& flags) {
  PEMBA_TRY(const auto datastore, OpenToValidate(flags));
  json::array reports;
  std::string after;
  for (;;) {
    PEMBA_TRY(const auto stores, datastore->ListStores({.after = after, .count_max = kPageSize}));
    if (stores.empty()) break;
    for (const auto& store : stores) {
      PEMBA_TRY(std::ignore, AddReports(*datastore, store.id, reports));
    }
    after = stores.back().id.value;
  }
  session.Print(reports);
  return 0;
}

void AddValidateModels(CommandLine& line) {
  const auto flags = std::make_shared<server::SettingValues>();
  auto& command = line.Command(
      line.root(), "validate-models",
      "Check every stored model; a server with the embedded datastore must not be running",
      [flags](Session& session) { return ValidateModels(session, flags); });
  AddSetting(command, flags, "datastore-engine", "embedded or postgres");
  AddSetting(command, flags, "datastore-uri", "Of the PostgreSQL database");
  AddSetting(command, flags, "data-dir", "Data directory; default ./data");
}

}  // namespace

void AddDataCommands(CommandLine& line) {
  AddMigrate(line);
  AddValidateModels(line);
  AddBackupCommands(line);
  AddDoctor(line);
  AddTrim(line);
}

}  // namespace pemba::cli
