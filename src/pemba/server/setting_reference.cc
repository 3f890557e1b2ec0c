#include "pemba/server/setting_reference.h"

#include <string>

#include "pemba/server/settings.h"

namespace pemba::server {
namespace {

// clang-format off
constexpr SettingReference kReference[] = {
    // Listeners
    {"Listeners", "grpc-addr", "grpc.addr", "0.0.0.0:8081", ""},
    {"Listeners", "grpc-tls-enabled", "grpc.tls.enabled", "false", ""},
    {"Listeners", "grpc-tls-cert", "grpc.tls.cert", "", ""},
    {"Listeners", "grpc-tls-key", "grpc.tls.key", "", ""},
    {"Listeners", "grpc-tls-client-ca", "grpc.tls.clientCa", "", ""},
    {"Listeners", "grpc-max-recv-msg-bytes", "grpc.maxRecvMsgBytes", "616448", ""},
    {"Listeners", "http-enabled", "http.enabled", "true", ""},
    {"Listeners", "http-addr", "http.addr", "0.0.0.0:8080", ""},
    {"Listeners", "http-tls-enabled", "http.tls.enabled", "false", ""},
    {"Listeners", "http-tls-cert", "http.tls.cert", "", ""},
    {"Listeners", "http-tls-key", "http.tls.key", "", ""},
    {"Listeners", "http-tls-client-ca", "http.tls.clientCa", "", ""},
    {"Listeners", "http-upstream-timeout", "http.upstreamTimeout", "5s", ""},
    {"Listeners", "http-cors-allowed-origins", "http.corsAllowedOrigins", "*", ""},
    {"Listeners", "http-cors-allowed-headers", "http.corsAllowedHeaders", "*", ""},
    {"Listeners", "io-threads", "ioThreads", "0", ""},
    {"Listeners", "worker-threads", "workerThreads", "16", ""},
    // Data
    {"Data", "datastore-engine", "datastore.engine", "embedded", "the embedded datastore is a directory"},
    {"Data", "datastore-uri", "datastore.uri", "", ""},
    {"Data", "datastore-secondary-uri", "datastore.secondaryUri", "", ""},
    {"Data", "datastore-secondary-username", "datastore.secondaryUsername", "", ""},
    {"Data", "datastore-secondary-password", "datastore.secondaryPassword", "", ""},
    {"Data", "datastore-username", "datastore.username", "", ""},
    {"Data", "datastore-password", "datastore.password", "", ""},
    {"Data", "datastore-max-cache-size", "datastore.maxCacheSize", "100000", "compiled models are kept per store"},
    {"Data", "datastore-max-typesystem-cache-size", "datastore.maxTypesystemCacheSize", "100000", "compiled models are kept per store"},
    {"Data", "datastore-min-open-conns", "datastore.minOpenConns", "0", "connections are made when they are needed"},
    {"Data", "datastore-max-open-conns", "datastore.maxOpenConns", "30", ""},
    {"Data", "datastore-min-idle-conns", "datastore.minIdleConns", "0", "connections are made when they are needed"},
    {"Data", "datastore-max-idle-conns", "datastore.maxIdleConns", "10", ""},
    {"Data", "datastore-conn-max-idle-time", "datastore.connMaxIdleTime", "0s", ""},
    {"Data", "datastore-conn-max-lifetime", "datastore.connMaxLifetime", "0s", ""},
    {"Data", "datastore-metrics-enabled", "datastore.metrics.enabled", "false", "no metrics yet"},
    {"Data", "context-propagation-to-datastore", "contextPropagationToDatastore", "false", "a query asks no database"},
    {"Data", "data-dir", "dataDir", "./data", ""},
    {"Data", "memory-budget-bytes", "memoryBudgetBytes", "0", ""},
    {"Data", "datastore-ping-timeout", "datastore.pingTimeout", "2s", ""},
    {"Data", "datastore-ping-retry-max-elapsed-time", "datastore.pingRetryMaxElapsedTime", "1m", ""},
    // Callers
    {"Callers", "access-control-enabled", "accessControl.enabled", "false", ""},
    {"Callers", "access-control-store-id", "accessControl.storeId", "", ""},
    {"Callers", "access-control-model-id", "accessControl.modelId", "", ""},
    {"Callers", "authn-method", "authn.method", "none", ""},
    {"Callers", "authn-preshared-keys", "authn.preshared.keys", "", ""},
    {"Callers", "authn-oidc-audience", "authn.oidc.audience", "", ""},
    {"Callers", "authn-oidc-issuer", "authn.oidc.issuer", "", ""},
    {"Callers", "authn-oidc-issuer-aliases", "authn.oidc.issuerAliases", "", ""},
    {"Callers", "authn-oidc-subjects", "authn.oidc.subjects", "", ""},
    {"Callers", "authn-oidc-client-id-claims", "authn.oidc.clientIdClaims", "azp,client_id", ""},
    {"Callers", "authn-oidc-groups-claim", "authn.oidc.groupsClaim", "groups", ""},
    // Identities and access
    {"Identities and access", "iam-enabled", "iam.enabled", "false", ""},
    {"Identities and access", "iam-admins", "iam.admins", "", ""},
    {"Identities and access", "iam-system-namespace", "iam.systemNamespace", "milo-system", ""},
    {"Identities and access", "iam-assignable-roles-namespace", "iam.assignableRolesNamespace", "datum-cloud", ""},
    {"Identities and access", "iam-owner-roles-namespace", "iam.ownerRolesNamespace", "", ""},
    {"Identities and access", "iam-organization-owner-role", "iam.organizationOwnerRole", "resourcemanager.miloapis.com-organizationowner", ""},
    {"Identities and access", "iam-project-owner-role", "iam.projectOwnerRole", "resourcemanager.miloapis.com-projectowner", ""},
    {"Identities and access", "iam-service-account-domain", "iam.serviceAccountDomain", "serviceaccounts.pemba.dev", ""},
    {"Identities and access", "iam-deactivation", "iam.deactivation", "at-once", ""},
    {"Identities and access", "iam-require-approval", "iam.requireApproval", "false", ""},
    {"Identities and access", "iam-strict", "iam.strict", "false", ""},
    {"Identities and access", "iam-trusted-parents", "iam.trustedParents", "resourcemanager.miloapis.com/Project", ""},
    {"Identities and access", "iam-subresource-actions", "iam.subresourceActions", "", ""},
    {"Identities and access", "iam-http-mapping", "iam.httpMapping", "", ""},
    {"Identities and access", "iam-projection", "iam.projection", "", ""},
    {"Identities and access", "iam-provider", "iam.provider", "embedded", ""},
    {"Identities and access", "iam-openfga-address", "iam.openfga.address", "", ""},
    {"Identities and access", "iam-openfga-store-id", "iam.openfga.storeId", "", ""},
    {"Identities and access", "iam-openfga-store-name", "iam.openfga.storeName", "", ""},
    {"Identities and access", "iam-openfga-token", "iam.openfga.token", "", ""},
    {"Identities and access", "iam-openfga-tls-enabled", "iam.openfga.tls.enabled", "false", ""},
    {"Identities and access", "iam-openfga-ca", "iam.openfga.ca", "", ""},
    {"Identities and access", "iam-repair", "iam.repair", "fix", ""},
    {"Identities and access", "iam-repair-interval", "iam.repairInterval", "10m", ""},
    {"Identities and access", "iam-shadow-provider", "iam.shadowProvider", "", ""},
    // Limits
    {"Limits", "max-checks-per-batch-check", "maxChecksPerBatchCheck", "50", ""},
    {"Limits", "max-concurrent-checks-per-batch-check", "maxConcurrentChecksPerBatchCheck", "50", "a request runs on one thread"},
    {"Limits", "max-tuples-per-write", "maxTuplesPerWrite", "100", ""},
    {"Limits", "max-types-per-authorization-model", "maxTypesPerAuthorizationModel", "100", ""},
    {"Limits", "max-authorization-model-size-in-bytes", "maxAuthorizationModelSizeInBytes", "262144", ""},
    {"Limits", "max-concurrent-reads-for-list-objects", "maxConcurrentReadsForListObjects", "4294967295", "a query asks no database"},
    {"Limits", "max-concurrent-reads-for-list-users", "maxConcurrentReadsForListUsers", "4294967295", "a query asks no database"},
    {"Limits", "max-concurrent-reads-for-check", "maxConcurrentReadsForCheck", "4294967295", "a query asks no database"},
    {"Limits", "max-condition-evaluation-cost", "maxConditionEvaluationCost", "100", ""},
    {"Limits", "changelog-horizon-offset", "changelogHorizonOffset", "0", ""},
    {"Limits", "resolve-node-limit", "resolveNodeLimit", "0", ""},
    {"Limits", "resolve-node-breadth-limit", "resolveNodeBreadthLimit", "10", "a request runs on one thread"},
    {"Limits", "listObjects-deadline", "listObjectsDeadline", "3s", ""},
    {"Limits", "listObjects-max-results", "listObjectsMaxResults", "1000", ""},
    {"Limits", "listObjects-pipeline-enabled", "listObjectsPipelineEnabled", "true", "there is one algorithm"},
    {"Limits", "listUsers-deadline", "listUsersDeadline", "3s", ""},
    {"Limits", "listUsers-max-results", "listUsersMaxResults", "1000", ""},
    {"Limits", "list-memory-max-bytes", "listMemoryMaxBytes", "268435456", ""},
    {"Limits", "readChanges-max-page-size", "readChangesMaxPageSize", "100", ""},
    // Times
    {"Times", "request-timeout", "requestTimeout", "3s", ""},
    {"Times", "shutdown-timeout", "shutdownTimeout", "10s", ""},
    // Log
    {"Log", "log-format", "log.format", "text", ""},
    {"Log", "log-level", "log.level", "info", ""},
    {"Log", "log-timestamp-format", "log.timestampFormat", "Unix", ""},
    {"Log", "slow-query-threshold", "log.slowQueryThreshold", "0s", ""},
    {"Log", "decision-log-file", "decisionLog.file", "", ""},
    {"Log", "decision-log-sample-ratio", "decisionLog.sampleRatio", "1", ""},
    {"Log", "decision-log-max-bytes", "decisionLog.maxBytes", "104857600", ""},
    {"Log", "decision-log-max-files", "decisionLog.maxFiles", "5", ""},
    // Metrics and traces
    {"Metrics and traces", "metrics-enabled", "metrics.enabled", "true", ""},
    {"Metrics and traces", "metrics-addr", "metrics.addr", "0.0.0.0:2112", ""},
    {"Metrics and traces", "metrics-enable-rpc-histograms", "metrics.enableRPCHistograms", "false", ""},
    {"Metrics and traces", "request-duration-datastore-query-count-buckets", "requestDurationDatastoreQueryCountBuckets", "50,200", ""},
    {"Metrics and traces", "request-duration-dispatch-count-buckets", "requestDurationDispatchCountBuckets", "50,200", ""},
    {"Metrics and traces", "trace-enabled", "trace.enabled", "false", ""},
    {"Metrics and traces", "trace-otlp-endpoint", "trace.otlp.endpoint", "0.0.0.0:4317", ""},
    {"Metrics and traces", "trace-otlp-tls-enabled", "trace.otlp.tls.enabled", "false", ""},
    {"Metrics and traces", "trace-sample-ratio", "trace.sampleRatio", "0.2", ""},
    {"Metrics and traces", "trace-sampler", "trace.sampler", "traceidratio", ""},
    {"Metrics and traces", "trace-service-name", "trace.serviceName", "openfga", ""},
    {"Metrics and traces", "trace-resource-attributes", "trace.resourceAttributes", "", ""},
    // Administration
    {"Administration", "admin-addr", "admin.addr", "", ""},
    {"Administration", "backup-dir", "backup.dir", "", ""},
    // Further doors
    {"Further doors", "experimentals", "experimentals", "", ""},
    {"Further doors", "authzen-base-url", "authzen.baseURL", "", ""},
    {"Further doors", "authzen-store-id", "authzen.storeID", "", ""},
    {"Further doors", "resource-kinds", "resource.kinds", "", ""},
    {"Further doors", "playground-enabled", "playground.enabled", "false", "no playground"},
    {"Further doors", "playground-port", "playground.port", "3000", "no playground"},
    {"Further doors", "playground-addr", "playground.addr", "", "no playground"},
    {"Further doors", "profiler-enabled", "profiler.enabled", "false", "no profiles; use perf"},
    {"Further doors", "profiler-addr", "profiler.addr", ":3001", "no profiles; use perf"},
    // Caches
    {"Caches", "check-cache-limit", "checkCache.limit", "10000", "decisions are never cached"},
    {"Caches", "check-query-cache-limit", "cache.limit", "10000", "replaced by checkCache.limit long ago"},
    {"Caches", "cache-controller-enabled", "cacheController.enabled", "false", "decisions are never cached"},
    {"Caches", "cache-controller-ttl", "cacheController.ttl", "10s", "decisions are never cached"},
    {"Caches", "cache-ttl-jitter-percentage", "cacheTTLJitterPercentage", "0", "decisions are never cached"},
    {"Caches", "check-iterator-cache-enabled", "checkIteratorCache.enabled", "false", "tuples are in memory"},
    {"Caches", "check-iterator-cache-max-results", "checkIteratorCache.maxResults", "10000", "tuples are in memory"},
    {"Caches", "check-iterator-cache-ttl", "checkIteratorCache.ttl", "10s", "tuples are in memory"},
    {"Caches", "check-query-cache-enabled", "checkQueryCache.enabled", "false", "decisions are never cached"},
    {"Caches", "check-query-cache-ttl", "checkQueryCache.ttl", "10s", "decisions are never cached"},
    {"Caches", "list-objects-iterator-cache-enabled", "listObjectsIteratorCache.enabled", "false", "tuples are in memory"},
    {"Caches", "list-objects-iterator-cache-max-results", "listObjectsIteratorCache.maxResults", "10000", "no answer is kept"},
    {"Caches", "list-objects-iterator-cache-ttl", "listObjectsIteratorCache.ttl", "10s", "tuples are in memory"},
    {"Caches", "shared-iterator-enabled", "sharedIterator.enabled", "false", "tuples are in memory"},
    {"Caches", "shared-iterator-limit", "sharedIterator.limit", "1000000", "tuples are in memory"},
    {"Caches", "planner-eviction-threshold", "planner.evictionThreshold", "0s", "a plan is compiled once"},
    {"Caches", "planner-cleanup-interval", "planner.cleanupInterval", "0s", "a plan is compiled once"},
    // Throttles
    {"Throttles", "check-dispatch-throttling-enabled", "checkDispatchThrottling.enabled", "false", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "check-dispatch-throttling-frequency", "checkDispatchThrottling.frequency", "10µs", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "check-dispatch-throttling-threshold", "checkDispatchThrottling.threshold", "100", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "check-dispatch-throttling-max-threshold", "checkDispatchThrottling.maxThreshold", "0", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listObjects-dispatch-throttling-enabled", "listObjectsDispatchThrottling.enabled", "false", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listObjects-dispatch-throttling-frequency", "listObjectsDispatchThrottling.frequency", "10µs", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listObjects-dispatch-throttling-threshold", "listObjectsDispatchThrottling.threshold", "100", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listObjects-dispatch-throttling-max-threshold", "listObjectsDispatchThrottling.maxThreshold", "0", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listUsers-dispatch-throttling-enabled", "listUsersDispatchThrottling.enabled", "false", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listUsers-dispatch-throttling-frequency", "listUsersDispatchThrottling.frequency", "10µs", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listUsers-dispatch-throttling-threshold", "listUsersDispatchThrottling.threshold", "100", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "listUsers-dispatch-throttling-max-threshold", "listUsersDispatchThrottling.maxThreshold", "0", "a query is one loop on one thread; nothing is dispatched"},
    {"Throttles", "check-datastore-throttle-threshold", "checkDatastoreThrottle.threshold", "0", "a query asks no database that it could be kept from"},
    {"Throttles", "check-datastore-throttle-duration", "checkDatastoreThrottle.duration", "0s", "a query asks no database that it could be kept from"},
    {"Throttles", "listObjects-datastore-throttle-threshold", "listObjectsDatastoreThrottle.threshold", "0", "a query asks no database that it could be kept from"},
    {"Throttles", "listObjects-datastore-throttle-duration", "listObjectsDatastoreThrottle.duration", "0s", "a query asks no database that it could be kept from"},
    {"Throttles", "listUsers-datastore-throttle-threshold", "listUsersDatastoreThrottle.threshold", "0", "a query asks no database that it could be kept from"},
    {"Throttles", "listUsers-datastore-throttle-duration", "listUsersDatastoreThrottle.duration", "0s", "a query asks no database that it could be kept from"},
};
// clang-format on

// The help of settings.cc ends in the default, which has a column of its own here.
std::string_view WithoutDefault(std::string_view help) {
  const auto begin = help.rfind(" (default");
  return help.substr(0, begin);
}

std::string Code(std::string_view text) {
  return text.empty() ? std::string() : "`" + std::string(text) + "`";
}

std::string VariablesOf(const Setting& setting) {
  std::string text;
  for (const auto& name : OtherVariables(setting)) {
    text += (text.empty() ? "" : ", ") + Code(name);
  }
  return text;
}

std::string MeaningOf(const Setting& setting, const SettingReference& reference) {
  if (setting.apply != nullptr) return std::string(WithoutDefault(setting.help));
  return "*no effect:* " + std::string(reference.note);
}

}  // namespace

std::span<const SettingReference> SettingReferences() { return kReference; }

const SettingReference* FindReference(std::string_view flag) {
  for (const auto& reference : kReference) {
    if (reference.flag == flag) return &reference;
  }
  return nullptr;
}

std::string SettingsAsMarkdown() {
  std::string text;
  std::string_view section;
  for (const auto& reference : kReference) {
    const Setting* setting = FindSetting(reference.flag);
    if (setting == nullptr) continue;
    if (section != reference.section) {
      section = reference.section;
      text += "\n### " + std::string(section) +
              "\n\n| Key | Flag | Also from | Default | Meaning |\n|---|---|---|---|---|\n";
    }
    text += "| " + Code(reference.key) + " | " + Code("--" + std::string(reference.flag)) + " | " +
            VariablesOf(*setting) + " | " + Code(reference.fallback) + " | " +
            MeaningOf(*setting, reference) + " |\n";
  }
  return text;
}

}  // namespace pemba::server
