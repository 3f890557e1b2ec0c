// doctor: is everything in order around this server?
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "pemba/cli/data_commands.h"
#include "pemba/cli/serve_command.h"
#include "pemba/server/access_plane.h"
#include "pemba/server/server.h"
#include "pemba/storage/postgres.h"

namespace pemba::cli {
namespace {

using std::chrono::milliseconds;

// Beyond these a finding is worth a look: times of changes and tokens of callers come from clocks,
// and every write pays the way to the database twice.
constexpr milliseconds kClockDifferenceMax{500};
constexpr std::chrono::microseconds kRoundTripMax{5000};
constexpr std::uint64_t kReplicaBytesBehindMax = 16U << 20;
// Memory that a log of some size becomes: measured, docs/operations.md.
constexpr std::uint64_t kMemoryPerLogByte = 3;

// Findings, one line each. The exit code is 1 if one of them has to be repaired.
class Findings {
 public:
  explicit Findings(std::ostream& out) : out_(out) {}
  void Good(const std::string& line) { out_ << "ok    " << line << "\n"; }
  void Look(const std::string& line) { out_ << "look  " << line << "\n"; }
  void Bad(const std::string& line) {
    out_ << "BAD   " << line << "\n";
    bad_ = true;
  }
  void GoodIf(bool good, const std::string& line) { good ? Good(line) : Look(line); }
  int exit_code() const { return bad_ ? 1 : 0; }

 private:
  std::ostream& out_;
  bool bad_ = false;
};

std::string Mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

// What this process may use: of its control group, else of the machine. 0: not known.
std::uint64_t MemoryAvailable() {
  std::uint64_t bytes = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> bytes) return bytes;
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;) {
    if (word == "MemAvailable:" && info >> bytes) return bytes << 10;
  }
  return 0;
}

void LookAtSchema(const storage::PostgresInspection& found, Findings& findings) {
  const auto version = "schema: version " + std::to_string(found.schema_found);
  if (found.schema_found < found.schema_wanted) {
    return findings.Bad(version + ", this program needs " + std::to_string(found.schema_wanted) +
                        "; run `pemba migrate`");
  }
  findings.GoodIf(found.schema_found == found.schema_wanted,
                  version + (found.schema_found > found.schema_wanted
                                 ? ", newer than this program's: is an upgrade under way?"
                                 : ""));
}

void LookAtReplica(const storage::PostgresInspection& found, Findings& findings) {
  if (!found.replica) return;
  if (found.replica->access == storage::PostgresInspection::Access::kWritable) {
    return findings.Bad("replica: it is none; datastore.secondaryUri names a primary");
  }
  findings.GoodIf(found.replica->bytes_behind <= kReplicaBytesBehindMax,
                  "replica: " + Mebibytes(found.replica->bytes_behind) + " behind");
}

void LookAtPostgres(const storage::PostgresInspection& found, Findings& findings) {
  findings.Good("database: PostgreSQL " + found.version);
  if (found.access == storage::PostgresInspection::Access::kReadOnly) {
    findings.Bad("database: read-only; datastore.uri names a replica");
  }
  LookAtSchema(found, findings);
  findings.GoodIf(found.round_trip <= kRoundTripMax,
                  "round trip: " + std::to_string(found.round_trip.count()) + " us");
  findings.GoodIf(
      std::chrono::abs(found.clock_ahead) <= kClockDifferenceMax,
      "clock: " + std::to_string(found.clock_ahead.count()) + " ms ahead of the database's");
  LookAtReplica(found, findings);
  const auto memory = MemoryAvailable();
  findings.GoodIf(memory == 0 || found.log_bytes * kMemoryPerLogByte <= memory,
                  "memory: " + Mebibytes(memory) + " here; the log of " +
                      std::to_string(found.stores) + " stores has " + Mebibytes(found.log_bytes) +
                      " and may need " + Mebibytes(found.log_bytes * kMemoryPerLogByte));
}

void LookAtDirectory(const std::filesystem::path& directory, Findings& findings) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    return findings.Look("data: `" + directory.string() + "` will be made at the first start");
  }
  const auto space = std::filesystem::space(directory, error);
  if (error) return findings.Bad("data: `" + directory.string() + "` cannot be looked at");
  findings.GoodIf(space.available > (std::uint64_t{1} << 30),
                  "data: `" + directory.string() + "`, " + Mebibytes(space.available) + " free");
}

void LookAtAccess(const server::ServerConfig& config, Findings& findings) {
  const auto& iam = config.iam;
  if (!iam.enabled) return;
  findings.Good("access: identities and access are declared");
  if (const auto mapping = server::ReadHttpMapping(iam.http_mapping); !mapping.ok()) {
    findings.Bad("access: " + mapping.error().message);
  }
  using server::AuthnMethod;
  const bool named =
      config.authn.method == AuthnMethod::kOidc || config.authn.method == AuthnMethod::kMtls;
  if (named && iam.admins.empty()) {
    findings.Look("access: nobody may do everything; name someone in iam.admins");
  }
  if (config.authn.method == AuthnMethod::kNone) {
    findings.Look("access: callers are not authenticated, so everybody may do everything");
  }
}

Result<int> Doctor(Session& session, const server::SettingValues& flags) {
  Findings findings(session.out);
  PEMBA_TRY(const auto sources, SettingSourcesOf(flags));
  const auto loaded = server::LoadConfig(sources);
  if (!loaded.ok()) {
    findings.Bad("configuration: " + loaded.error().message);
    return findings.exit_code();
  }
  findings.Good("configuration");
  for (const auto& name : loaded->without_effect) findings.Look("setting without effect: " + name);
  LookAtAccess(loaded->config, findings);
  switch (loaded->config.datastore_engine) {
    case server::DatastoreEngine::kMemory:
      findings.Look("data: kept in memory, gone with the process");
      break;
    case server::DatastoreEngine::kEmbedded:
      LookAtDirectory(loaded->config.data_directory, findings);
      break;
    case server::DatastoreEngine::kPostgres: {
      auto options = server::PostgresOptionsOf(loaded->config.postgres);
      options.connect_patience = options.connect_timeout;
      const auto found = storage::InspectPostgres(options);
      if (found.ok()) {
        LookAtPostgres(*found, findings);
      } else {
        findings.Bad("database: " + found.error().message);
      }
    }
  }
  return findings.exit_code();
}

}  // namespace

void AddDoctor(CommandLine& line) {
  const auto flags = std::make_shared<server::SettingValues>();
  auto& command = line.Command(line.root(), "doctor",
                               "Look at configuration, database, clock and memory; exit code 1 if "
                               "something has to be repaired",
                               [flags](Session& session) { return Doctor(session, *flags); });
  for (const char* flag :
       {"datastore-engine", "datastore-uri", "datastore-username", "datastore-password",
        "datastore-secondary-uri", "datastore-secondary-username", "datastore-secondary-password",
        "data-dir", "iam-enabled", "iam-admins", "iam-http-mapping", "authn-method"}) {
    command.add_option_function<std::string>(
        std::string("--") + flag,
        [flags, flag](const std::string& value) { (*flags)[flag] = value; },
        "As for `pemba serve`");
  }
}

}  // namespace pemba::cli
