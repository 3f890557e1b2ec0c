// trim: forget how old tuples came to be.
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "pemba/cli/data_commands.h"
#include "pemba/cli/serve_command.h"
#include "pemba/server/duration.h"
#include "pemba/server/server.h"
#include "pemba/storage/postgres.h"

namespace pemba::cli {
namespace {

struct Options {
  server::SettingValues settings;
  std::string older_than, store;
  bool only_tell = false;
};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<int> Trim(Session& session, const Options& given) {
  const auto age = server::ParseDuration(given.older_than);
  if (!age || age->count() < 0) return Invalid("--older-than: not a duration such as 720h");
  PEMBA_TRY(const auto sources, SettingSourcesOf(given.settings));
  PEMBA_TRY(const auto loaded, server::LoadConfig(sources));
  if (loaded.config.datastore_engine != server::DatastoreEngine::kPostgres) {
    return Invalid("only logs of the postgres datastore are trimmed");
  }
  auto options = server::PostgresOptionsOf(loaded.config.postgres);
  options.report = [&](std::string_view line) { session.err << line << "\n"; };
  storage::PostgresTrim trim;
  trim.before =
      std::chrono::system_clock::now() - std::chrono::duration_cast<WallTime::duration>(*age);
  if (!given.store.empty()) trim.store = StoreId{given.store};
  if (given.only_tell) trim.effect = storage::PostgresTrim::Effect::kOnlyTell;
  std::uint64_t logs = 0;
  PEMBA_TRY(std::ignore,
            storage::TrimPostgresLogs(options, trim, [&](const storage::TrimmedLog& log) {
              ++logs;
              session.out << fmt::format(
                  "store {}: up to revision {} {} changes {} removed, {} left ({} rows of {})\n",
                  log.store.value, log.horizon, log.changes_removed,
                  given.only_tell ? "would be" : "were", log.changes_left, log.rows_left,
                  log.rows_left + log.rows_removed);
            }));
  if (logs == 0) session.err << "nothing to trim\n";
  return 0;
}

}  // namespace

void AddTrim(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  auto& command = line.Command(
      line.root(), "trim",
      "Forget how old tuples came to be: of old changes keep only what is still stored. Servers go "
      "on meanwhile; ReadChanges and watches cannot begin before",
      [options](Session& session) { return Trim(session, *options); });
  line.Require(command.add_option("--older-than", options->older_than, "Age of changes, as 720h"));
  command.add_option("--store", options->store, "Of this store only");
  command.add_flag("--dry-run", options->only_tell, "Only tell what would be removed");
  for (const char* flag :
       {"datastore-engine", "datastore-uri", "datastore-username", "datastore-password"}) {
    command.add_option_function<std::string>(
        std::string("--") + flag,
        [options, flag](const std::string& value) { options->settings[flag] = value; },
        "As for `pemba serve`");
  }
}

}  // namespace pemba::cli
