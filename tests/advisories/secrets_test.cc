// Published leaks: what is configured in confidence shows neither in the log, nor in an error, nor
// in anything that is served.
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/rpc/testing/socket_client.h"
#include "pemba/server/server.h"
#include "pemba/server/settings.h"
#include "wire/test_server.h"

namespace pemba::advisories {
namespace {

using Flags = std::map<std::string, std::string, std::less<>>;
constexpr const char* kCanary = "c4n4ry-Pa55w0rd";

std::optional<std::string> NoEnvironment(const std::string&) { return std::nullopt; }

bool MayHoldASecret(const server::Setting& setting) {
  for (const char* part : {"uri", "password", "key", "secret", "token", "username"}) {
    if (setting.flag.find(part) != setting.flag.npos) return true;
  }
  return false;
}

// Values as people mistype them.
std::vector<std::string> Values() {
  const std::string canary = kCanary;
  return {canary,
          "postgres://pemba:" + canary + "@db.example:5432/pemba?sslmode=disable",
          "postgres://pemba:" + canary + "@db.example:no-port/pemba",
          "postgres:// pemba:" + canary + "@",
          "://" + canary + "@/",
          "host=db password='" + canary,
          canary + "\n" + canary,
          "%zz" + canary};
}

// What a server that is given the flags says at start and at stop, or why it does not start.
std::string Said(const Flags& flags, std::string& served) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  std::string error;
  auto loaded = server::LoadConfig(flags, NoEnvironment);
  if (loaded.ok()) {
    loaded->config.io_threads = 1;
    loaded->config.metrics.address = "127.0.0.1:0";
    const auto server = server::Server::Start(*loaded, wire_test::TestClock());
    if (!server.ok()) {
      error = server.error().message;
    } else {
      for (const char* path : {"/", "/healthz", "/metrics", "/playground", "/debug/pprof/cmdline",
                               "/debug/vars", "/stores", "/stores/x", "/config"}) {
        rpc::testing::SocketClient client((*server)->http_address());
        client.Send("GET " + std::string(path) +
                    " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        served += client.ReadAll();
      }
    }
  } else {
    error = loaded.error().message;
  }
  return ::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout() +
         error;
}

// The test would see a value that is said: addresses are no secrets and show.
TEST(Secrets, WouldBeSeen) {
  std::string served;
  const auto said = Said({{"datastore-engine", "memory"}, {"http-addr", kCanary}}, served);
  EXPECT_NE(said.find(kCanary), said.npos) << said;
}

// CVE-2023-46255, CVE-2026-40091, CVE-2023-29193, CVE-2026-40293, I10: every setting that may be a
// secret, well-formed or not, at the level that says most.
TEST(Secrets, AreNeitherLoggedNorServed) {
  int tried = 0, started = 0;
  for (const auto& setting : server::Settings()) {
    if (!MayHoldASecret(setting) || setting.kind != server::Setting::Kind::kText) continue;
    ++tried;
    for (const auto& value : Values()) {
      SCOPED_TRACE(std::string(setting.flag) + "=" + value);
      std::string served;
      const auto said = Said({{"datastore-engine", "memory"},
                              {"grpc-addr", "127.0.0.1:0"},
                              {"http-addr", "127.0.0.1:0"},
                              {"log-level", "debug"},
                              {std::string(setting.flag), value}},
                             served);
      EXPECT_FALSE(said.empty()) << "nothing was captured";
      started += served.find("SERVING") != served.npos ? 1 : 0;
      EXPECT_EQ(said.find(kCanary), said.npos) << said;
      EXPECT_EQ(served.find(kCanary), served.npos) << served;
    }
  }
  EXPECT_GE(tried, 7);
  EXPECT_GE(started, tried) << "what is served was not looked at";
}

}  // namespace
}  // namespace pemba::advisories
