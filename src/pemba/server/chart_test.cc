// Every variable that the upstream Helm chart can pass to its container is known here and takes
// what the chart's values make of it.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "pemba/server/settings.h"
#include "pemba/server/settings_together.h"

namespace pemba::server {
namespace {

enum class Meaning { kSetting, kIgnored };  // kIgnored: the server it is made for ignores it, too.

struct Row {
  const char* value_of_chart;
  const char* variable;
  const char* value;
  Meaning meaning = Meaning::kSetting;
};

// What no pair of values contradicts. Engines and methods of authentication have their own cases.
constexpr Row kRows[] = {
    {"datastore.engine", "OPENFGA_DATASTORE_ENGINE", "memory"},
    {"datastore.uri", "OPENFGA_DATASTORE_URI", "postgres://db:5432/fga"},
    {"datastore.username", "OPENFGA_DATASTORE_USERNAME", "fga"},
    {"datastore.password", "OPENFGA_DATASTORE_PASSWORD", "canary"},
    {"datastore.secondary.engine", "OPENFGA_DATASTORE_SECONDARY_ENGINE", "postgres",
     Meaning::kIgnored},
    {"datastore.secondary.uri", "OPENFGA_DATASTORE_SECONDARY_URI", "postgres://db2:5432/fga"},
    {"datastore.secondary.username", "OPENFGA_DATASTORE_SECONDARY_USERNAME", "fga"},
    {"datastore.secondary.password", "OPENFGA_DATASTORE_SECONDARY_PASSWORD", "canary"},
    {"datastore.maxCacheSize", "OPENFGA_DATASTORE_MAX_CACHE_SIZE", "100000"},
    {"datastore.maxOpenConns", "OPENFGA_DATASTORE_MAX_OPEN_CONNS", "30"},
    {"datastore.maxIdleConns", "OPENFGA_DATASTORE_MAX_IDLE_CONNS", "10"},
    {"datastore.connMaxIdleTime", "OPENFGA_DATASTORE_CONN_MAX_IDLE_TIME", "0s"},
    {"datastore.connMaxLifetime", "OPENFGA_DATASTORE_CONN_MAX_LIFETIME", "1h"},
    {"datastore.metrics.enabled", "OPENFGA_DATASTORE_METRICS_ENABLED", "true"},
    {"migrate.timeout", "OPENFGA_TIMEOUT", "1m", Meaning::kIgnored},  // Of `migrate` alone.
    {"experimentals", "OPENFGA_EXPERIMENTALS", "authzen,weighted_graph_check,shadow_check"},
    {"grpc.addr", "OPENFGA_GRPC_ADDR", "0.0.0.0:8081"},
    {"grpc.tls.enabled", "OPENFGA_GRPC_TLS_ENABLED", "true"},
    {"grpc.tls.cert", "OPENFGA_GRPC_TLS_CERT", "/tls/tls.crt"},
    {"grpc.tls.key", "OPENFGA_GRPC_TLS_KEY", "/tls/tls.key"},
    {"http.enabled", "OPENFGA_HTTP_ENABLED", "true"},
    {"http.addr", "OPENFGA_HTTP_ADDR", "0.0.0.0:8080"},
    {"http.tls.enabled", "OPENFGA_HTTP_TLS_ENABLED", "true"},
    {"http.tls.cert", "OPENFGA_HTTP_TLS_CERT", "/tls/tls.crt"},
    {"http.tls.key", "OPENFGA_HTTP_TLS_KEY", "/tls/tls.key"},
    {"http.upstreamTimeout", "OPENFGA_HTTP_UPSTREAM_TIMEOUT", "5s"},
    {"http.corsAllowedOrigins", "OPENFGA_HTTP_CORS_ALLOWED_ORIGINS", "*"},
    {"http.corsAllowedHeaders", "OPENFGA_HTTP_CORS_ALLOWED_HEADERS", "*"},
    {"authn.method", "OPENFGA_AUTHN_METHOD", "none"},
    {"authn.preshared.keys", "OPENFGA_AUTHN_PRESHARED_KEYS", "canary-one,canary-two"},
    {"authn.oidc.audience", "OPENFGA_AUTHN_OIDC_AUDIENCE", "https://fga.example"},
    {"authn.oidc.issuer", "OPENFGA_AUTHN_OIDC_ISSUER", "https://login.example"},
    {"playground.enabled", "OPENFGA_PLAYGROUND_ENABLED", "true"},  // The chart's default.
    {"playground.port", "OPENFGA_PLAYGROUND_PORT", "3000"},
    {"profiler.enabled", "OPENFGA_PROFILER_ENABLED", "false"},
    {"log.level", "OPENFGA_LOG_LEVEL", "info"},
    {"log.format", "OPENFGA_LOG_FORMAT", "json"},
    {"log.timestampFormat", "OPENFGA_LOG_TIMESTAMP_FORMAT", "ISO8601"},
    {"maxTuplesPerWrite", "OPENFGA_MAX_TUPLES_PER_WRITE", "100"},
    {"maxTypesPerAuthorizationModel", "OPENFGA_MAX_TYPES_PER_AUTHORIZATION_MODEL", "100"},
    {"maxAuthorizationModelSizeInBytes", "OPENFGA_MAX_AUTHORIZATION_MODEL_SIZE_IN_BYTES", "262144"},
    {"maxChecksPerBatchCheck", "OPENFGA_MAX_CHECKS_PER_BATCH_CHECK", "50"},
    {"maxConcurrentChecksPerBatchCheck", "OPENFGA_MAX_CONCURRENT_CHECKS_PER_BATCH_CHECK", "50"},
    {"maxConcurrentReadsForCheck", "OPENFGA_MAX_CONCURRENT_READS_FOR_CHECK", "4294967295"},
    {"maxConcurrentReadsForListObjects", "OPENFGA_MAX_CONCURRENT_READS_FOR_LIST_OBJECTS",
     "4294967295"},
    {"maxConcurrentReadsForListUsers", "OPENFGA_MAX_CONCURRENT_READS_FOR_LIST_USERS", "4294967295"},
    {"changelogHorizonOffset", "OPENFGA_CHANGELOG_HORIZON_OFFSET", "0"},
    {"resolveNodeLimit", "OPENFGA_RESOLVE_NODE_LIMIT", "25"},
    {"resolveNodeBreadthLimit", "OPENFGA_RESOLVE_NODE_BREADTH_LIMIT", "100"},
    {"listObjectsDeadline", "OPENFGA_LIST_OBJECTS_DEADLINE", "3s"},
    {"listObjectsMaxResults", "OPENFGA_LIST_OBJECTS_MAX_RESULTS", "1000"},
    {"listUsersDeadline", "OPENFGA_LIST_USERS_DEADLINE", "3s"},
    {"listUsersMaxResults", "OPENFGA_LIST_USERS_MAX_RESULTS", "1000"},
    {"requestTimeout", "OPENFGA_REQUEST_TIMEOUT", "3s"},
    {"requestDurationDatastoreQueryCountBuckets",
     "OPENFGA_REQUEST_DURATION_DATASTORE_QUERY_COUNT_BUCKETS", "50,200"},
    {"checkQueryCache.enabled", "OPENFGA_CHECK_QUERY_CACHE_ENABLED", "true"},
    {"checkQueryCache.limit", "OPENFGA_CHECK_QUERY_CACHE_LIMIT", "10000"},
    {"checkQueryCache.ttl", "OPENFGA_CHECK_QUERY_CACHE_TTL", "10s"},
    {"telemetry.metrics.enabled", "OPENFGA_METRICS_ENABLED", "true"},
    {"telemetry.metrics.addr", "OPENFGA_METRICS_ADDR", "0.0.0.0:2112"},
    {"telemetry.metrics.enableRPCHistograms", "OPENFGA_METRICS_ENABLE_RPC_HISTOGRAMS", "true"},
    {"telemetry.trace.enabled", "OPENFGA_TRACE_ENABLED", "false"},
    {"telemetry.trace.otlp.endpoint", "OPENFGA_TRACE_OTLP_ENDPOINT", "0.0.0.0:4317"},
    {"telemetry.trace.otlp.tls.enabled", "OPENFGA_TRACE_OTLP_TLS_ENABLED", "false"},
    {"telemetry.trace.sampleRatio", "OPENFGA_TRACE_SAMPLE_RATIO", "0.2"},
    {"allowWriting1_0Models", "OPENFGA_ALLOW_WRITING_1_0_MODELS", "false", Meaning::kIgnored},
    {"allowEvaluating1_0Models", "OPENFGA_ALLOW_EVALUATING_1_0_MODELS", "false", Meaning::kIgnored},
};

const Setting* SettingOf(const std::string& variable) {
  for (const auto& setting : Settings()) {
    for (const auto& name : OtherVariables(setting)) {
      if (name == variable) return &setting;
    }
  }
  return nullptr;
}

Environment EnvironmentOf(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(Chart, EveryVariableIsKnown) {
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.variable);
    EXPECT_EQ(SettingOf(row.variable) != nullptr, row.meaning == Meaning::kSetting);
    EXPECT_TRUE(CheckVariables({row.variable}, {}).ok());
  }
}

TEST(Chart, AllOfThemTogetherStartAServer) {
  std::map<std::string, std::string> variables;
  for (const auto& row : kRows) variables[row.variable] = row.value;
  const auto loaded = LoadConfig({}, EnvironmentOf(variables));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->config.resolve_node_limit, 25U);
  EXPECT_TRUE(loaded->config.grpc.tls);
  EXPECT_EQ(loaded->config.log_format, LogFormat::kJson);
}

TEST(Chart, EachOfThemAloneIsAccepted) {
  for (const auto& row : kRows) {
    const std::string variable = row.variable;
    if (variable.ends_with("_TLS_ENABLED")) continue;  // Needs its files: all together, above.
    SCOPED_TRACE(variable);
    const auto loaded = LoadConfig({}, EnvironmentOf({{variable, row.value}}));
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  }
}

// Whoever authenticates need not switch the chart's playground off first: none is served.
TEST(Chart, MethodsOfAuthentication) {
  auto defaults = std::map<std::string, std::string>{{"OPENFGA_PLAYGROUND_ENABLED", "true"},
                                                     {"OPENFGA_LOG_FORMAT", "json"}};
  defaults["OPENFGA_AUTHN_METHOD"] = "preshared";
  EXPECT_FALSE(LoadConfig({}, EnvironmentOf(defaults)).ok()) << "no keys";
  defaults["OPENFGA_AUTHN_PRESHARED_KEYS"] = "canary";
  EXPECT_TRUE(LoadConfig({}, EnvironmentOf(defaults)).ok());
  defaults["OPENFGA_AUTHN_METHOD"] = "oidc";
  defaults["OPENFGA_AUTHN_OIDC_ISSUER"] = "https://login.example";
  EXPECT_FALSE(LoadConfig({}, EnvironmentOf(defaults)).ok()) << "no audience";
  defaults["OPENFGA_AUTHN_OIDC_AUDIENCE"] = "https://fga.example";
  EXPECT_TRUE(LoadConfig({}, EnvironmentOf(defaults)).ok());
}

}  // namespace
}  // namespace pemba::server
