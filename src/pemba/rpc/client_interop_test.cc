// The transport against command-line clients that others wrote: curl, nghttp, h2load, openssl.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/rpc/server.h"
#include "pemba/rpc/testing/echo_routes.h"
#include "pemba/rpc/testing/http2_client.h"

namespace pemba::rpc {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Standard output and error of a shell command.
std::string Shell(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> buffer;
  for (std::size_t count = 0; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), count);
  }
  pclose(pipe);
  return output;
}

class ClientInterop : public ::testing::Test {
 protected:
  ClientInterop() {
    testing::AddEchoRoutes(router_);
    router_.Add({.http_method = "GET", .http_pattern = "/who", .handler = [](Call& call) {
                   const auto& peer = call.peer_certificate();
                   call.FinishHttp(200, "text/plain", peer.subject + " is " + peer.name);
                 }});
  }

  void Start(std::optional<TlsOptions> tls = {}) {
    server_ = std::make_unique<Server>(
        ServerOptions{.listeners = {{.address = "127.0.0.1:0", .tls = std::move(tls)}},
                      .io_threads = 2},
        router_);
    const auto started = server_->Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    address_ = server_->addresses().front();
  }

  std::string File(const std::string& name) const { return (directory_.path() / name).string(); }

  void WriteFile(const std::string& name, const std::string& bytes) const {
    std::ofstream(File(name), std::ios::binary) << bytes;
  }

  // NAME.key, and NAME.crt signed by ISSUER, or by itself.
  void MakeCertificate(const std::string& name, const std::string& issuer = {},
                       const std::string& alternative_name = "IP:127.0.0.1") const {
    const std::string key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " +
                            File(name + ".key") + " -subj /O=Pemba/CN=" + name +
                            " -addext subjectAltName=" + alternative_name + " ";
    if (issuer.empty()) {
      Shell("openssl req -x509 -days 2 " + key + "-out " + File(name + ".crt"));
    } else {
      Shell("openssl req " + key + "-out " + File(name + ".csr") +
            " && openssl x509 -req -days 2 " + "-copy_extensions copy -in " + File(name + ".csr") +
            " -CA " + File(issuer + ".crt") + " -CAkey " + File(issuer + ".key") +
            " -CAcreateserial -out " + File(name + ".crt"));
    }
    ASSERT_TRUE(std::filesystem::exists(File(name + ".crt")));
  }

  TlsOptions Tls(const std::string& name) const {
    return {.certificate_file = File(name + ".crt"), .key_file = File(name + ".key")};
  }

  Router router_;
  TemporaryDirectory directory_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

TEST_F(ClientInterop, CurlOverEitherProtocol) {
  Start();
  WriteFile("large", std::string(600'000, 'z'));
  for (const std::string flags : {"--http1.1 ", "--http2-prior-knowledge ", "--http1.0 "}) {
    SCOPED_TRACE(flags);
    const auto curl = "curl -s " + flags;
    const auto url = " http://" + address_;
    EXPECT_EQ(Shell(curl + "-d hello" + url + "/echo"), "hello");
    EXPECT_EQ(Shell(curl + "-d hello" + url + "/worker/echo"), "hello");
    EXPECT_EQ(Shell(curl + "-g '" + url.substr(1) + "/stores/a%2Fb'"), "a/b");
    EXPECT_EQ(Shell(curl + "--data-binary @" + File("large") + url + "/echo | wc -c"), "600000\n");
    EXPECT_EQ(Shell(curl + "'" + url.substr(1) + "/stream?200+10000' | wc -c"), "2000000\n");
    EXPECT_THAT(Shell(curl + "-I" + url + "/stores/abc"), HasSubstr("ength: 3"));
    EXPECT_EQ(Shell(curl + "-o /dev/null -w '%{http_code}' -X DELETE" + url + "/stores/a"), "204");
    EXPECT_EQ(Shell(curl + "-o /dev/null -w '%{http_code}'" + url + "/nowhere"), "404");
    EXPECT_THAT(Shell(curl + "-H 'x-echo: there' -i" + url + "/headers"),
                HasSubstr("x-echo: there\r\n"));
  }
}

TEST_F(ClientInterop, CurlChunkedAndCompressedBodies) {
  Start();
  const auto url = " http://" + address_ + "/echo";
  EXPECT_EQ(Shell("printf hello | curl -s -T - -X POST -H 'Transfer-Encoding: chunked'" + url),
            "hello");
  EXPECT_EQ(
      Shell("printf hello | gzip | curl -s --data-binary @- -H 'Content-Encoding: gzip'" + url),
      "hello");
  EXPECT_EQ(Shell("curl -s -d hello -H 'Expect: 100-continue'" + url), "hello");
}

TEST_F(ClientInterop, CurlReusesConnections) {
  Start();
  const auto url = " http://" + address_ + "/stores/";
  EXPECT_EQ(Shell("curl -s -w '%{num_connects}'" + url + "a" + url + "b" + url + "c"), "a1b0c0");
}

TEST_F(ClientInterop, CurlLearnsThatABodyIsTooLarge) {
  Start();
  WriteFile("larger", std::string(5'000'000, 'z'));
  for (const std::string flags : {"--http1.1 ", "--http2-prior-knowledge "}) {
    EXPECT_THAT(Shell("curl -s " + flags + "--data-binary @" + File("larger") + " http://" +
                      address_ + "/echo"),
                HasSubstr("received message larger than max (5000000 vs. 616448)"));
  }
}

TEST_F(ClientInterop, NghttpSeesTheDecimalStatus) {
  Start();
  WriteFile("message", testing::Http2Client::Frame("2000 caf\xC3\xA9"));
  const auto output = Shell(
      "nghttp -v -H ':method: POST' -H 'content-type: application/grpc' "
      "-H 'te: trailers' -d " +
      File("message") + " http://" + address_ + "/pemba.test.Echo/Status");
  EXPECT_THAT(output, HasSubstr("grpc-status: 2000\n"));
  EXPECT_THAT(output, HasSubstr("grpc-message: caf%C3%A9\n"));
}

TEST_F(ClientInterop, H2loadLosesNothing) {
  Start();
  WriteFile("message", testing::Http2Client::Frame("hello"));
  for (const std::string method : {"Unary", "Worker", "ChatWorker"}) {
    const auto output = Shell(
        "h2load -n 20000 -c 10 -m 20 -H ':method: POST' -H 'content-type: application/grpc' "
        "-H 'te: trailers' -d " +
        File("message") + " http://" + address_ + "/pemba.test.Echo/" + method);
    EXPECT_THAT(output, HasSubstr("20000 succeeded, 0 failed, 0 errored, 0 timeout"));
  }
  EXPECT_THAT(Shell("h2load --h1 -n 20000 -c 10 http://" + address_ + "/stores/1"),
              HasSubstr("20000 succeeded, 0 failed, 0 errored, 0 timeout"));
}

TEST_F(ClientInterop, TlsWithAlpn) {
  MakeCertificate("server");
  Start(Tls("server"));
  const auto curl = "curl -s --cacert " + File("server.crt") +
                    " -o /dev/null -w '%{http_version} "
                    "%{http_code}' ";
  const auto url = "https://" + address_ + "/stores/1";
  EXPECT_EQ(Shell(curl + "--http2 " + url), "2 200");
  EXPECT_EQ(Shell(curl + "--http1.1 " + url), "1.1 200");
  EXPECT_EQ(Shell(curl + "--no-alpn " + url), "1.1 200");
  EXPECT_EQ(Shell(curl + "--tls-max 1.2 --http2 " + url), "2 200");
  EXPECT_THAT(Shell(curl + "--tls-max 1.1 " + url), StartsWith("0 000"));
  EXPECT_EQ(Shell("curl -s --cacert " + File("server.crt") + " 'https://" + address_ +
                  "/stream?200+10000' | wc -c"),
            "2000000\n");
  WriteFile("large", std::string(600'000, 'z'));
  for (const std::string flags : {"--http1.1 ", "--http2 "}) {
    EXPECT_EQ(Shell("curl -s " + flags + "--cacert " + File("server.crt") + " --data-binary @" +
                    File("large") + " https://" + address_ + "/echo | wc -c"),
              "600000\n");
  }
  EXPECT_THAT(Shell("curl -s -S http://" + address_), HasSubstr("curl: "));  // Plain text ends.
}

TEST_F(ClientInterop, ClientCertificates) {
  MakeCertificate("authority");
  MakeCertificate("stranger");
  MakeCertificate("server", "authority");
  MakeCertificate("anne", "authority");
  auto tls = Tls("server");
  tls.client_ca_file = File("authority.crt");
  Start(tls);
  const auto url = " https://" + address_ + "/who";
  const auto curl = "curl -s -S --cacert " + File("authority.crt");
  const auto with = [&](const std::string& name) {
    return " --cert " + File(name + ".crt") + " --key " + File(name + ".key");
  };
  EXPECT_EQ(Shell(curl + with("anne") + url), "CN=anne,O=Pemba is anne");
  MakeCertificate("menu", "authority", "DNS:menu,URI:spiffe://pemba/menu");
  EXPECT_EQ(Shell(curl + with("menu") + url), "CN=menu,O=Pemba is spiffe://pemba/menu");
  EXPECT_THAT(Shell(curl + url), Not(HasSubstr("Pemba")));
  EXPECT_THAT(Shell(curl + with("stranger") + url), StartsWith("curl: "));
}

TEST_F(ClientInterop, CertificatesAreReplacedWithoutARestart) {
  MakeCertificate("first");
  MakeCertificate("second");
  std::filesystem::copy(File("first.crt"), File("now.crt"));
  std::filesystem::copy(File("first.key"), File("now.key"));
  Start(Tls("now"));
  const auto url = " https://" + address_ + "/stores/1";
  const auto trusts = [&](const std::string& name) {
    return Shell("curl -s --cacert " + File(name + ".crt") + url) == "1";
  };
  EXPECT_TRUE(trusts("first"));
  WriteFile("now.crt", "garbage");  // Does not load: the old one stays.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(trusts("first"));
  std::filesystem::rename(File("second.key"), File("now.key"));
  std::filesystem::copy(File("second.crt"), File("now.crt"),
                        std::filesystem::copy_options::overwrite_existing);
  bool replaced = false;
  for (int i = 0; i < 20 && !replaced; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    replaced = trusts("second");
  }
  EXPECT_TRUE(replaced);
  EXPECT_FALSE(trusts("first"));
}

TEST_F(ClientInterop, NamesCertificateFilesThatDoNotLoad) {
  MakeCertificate("server");
  MakeCertificate("other");
  auto mismatch = Tls("server");
  mismatch.key_file = File("other.key");
  auto missing = Tls("server");
  missing.certificate_file = File("nowhere.crt");
  auto no_authority = Tls("server");
  no_authority.client_ca_file = File("nowhere.crt");
  for (const auto& [tls, file] : {std::pair(mismatch, "other.key"), std::pair(missing, "nowhere"),
                                  std::pair(no_authority, "nowhere")}) {
    Server server({.listeners = {{.address = "127.0.0.1:0", .tls = tls}}, .io_threads = 1},
                  router_);
    const auto started = server.Start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(started.error().message, HasSubstr(file));
  }
}

}  // namespace
}  // namespace pemba::rpc
