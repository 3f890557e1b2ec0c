// TLS and client certificates of a whole server, asked with curl and openssl.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "wire/test_server.h"

namespace pemba::wire_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Shell(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  std::array<char, 4096> block;
  for (std::size_t got; (got = std::fread(block.data(), 1, block.size(), pipe)) > 0;) {
    out.append(block.data(), got);
  }
  ::pclose(pipe);
  return out;
}

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeCertificate("authority", "");
    MakeCertificate("stranger", "");
    MakeCertificate("server", "authority");
    MakeCertificate("menu", "authority");
    MakeCertificate("nameless", "authority", "/O=Pemba");
  }

  std::string File(const std::string& name) const { return (directory_.path() / name).string(); }

  // NAME.key, and NAME.pem signed by ISSUER, or by itself.
  void MakeCertificate(const std::string& name, const std::string& issuer,
                       std::string subject = {}) const {
    if (subject.empty()) subject = "/CN=" + name;
    const auto key = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj " + subject +
                     " -keyout " + File(name + ".key");
    Shell(issuer.empty()
              ? "openssl req -x509 -days 2" + key + " -addext subjectAltName=IP:127.0.0.1 -out " +
                    File(name + ".pem")
              : "openssl req" + key + " -addext subjectAltName=IP:127.0.0.1 -out " +
                    File(name + ".csr") +
                    " && openssl x509 -req -days 2 -copy_extensions copy -in " +
                    File(name + ".csr") + " -CA " + File(issuer + ".pem") + " -CAkey " +
                    File(issuer + ".key") + " -CAcreateserial -out " + File(name + ".pem"));
    ASSERT_TRUE(fs::exists(File(name + ".pem")));
  }

  server::LoadedConfig Config(const std::string& certificate = "server") const {
    auto loaded = TestConfig();
    for (auto* listener : {&loaded.config.grpc, &loaded.config.http}) {
      listener->tls = true;
      listener->certificate_file = File(certificate + ".pem");
      listener->key_file = File(certificate + ".key");
    }
    return loaded;
  }
  server::LoadedConfig MutualConfig() const {
    auto loaded = Config();
    loaded.config.authn.method = server::AuthnMethod::kMtls;
    loaded.config.grpc.client_ca_file = loaded.config.http.client_ca_file = File("authority.pem");
    return loaded;
  }

  std::string Curl(const std::string& address, const std::string& path, const std::string& as = "",
                   const std::string& trusting = "authority") const {
    const auto certificate =
        as.empty() ? "" : " --cert " + File(as + ".pem") + " --key " + File(as + ".key");
    return Shell("curl -s -S --cacert " + File(trusting + ".pem") + certificate + " https://" +
                 address + path);
  }

  const TemporaryDirectory directory_;
};

constexpr const char* kNoStores = R"({"stores":[],"continuation_token":""})";

TEST_F(Tls, OnBothListeners) {
  const auto server = StartTestServer(Config());
  for (const auto& address : {server->grpc_address(), server->http_address()}) {
    EXPECT_EQ(Curl(address, "/stores"), kNoStores);
    EXPECT_THAT(Curl(address, "/stores", "", "stranger"), HasSubstr("curl: "));
    EXPECT_THAT(Shell("curl -s -S http://" + address + "/stores"), HasSubstr("curl: "));
    const auto session = Shell("openssl s_client -alpn h2 -connect " + address);
    EXPECT_THAT(session, HasSubstr("ALPN protocol: h2"));
    EXPECT_THAT(session, HasSubstr("TLSv1.3"));
    EXPECT_THAT(Shell("openssl s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0 -connect " + address),
                HasSubstr("Cipher is (NONE)"));
  }
}

TEST_F(Tls, EachListenerHasItsOwn) {
  auto loaded = Config();
  loaded.config.grpc.tls = false;
  const auto server = StartTestServer(loaded);
  EXPECT_EQ(Curl(server->http_address(), "/stores"), kNoStores);
  EXPECT_EQ(Shell("curl -s http://" + server->grpc_address() + "/stores"), kNoStores);
}

TEST_F(Tls, CertificatesAreReadAgain) {
  fs::copy(File("server.pem"), File("now.pem"));
  fs::copy(File("server.key"), File("now.key"));
  const auto server = StartTestServer(Config("now"));
  const auto& address = server->http_address();
  EXPECT_EQ(Curl(address, "/stores"), kNoStores);
  fs::rename(File("stranger.key"), File("now.key"));
  fs::copy(File("stranger.pem"), File("next.pem"));
  fs::rename(File("next.pem"), File("now.pem"));
  for (int i = 0; i < 40 && Curl(address, "/stores", "", "stranger") != kNoStores; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
  EXPECT_EQ(Curl(address, "/stores", "", "stranger"), kNoStores);
  EXPECT_THAT(Curl(address, "/stores"), HasSubstr("curl: "));
}

TEST_F(Tls, ACertificateIsACredential) {
  const auto server = StartTestServer(MutualConfig());
  for (const auto& address : {server->grpc_address(), server->http_address()}) {
    EXPECT_EQ(Curl(address, "/stores", "menu"), kNoStores);
    EXPECT_THAT(Curl(address, "/stores"), HasSubstr("curl: "));
    EXPECT_THAT(Curl(address, "/stores", "stranger"), HasSubstr("curl: "));
    EXPECT_EQ(Curl(address, "/stores", "nameless"),
              "{\"code\":\"unauthenticated\",\"message\":\"unauthenticated\"}\n");
  }
}

TEST_F(Tls, AccessControlDeniesWhatItsStoreDoesNotAllow) {
  // The control store is empty: whoever is known is refused by it, not by authentication.
  auto loaded = MutualConfig();
  loaded.config.access_control = {.enabled = true,
                                  .experimental = true,
                                  .store_id = "01HVMMBCMGZNT3SED4Z17ECXCA",
                                  .model_id = "01HVMMBCMGZNT3SED4Z17ECXCA"};
  const auto server = StartTestServer(loaded);
  EXPECT_THAT(Curl(server->http_address(), "/stores", "menu"), HasSubstr(R"("code":"forbidden")"));
  EXPECT_THAT(Curl(server->http_address(), "/healthz", "menu"), HasSubstr("SERVING"));
}

TEST_F(Tls, FilesThatDoNotLoadRefuseToStart) {
  auto loaded = Config("nowhere");
  const auto server = server::Server::Start(loaded, TestClock());
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr("nowhere.pem"));
}

}  // namespace
}  // namespace pemba::wire_test
