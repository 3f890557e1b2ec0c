// doctor: is everything in order around this server?
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pemba/cli/data_commands.h"
#include "pemba/cli/http_client.h"
#include "pemba/cli/serve_command.h"
#include "pemba/provider/model_merge.h"
#include "pemba/provider/openfga.h"
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

// The value of a metric without labels, or with these, in the text that Prometheus reads.
std::optional<double> MetricIn(const std::string& text, const std::string& name) {
  const auto at = ("\n" + text).find("\n" + name + " ");
  if (at == text.npos) return std::nullopt;
  return std::strtod(text.c_str() + at + name.size(), nullptr);
}

// What only a running server knows of its provider: how far it is behind, and what differs.
void LookAtFollowing(const server::MetricsConfig& metrics, Findings& findings) {
  auto address = metrics.address;
  if (address.starts_with("0.0.0.0:")) address = "127.0.0.1" + address.substr(7);
  HttpClient client({.connect_timeout = milliseconds(2'000), .timeout = milliseconds(5'000)});
  HttpRequest request;
  request.url = "http://" + address + "/metrics";
  const auto answer = client.Send(request);
  const auto backlog =
      answer.ok() ? MetricIn(answer->body, "provider_backlog") : std::optional<double>();
  if (!metrics.enabled || !backlog) {
    return findings.Look("provider: backlog and drift are not known; no server with metrics at " +
                         address);
  }
  const auto value = [&](const std::string& name) {
    return static_cast<std::uint64_t>(MetricIn(answer->body, name).value_or(0));
  };
  findings.GoodIf(*backlog == 0 || value("provider_behind_seconds") == 0,
                  "provider: " + std::to_string(static_cast<std::uint64_t>(*backlog)) +
                      " revisions behind, for " + std::to_string(value("provider_behind_seconds")) +
                      " s");
  const auto missing = value("provider_drift_tuples{kind=\"missing\"}");
  const auto extra = value("provider_drift_tuples{kind=\"extra\"}");
  const auto changed = value("provider_drift_tuples{kind=\"changed\"}");
  findings.GoodIf(missing + extra + changed == 0,
                  "provider: drift: " + std::to_string(missing) + " tuples missing, " +
                      std::to_string(extra) + " too many, " + std::to_string(changed) + " changed");
  const auto rejected = value("provider_rejected_tuples");
  if (rejected > 0) {
    findings.Look("provider: " + std::to_string(rejected) + " tuples are refused");
  }
}

// A provider elsewhere: is it there, and does it have our model? Changes nothing.
void LookAtProvider(const server::ServerConfig& config, Findings& findings) {
  auto options = server::OpenFgaOptionsOf(config.iam);
  options.missing = provider::OpenFgaOptions::Missing::kError;
  options.change_patience = milliseconds(3'000);
  const auto where = "provider: " + options.address;
  const SystemClock clock;
  const auto opened = provider::OpenFga::Open(std::move(options), clock);
  if (!opened.ok()) return findings.Bad("provider: " + opened.error().message);
  const auto begin = clock.Steady();
  const auto store = (*opened)->StoreId();
  if (!store.ok() && store.error().code == ErrorCode::kStoreNotFound) {
    return findings.Look(where + " answers; " + store.error().message +
                         ", it is made at the first start");
  }
  if (!store.ok()) return findings.Bad(where + ": " + store.error().message);
  const auto took = std::chrono::duration_cast<milliseconds>(clock.Steady() - begin);
  findings.Good(where + " answers in " + std::to_string(took.count()) + " ms, store " + *store);
  const auto model = (*opened)->ReadModel();
  if (!model.ok()) return findings.Bad(where + ": " + model.error().message);
  const auto types = provider::ManagedPart(*model).types.size();
  findings.GoodIf(types > 0, types > 0 ? "provider: a model with " + std::to_string(types) +
                                             " types of ours is published"
                                       : "provider: no model of ours is published yet");
  LookAtFollowing(config.metrics, findings);
}

void LookAtAccess(const server::ServerConfig& config, Findings& findings) {
  const auto& iam = config.iam;
  if (!iam.enabled) return;
  findings.Good("access: identities and access are declared");
  if (iam.remote()) LookAtProvider(config, findings);
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
  for (const char* flag : {"datastore-engine",
                           "datastore-uri",
                           "datastore-username",
                           "datastore-password",
                           "datastore-secondary-uri",
                           "datastore-secondary-username",
                           "datastore-secondary-password",
                           "data-dir",
                           "iam-enabled",
                           "iam-admins",
                           "iam-http-mapping",
                           "iam-provider",
                           "iam-shadow-provider",
                           "iam-openfga-address",
                           "iam-openfga-store-id",
                           "iam-openfga-store-name",
                           "iam-openfga-token",
                           "iam-openfga-tls-enabled",
                           "iam-openfga-ca",
                           "metrics-addr",
                           "authn-method"}) {
    command.add_option_function<std::string>(
        std::string("--") + flag,
        [flags, flag](const std::string& value) { (*flags)[flag] = value; },
        "As for `pemba serve`");
  }
}

}  // namespace pemba::cli
