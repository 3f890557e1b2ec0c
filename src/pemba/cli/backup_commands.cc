// backup create | verify | restore
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/cli/data_commands.h"
#include "pemba/cli/http_client.h"
#include "pemba/reason/backup.h"
#include "pemba/storage/backup.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

struct BackupOptions {
  std::string admin_url = "http://127.0.0.1:3002";
  std::string name, backup, data_directory;
};

// "2026-05-01T120000Z": sorts by time and is a file name everywhere.
std::string NameOfNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H%M%SZ", &parts)};
}

constexpr const char* kDatabases = "reason";  // In a backup and in a data directory.

// Reads everything in a backup.
Result<json::object> ReportOn(const fs::path& backup) {
  PEMBA_TRY(const auto report, storage::VerifyEmbeddedDatastore(backup));
  PEMBA_TRY(const auto databases, reason::VerifyDatabases(backup / kDatabases));
  return json::object{{"stores", report.stores},         {"models", report.models},
                      {"assertions", report.assertions}, {"writes", report.writes},
                      {"changes", report.changes},       {"records", report.records},
                      {"bytes", report.bytes},           {"databases", databases.databases},
                      {"things", databases.things},      {"connections", databases.connections}};
}

Result<int> Create(Session& session, const BackupOptions& options) {
  // The operator's listener asks for no token, so it gets none.
  HttpClient client({.timeout = std::chrono::hours(1)});
  const auto name = options.name.empty() ? NameOfNow() : options.name;
  PEMBA_TRY(const auto response,
            client.Send({.method = "POST",
                         .url = options.admin_url + "/admin/backups",
                         .headers = {"pemba-admin: 1"},
                         .body = json::serialize(json::object{{"name", name}})}));
  json::error_code error;
  const auto answer = json::parse(response.body, error);
  if (error || !answer.is_object()) return Invalid("the answer is none of a Pemba's operator port");
  if (response.status == 200) {
    session.Print(answer);
    return 0;
  }
  const auto* message = answer.get_object().if_contains("message");
  return Invalid(message != nullptr && message->is_string() ? std::string(message->get_string())
                                                            : response.body);
}

Result<int> Verify(Session& session, const BackupOptions& options) {
  PEMBA_TRY(const auto report, ReportOn(options.backup));
  session.Print(report);
  return 0;
}

// Verified first: what is damaged is not put in the place of what is lost. The datastore comes
// last, under its own name when it is whole: a server refuses the directory until then.
Result<int> Restore(Session& session, const BackupOptions& options) {
  PEMBA_TRY(const auto report, ReportOn(options.backup));
  const fs::path directory = options.data_directory;
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_empty(directory, error)) {
    return Invalid("`" + directory.string() + "` is not empty");
  }
  fs::create_directories(directory / "datastore.partial", error);
  if (error) return Error{ErrorCode::kUnavailable, error.message()};
  auto status =
      reason::CopyDatabases(fs::path(options.backup) / kDatabases, directory / kDatabases);
  if (status.ok()) {
    status = storage::RestoreEmbeddedDatastore(options.backup, directory / "datastore");
  }
  if (!status.ok()) {
    fs::remove_all(directory / kDatabases, error);
    fs::remove_all(directory / "datastore.partial", error);
    return status.error();
  }
  session.Print(report);
  return 0;
}

}  // namespace

void AddBackupCommands(CommandLine& line) {
  auto& group = line.Group("backup", "Back up a running server's data, check it, put it back");
  const auto options = std::make_shared<BackupOptions>();
  auto& create = line.Command(group, "create", "Have a running server write a backup",
                              [options](Session& session) { return Create(session, *options); });
  create.add_option("--admin-url", options->admin_url, "The server's --admin-addr")
      ->capture_default_str();
  create.add_option("--name", options->name, "Directory in --backup-dir; default: the time");

  auto& verify = line.Command(group, "verify", "Read every record of a backup",
                              [options](Session& session) { return Verify(session, *options); });
  line.Require(verify.add_option("--backup", options->backup, "Directory of the backup"));

  auto& restore = line.Command(group, "restore", "Make a data directory of a backup",
                               [options](Session& session) { return Restore(session, *options); });
  line.Require(restore.add_option("--backup", options->backup, "Directory of the backup"));
  line.Require(restore.add_option("--data-dir", options->data_directory,
                                  "Data directory to make; must not exist or be empty"));
}

}  // namespace pemba::cli
