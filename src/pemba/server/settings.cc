#include "pemba/server/settings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <utility>

#include "pemba/server/duration.h"
#include "pemba/server/settings_together.h"

namespace pemba::server {
namespace {

Error Bad(std::string why) { return {ErrorCode::kInvalidArgument, std::move(why)}; }

Result<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Bad("not a whole number of 0 or more");
  }
  return number;
}

std::optional<bool> BoolOf(std::string_view text) {
  if (text == "true" || text == "1" || text == "t" || text == "TRUE" || text == "True") return true;
  if (text == "false" || text == "0" || text == "f" || text == "FALSE" || text == "False") {
    return false;
  }
  return std::nullopt;
}

template <class T>
Status SetNumber(std::string_view value, T& out) {
  PEMBA_TRY(const auto number, Number(value));
  if (number > std::numeric_limits<T>::max()) return Bad("too large");
  out = static_cast<T>(number);
  return Done{};
}

Status SetRatio(std::string_view value, double& out) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size() || !(out >= 0 && out <= 1)) {
    return Bad("not a number from 0 to 1");
  }
  return Done{};
}

Status SetBool(std::string_view value, bool& out) {
  const auto flag = BoolOf(value);
  if (!flag) return Bad("neither true nor false");
  out = *flag;
  return Done{};
}

Status SetDuration(std::string_view value, std::chrono::nanoseconds& out) {
  const auto duration = ParseDuration(value);
  if (!duration) return Bad("not a duration such as 3s or 500ms");
  out = *duration;
  return Done{};
}

Status SetText(std::string_view value, std::string& out) {
  out = value;
  return Done{};
}

// Whoever reaches the operator's listener is an operator.
Status SetAdminAddress(std::string_view value, std::string& out) {
  const bool bare = value.starts_with(':');
  const auto host = value.substr(0, value.rfind(':'));
  if (!bare && !value.empty() && host != "127.0.0.1" && host != "[::1]") {
    return Bad("not on loopback: 127.0.0.1:PORT or [::1]:PORT");
  }
  out = bare ? "127.0.0.1" + std::string(value) : std::string(value);
  return Done{};
}

// ":8080" listens everywhere.
Status SetAddress(std::string_view value, std::string& out) {
  out = value.starts_with(':') ? "0.0.0.0" + std::string(value) : std::string(value);
  return Done{};
}

Status SetEngine(std::string_view value, ServerConfig& config) {
  if (value == "embedded") {
    config.datastore_engine = DatastoreEngine::kEmbedded;
  } else if (value == "memory") {
    config.datastore_engine = DatastoreEngine::kMemory;
  } else if (value == "postgres") {
    config.datastore_engine = DatastoreEngine::kPostgres;
  } else if (value == "mysql" || value == "sqlite") {
    return Bad("there is no " + std::string(value) +
               " in this server; it has embedded, postgres and memory");
  } else {
    return Bad("unsupported engine; this server has embedded, postgres and memory");
  }
  return Done{};
}

Status SetLogFormat(std::string_view value, ServerConfig& config) {
  if (value != "text" && value != "json") return Bad("neither text nor json");
  config.log_format = value == "json" ? LogFormat::kJson : LogFormat::kText;
  return Done{};
}

Status SetLogLevel(std::string_view value, ServerConfig& config) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"none", LogLevel::kNone},   {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo},
      {"warn", LogLevel::kWarn},   {"error", LogLevel::kError}, {"panic", LogLevel::kError},
      {"fatal", LogLevel::kError},
  };
  for (const auto& [name, level] : kLevels) {
    if (value != name) continue;
    config.log_level = level;
    return Done{};
  }
  return Bad("none of none, debug, info, warn, error, panic, fatal");
}

Status SetLogTimestamp(std::string_view value, ServerConfig& config) {
  if (value != "Unix" && value != "ISO8601") return Bad("neither Unix nor ISO8601");
  config.log_timestamp = value == "Unix" ? LogTimestamp::kUnix : LogTimestamp::kIso8601;
  return Done{};
}

// Comma separated, without the spaces around commas. Empty items are left out.
Status SetList(std::string_view value, std::vector<std::string>& out) {
  out.clear();
  while (!value.empty()) {
    const auto comma = value.find(',');
    auto item = value.substr(0, comma);
    value.remove_prefix(comma == value.npos ? value.size() : comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) out.emplace_back(item);
  }
  return Done{};
}

// "50,200"
Status SetNumbers(std::string_view value, std::vector<std::uint32_t>& out) {
  std::vector<std::string> items;
  PEMBA_TRY(std::ignore, SetList(value, items));
  out.clear();
  for (const auto& item : items) {
    PEMBA_TRY(std::ignore, SetNumber(item, out.emplace_back()));
  }
  return Done{};
}

Status SetAuthnMethod(std::string_view value, ServerConfig& config) {
  constexpr std::pair<std::string_view, AuthnMethod> kMethods[] = {
      {"none", AuthnMethod::kNone},
      {"preshared", AuthnMethod::kPreshared},
      {"oidc", AuthnMethod::kOidc},
      {"mtls", AuthnMethod::kMtls},
  };
  for (const auto& [name, method] : kMethods) {
    if (value != name) continue;
    config.authn.method = method;
    return Done{};
  }
  return Bad("unsupported authentication method");
}

// Unknown experimentals are accepted; two of the known ones change what this server does.
Status SetExperimentals(std::string_view value, ServerConfig& config) {
  std::vector<std::string> names;
  PEMBA_TRY(std::ignore, SetList(value, names));
  const auto named = [&names](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  config.access_control.experimental = named("enable-access-control");
  config.authzen.enabled = named("authzen");
  return Done{};
}

Status SetBaseUrl(std::string_view value, std::string& out) {
  while (value.ends_with('/')) value.remove_suffix(1);
  out = value;
  return Done{};
}

Status SetClientIdClaims(std::string_view value, ServerConfig& config) {
  PEMBA_TRY(std::ignore, SetList(value, config.authn.oidc.client_id_claims));
  auto& claims = config.authn.oidc.client_id_claims;
  if (claims.empty()) claims = AuthnConfig::Oidc().client_id_claims;
  return Done{};
}

Status SetProjection(std::string_view value, ServerConfig& config) {
  config.iam.projection = iam::ParseProjectionKind(value);
  if (value.empty() || config.iam.projection) return Done{};
  return Bad("none of direct, role-relation, rolebinding");
}

std::optional<IamConfig::ProviderKind> ParseProvider(std::string_view value) {
  if (value == "embedded") return IamConfig::ProviderKind::kEmbedded;
  if (value == "openfga") return IamConfig::ProviderKind::kOpenFga;
  return std::nullopt;
}

Status SetProvider(std::string_view value, ServerConfig& config) {
  const auto provider = ParseProvider(value);
  if (!provider) return Bad("neither embedded nor openfga");
  config.iam.provider = *provider;
  return Done{};
}

Status SetShadow(std::string_view value, ServerConfig& config) {
  config.iam.shadow = ParseProvider(value);
  if (value.empty() || config.iam.shadow) return Done{};
  return Bad("neither embedded nor openfga");
}

Status SetRepair(std::string_view value, ServerConfig& config) {
  constexpr std::pair<std::string_view, IamConfig::Repair> kModes[] = {
      {"off", IamConfig::Repair::kOff},
      {"report", IamConfig::Repair::kReport},
      {"fix", IamConfig::Repair::kFix},
  };
  for (const auto& [name, mode] : kModes) {
    if (value != name) continue;
    config.iam.repair = mode;
    return Done{};
  }
  return Bad("none of off, report, fix");
}

Status SetDeactivation(std::string_view value, ServerConfig& config) {
  using Deactivation = iam::Settings::Deactivation;
  if (value != "at-once" && value != "when-confirmed") {
    return Bad("neither at-once nor when-confirmed");
  }
  config.iam.settings.deactivation =
      value == "at-once" ? Deactivation::kAtOnce : Deactivation::kWhenConfirmed;
  return Done{};
}

// "pods/exec=exec,books/loan=lend"
Status SetSubresourceActions(std::string_view value, ServerConfig& config) {
  std::vector<std::string> items;
  PEMBA_TRY(std::ignore, SetList(value, items));
  config.iam.subresource_actions.clear();
  for (const auto& item : items) {
    const auto slash = item.find('/');
    const auto equals = item.find('=');
    if (slash == item.npos || equals == item.npos || equals < slash || slash == 0 ||
        equals == slash + 1 || equals + 1 == item.size()) {
      return Bad("not a list such as pods/exec=exec");
    }
    config.iam.subresource_actions.push_back({item.substr(0, slash),
                                              item.substr(slash + 1, equals - slash - 1),
                                              item.substr(equals + 1)});
  }
  return Done{};
}

// "resourcemanager.miloapis.com/Project,..."
Status SetTrustedParents(std::string_view value, ServerConfig& config) {
  PEMBA_TRY(std::ignore, SetList(value, config.iam.trusted_parents));
  for (const auto& type : config.iam.trusted_parents) {
    if (type.find('/') == type.npos) return Bad("not a list of GROUP/Kind");
  }
  return Done{};
}

using Kind = Setting::Kind;
using Text = std::string_view;
using Config = ServerConfig;

// clang-format off
constexpr Setting kSettings[] = {
    // Listeners
    {"grpc-addr", "GRPC_ADDR", Kind::kText, "gRPC listen address (default 0.0.0.0:8081)",
     [](Text v, Config& c) { return SetAddress(v, c.grpc.address); }},
    {"grpc-tls-enabled", "GRPC_TLS_ENABLED", Kind::kBool, "TLS on the gRPC listener",
     [](Text v, Config& c) { return SetBool(v, c.grpc.tls); }},
    {"grpc-tls-cert", "GRPC_TLS_CERT", Kind::kText, "its certificate file (PEM)",
     [](Text v, Config& c) { return SetText(v, c.grpc.certificate_file); }},
    {"grpc-tls-key", "GRPC_TLS_KEY", Kind::kText, "its key file (PEM)",
     [](Text v, Config& c) { return SetText(v, c.grpc.key_file); }},
    {"grpc-tls-client-ca", "", Kind::kText, "CA file (PEM): clients must present a certificate signed by it",
     [](Text v, Config& c) { return SetText(v, c.grpc.client_ca_file); }},
    {"grpc-max-recv-msg-bytes", "GRPC_MAX_RECV_MSG_BYTES", Kind::kNumber, "largest request message (default 616448)",
     [](Text v, Config& c) { return SetNumber(v, c.request_message_bytes_max); }},
    {"http-enabled", "HTTP_ENABLED", Kind::kBool, "serve the HTTP listener (default true)",
     [](Text v, Config& c) { return SetBool(v, c.http.enabled); }},
    {"http-addr", "HTTP_ADDR", Kind::kText, "HTTP listen address (default 0.0.0.0:8080)",
     [](Text v, Config& c) { return SetAddress(v, c.http.address); }},
    {"http-tls-enabled", "HTTP_TLS_ENABLED", Kind::kBool, "TLS on the HTTP listener",
     [](Text v, Config& c) { return SetBool(v, c.http.tls); }},
    {"http-tls-cert", "HTTP_TLS_CERT", Kind::kText, "its certificate file (PEM)",
     [](Text v, Config& c) { return SetText(v, c.http.certificate_file); }},
    {"http-tls-key", "HTTP_TLS_KEY", Kind::kText, "its key file (PEM)",
     [](Text v, Config& c) { return SetText(v, c.http.key_file); }},
    {"http-tls-client-ca", "", Kind::kText, "CA file (PEM): clients must present a certificate signed by it",
     [](Text v, Config& c) { return SetText(v, c.http.client_ca_file); }},
    {"http-upstream-timeout", "HTTP_UPSTREAM_TIMEOUT|HTTP_UPSTREAMTIMEOUT", Kind::kDuration, "time limit if the request timeout is 0 (default 5s)",
     [](Text v, Config& c) { return SetDuration(v, c.http_upstream_timeout); }},
    {"io-threads", "", Kind::kNumber, "threads that read requests and answer checks (default 0: one per core)",
     [](Text v, Config& c) { return SetNumber(v, c.io_threads); }},
    {"worker-threads", "", Kind::kNumber, "threads for calls that wait for storage (default 16)",
     [](Text v, Config& c) { return SetNumber(v, c.worker_threads); }},

    // Data
    {"datastore-engine", "DATASTORE_ENGINE", Kind::kText, "embedded, postgres or memory (default embedded)", SetEngine},
    {"data-dir", "", Kind::kText, "directory of the embedded datastore (default ./data)",
     [](Text v, Config& c) -> Status { c.data_directory = std::string(v); return Done{}; }},
    {"datastore-uri", "DATASTORE_URI", Kind::kText, "URI of the PostgreSQL database: postgres://HOST:PORT/DATABASE?sslmode=verify-full",
     [](Text v, Config& c) { return SetText(v, c.postgres.uri); }},
    {"datastore-username", "DATASTORE_USERNAME", Kind::kText, "user, in the place of the URI's",
     [](Text v, Config& c) { return SetText(v, c.postgres.username); }},
    {"datastore-password", "DATASTORE_PASSWORD", Kind::kText, "password, in the place of the URI's",
     [](Text v, Config& c) { return SetText(v, c.postgres.password); }},
    {"datastore-secondary-uri", "DATASTORE_SECONDARY_URI", Kind::kText, "URI of a streaming replica",
     [](Text v, Config& c) { return SetText(v, c.postgres.secondary_uri); }},
    {"datastore-secondary-username", "DATASTORE_SECONDARY_USERNAME", Kind::kText, "its user, in the place of the URI's",
     [](Text v, Config& c) { return SetText(v, c.postgres.secondary_username); }},
    {"datastore-secondary-password", "DATASTORE_SECONDARY_PASSWORD", Kind::kText, "its password, in the place of the URI's",
     [](Text v, Config& c) { return SetText(v, c.postgres.secondary_password); }},
    {"datastore-max-open-conns", "DATASTORE_MAX_OPEN_CONNS|DATASTORE_MAXOPENCONNS", Kind::kNumber, "connections to the database (default 30), and one that listens",
     [](Text v, Config& c) { return SetNumber(v, c.postgres.open_max); }},
    {"datastore-max-idle-conns", "DATASTORE_MAX_IDLE_CONNS|DATASTORE_MAXIDLECONNS", Kind::kNumber, "connections kept while idle (default 10)",
     [](Text v, Config& c) { return SetNumber(v, c.postgres.idle_max); }},
    {"datastore-conn-max-idle-time", "DATASTORE_CONN_MAX_IDLE_TIME|DATASTORE_CONNMAXIDLETIME", Kind::kDuration, "longest idle time of a connection; 0: no limit",
     [](Text v, Config& c) { return SetDuration(v, c.postgres.idle_time_max); }},
    {"datastore-conn-max-lifetime", "DATASTORE_CONN_MAX_LIFETIME|DATASTORE_CONNMAXLIFETIME", Kind::kDuration, "longest life of a connection; 0: no limit",
     [](Text v, Config& c) { return SetDuration(v, c.postgres.lifetime_max); }},
    {"datastore-ping-timeout", "", Kind::kDuration, "time for making a connection (default 2s)",
     [](Text v, Config& c) { return SetDuration(v, c.postgres.ping_timeout); }},
    {"datastore-ping-retry-max-elapsed-time", "", Kind::kDuration, "how long a start waits for the database (default 1m)",
     [](Text v, Config& c) { return SetDuration(v, c.postgres.ping_patience); }},
    {"memory-budget-bytes", "", Kind::kNumber, "memory that the tuples of all stores may take together; stores that are not used make room (default 0: no limit)",
     [](Text v, Config& c) { return SetNumber(v, c.memory_bytes_max); }},

    // Administration
    {"admin-addr", "", Kind::kText, "loopback address of the operator's listener (default: off)",
     [](Text v, Config& c) { return SetAdminAddress(v, c.admin_address); }},
    {"backup-dir", "", Kind::kText, "where backups are made (default: `backups` in the data directory)",
     [](Text v, Config& c) -> Status { c.backup_directory = std::string(v); return Done{}; }},

    // Limits
    {"max-tuples-per-write", "MAX_TUPLES_PER_WRITE|MAXTUPLESPERWRITE", Kind::kNumber, "writes and deletes of one Write (default 100)",
     [](Text v, Config& c) { return SetNumber(v, c.tuples_per_write_max); }},
    {"max-types-per-authorization-model", "MAX_TYPES_PER_AUTHORIZATION_MODEL|MAXTYPESPERAUTHORIZATIONMODEL", Kind::kNumber, "types of one model (default 100)",
     [](Text v, Config& c) { return SetNumber(v, c.types_per_model_max); }},
    {"max-authorization-model-size-in-bytes", "MAX_AUTHORIZATION_MODEL_SIZE_IN_BYTES|MAXAUTHORIZATIONMODELSIZEINBYTES", Kind::kNumber, "serialized size of one model (default 262144)",
     [](Text v, Config& c) { return SetNumber(v, c.model_bytes_max); }},
    {"max-checks-per-batch-check", "MAX_CHECKS_PER_BATCH_CHECK", Kind::kNumber, "items of one BatchCheck (default 50)",
     [](Text v, Config& c) { return SetNumber(v, c.checks_per_batch_max); }},
    {"readChanges-max-page-size", "READ_CHANGES_MAX_PAGE_SIZE|READCHANGESMAXPAGESIZE", Kind::kNumber, "largest page of ReadChanges (default 100)",
     [](Text v, Config& c) { return SetNumber(v, c.read_changes_page_max); }},
    {"resolve-node-limit", "RESOLVE_NODE_LIMIT|RESOLVENODELIMIT", Kind::kNumber, "tuple hops of one check (default 0: no limit)",
     [](Text v, Config& c) { return SetNumber(v, c.resolve_node_limit); }},
    {"changelog-horizon-offset", "CHANGELOG_HORIZON_OFFSET|CHANGELOGHORIZONOFFSET", Kind::kNumber, "minutes hidden from the end of ReadChanges (default 0)",
     [](Text v, Config& c) -> Status { std::uint32_t minutes = 0; PEMBA_TRY(std::ignore, SetNumber(v, minutes)); c.changelog_horizon = std::chrono::minutes(minutes); return Done{}; }},
    {"max-condition-evaluation-cost", "MAX_CONDITION_EVALUATION_COST|MAXCONDITIONEVALUATIONCOST", Kind::kNumber, "most that the evaluation of one condition may cost, 100 or more (default 100)",
     [](Text v, Config& c) { return SetNumber(v, c.condition_cost_max); }},

    {"listObjects-max-results", "LIST_OBJECTS_MAX_RESULTS|LISTOBJECTSMAXRESULTS", Kind::kNumber, "objects of one ListObjects (default 1000; 0: no limit)",
     [](Text v, Config& c) { return SetNumber(v, c.list_objects.results_max); }},
    {"listObjects-deadline", "LIST_OBJECTS_DEADLINE|LISTOBJECTSDEADLINE", Kind::kDuration, "time after which ListObjects answers with what it has (default 3s; 0: none)",
     [](Text v, Config& c) { return SetDuration(v, c.list_objects.deadline); }},
    {"listUsers-max-results", "LIST_USERS_MAX_RESULTS|LISTUSERSMAXRESULTS", Kind::kNumber, "users of one ListUsers (default 1000; 0: no limit)",
     [](Text v, Config& c) { return SetNumber(v, c.list_users.results_max); }},
    {"listUsers-deadline", "LIST_USERS_DEADLINE|LISTUSERSDEADLINE", Kind::kDuration, "time after which ListUsers answers with what it has (default 3s; 0: none)",
     [](Text v, Config& c) { return SetDuration(v, c.list_users.deadline); }},
    {"list-memory-max-bytes", "LIST_MEMORY_MAX_BYTES", Kind::kNumber, "memory of one list; beyond it the list is an error (default 268435456; 0: no limit)",
     [](Text v, Config& c) { return SetNumber(v, c.list_memory_bytes_max); }},

    // AuthZEN
    {"experimentals", "EXPERIMENTALS", Kind::kText, "comma separated; authzen, enable-access-control", SetExperimentals},
    {"authzen-base-url", "AUTHZEN_BASE_URL", Kind::kText, "public URL of this server, for the AuthZEN discovery document",
     [](Text v, Config& c) { return SetBaseUrl(v, c.authzen.base_url); }},
    {"authzen-store-id", "", Kind::kText, "store of the AuthZEN paths that name none (default: no such paths)",
     [](Text v, Config& c) { return SetText(v, c.authzen.store_id); }},

    // Declared objects
    {"resource-kinds", "", Kind::kText, "CustomResourceDefinitions to serve, a file or a directory (default: none)",
     [](Text v, Config& c) -> Status { c.resource_kinds = std::string(v); return Done{}; }},

    // Identities and access
    {"iam-enabled", "", Kind::kBool, "serve identities and access as declared objects, and decide on them",
     [](Text v, Config& c) { return SetBool(v, c.iam.enabled); }},
    {"iam-admins", "", Kind::kText, "subjects of tokens that may do everything, comma separated",
     [](Text v, Config& c) { return SetList(v, c.iam.admins); }},
    {"iam-system-namespace", "", Kind::kText, "where what the system makes for users lies (default milo-system)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.system_namespace); }},
    {"iam-assignable-roles-namespace", "", Kind::kText, "roles that whoever holds what they grant may assign (default datum-cloud)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.assignable_roles_namespace); }},
    {"iam-owner-roles-namespace", "", Kind::kText, "namespace of the two owner roles (default: the system namespace)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.owner_roles_namespace); }},
    {"iam-organization-owner-role", "", Kind::kText, "role of who makes an organization (default resourcemanager.miloapis.com-organizationowner)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.organization_owner_role); }},
    {"iam-project-owner-role", "", Kind::kText, "role of who makes a project (default resourcemanager.miloapis.com-projectowner)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.project_owner_role); }},
    {"iam-service-account-domain", "", Kind::kText, "what stands after the @ in addresses of service accounts (default serviceaccounts.pemba.dev)",
     [](Text v, Config& c) { return SetText(v, c.iam.settings.service_account_domain); }},
    {"iam-deactivation", "", Kind::kText, "at-once, or when-confirmed by the identity provider (default at-once)", SetDeactivation},
    {"iam-require-approval", "", Kind::kBool, "users who are not approved see their own User only (default false)",
     [](Text v, Config& c) { return SetBool(v, c.iam.require_approval); }},
    {"iam-projection", "", Kind::kText, "direct, role-relation or rolebinding (default: role-relation, with openfga direct)", SetProjection},
    {"iam-strict", "", Kind::kBool, "deny SubjectAccessReviews that cannot be decided, instead of no opinion (default false)",
     [](Text v, Config& c) { return SetBool(v, c.iam.strict); }},
    {"iam-trusted-parents", "", Kind::kText, "kinds of parents whose objects API servers keep apart (default resourcemanager.miloapis.com/Project)", SetTrustedParents},
    {"iam-subresource-actions", "", Kind::kText, "subresources with an action of their own: pods/exec=exec,...", SetSubresourceActions},
    {"iam-http-mapping", "", Kind::kText, "file: which permission a request of external authorization takes",
     [](Text v, Config& c) -> Status { c.iam.http_mapping = std::string(v); return Done{}; }},
    {"iam-provider", "", Kind::kText, "who decides: embedded, or openfga elsewhere (default embedded)", SetProvider},
    {"iam-openfga-address", "", Kind::kText, "HOST:PORT of its gRPC listener",
     [](Text v, Config& c) { return SetText(v, c.iam.openfga.address); }},
    {"iam-openfga-store-id", "", Kind::kText, "its store,",
     [](Text v, Config& c) { return SetText(v, c.iam.openfga.store_id); }},
    {"iam-openfga-store-name", "", Kind::kText, "or the name of the store, which is made if missing",
     [](Text v, Config& c) { return SetText(v, c.iam.openfga.store_name); }},
    {"iam-openfga-token", "", Kind::kText, "bearer token for it",
     [](Text v, Config& c) { return SetText(v, c.iam.openfga.token); }},
    {"iam-openfga-tls-enabled", "", Kind::kBool, "TLS to it",
     [](Text v, Config& c) { return SetBool(v, c.iam.openfga.tls); }},
    {"iam-openfga-ca", "", Kind::kText, "CA file (PEM) for it (default: those of the system)",
     [](Text v, Config& c) -> Status { c.iam.openfga.ca_file = std::string(v); return Done{}; }},
    {"iam-repair", "", Kind::kText, "tuples there that differ from what is declared: off, report or fix (default fix)", SetRepair},
    {"iam-repair-interval", "", Kind::kDuration, "how often they are looked for (default 10m)",
     [](Text v, Config& c) { return SetDuration(v, c.iam.repair_interval); }},
    {"iam-shadow-provider", "", Kind::kText, "the other one, asked the same without deciding: differences are counted and logged", SetShadow},

    // Lifecycle
    {"request-timeout", "REQUEST_TIMEOUT|REQUESTTIMEOUT", Kind::kDuration, "time limit of one request (default 3s; 0: none)",
     [](Text v, Config& c) { return SetDuration(v, c.request_timeout); }},
    {"shutdown-timeout", "SHUTDOWN_TIMEOUT|SHUTDOWNTIMEOUT", Kind::kDuration, "time for a graceful stop (default 10s)",
     [](Text v, Config& c) { return SetDuration(v, c.shutdown_timeout); }},
    {"log-format", "LOG_FORMAT", Kind::kText, "text or json (default text)", SetLogFormat},
    {"log-level", "LOG_LEVEL", Kind::kText, "none, debug, info, warn or error (default info)", SetLogLevel},
    {"log-timestamp-format", "LOG_TIMESTAMP_FORMAT", Kind::kText, "Unix or ISO8601, json only (default Unix)", SetLogTimestamp},

    {"slow-query-threshold", "", Kind::kDuration, "queries that take this long are logged at warn (default 0: none)",
     [](Text v, Config& c) { return SetDuration(v, c.slow_query_threshold); }},
    {"decision-log-file", "", Kind::kText, "file for questions and answers, tuples included (default none)",
     [](Text v, Config& c) { return SetText(v, c.decision_log.file); }},
    {"decision-log-sample-ratio", "", Kind::kText, "share of the calls in it, 0 to 1 (default 1)",
     [](Text v, Config& c) { return SetRatio(v, c.decision_log.sample_ratio); }},
    {"decision-log-max-bytes", "", Kind::kNumber, "size at which it is rotated (default 104857600)",
     [](Text v, Config& c) { return SetNumber(v, c.decision_log.file_bytes_max); }},
    {"decision-log-max-files", "", Kind::kNumber, "rotated files that are kept (default 5)",
     [](Text v, Config& c) { return SetNumber(v, c.decision_log.files_max); }},

    // Metrics
    {"metrics-enabled", "METRICS_ENABLED", Kind::kBool, "serve metrics for Prometheus (default true)",
     [](Text v, Config& c) { return SetBool(v, c.metrics.enabled); }},
    {"metrics-addr", "METRICS_ADDR", Kind::kText, "metrics listen address (default 0.0.0.0:2112)",
     [](Text v, Config& c) { return SetAddress(v, c.metrics.address); }},
    {"metrics-enable-rpc-histograms", "METRICS_ENABLE_RPC_HISTOGRAMS", Kind::kBool, "grpc_server_handling_seconds too (default false)",
     [](Text v, Config& c) { return SetBool(v, c.metrics.rpc_histograms); }},
    {"request-duration-datastore-query-count-buckets", "REQUEST_DURATION_DATASTORE_QUERY_COUNT_BUCKETS", Kind::kText, "label values of request durations (default 50,200)",
     [](Text v, Config& c) { return SetNumbers(v, c.metrics.datastore_query_count_buckets); }},
    {"request-duration-dispatch-count-buckets", "REQUEST_DURATION_DISPATCH_COUNT_BUCKETS", Kind::kText, "label values of request durations (default 50,200)",
     [](Text v, Config& c) { return SetNumbers(v, c.metrics.dispatch_count_buckets); }},

    // Traces
    {"trace-enabled", "TRACE_ENABLED", Kind::kBool, "send traces, OTLP over gRPC (default false)",
     [](Text v, Config& c) { return SetBool(v, c.trace.enabled); }},
    {"trace-otlp-endpoint", "TRACE_OTLP_ENDPOINT|OTEL_EXPORTER_OTLP_TRACES_ENDPOINT|OTEL_EXPORTER_OTLP_ENDPOINT", Kind::kText, "collector (default 0.0.0.0:4317)",
     [](Text v, Config& c) { return SetText(v, c.trace.otlp.endpoint); }},
    {"trace-otlp-tls-enabled", "TRACE_OTLP_TLS_ENABLED", Kind::kBool, "TLS to the collector (default false)",
     [](Text v, Config& c) { return SetBool(v, c.trace.otlp.tls); }},
    {"trace-sample-ratio", "TRACE_SAMPLE_RATIO|OTEL_TRACES_SAMPLER_ARG", Kind::kText, "for ratio samplers, 0 to 1 (default 0.2)",
     [](Text v, Config& c) { return SetRatio(v, c.trace.sample_ratio); }},
    {"trace-sampler", "TRACE_SAMPLER|OTEL_TRACES_SAMPLER", Kind::kText, "always_on, always_off, traceidratio or parentbased_... (default traceidratio)",
     [](Text v, Config& c) { return SetText(v, c.trace.sampler); }},
    {"trace-service-name", "TRACE_SERVICE_NAME|OTEL_SERVICE_NAME", Kind::kText, "resource attribute service.name (default openfga)",
     [](Text v, Config& c) { return SetText(v, c.trace.otlp.service_name); }},
    {"trace-resource-attributes", "OTEL_RESOURCE_ATTRIBUTES", Kind::kText, "further resource attributes, name=value,...",
     [](Text v, Config& c) -> Status { PEMBA_TRY(c.trace.otlp.resource, telemetry::ParseResourceAttributes(v)); return Done{}; }},

    // Callers
    {"authn-method", "AUTHN_METHOD", Kind::kText, "none, preshared, oidc or mtls (default none)", SetAuthnMethod},
    {"authn-preshared-keys", "AUTHN_PRESHARED_KEYS", Kind::kText, "accepted keys, comma separated",
     [](Text v, Config& c) { return SetList(v, c.authn.preshared_keys); }},
    {"authn-oidc-issuer", "AUTHN_OIDC_ISSUER", Kind::kText, "URL of the OpenID issuer; its keys are discovered there",
     [](Text v, Config& c) { return SetText(v, c.authn.oidc.issuer); }},
    {"authn-oidc-audience", "AUTHN_OIDC_AUDIENCE", Kind::kText, "audience that tokens must be for",
     [](Text v, Config& c) { return SetText(v, c.authn.oidc.audience); }},
    {"authn-oidc-issuer-aliases", "AUTHN_OIDC_ISSUER_ALIASES", Kind::kText, "further names of the issuer, comma separated",
     [](Text v, Config& c) { return SetList(v, c.authn.oidc.issuer_aliases); }},
    {"authn-oidc-subjects", "AUTHN_OIDC_SUBJECTS", Kind::kText, "accepted subjects, comma separated (default: all)",
     [](Text v, Config& c) { return SetList(v, c.authn.oidc.subjects); }},
    {"authn-oidc-client-id-claims", "AUTHN_OIDC_CLIENT_ID_CLAIMS", Kind::kText, "claims that may name the client (default azp,client_id)", SetClientIdClaims},
    {"authn-oidc-groups-claim", "", Kind::kText, "claim with the groups of the bearer, for declared objects (default groups)",
     [](Text v, Config& c) { return SetText(v, c.authn.oidc.groups_claim); }},
    {"access-control-enabled", "ACCESS_CONTROL_ENABLED", Kind::kBool, "let a store of this server decide who may call what",
     [](Text v, Config& c) { return SetBool(v, c.access_control.enabled); }},
    {"access-control-store-id", "ACCESS_CONTROL_STORE_ID", Kind::kText, "that store",
     [](Text v, Config& c) { return SetText(v, c.access_control.store_id); }},
    {"access-control-model-id", "ACCESS_CONTROL_MODEL_ID", Kind::kText, "its authorization model",
     [](Text v, Config& c) { return SetText(v, c.access_control.model_id); }},
    {"http-cors-allowed-origins", "HTTP_CORS_ALLOWED_ORIGINS|HTTP_CORSALLOWEDORIGINS", Kind::kText, "origins whose pages may read answers (default *)",
     [](Text v, Config& c) { return SetList(v, c.cors.allowed_origins); }},
    {"http-cors-allowed-headers", "HTTP_CORS_ALLOWED_HEADERS|HTTP_CORSALLOWEDHEADERS", Kind::kText, "headers that such pages may send (default *)",
     [](Text v, Config& c) { return SetList(v, c.cors.allowed_headers); }},

    // Without effect. There are no caches of decisions to size, no pools and no throttles.
    {"playground-enabled", "PLAYGROUND_ENABLED", Kind::kBool, ""},
    {"playground-port", "PLAYGROUND_PORT", Kind::kNumber, ""},
    {"playground-addr", "PLAYGROUND_ADDR", Kind::kText, ""},
    {"profiler-enabled", "PROFILER_ENABLED", Kind::kBool, ""},
    {"profiler-addr", "PROFILER_ADDRESS", Kind::kText, ""},
    {"datastore-max-cache-size", "DATASTORE_MAX_CACHE_SIZE|DATASTORE_MAXCACHESIZE", Kind::kNumber, ""},
    {"datastore-max-typesystem-cache-size", "DATASTORE_MAX_TYPESYSTEM_CACHE_SIZE|DATASTORE_MAXTYPESYSTEMCACHESIZE", Kind::kNumber, ""},
    {"datastore-min-open-conns", "DATASTORE_MIN_OPEN_CONNS", Kind::kNumber, ""},
    {"datastore-min-idle-conns", "DATASTORE_MIN_IDLE_CONNS", Kind::kNumber, ""},
    {"datastore-metrics-enabled", "DATASTORE_METRICS_ENABLED", Kind::kBool, ""},
    {"max-concurrent-checks-per-batch-check", "MAX_CONCURRENT_CHECKS_PER_BATCH_CHECK", Kind::kNumber, ""},
    {"max-concurrent-reads-for-list-objects", "MAX_CONCURRENT_READS_FOR_LIST_OBJECTS|MAXCONCURRENTREADSFORLISTOBJECTS", Kind::kNumber, ""},
    {"max-concurrent-reads-for-list-users", "MAX_CONCURRENT_READS_FOR_LIST_USERS|MAXCONCURRENTREADSFORLISTUSERS", Kind::kNumber, ""},
    {"max-concurrent-reads-for-check", "MAX_CONCURRENT_READS_FOR_CHECK|MAXCONCURRENTREADSFORCHECK", Kind::kNumber, ""},
    {"resolve-node-breadth-limit", "RESOLVE_NODE_BREADTH_LIMIT|RESOLVENODEBREADTHLIMIT", Kind::kNumber, ""},
    {"listObjects-pipeline-enabled", "LIST_OBJECTS_PIPELINE_ENABLED|LISTOBJECTSPIPELINEENABLED", Kind::kBool, ""},
    {"check-cache-limit", "CHECK_CACHE_LIMIT", Kind::kNumber, ""},
    {"check-query-cache-limit", "CHECK_QUERY_CACHE_LIMIT", Kind::kNumber, ""},
    {"cache-controller-enabled", "CACHE_CONTROLLER_ENABLED", Kind::kBool, ""},
    {"cache-controller-ttl", "CACHE_CONTROLLER_TTL", Kind::kDuration, ""},
    {"cache-ttl-jitter-percentage", "CACHE_TTL_JITTER_PERCENTAGE", Kind::kNumber, ""},
    {"check-iterator-cache-enabled", "CHECK_ITERATOR_CACHE_ENABLED", Kind::kBool, ""},
    {"check-iterator-cache-max-results", "CHECK_ITERATOR_CACHE_MAX_RESULTS", Kind::kNumber, ""},
    {"check-iterator-cache-ttl", "CHECK_ITERATOR_CACHE_TTL", Kind::kDuration, ""},
    {"check-query-cache-enabled", "CHECK_QUERY_CACHE_ENABLED", Kind::kBool, ""},
    {"check-query-cache-ttl", "CHECK_QUERY_CACHE_TTL", Kind::kDuration, ""},
    {"list-objects-iterator-cache-enabled", "LIST_OBJECTS_ITERATOR_CACHE_ENABLED", Kind::kBool, ""},
    {"list-objects-iterator-cache-max-results", "LIST_OBJECTS_ITERATOR_CACHE_MAX_RESULTS", Kind::kNumber, ""},
    {"list-objects-iterator-cache-ttl", "LIST_OBJECTS_ITERATOR_CACHE_TTL", Kind::kDuration, ""},
    {"shared-iterator-enabled", "SHARED_ITERATOR_ENABLED", Kind::kBool, ""},
    {"shared-iterator-limit", "SHARED_ITERATOR_LIMIT", Kind::kNumber, ""},
    {"context-propagation-to-datastore", "CONTEXT_PROPAGATION_TO_DATASTORE", Kind::kBool, ""},
    {"check-dispatch-throttling-enabled", "CHECK_DISPATCH_THROTTLING_ENABLED", Kind::kBool, ""},
    {"check-dispatch-throttling-frequency", "CHECK_DISPATCH_THROTTLING_FREQUENCY", Kind::kDuration, ""},
    {"check-dispatch-throttling-threshold", "CHECK_DISPATCH_THROTTLING_THRESHOLD", Kind::kNumber, ""},
    {"check-dispatch-throttling-max-threshold", "CHECK_DISPATCH_THROTTLING_MAX_THRESHOLD", Kind::kNumber, ""},
    {"listObjects-dispatch-throttling-enabled", "LIST_OBJECTS_DISPATCH_THROTTLING_ENABLED", Kind::kBool, ""},
    {"listObjects-dispatch-throttling-frequency", "LIST_OBJECTS_DISPATCH_THROTTLING_FREQUENCY", Kind::kDuration, ""},
    {"listObjects-dispatch-throttling-threshold", "LIST_OBJECTS_DISPATCH_THROTTLING_THRESHOLD", Kind::kNumber, ""},
    {"listObjects-dispatch-throttling-max-threshold", "LIST_OBJECTS_DISPATCH_THROTTLING_MAX_THRESHOLD", Kind::kNumber, ""},
    {"listUsers-dispatch-throttling-enabled", "LIST_USERS_DISPATCH_THROTTLING_ENABLED", Kind::kBool, ""},
    {"listUsers-dispatch-throttling-frequency", "LIST_USERS_DISPATCH_THROTTLING_FREQUENCY", Kind::kDuration, ""},
    {"listUsers-dispatch-throttling-threshold", "LIST_USERS_DISPATCH_THROTTLING_THRESHOLD", Kind::kNumber, ""},
    {"listUsers-dispatch-throttling-max-threshold", "LIST_USERS_DISPATCH_THROTTLING_MAX_THRESHOLD", Kind::kNumber, ""},
    {"check-datastore-throttle-threshold", "CHECK_DATASTORE_THROTTLE_THRESHOLD", Kind::kNumber, ""},
    {"check-datastore-throttle-duration", "CHECK_DATASTORE_THROTTLE_DURATION", Kind::kDuration, ""},
    {"listObjects-datastore-throttle-threshold", "LIST_OBJECTS_DATASTORE_THROTTLE_THRESHOLD", Kind::kNumber, ""},
    {"listObjects-datastore-throttle-duration", "LIST_OBJECTS_DATASTORE_THROTTLE_DURATION", Kind::kDuration, ""},
    {"listUsers-datastore-throttle-threshold", "LIST_USERS_DATASTORE_THROTTLE_THRESHOLD", Kind::kNumber, ""},
    {"listUsers-datastore-throttle-duration", "LIST_USERS_DATASTORE_THROTTLE_DURATION", Kind::kDuration, ""},
    {"planner-eviction-threshold", "PLANNER_EVICTION_THRESHOLD", Kind::kDuration, ""},
    {"planner-cleanup-interval", "PLANNER_CLEANUP_INTERVAL", Kind::kDuration, ""},
};
// clang-format on

std::optional<GivenSetting> Find(const Setting& setting, const SettingSources& sources) {
  const auto from = [&](std::string name) -> std::optional<GivenSetting> {
    auto value = sources.environment(name);
    if (!value) return std::nullopt;
    return GivenSetting{std::move(name), *std::move(value)};
  };
  if (const auto flag = sources.flags.find(setting.flag); flag != sources.flags.end()) {
    return GivenSetting{"--" + std::string(setting.flag), flag->second};
  }
  if (auto given = from(EnvironmentName(setting.flag))) return given;
  for (auto& name : OtherVariables(setting)) {
    if (auto given = from(std::move(name))) return given;
  }
  if (const auto entry = sources.file.values.find(setting.flag);
      entry != sources.file.values.end()) {
    return GivenSetting{sources.file.path + ": " + entry->second.key, entry->second.value};
  }
  return std::nullopt;
}

// A value without effect must still be one of its kind: a typing error is a typing error. Texts
// are not looked at, some are secrets.
Status CheckKind(const Setting& setting, std::string_view value) {
  switch (setting.kind) {
    case Kind::kBool:
      if (!BoolOf(value)) return Bad("neither true nor false");
      return Done{};
    case Kind::kNumber:
      if (const auto number = Number(value); !number.ok()) return number.error();
      return Done{};
    case Kind::kDuration:
      if (!ParseDuration(value)) return Bad("not a duration such as 3s or 500ms");
      return Done{};
    case Kind::kText:
      return Done{};
  }
  return Done{};
}

}  // namespace

std::span<const Setting> Settings() { return kSettings; }

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): at start.
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string EnvironmentName(std::string_view flag) {
  std::string name = "PEMBA_";
  for (const char c : flag) {
    if (c == '-') {
      name.push_back('_');
    } else if (c >= 'A' && c <= 'Z') {
      name.push_back('_');  // readChanges-... -> READ_CHANGES_...
      name.push_back(c);
    } else {
      name.push_back(static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
    }
  }
  return name;
}

std::vector<std::string> OtherVariables(const Setting& setting) {
  std::vector<std::string> names;
  for (auto rest = setting.environment; !rest.empty();) {
    const auto bar = rest.find('|');
    const auto name = rest.substr(0, bar);
    names.push_back((name.starts_with("OTEL_") ? "" : "OPENFGA_") + std::string(name));
    rest.remove_prefix(bar == rest.npos ? rest.size() : bar + 1);
  }
  return names;
}

const Setting* FindSetting(std::string_view flag) {
  for (const auto& setting : kSettings) {
    if (setting.flag == flag) return &setting;
  }
  return nullptr;
}

std::optional<GivenSetting> FindGiven(std::string_view flag, const SettingSources& sources) {
  const Setting* setting = FindSetting(flag);
  return setting == nullptr ? std::nullopt : Find(*setting, sources);
}

Result<LoadedConfig> LoadConfig(const SettingSources& sources) {
  LoadedConfig loaded;
  for (const auto& setting : kSettings) {
    const auto given = Find(setting, sources);
    if (!given) continue;
    const auto status = setting.apply != nullptr ? setting.apply(given->value, loaded.config)
                                                 : CheckKind(setting, given->value);
    if (!status.ok()) return Bad(given->name + ": " + status.error().message);
    if (setting.apply == nullptr) loaded.without_effect.push_back(given->name);
  }
  PEMBA_TRY(std::ignore, Validate(loaded.config));
  PEMBA_TRY(std::ignore, CheckTogether(sources));
  return loaded;
}

Result<LoadedConfig> LoadConfig(const SettingValues& flags, const Environment& environment) {
  return LoadConfig({.flags = flags, .environment = environment, .file = {}});
}

}  // namespace pemba::server
