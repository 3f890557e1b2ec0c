#include "pemba/server/settings_together.h"

#include <gtest/gtest.h>

namespace pemba::server {
namespace {

Status Check(SettingValues flags) {
  return CheckTogether({.flags = std::move(flags),
                        .environment = [](const auto&) { return std::nullopt; },
                        .file = {}});
}

struct Case {
  SettingValues flags;
  const char* want;  // "": accepted.
};

TEST(SettingsTogether, ContradictionsAreRefused) {
  const Case cases[] = {
      {{}, ""},
      {{{"datastore-max-open-conns", "1"}, {"datastore-min-open-conns", "2"}},
       "datastore.maxOpenConns must not be less than datastore.minOpenConns"},
      {{{"datastore-min-idle-conns", "1"}},
       "datastore.minOpenConns must not be less than datastore.minIdleConns"},
      {{{"datastore-ping-timeout", "0s"}}, "datastore.pingTimeout must be positive"},
      {{{"datastore-ping-timeout", "2m"}},
       "datastore.pingRetryMaxElapsedTime must not be less than datastore.pingTimeout"},
      {{{"check-query-cache-enabled", "true"}, {"check-query-cache-ttl", "0s"}},
       "checkQueryCache.ttl must be positive"},
      {{{"check-query-cache-ttl", "0s"}}, ""},  // It is off.
      {{{"check-iterator-cache-enabled", "1"}, {"check-iterator-cache-max-results", "0"}},
       "checkIteratorCache.maxResults must be greater than 0"},
      {{{"list-objects-iterator-cache-enabled", "true"},
        {"list-objects-iterator-cache-ttl", "-1s"}},
       "listObjectsIteratorCache.ttl must be positive"},
      {{{"cache-controller-enabled", "true"}, {"cache-controller-ttl", "0s"}},
       "cacheController.ttl must be positive"},
      {{{"cache-ttl-jitter-percentage", "101"}}, "cacheTTLJitterPercentage must be 0 to 100"},
      {{{"check-dispatch-throttling-enabled", "true"}}, ""},
      {{{"check-dispatch-throttling-enabled", "true"},
        {"check-dispatch-throttling-frequency", "0s"}},
       "checkDispatchThrottling.frequency must be positive"},
      {{{"listObjects-dispatch-throttling-enabled", "true"},
        {"listObjects-dispatch-throttling-threshold", "0"}},
       "listObjectsDispatchThrottling.threshold must be greater than 0"},
      {{{"listUsers-dispatch-throttling-enabled", "true"},
        {"listUsers-dispatch-throttling-max-threshold", "99"}},
       "listUsersDispatchThrottling.threshold must not be more than "
       "listUsersDispatchThrottling.maxThreshold"},
      {{{"check-datastore-throttle-threshold", "1"}},
       "checkDatastoreThrottle.duration must be positive"},
      {{{"max-concurrent-reads-for-list-users", "0"}},
       "maxConcurrentReadsForListUsers must be greater than 0"},
      {{{"playground-enabled", "true"}}, ""},
      {{{"playground-enabled", "true"}, {"http-enabled", "false"}},
       "playground.enabled needs http.enabled"},
      {{{"grpc-tls-cert", "a"}},
       "these flags belong together: --grpc-tls-enabled, --grpc-tls-cert, --grpc-tls-key"},
      {{{"access-control-store-id", "a"}},
       "these flags belong together: --access-control-enabled, --access-control-store-id, "
       "--access-control-model-id"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.flags.empty() ? "" : c.flags.begin()->first);
    const auto status = Check(c.flags);
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.want);
  }
}

TEST(SettingsTogether, UnknownVariablesOfOursAreRefused) {
  EXPECT_TRUE(
      CheckVariables({"PATH", "OPENFGA_ALLOW_WRITING_1_0_MODELS", "PEMBA_GRPC_ADDR"}, {}).ok());
  EXPECT_TRUE(CheckVariables({"PEMBA_STORE_ID"}, {"PEMBA_STORE_ID"}).ok());
  for (const std::string link :
       {"PEMBA_SERVICE_HOST", "PEMBA_OPENFGA_SERVICE_PORT_GRPC", "PEMBA_PORT",
        "PEMBA_OPENFGA_PORT_8081_TCP", "PEMBA_OPENFGA_PORT_8081_TCP_PROTO"}) {
    EXPECT_TRUE(CheckVariables({link}, {}).ok()) << link << " comes from Kubernetes";
  }
  EXPECT_EQ(CheckVariables({"PEMBA_GRPC_ADDRESS"}, {}).error().message,
            "unknown environment variable PEMBA_GRPC_ADDRESS");
}

}  // namespace
}  // namespace pemba::server
