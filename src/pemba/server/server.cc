#include "pemba/server/server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <google/protobuf/stubs/logging.h>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/authn/gate.h"
#include "pemba/api/authn/oidc.h"
#include "pemba/api/authzen/service.h"
#include "pemba/api/cors.h"
#include "pemba/api/fallbacks.h"
#include "pemba/api/health.h"
#include "pemba/api/k8s/service.h"
#include "pemba/api/openfga/routes.h"
#include "pemba/api/openfga/service.h"
#include "pemba/api/reason/service.h"
#include "pemba/api/reflection.h"
#include "pemba/reason/databases.h"
#include "pemba/rpc/router.h"
#include "pemba/rpc/server.h"
#include "pemba/server/access_plane.h"
#include "pemba/server/admin.h"
#include "pemba/server/call_log.h"
#include "pemba/server/decision_log.h"
#include "pemba/server/declared_objects.h"
#include "pemba/server/metrics.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/memory.h"
#include "pemba/storage/postgres.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/log.h"
#include "pemba/telemetry/otlp_exporter.h"
#include "pemba/telemetry/trace.h"

namespace pemba::server {
namespace {

constexpr const char* kRelationshipService = "openfga.v1.OpenFGAService";
constexpr const char* kAuthzenService = "authzen.v1.AuthZenService";
constexpr const char* kPembaService = "pemba.v1.PembaService";
constexpr const char* kReasonService = "pemba.reason.v1.ReasonService";
constexpr const char* kAccessService = "pemba.iam.v1.AccessService";
constexpr const char* kHealthService = "grpc.health.v1.Health";

std::chrono::milliseconds Milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

rpc::ListenOptions ListenOptionsOf(const ListenerConfig& config) {
  rpc::ListenOptions options{.address = config.address, .tls = std::nullopt};
  if (config.tls) {
    options.tls = rpc::TlsOptions{.certificate_file = config.certificate_file,
                                  .key_file = config.key_file,
                                  .client_ca_file = config.client_ca_file};
  }
  return options;
}

}  // namespace

storage::PostgresOptions PostgresOptionsOf(const PostgresConfig& config) {
  storage::PostgresOptions options;
  options.primary = {config.uri, config.username, config.password};
  options.secondary = {config.secondary_uri, config.secondary_username, config.secondary_password};
  options.connections_max = config.open_max;
  options.idle_connections_max = config.idle_max;
  options.idle_time_max = config.idle_time_max;
  options.lifetime_max = config.lifetime_max;
  options.connect_timeout = config.ping_timeout;
  options.connect_patience = config.ping_patience;
  return options;
}

namespace {

store::StoresOptions StoresOptionsOf(const ServerConfig& config) {
  store::StoresOptions options;
  options.store.tuples_per_write_max = config.tuples_per_write_max;
  options.store.changelog_horizon = config.changelog_horizon;
  options.store.conditions.cost_max = config.condition_cost_max;
  options.memory_bytes_max = config.memory_bytes_max;
  // Beside a database, too: a server that starts again reads only what came since.
  if (config.datastore_engine != DatastoreEngine::kMemory && !config.data_directory.empty()) {
    options.checkpoint_directory = config.data_directory / "checkpoints";
  }
  return options;
}

api::openfga::ServiceOptions ServiceOptionsOf(const ServerConfig& config) {
  api::openfga::ServiceOptions options;
  options.types_per_model_max = config.types_per_model_max;
  options.model_bytes_max = config.model_bytes_max;
  options.checks_per_batch_max = config.checks_per_batch_max;
  options.read_changes_page_max = config.read_changes_page_max;
  options.check_limits.resolve_node_limit = config.resolve_node_limit;
  options.list_objects = {config.list_objects.results_max,
                          Milliseconds(config.list_objects.deadline)};
  options.list_users = {config.list_users.results_max, Milliseconds(config.list_users.deadline)};
  options.list_memory_bytes_max = config.list_memory_bytes_max;
  if (config.access_control.on()) {
    options.access_control = api::openfga::AccessControlOptions{
        StoreId{config.access_control.store_id}, ModelId{config.access_control.model_id}};
  }
  return options;
}

api::authzen::ServiceOptions AuthzenOptionsOf(const AuthzenConfig& config) {
  using Offered = api::authzen::ServiceOptions::Offered;
  return {.offered = config.enabled ? Offered::kYes : Offered::kNo, .base_url = config.base_url};
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerConfig& config, const Clock& clock)
      : config_(config),
        clock_(clock),
        cors_(config.cors),
        log_({.format = config_.log_format,
              .level = config_.log_level,
              .timestamp = config_.log_timestamp},
             clock),
        call_log_(log_, {.slow_query_threshold = config_.slow_query_threshold}),
        metrics_(config_) {
    // protobuf reports malformed input on standard error; our errors go to the caller instead.
    google::protobuf::SetLogHandler(nullptr);
  }

  Status Start() {
    if (!config_.decision_log.file.empty()) {
      PEMBA_TRY(decision_log_, DecisionLog::Open(config_.decision_log, clock_));
    }
    PEMBA_TRY(std::ignore, StartTracing());
    PEMBA_TRY(authenticator_, NewAuthenticator());
    PEMBA_TRY(std::ignore, OpenDatastore());
    auto stores = StoresOptionsOf(config_);
    if (const auto* calls = metrics_.calls()) {
      stores.store.conditions.metrics = calls->conditions();
    }
    stores.report = [this](std::string_view text) {
      Log(telemetry::LogLevel::kWarn, "store").With("report", text);
    };
    stores_ = std::make_unique<store::Stores>(*datastore_, clock_, std::move(stores));
    auto service = ServiceOptionsOf(config_);
    if (const auto* calls = metrics_.calls(); calls != nullptr && service.access_control) {
      service.access_control->duration = calls->access_control_checks();
    }
    service_ = std::make_unique<api::openfga::Service>(*stores_, clock_, std::move(service));
    authzen_ =
        std::make_unique<api::authzen::Service>(*service_, AuthzenOptionsOf(config_.authzen));
    if (config_.iam.enabled) {
      PEMBA_TRY(access_plane_,
                AccessPlane::Open(config_, *stores_, *datastore_, clock_, metrics_.registry(),
                                  [this](std::string_view text) {
                                    Log(telemetry::LogLevel::kWarn, "access").With("report", text);
                                  }));
    } else if (!config_.resource_kinds.empty()) {
      PEMBA_TRY(declared_objects_,
                DeclaredObjects::Open(config_.resource_kinds, *stores_, *datastore_, clock_));
    }
    PEMBA_TRY(std::ignore, OpenReasoning());
    AddRoutes();
    PEMBA_TRY(std::ignore, ListenToOperator());
    PEMBA_TRY(std::ignore, Listen());
    metrics_.WatchLogs(log_, decision_log_.get(), exporter_.get());
    return metrics_.Serve(*stores_, *rpc_server_);
  }

  void ReportWithoutEffect(const std::vector<std::string>& settings) {
    for (const auto& name : settings) {
      Log(telemetry::LogLevel::kWarn, "setting has no effect").With("setting", name);
    }
  }

  void Shutdown() {
    if (stopped_) return;
    stopped_ = true;
    Log(telemetry::LogLevel::kInfo, "stopping");
    if (admin_server_) admin_server_->Shutdown(Milliseconds(config_.shutdown_timeout));
    admin_server_.reset();
    metrics_.Stop();
    if (rpc_server_) rpc_server_->Shutdown(Milliseconds(config_.shutdown_timeout));
    rpc_server_.reset();
    reason_.reset();
    access_control_.reset();
    access_checker_.reset();
    databases_.reset();
    declared_objects_.reset();
    access_plane_.reset();
    authzen_.reset();
    service_.reset();
    stores_.reset();  // Saves checkpoints.
    datastore_.reset();
    exporter_.reset();  // Sends what waits; nobody traces any more.
    Log(telemetry::LogLevel::kInfo, "stopped");
  }

  ~Impl() { Shutdown(); }

  const std::vector<rpc::Route>& routes() const { return router_.routes(); }
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }
  const std::string& admin_address() const { return admin_address_; }
  const std::string& metrics_address() const { return metrics_.address(); }

 private:
  telemetry::LogEvent Log(telemetry::LogLevel level, std::string_view message) {
    return log_.Event(level, message);
  }

  // Waits for the collector: a server that should trace and cannot does not start.
  Status StartTracing() {
    if (!config_.trace.enabled) return Done{};
    auto sampler = telemetry::ParseSampler(config_.trace.sampler);
    if (!sampler) {
      Log(telemetry::LogLevel::kWarn, "unknown trace sampler; using traceidratio");
      sampler = telemetry::SamplerOptions();
    }
    sampler->ratio = config_.trace.sample_ratio;
    PEMBA_TRY(exporter_, telemetry::OtlpExporter::Connect(config_.trace.otlp));
    tracer_ = std::make_unique<telemetry::Tracer>(*sampler, clock_, *exporter_);
    return Done{};
  }

  Status OpenDatastore() {
    if (config_.datastore_engine == DatastoreEngine::kMemory) {
      datastore_ = storage::NewMemoryDatastore();
      return Done{};
    }
    if (config_.datastore_engine == DatastoreEngine::kPostgres) {
      auto options = PostgresOptionsOf(config_.postgres);
      options.report = [this](std::string_view text) {
        Log(telemetry::LogLevel::kWarn, "datastore").With("report", text);
      };
      PEMBA_TRY(datastore_, storage::OpenPostgresDatastore(options));
      return Done{};
    }
    storage::EmbeddedOptions options;
    options.directory = config_.data_directory / "datastore";
    std::error_code ignored;
    if (std::filesystem::exists(config_.data_directory / "datastore.partial", ignored)) {
      // An empty store in the place of the one that was to come back would look like a loss.
      return Error{ErrorCode::kFailedPrecondition,
                   "a restore into `" + config_.data_directory.string() +
                       "` did not end; empty the directory and restore again"};
    }
    options.report = [this](std::string_view text) {
      Log(telemetry::LogLevel::kError, "datastore").With("report", text);
    };
    options.on_sync = metrics_.on_sync();
    PEMBA_TRY(datastore_, storage::OpenEmbeddedDatastore(options));
    return Done{};
  }

  // Databases of facts and rules lie beside the datastore; a server that keeps nothing keeps none.
  Status OpenReasoning() {
    pemba::reason::DatabasesOptions options;
    options.clock = &clock_;
    if (config_.datastore_engine == DatastoreEngine::kEmbedded) {
      options.directory = config_.data_directory / "reason";
    }
    PEMBA_TRY(databases_, pemba::reason::Databases::Open(std::move(options)));
    if (const auto control = ServiceOptionsOf(config_).access_control) {
      access_checker_ =
          std::make_unique<engine::Checker>(ServiceOptionsOf(config_).check_limits, clock_);
      access_control_ = std::make_unique<api::openfga::AccessControl>(*stores_, clock_,
                                                                      *access_checker_, *control);
    }
    reason_ = std::make_unique<api::reason::Service>(*databases_, service_.get(),
                                                     access_control_.get(), clock_);
    return Done{};
  }

  Result<std::unique_ptr<api::authn::Authenticator>> NewAuthenticator() {
    switch (config_.authn.method) {
      case AuthnMethod::kNone:
        return api::authn::NewOpenAuthenticator();
      case AuthnMethod::kPreshared:
        return api::authn::NewPresharedAuthenticator(config_.authn.preshared_keys);
      case AuthnMethod::kOidc:
        return NewOidcAuthenticator();
      case AuthnMethod::kMtls:
        return api::authn::NewCertificateAuthenticator();
    }
    return Error{ErrorCode::kInternal, "no such authentication method"};
  }

  // Waits until the issuer has told its keys.
  Result<std::unique_ptr<api::authn::Authenticator>> NewOidcAuthenticator() {
    const auto& oidc = config_.authn.oidc;
    api::authn::IssuerKeysOptions options;
    options.issuer = oidc.issuer;
    options.also_named = oidc.issuer_aliases;
    options.get = api::authn::CurlGet();
    options.report = [this](std::string_view text) {
      Log(telemetry::LogLevel::kWarn, "authentication").With("report", text);
    };
    if (oidc.issuer.starts_with("http://")) {
      Log(telemetry::LogLevel::kWarn, "the keys of the OpenID issuer come without TLS")
          .With("issuer", oidc.issuer);
    }
    PEMBA_TRY(auto keys, api::authn::IssuerKeys::Start(std::move(options), clock_));
    api::authn::ClaimRules rules;
    rules.audience = oidc.audience;
    rules.groups_claim = oidc.groups_claim;
    rules.issuers = oidc.issuer_aliases;
    rules.issuers.push_back(oidc.issuer);
    rules.subjects = oidc.subjects;
    rules.client_id_claims = oidc.client_id_claims;
    return api::authn::NewOidcAuthenticator(std::move(keys), std::move(rules), clock_);
  }

  void AddRoutes() {
    router_.Intercept(api::WithCors(cors_, api::authn::GuardRoutes(*authenticator_)));
    api::openfga::FrontOptions front;
    front.request_timeout =
        Milliseconds(config_.request_timeout.count() > 0 ? config_.request_timeout
                                                         : config_.http_upstream_timeout);
    front.metrics = metrics_.calls();
    front.tracer = tracer_.get();
    if (config_.log_level != LogLevel::kNone || decision_log_) {
      front.on_call = [this](const api::openfga::CallReport& report) {
        call_log_.Write(report);
        if (decision_log_) decision_log_->Write(report);
      };
      // Only who logs whole requests reads the tuples of a write: it is no decision.
      if (!log_.On(LogLevel::kDebug)) {
        front.reported_writes = api::openfga::ReportedWrites::kIds;
        if (!decision_log_) front.reported_lists = api::openfga::ReportedLists::kCounts;
      }
    }
    api::openfga::AddRoutes(*service_, *authenticator_, clock_, front, router_);
    api::openfga::AddReasonRoutes(*reason_, *authenticator_, clock_, front, router_);
    if (access_plane_) {
      api::openfga::AddAccessRoutes(access_plane_->service(), *authenticator_, clock_, front,
                                    router_);
      api::access::AddWebhookRoutes(access_plane_->decider(), *authenticator_, clock_,
                                    access_plane_->webhook_options(), router_);
    }
    api::openfga::AddAuthzenRoutes(*authzen_, *authenticator_, clock_, std::move(front),
                                   config_.authzen.store_id, router_);
    api::HealthOptions health{.services = {kRelationshipService},
                              .ready = [this] { return ReadyToRead(); },
                              .writes = [this] { return stores_->Health(); },
                              .on_call =
                                  [this] {
                                    Log(telemetry::LogLevel::kDebug, "grpc_req_complete")
                                        .With("grpc_service", kHealthService);
                                  }};
    if (access_plane_) {
      health.parts[kAccessService] = [this]() -> Status {
        PEMBA_TRY(std::ignore, ReadyToRead());
        return access_plane_->Ready();
      };
    }
    api::AddHealthRoutes(std::move(health), router_);
    api::k8s::ServiceOptions objects{.callers = CallerOptionsOf(config_)};
    if (declared_objects_) {
      api::k8s::AddRoutes(declared_objects_->resources(), clock_, *authenticator_, router_,
                          objects);
    }
    std::vector<std::string> services{kRelationshipService, kPembaService, kAuthzenService,
                                      kReasonService, kHealthService};
    if (access_plane_) {
      objects.authorizer = &access_plane_->authorizer();
      api::k8s::AddRoutes(access_plane_->resources(), clock_, *authenticator_, router_, objects);
      services.emplace_back(kAccessService);
    }
    api::AddReflectionRoutes(services, router_);
    router_.SetFallbacks(api::WithCors(cors_, api::WireFallbacks()));
  }

  // Of several servers on one database each goes on reading while the database is gone: were they
  // not ready then, nobody would be asked any more.
  Status ReadyToRead() const {
    if (stores_->following()) return Done{};
    return stores_->Health();
  }

  Status ListenToOperator() {
    if (config_.admin_address.empty()) return Done{};
    AddAdminRoutes(
        {.datastore = datastore_.get(),
         .databases_directory = config_.data_directory / "reason",
         .backup_directory = config_.backup_directory.empty() ? config_.data_directory / "backups"
                                                              : config_.backup_directory},
        admin_router_);
    rpc::ServerOptions options;
    options.listeners.push_back({.address = config_.admin_address, .tls = std::nullopt});
    options.io_threads = 1;
    options.worker_threads = 2;  // One makes a backup, one says that it does.
    admin_server_ = std::make_unique<rpc::Server>(std::move(options), admin_router_);
    if (auto started = admin_server_->Start(); !started.ok()) {
      admin_server_.reset();
      return started;
    }
    admin_address_ = admin_server_->addresses().at(0);
    Log(telemetry::LogLevel::kInfo, "serving the operator").With("admin", admin_address_);
    return Done{};
  }

  Status Listen() {
    rpc::ServerOptions options;
    if (config_.grpc.enabled) options.listeners.push_back(ListenOptionsOf(config_.grpc));
    if (config_.http.enabled) options.listeners.push_back(ListenOptionsOf(config_.http));
    options.io_threads = config_.io_threads;
    options.worker_threads = config_.worker_threads;
    options.request_message_bytes_max = config_.request_message_bytes_max;
    options.on_event = [this](std::string_view text) {
      Log(telemetry::LogLevel::kWarn, "transport").With("event", text);
    };
    rpc_server_ = std::make_unique<rpc::Server>(std::move(options), router_);
    if (auto started = rpc_server_->Start(); !started.ok()) {
      rpc_server_.reset();  // Nobody to wait for.
      return started;
    }
    const auto addresses = rpc_server_->addresses();
    std::size_t next = 0;
    if (config_.grpc.enabled) grpc_address_ = addresses.at(next++);
    if (config_.http.enabled) http_address_ = addresses.at(next++);
    if (config_.authn.method == AuthnMethod::kNone) {
      Log(telemetry::LogLevel::kWarn,
          "callers are not authenticated: whoever reaches a listener may ask");
    }
    Log(telemetry::LogLevel::kInfo, "serving")
        .With("grpc", grpc_address_)
        .With("http", http_address_);
    return Done{};
  }

  const ServerConfig config_;
  const Clock& clock_;
  const api::Cors cors_;
  telemetry::Log log_;
  const CallLog call_log_;
  std::unique_ptr<DecisionLog> decision_log_;          // Null: off.
  std::unique_ptr<telemetry::OtlpExporter> exporter_;  // Null, as the tracer: off.
  std::unique_ptr<telemetry::Tracer> tracer_;
  ServerMetrics metrics_;
  std::unique_ptr<api::authn::Authenticator> authenticator_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<DeclaredObjects> declared_objects_;  // Null: there is no resource API.
  std::unique_ptr<AccessPlane> access_plane_;          // Null: nor are there identities.
  std::unique_ptr<api::openfga::Service> service_;
  std::unique_ptr<api::authzen::Service> authzen_;
  std::unique_ptr<pemba::reason::Databases> databases_;
  std::unique_ptr<engine::Checker> access_checker_;  // Null, as access_control_: off.
  std::unique_ptr<api::openfga::AccessControl> access_control_;
  std::unique_ptr<api::reason::Service> reason_;
  rpc::Router router_, admin_router_;
  std::unique_ptr<rpc::Server> rpc_server_, admin_server_;
  std::string grpc_address_, http_address_, admin_address_;
  bool stopped_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(const LoadedConfig& loaded, const Clock& clock) {
  PEMBA_TRY(std::ignore, Validate(loaded.config));
  auto impl = std::make_unique<Impl>(loaded.config, clock);
  impl->ReportWithoutEffect(loaded.without_effect);
  PEMBA_TRY(std::ignore, impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<rpc::Route>& Server::routes() const { return impl_->routes(); }
const std::string& Server::grpc_address() const { return impl_->grpc_address(); }
const std::string& Server::http_address() const { return impl_->http_address(); }
const std::string& Server::admin_address() const { return impl_->admin_address(); }
const std::string& Server::metrics_address() const { return impl_->metrics_address(); }
void Server::Shutdown() { impl_->Shutdown(); }

}  // namespace pemba::server
