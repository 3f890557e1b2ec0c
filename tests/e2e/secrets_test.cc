// No secret leaves the process: not by its log, not by an error, not by a page.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCanary = "canary-6f2e91";

std::string Read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What the shell commands print, on either output, with the canaries in all secret variables.
std::string Printed(const fs::path& directory, const std::string& commands) {
  std::ofstream(directory / "script")
      << "export PEMBA_AUTHN_PRESHARED_KEYS=one," << kCanary << "-key\n"
      << "export OPENFGA_DATASTORE_URI=postgres://user:" << kCanary << "-uri@host/db\n"
      << "export OPENFGA_DATASTORE_PASSWORD=" << kCanary << "-password\n"
      << "export OPENFGA_DATASTORE_SECONDARY_URI='://" << kCanary << "-secondary'\n"
      << "pemba() { '" << PEMBA_BUILT_BINARY << "' \"$@\"; }\n"
      << commands;
  const auto command =
      "cd '" + directory.string() + "' && bash script >printed 2>&1 </dev/null; true";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return Read(directory / "printed");
}

TEST(Secrets, AreInNoErrorOfAStartThatFails) {
  const TemporaryDirectory directory;
  const auto printed = Printed(directory.path(), R"(
    pemba serve --authn-method oidc
    pemba serve --authn-method nothing
    pemba serve --authn-method preshared --datastore-engine postgres
    pemba serve --authn-method preshared --http-addr nowhere
    pemba serve --authn-method preshared --no-such-flag
    pemba serve --authn-method preshared --data-dir /proc/nowhere
    pemba serve --authn-method preshared --authn-preshared-keys ,)");
  EXPECT_NE(printed.find("please specify at least one key"), std::string::npos) << printed;
  EXPECT_EQ(printed.find(kCanary), std::string::npos) << printed;
}

TEST(Secrets, AreInNoLogAndNoPage) {
  const TemporaryDirectory directory;
  const auto printed = Printed(directory.path(), "server='" PEMBA_BUILT_BINARY "'" + std::string(R"(
    "$server" serve --data-dir data --http-addr 127.0.0.1:0 --grpc-addr 127.0.0.1:0 \
      --metrics-addr 127.0.0.1:0 \
      --authn-method preshared --log-level debug >listening 2>log &
    for i in $(seq 300); do grep -q '^http' listening && break; sleep 0.1; done
    http=$(sed -n 's/^http listening on //p' listening)
    curl -s http://$(sed -n 's/^metrics listening on //p' listening)/metrics
    key=)") + kCanary + R"(-key
    for path in /healthz /metrics / /stores /debug/pprof/cmdline /playground /nowhere; do
      curl -s -i http://$http$path
      curl -s -i -H "Authorization: Bearer $key" http://$http$path
      curl -s -i -H "Authorization: Bearer $key-wrong" http://$http$path
      curl -s -i -H "Authorization: $key" -X POST -d '{' http://$http$path
    done
    kill $! && wait $!
    cat log)");
  EXPECT_NE(printed.find("SERVING"), std::string::npos) << printed;
  EXPECT_NE(printed.find("bearer_token_missing"), std::string::npos) << printed;
  EXPECT_NE(printed.find("\"stores\":[]"), std::string::npos) << "the key does not open";
  EXPECT_NE(printed.find("grpc_req_complete"), std::string::npos) << "the log is missing";
  EXPECT_NE(printed.find("grpc_server_started_total"), std::string::npos) << "no metrics";
  EXPECT_EQ(printed.find(kCanary), std::string::npos) << printed;
}

}  // namespace
}  // namespace pemba::e2e
