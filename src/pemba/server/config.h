// ServerConfig: everything that can be set about a server, as values.
//
// It is made once, from flags and environment, checked whole, and then const.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pemba/api/cors.h"
#include "pemba/base/result.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/projection.h"
#include "pemba/iam/settings.h"
#include "pemba/rpc/server.h"
#include "pemba/server/decision_log.h"
#include "pemba/telemetry/log.h"
#include "pemba/telemetry/otlp_exporter.h"

namespace pemba::server {

using telemetry::LogFormat;
using telemetry::LogLevel;
using telemetry::LogTimestamp;

enum class DatastoreEngine : std::uint8_t { kEmbedded, kMemory, kPostgres };
enum class AuthnMethod : std::uint8_t { kNone, kPreshared, kOidc, kMtls };

// One listener. Both listeners speak gRPC and HTTP.
struct ListenerConfig {
  bool enabled = true;
  std::string address = {};
  bool tls = false;
  std::string certificate_file = {}, key_file = {};
  std::string client_ca_file = {};  // Not empty: clients must present a certificate signed by it.
};

// How callers say who they are, and what they may then do.
struct AuthnConfig {
  AuthnMethod method = AuthnMethod::kNone;
  std::vector<std::string> preshared_keys;  // Secrets: they appear in no message.
  struct Oidc {
    std::string issuer, audience;
    std::vector<std::string> issuer_aliases;
    std::vector<std::string> subjects;  // Empty: every subject.
    std::vector<std::string> client_id_claims = {"azp", "client_id"};
    std::string groups_claim = "groups";  // Of declared objects' callers.
  } oidc;
};

// Whether calls are decided by a store of this server. Needs the experimental of the same name.
struct AccessControlConfig {
  bool enabled = false;
  bool experimental = false;
  std::string store_id, model_id;
  bool on() const { return enabled && experimental; }
};

struct MetricsConfig {
  bool enabled = true;
  std::string address = "0.0.0.0:2112";
  bool rpc_histograms = false;  // grpc_server_handling_seconds too.
  // Label values of openfga_request_duration_ms; not empty.
  std::vector<std::uint32_t> datastore_query_count_buckets = {50, 200};
  std::vector<std::uint32_t> dispatch_count_buckets = {50, 200};
};

struct TraceConfig {
  bool enabled = false;
  std::string sampler = "traceidratio";  // Unknown names mean this one, with a warning.
  double sample_ratio = 0.2;
  telemetry::OtlpOptions otlp;
};

// OpenID AuthZEN. `enabled` is the experimental of that name.
struct AuthzenConfig {
  bool enabled = false;
  std::string base_url = {};  // Where callers reach this server, for the discovery document.
  std::string store_id = {};  // Of the paths that name no store; empty: there are none.
};

// The PostgreSQL database of several servers. URIs and passwords are secrets: they appear in no
// message.
struct PostgresConfig {
  std::string uri, username, password;
  std::string secondary_uri, secondary_username, secondary_password;
  std::size_t open_max = 30, idle_max = 10;
  std::chrono::nanoseconds idle_time_max{0}, lifetime_max{0};  // 0: no limit.
  std::chrono::nanoseconds ping_timeout = std::chrono::seconds(2);
  std::chrono::nanoseconds ping_patience = std::chrono::minutes(1);
};

// Identities and access as declared objects, and who decides on them.
struct IamConfig {
  bool enabled = false;
  std::vector<std::string> admins;  // Subjects that are in system:masters.
  iam::Settings settings;
  // Absent: role-relation with the embedded provider, direct with another.
  std::optional<iam::ProjectionKind> projection;
  std::vector<std::string> trusted_parents = {"resourcemanager.miloapis.com/Project"};
  std::vector<iam::SubresourceAction> subresource_actions;
  bool require_approval = false;
  bool strict = false;  // SubjectAccessReviews that cannot be decided are denied.
  std::filesystem::path http_mapping = {};  // Empty: none.

  enum class ProviderKind : std::uint8_t { kEmbedded, kOpenFga } provider = ProviderKind::kEmbedded;
  struct OpenFga {
    std::string address, store_id, store_name;
    std::string token;  // A secret: it appears in no message.
    bool tls = false;
    std::filesystem::path ca_file = {};
  } openfga;
  // Is asked too, and does not decide: for moving from one to the other.
  std::optional<ProviderKind> shadow = {};
  bool remote() const {
    return provider == ProviderKind::kOpenFga || shadow == ProviderKind::kOpenFga;
  }
  // What is done about tuples there that differ from what is declared.
  enum class Repair : std::uint8_t { kOff, kReport, kFix } repair = Repair::kFix;
  std::chrono::nanoseconds repair_interval = std::chrono::minutes(10);
};

struct ServerConfig {
  ListenerConfig grpc{.address = "0.0.0.0:8081"};
  ListenerConfig http{.address = "0.0.0.0:8080"};

  AuthnConfig authn;
  AccessControlConfig access_control;
  api::CorsOptions cors;

  DatastoreEngine datastore_engine = DatastoreEngine::kEmbedded;
  std::filesystem::path data_directory = "./data";
  PostgresConfig postgres;
  std::uint64_t memory_bytes_max = 0;  // Of the graphs of all stores; 0: no limit.

  std::string admin_address = {};               // Empty: no listener for the operator.
  std::filesystem::path backup_directory = {};  // Empty: `backups` in the data directory.

  std::size_t request_message_bytes_max = 616'448;
  std::size_t tuples_per_write_max = 100;
  std::size_t types_per_model_max = 100;
  std::size_t model_bytes_max = 262'144;
  std::size_t checks_per_batch_max = 50;
  std::size_t read_changes_page_max = 100;
  std::uint32_t resolve_node_limit = 0;  // Tuple hops; 0: no limit (the reference has 25).
  std::chrono::minutes changelog_horizon{0};
  std::uint64_t condition_cost_max = 100;  // Of one evaluation; not less than 100.

  // Lists are cut by what comes first, and succeed. 0: no limit.
  struct ListConfig {
    std::uint64_t results_max = 1000;
    std::chrono::nanoseconds deadline = std::chrono::seconds(3);
  };
  ListConfig list_objects, list_users;
  std::uint64_t list_memory_bytes_max = std::uint64_t{256} << 20;  // Beyond: an error.

  AuthzenConfig authzen;

  // CustomResourceDefinitions, a file or a directory; empty: there is no resource API.
  std::filesystem::path resource_kinds = {};

  IamConfig iam;

  std::chrono::nanoseconds request_timeout = std::chrono::seconds(3);        // 0: none.
  std::chrono::nanoseconds http_upstream_timeout = std::chrono::seconds(5);  // If that is 0.
  std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(10);
  std::size_t io_threads = 0;  // 0: one per core.
  std::size_t worker_threads = 16;

  MetricsConfig metrics;
  TraceConfig trace;

  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  LogTimestamp log_timestamp = LogTimestamp::kUnix;
  std::chrono::nanoseconds slow_query_threshold{0};  // 0: slow queries are not logged.
  DecisionLogConfig decision_log;
};

// What no single setting can know. Errors (kInvalidArgument): the first finding, in words for an
// operator.
Status Validate(const ServerConfig& config);

}  // namespace pemba::server
