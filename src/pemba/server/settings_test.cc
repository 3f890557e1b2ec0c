#include "pemba/server/settings.h"

#include <chrono>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "pemba/server/duration.h"

namespace pemba::server {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

Environment From(Values variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(Duration, FollowsGosForm) {
  using namespace std::chrono_literals;
  const std::pair<const char*, std::optional<std::chrono::nanoseconds>> cases[] = {
      {"3s", 3s},
      {"500ms", 500ms},
      {"1m30s", 90s},
      {"10µs", 10us},
      {"10us", 10us},
      {"1.5h", 90min},
      {"0", 0s},
      {"0s", 0s},
      {"-2s", -2s},
      {"+1s", 1s},
      {".5s", 500ms},
      {"7ns", 7ns},
      {"", std::nullopt},
      {"3", std::nullopt},
      {"s", std::nullopt},
      {"3 s", std::nullopt},
      {"3x", std::nullopt},
      {"1s2", std::nullopt},
      {"999999999h", std::nullopt},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(ParseDuration(text), want) << text;
}

// What the wire promises to those who configure nothing.
TEST(Settings, Defaults) {
  const auto loaded = LoadConfig({}, From({}));
  ASSERT_TRUE(loaded.ok());
  const auto& config = loaded->config;
  EXPECT_EQ(config.grpc.address, "0.0.0.0:8081");
  EXPECT_EQ(config.http.address, "0.0.0.0:8080");
  EXPECT_EQ(config.datastore_engine, DatastoreEngine::kEmbedded);
  EXPECT_EQ(config.data_directory, "./data");
  EXPECT_EQ(config.request_message_bytes_max, 616'448U);
  EXPECT_EQ(config.tuples_per_write_max, 100U);
  EXPECT_EQ(config.types_per_model_max, 100U);
  EXPECT_EQ(config.model_bytes_max, 262'144U);
  EXPECT_EQ(config.checks_per_batch_max, 50U);
  EXPECT_EQ(config.read_changes_page_max, 100U);
  EXPECT_EQ(config.resolve_node_limit, 0U);
  EXPECT_EQ(config.request_timeout, std::chrono::seconds(3));
  EXPECT_EQ(config.shutdown_timeout, std::chrono::seconds(10));
  EXPECT_EQ(config.log_level, LogLevel::kInfo);
  EXPECT_EQ(config.log_format, LogFormat::kText);
  EXPECT_EQ(config.log_timestamp, LogTimestamp::kUnix);
  EXPECT_EQ(config.slow_query_threshold.count(), 0);
  EXPECT_TRUE(config.decision_log.file.empty());
  EXPECT_TRUE(config.metrics.enabled);
  EXPECT_EQ(config.metrics.address, "0.0.0.0:2112");
  EXPECT_FALSE(config.metrics.rpc_histograms);
  EXPECT_EQ(config.list_objects.results_max, 1000U);
  EXPECT_EQ(config.list_objects.deadline, std::chrono::seconds(3));
  EXPECT_EQ(config.list_users.results_max, 1000U);
  EXPECT_EQ(config.list_users.deadline, std::chrono::seconds(3));
  EXPECT_FALSE(config.authzen.enabled);
  EXPECT_TRUE(loaded->without_effect.empty());
}

TEST(Settings, AFlagWinsOverPembaOverOpenfga) {
  const auto grpc = [](const Values& flags, const Values& variables) {
    return LoadConfig(flags, From(variables))->config.grpc.address;
  };
  const Values all = {{"PEMBA_GRPC_ADDR", "b:1"}, {"OPENFGA_GRPC_ADDR", "c:1"}};
  EXPECT_EQ(grpc({{"grpc-addr", "a:1"}}, all), "a:1");
  EXPECT_EQ(grpc({}, all), "b:1");
  EXPECT_EQ(grpc({}, {{"OPENFGA_GRPC_ADDR", "c:1"}}), "c:1");
  EXPECT_EQ(grpc({}, {{"OPENFGA_GRPC_ADDR", ":9"}}), "0.0.0.0:9");
}

TEST(Settings, TheFileIsWeakestButForTheDefault) {
  const SettingSources sources{
      .flags = {},
      .environment = From({{"OPENFGA_GRPC_ADDR", "b:1"}}),
      .file = {"pemba.yaml",
               {{"grpc-addr", {"grpc.addr", "c:1"}}, {"http-addr", {"http.addr", "d:2"}}}}};
  const auto loaded = LoadConfig(sources);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->config.grpc.address, "b:1");
  EXPECT_EQ(loaded->config.http.address, "d:2");
}

TEST(Settings, ABadValueOfTheFileIsNamedByFileAndKey) {
  const auto loaded = LoadConfig(
      SettingSources{.flags = {},
                     .environment = From({}),
                     .file = {"pemba.yaml", {{"http-enabled", {"http.enabled", "maybe"}}}}});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message, "pemba.yaml: http.enabled: neither true nor false");
}

TEST(Settings, VariablesOfOtherToolsCount) {
  const auto given = FindGiven(
      "trace-otlp-endpoint",
      {.flags = {}, .environment = From({{"OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"}}), .file = {}});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->name, "OTEL_EXPORTER_OTLP_ENDPOINT");
}

TEST(Settings, OldSpellingsAreKnown) {
  const auto loaded = LoadConfig({}, From({{"OPENFGA_MAXTUPLESPERWRITE", "7"},
                                           {"OPENFGA_READ_CHANGES_MAX_PAGE_SIZE", "8"},
                                           {"PEMBA_RESOLVE_NODE_LIMIT", "25"},
                                           {"OPENFGA_CHANGELOG_HORIZON_OFFSET", "2"},
                                           {"OPENFGA_REQUEST_TIMEOUT", "1m"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->config.tuples_per_write_max, 7U);
  EXPECT_EQ(loaded->config.read_changes_page_max, 8U);
  EXPECT_EQ(loaded->config.resolve_node_limit, 25U);
  EXPECT_EQ(loaded->config.changelog_horizon, std::chrono::minutes(2));
  EXPECT_EQ(loaded->config.request_timeout, std::chrono::minutes(1));
}

TEST(Settings, Lists) {
  const auto loaded = LoadConfig({}, From({{"OPENFGA_LIST_OBJECTS_MAX_RESULTS", "7"},
                                           {"OPENFGA_LISTOBJECTSDEADLINE", "1s"},
                                           {"PEMBA_LIST_USERS_MAX_RESULTS", "0"},
                                           {"OPENFGA_LIST_USERS_DEADLINE", "0s"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->config.list_objects.results_max, 7U);
  EXPECT_EQ(loaded->config.list_objects.deadline, std::chrono::seconds(1));
  EXPECT_EQ(loaded->config.list_users.results_max, 0U);
  EXPECT_EQ(loaded->config.list_users.deadline, std::chrono::seconds(0));
}

TEST(Settings, Authzen) {
  const auto loaded =
      LoadConfig({}, From({{"OPENFGA_EXPERIMENTALS", "pipeline_list_objects,authzen"},
                           {"OPENFGA_AUTHZEN_BASE_URL", "https://a.example/fga//"},
                           {"PEMBA_AUTHZEN_STORE_ID", "01HVMMBCMGZNT3SED4Z17ECXCA"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->config.authzen.enabled);
  EXPECT_EQ(loaded->config.authzen.base_url, "https://a.example/fga");
  EXPECT_EQ(loaded->config.authzen.store_id, "01HVMMBCMGZNT3SED4Z17ECXCA");
  EXPECT_FALSE(LoadConfig({{"experimentals", "authzening"}}, From({}))->config.authzen.enabled);
}

TEST(Settings, WhatHasNoEffectIsAcceptedAndNamed) {
  const auto loaded = LoadConfig(
      {{"check-query-cache-enabled", "true"}},
      From({{"OPENFGA_CHECK_CACHE_LIMIT", "10"}, {"OPENFGA_DATASTORE_MIN_OPEN_CONNS", "5"}}));
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(std::set<std::string>(loaded->without_effect.begin(), loaded->without_effect.end()),
            (std::set<std::string>{"--check-query-cache-enabled", "OPENFGA_CHECK_CACHE_LIMIT",
                                   "OPENFGA_DATASTORE_MIN_OPEN_CONNS"}));
}

struct RefusalCase {
  const char* flag;
  const char* value;
  const char* want;
};
constexpr RefusalCase kRefusals[] = {
    {"grpc-max-recv-msg-bytes", "0", "grpc.maxRecvMsgBytes must be greater than 0"},
    {"grpc-max-recv-msg-bytes", "-1", "--grpc-max-recv-msg-bytes: not a whole number of 0 or more"},
    {"grpc-max-recv-msg-bytes", "many",
     "--grpc-max-recv-msg-bytes: not a whole number of 0 or more"},
    {"resolve-node-limit", "99999999999", "--resolve-node-limit: too large"},
    {"http-enabled", "maybe", "--http-enabled: neither true nor false"},
    {"http-addr", "nowhere", "http.addr `nowhere` is not HOST:PORT"},
    {"datastore-engine", "mysql",
     "--datastore-engine: there is no mysql in this server; it has embedded, postgres and memory"},
    {"datastore-engine", "oracle",
     "--datastore-engine: unsupported engine; this server has embedded, postgres and memory"},
    {"admin-addr", "0.0.0.0:3002", "--admin-addr: not on loopback: 127.0.0.1:PORT or [::1]:PORT"},
    {"datastore-engine", "postgres", "the postgres datastore needs datastore.uri"},
    {"data-dir", "", "the embedded datastore needs a data directory"},
    {"grpc-tls-enabled", "true", "grpc.tls.enabled needs both grpc.tls.cert and grpc.tls.key"},
    {"http-tls-enabled", "true", "http.tls.enabled needs both http.tls.cert and http.tls.key"},
    {"request-timeout", "-1s", "requestTimeout must not be negative"},
    {"request-timeout", "3", "--request-timeout: not a duration such as 3s or 500ms"},
    {"http-upstream-timeout", "-1s", "http.upstreamTimeout must not be negative"},
    {"shutdown-timeout", "0s", "shutdownTimeout must be positive"},
    {"slow-query-threshold", "-1s", "log.slowQueryThreshold must not be negative"},
    {"decision-log-sample-ratio", "1.5", "--decision-log-sample-ratio: not a number from 0 to 1"},
    {"decision-log-max-bytes", "0", "decisionLog.maxBytes must be greater than 0"},
    {"metrics-addr", "nowhere", "metrics.addr `nowhere` is not HOST:PORT"},
    {"request-duration-dispatch-count-buckets", "",
     "the buckets of request durations must not be empty"},
    {"request-duration-dispatch-count-buckets", "5,-1",
     "--request-duration-dispatch-count-buckets: not a whole number of 0 or more"},
    {"worker-threads", "0", "worker-threads must be greater than 0"},
    {"max-tuples-per-write", "0", "maxTuplesPerWrite must be greater than 0"},
    {"log-format", "xml", "--log-format: neither text nor json"},
    {"log-level", "loud", "--log-level: none of none, debug, info, warn, error, panic, fatal"},
    {"log-timestamp-format", "Julian", "--log-timestamp-format: neither Unix nor ISO8601"},
    {"max-condition-evaluation-cost", "99", "maxConditionEvaluationCost must be at least 100"},
    {"authn-method", "kerberos", "--authn-method: unsupported authentication method"},
    {"authn-method", "preshared", "invalid auth configuration, please specify at least one key"},
    {"authn-method", "oidc", "authn.oidc needs both authn.oidc.issuer and authn.oidc.audience"},
    {"authn-method", "mtls", "authn.method mtls needs TLS and a client CA on every listener"},
    {"http-tls-client-ca", "ca.pem", "http.tls.clientCa needs http.tls.enabled"},
    {"access-control-enabled", "true",
     "accessControl.enabled needs the experimental enable-access-control"},
    {"listObjects-deadline", "-1s", "listObjectsDeadline must not be negative"},
    {"listUsers-deadline", "7s", "listUsersDeadline must not exceed the time limit of a request"},
    {"authzen-base-url", "pemba.example", "authzen.baseURL must begin with http:// or https://"},
    {"authzen-base-url", "https://", "authzen.baseURL must begin with http:// or https://"},
    {"authzen-base-url", "https://me@pemba.example",
     "authzen.baseURL must have a host and no user, query or fragment"},
    {"authzen-base-url", "https://pemba.example?a=b",
     "authzen.baseURL must have a host and no user, query or fragment"},
    {"authzen-store-id", "main", "authzen.storeID `main` is not the id of a store"},
    {"check-query-cache-ttl", "soon",
     "--check-query-cache-ttl: not a duration such as 3s or 500ms"},
    {"check-cache-limit", "x", "--check-cache-limit: not a whole number of 0 or more"},
};
TEST(Settings, RefuseToStart) {
  for (const auto& c : kRefusals) {
    const auto loaded = LoadConfig({{c.flag, c.value}}, From({}));
    ASSERT_FALSE(loaded.ok()) << c.flag;
    EXPECT_EQ(loaded.error().message, c.want);
  }
}

using Flags = std::map<std::string, std::string, std::less<>>;
constexpr const char* kUlid = "01HVMMBCMGZNT3SED4Z17ECXCA";

// `flags` with one of them as it is given.
std::string RefusalOf(Flags flags, const std::string& flag, const std::string& value) {
  flags[flag] = value;
  const auto loaded = LoadConfig(flags, From({}));
  return loaded.ok() ? "" : loaded.error().message;
}

TEST(Settings, OidcIsWholeOrRefused) {
  const Flags flags = {{"authn-method", "oidc"},
                       {"authn-oidc-issuer", "https://issuer.example"},
                       {"authn-oidc-audience", "pemba"},
                       {"authn-oidc-issuer-aliases", "a, b"},
                       {"authn-oidc-client-id-claims", ""}};
  const auto loaded = LoadConfig(flags, From({}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto& oidc = loaded->config.authn.oidc;
  EXPECT_EQ(oidc.audience, "pemba");
  EXPECT_EQ(oidc.issuer_aliases, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(oidc.client_id_claims, (std::vector<std::string>{"azp", "client_id"}));
  const std::string incomplete = "authn.oidc needs both authn.oidc.issuer and authn.oidc.audience";
  EXPECT_EQ(RefusalOf(flags, "authn-oidc-issuer", ""), incomplete);
  EXPECT_EQ(RefusalOf(flags, "authn-oidc-audience", ""), incomplete);
  EXPECT_EQ(RefusalOf(flags, "authn-oidc-issuer", "file:///etc/passwd"),
            "authn.oidc.issuer is not an http or https URL");
}

TEST(Settings, AccessControlIsWholeOrRefused) {
  const Flags flags = {
      {"authn-method", "oidc"},           {"authn-oidc-issuer", "https://issuer.example"},
      {"authn-oidc-audience", "pemba"},   {"experimentals", "authzen,enable-access-control"},
      {"access-control-enabled", "true"}, {"access-control-store-id", kUlid},
      {"access-control-model-id", kUlid}};
  const auto loaded = LoadConfig(flags, From({}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded->config.access_control.on());
  EXPECT_EQ(RefusalOf(flags, "access-control-store-id", "mine"),
            "accessControl.storeId is not a store id");
  EXPECT_EQ(RefusalOf(flags, "access-control-model-id", ""),
            "accessControl.modelId is not a model id");
  EXPECT_EQ(RefusalOf(flags, "authn-method", "none"),
            "access control needs callers with names: authn.method oidc or mtls");
  EXPECT_EQ(RefusalOf(flags, "resource-kinds", "kinds"),
            "resource.kinds and accessControl.enabled do not go together yet: access control knows "
            "no declared objects");
}

TEST(Settings, DeclaredObjectsMayBeOnPostgres) {
  const Flags flags = {{"datastore-engine", "postgres"},
                       {"datastore-uri", "postgres:///pemba"},
                       {"resource-kinds", "kinds"}};
  EXPECT_TRUE(LoadConfig(flags, From({})).ok());
}

TEST(Settings, AccessIsSetUpWholeOrRefused) {
  const Flags flags = {{"iam-enabled", "true"},
                       {"iam-admins", "root, anne"},
                       {"iam-subresource-actions", "pods/exec=exec,books/loan=lend"},
                       {"iam-projection", "direct"}};
  const auto loaded = LoadConfig(flags, From({}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto& iam = loaded->config.iam;
  EXPECT_TRUE(iam.enabled);
  EXPECT_EQ(iam.admins, (std::vector<std::string>{"root", "anne"}));
  ASSERT_EQ(iam.subresource_actions.size(), 2u);
  EXPECT_EQ(iam.subresource_actions[1].subresource, "loan");
  EXPECT_EQ(iam.projection, iam::ProjectionKind::kDirect);
  EXPECT_EQ(iam.trusted_parents, std::vector<std::string>{"resourcemanager.miloapis.com/Project"});

  EXPECT_EQ(RefusalOf(flags, "iam-provider", "openfga"),
            "iam.provider openfga needs iam.openfga.address");
  EXPECT_EQ(RefusalOf(flags, "iam-openfga-address", "localhost:8081"),
            "iam.openfga.address is of no use to the embedded provider: set iam.provider");
  auto remote = flags;
  remote["iam-provider"] = "openfga";
  remote["iam-openfga-address"] = "authz.example:8081";
  remote["iam-openfga-store-name"] = "access";
  EXPECT_EQ(RefusalOf(remote, "iam-openfga-store-id", "01J0000000000000000000000A"),
            "iam.provider openfga needs either iam.openfga.storeId or iam.openfga.storeName");
  EXPECT_EQ(RefusalOf(remote, "iam-openfga-token", "t"),
            "iam.openfga.token needs iam.openfga.tls.enabled beyond this machine");
  auto postgres = flags;
  postgres["datastore-engine"] = "postgres";
  postgres["datastore-uri"] = "postgres:///pemba";
  EXPECT_TRUE(LoadConfig(postgres, From({})).ok());
  remote["datastore-engine"] = "postgres";
  EXPECT_EQ(RefusalOf(remote, "datastore-uri", "postgres:///pemba"),
            "iam.provider or iam.shadowProvider openfga needs the embedded or the memory "
            "datastore: of several servers one that is slow would write there what another has "
            "revoked");
  for (const auto& [flag, value] : {std::pair{"iam-projection", "flat"},
                                    {"iam-provider", "elsewhere"},
                                    {"iam-repair", "maybe"},
                                    {"iam-deactivation", "later"},
                                    {"iam-subresource-actions", "exec"},
                                    {"iam-trusted-parents", "Project"},
                                    {"iam-system-namespace", ""}}) {
    EXPECT_NE(RefusalOf(flags, flag, value), "") << flag;
  }
}

TEST(Settings, SecretsAreInNoMessage) {
  constexpr const char* kCanary = "canary-7d1c";
  for (const auto& setting : Settings()) {
    const bool secret = setting.flag == "authn-preshared-keys" ||
                        setting.flag == "iam-openfga-token" ||
                        setting.flag.find("password") != setting.flag.npos ||
                        setting.flag.find("uri") != setting.flag.npos;
    if (!secret) continue;
    Flags flags = {{std::string(setting.flag), kCanary}, {"authn-method", "oidc"}};
    const auto refused = LoadConfig(flags, From({}));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message.find(kCanary), std::string::npos);
    flags.erase("authn-method");
    const auto loaded = LoadConfig(flags, From({}));
    ASSERT_TRUE(loaded.ok());
    for (const auto& name : loaded->without_effect) EXPECT_EQ(name.find(kCanary), name.npos);
  }
}

TEST(Settings, FlagsAndVariablesAreUnique) {
  std::set<std::string> names;
  for (const auto& setting : Settings()) {
    EXPECT_TRUE(names.insert(EnvironmentName(setting.flag)).second) << setting.flag;
    for (const auto& name : OtherVariables(setting)) {
      EXPECT_TRUE(names.insert(name).second) << name;
    }
  }
  EXPECT_EQ(EnvironmentName("readChanges-max-page-size"), "PEMBA_READ_CHANGES_MAX_PAGE_SIZE");
}

}  // namespace
}  // namespace pemba::server
