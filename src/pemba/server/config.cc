#include "pemba/server/config.h"

#include <string_view>
#include <utility>

#include "pemba/api/patterns.h"
#include "pemba/base/ulid.h"
#include "pemba/condition/program.h"

namespace pemba::server {
namespace {

Error Refused(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

Status ValidateListener(std::string_view name, const ListenerConfig& listener) {
  if (!listener.enabled) return Done{};
  if (listener.address.find(':') == std::string::npos) {
    return Refused(std::string(name) + ".addr `" + listener.address + "` is not HOST:PORT");
  }
  if (listener.tls && (listener.certificate_file.empty() || listener.key_file.empty())) {
    return Refused(std::string(name) + ".tls.enabled needs both " + std::string(name) +
                   ".tls.cert and " + std::string(name) + ".tls.key");
  }
  if (!listener.client_ca_file.empty() && !listener.tls) {
    return Refused(std::string(name) + ".tls.clientCa needs " + std::string(name) + ".tls.enabled");
  }
  return Done{};
}

Status ValidateAuthn(const ServerConfig& config) {
  switch (config.authn.method) {
    case AuthnMethod::kNone:
      return Done{};
    case AuthnMethod::kPreshared:
      if (!config.authn.preshared_keys.empty()) return Done{};
      return Refused("invalid auth configuration, please specify at least one key");
    case AuthnMethod::kOidc: {
      const auto& oidc = config.authn.oidc;
      if (oidc.issuer.empty() || oidc.audience.empty()) {
        return Refused("authn.oidc needs both authn.oidc.issuer and authn.oidc.audience");
      }
      if (!oidc.issuer.starts_with("https://") && !oidc.issuer.starts_with("http://")) {
        return Refused("authn.oidc.issuer is not an http or https URL");
      }
      return Done{};
    }
    case AuthnMethod::kMtls:
      for (const auto* listener : {&config.grpc, &config.http}) {
        if (listener->enabled && listener->client_ca_file.empty()) {
          return Refused("authn.method mtls needs TLS and a client CA on every listener");
        }
      }
      return Done{};
  }
  return Done{};
}

Status ValidateAccessControl(const ServerConfig& config) {
  const auto& control = config.access_control;
  if (!control.enabled) return Done{};
  // Whoever asks for access control must not get a server without it.
  if (!control.experimental) {
    return Refused("accessControl.enabled needs the experimental enable-access-control");
  }
  if (config.authn.method != AuthnMethod::kOidc && config.authn.method != AuthnMethod::kMtls) {
    return Refused("access control needs callers with names: authn.method oidc or mtls");
  }
  if (!ParseUlid(control.store_id)) return Refused("accessControl.storeId is not a store id");
  if (!ParseUlid(control.model_id)) return Refused("accessControl.modelId is not a model id");
  return Done{};
}

Status ValidateLists(const ServerConfig& config) {
  // A list that may take longer than its request would never be cut, but fail.
  constexpr std::chrono::seconds kAllowance(3);
  const auto request_max = config.request_timeout.count() > 0 ? config.request_timeout + kAllowance
                                                              : config.http_upstream_timeout;
  for (const auto& [name, list] : {std::pair{"listObjectsDeadline", config.list_objects},
                                   {"listUsersDeadline", config.list_users}}) {
    if (list.deadline.count() < 0) return Refused(std::string(name) + " must not be negative");
    if (request_max.count() > 0 && list.deadline > request_max) {
      return Refused(std::string(name) + " must not exceed the time limit of a request");
    }
  }
  return Done{};
}

Status ValidateAuthzen(const AuthzenConfig& authzen) {
  if (!authzen.store_id.empty() && !api::kUlidPattern.matches(authzen.store_id)) {
    return Refused("authzen.storeID `" + authzen.store_id + "` is not the id of a store");
  }
  if (authzen.base_url.empty()) return Done{};
  std::string_view rest = authzen.base_url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return Refused("authzen.baseURL must begin with http:// or https://");
  }
  if (rest.empty() || rest.starts_with('/') || rest.starts_with(':') ||
      rest.find_first_of("@?# ") != rest.npos) {
    return Refused("authzen.baseURL must have a host and no user, query or fragment");
  }
  return Done{};
}

Status ValidateIam(const ServerConfig& config) {
  const auto& iam = config.iam;
  if (!iam.enabled) return Done{};
  if (config.datastore_engine == DatastoreEngine::kPostgres) {
    return Refused(
        "iam.enabled needs the embedded or the memory datastore: declared objects do not follow "
        "other servers yet");
  }
  if (config.access_control.on()) {
    return Refused("iam.enabled and accessControl.enabled do not go together yet");
  }
  if (auto valid = iam::Validate(iam.settings); !valid.ok()) return valid;
  if (iam.shadow == iam.provider) {
    return Refused("iam.shadowProvider must be another than iam.provider");
  }
  if (iam.repair_interval.count() <= 0) return Refused("iam.repairInterval must be positive");
  if (!iam.remote()) {
    if (iam.openfga.address.empty()) return Done{};
    return Refused("iam.openfga.address is of no use to the embedded provider: set iam.provider");
  }
  const std::string who = iam.shadow == IamConfig::ProviderKind::kOpenFga
                              ? "iam.shadowProvider openfga needs "
                              : "iam.provider openfga needs ";
  if (iam.openfga.address.empty()) return Refused(who + "iam.openfga.address");
  if (iam.openfga.store_id.empty() == iam.openfga.store_name.empty()) {
    return Refused(who + "either iam.openfga.storeId or iam.openfga.storeName");
  }
  if (!iam.openfga.token.empty() && !iam.openfga.tls &&
      !iam.openfga.address.starts_with("127.0.0.1:") &&
      !iam.openfga.address.starts_with("localhost:")) {
    return Refused("iam.openfga.token needs iam.openfga.tls.enabled beyond this machine");
  }
  return Done{};
}

}  // namespace

Status Validate(const ServerConfig& config) {
  PEMBA_TRY(std::ignore, ValidateListener("grpc", config.grpc));
  PEMBA_TRY(std::ignore, ValidateListener("http", config.http));
  PEMBA_TRY(std::ignore, ValidateListener("metrics", {.enabled = config.metrics.enabled,
                                                      .address = config.metrics.address}));
  if (config.metrics.datastore_query_count_buckets.empty() ||
      config.metrics.dispatch_count_buckets.empty()) {
    return Refused("the buckets of request durations must not be empty");
  }
  PEMBA_TRY(std::ignore, ValidateAuthn(config));
  PEMBA_TRY(std::ignore, ValidateAccessControl(config));
  if (config.request_message_bytes_max == 0) {
    return Refused("grpc.maxRecvMsgBytes must be greater than 0");
  }
  if (config.datastore_engine == DatastoreEngine::kEmbedded && config.data_directory.empty()) {
    return Refused("the embedded datastore needs a data directory");
  }
  if (config.datastore_engine == DatastoreEngine::kPostgres && config.postgres.uri.empty()) {
    return Refused("the postgres datastore needs datastore.uri");
  }
  if (config.slow_query_threshold.count() < 0) {
    return Refused("log.slowQueryThreshold must not be negative");
  }
  if (config.decision_log.file_bytes_max == 0) {
    return Refused("decisionLog.maxBytes must be greater than 0");
  }
  if (config.request_timeout.count() < 0) return Refused("requestTimeout must not be negative");
  if (config.http_upstream_timeout.count() < 0) {
    return Refused("http.upstreamTimeout must not be negative");
  }
  if (config.condition_cost_max < condition::kCostMaxDefault) {
    return Refused("maxConditionEvaluationCost must be at least 100");
  }
  if (config.shutdown_timeout.count() <= 0) return Refused("shutdownTimeout must be positive");
  PEMBA_TRY(std::ignore, ValidateLists(config));
  PEMBA_TRY(std::ignore, ValidateAuthzen(config.authzen));
  if (!config.resource_kinds.empty() && config.access_control.on()) {
    return Refused(
        "resource.kinds and accessControl.enabled do not go together yet: access control "
        "knows no declared objects");
  }
  PEMBA_TRY(std::ignore, ValidateIam(config));
  if (config.worker_threads == 0) return Refused("worker-threads must be greater than 0");
  for (const auto& [name, value] : {std::pair{"maxTuplesPerWrite", config.tuples_per_write_max},
                                    {"maxTypesPerAuthorizationModel", config.types_per_model_max},
                                    {"maxAuthorizationModelSizeInBytes", config.model_bytes_max},
                                    {"maxChecksPerBatchCheck", config.checks_per_batch_max},
                                    {"readChangesMaxPageSize", config.read_changes_page_max}}) {
    if (value == 0) return Refused(std::string(name) + " must be greater than 0");
  }
  return Done{};
}

}  // namespace pemba::server
