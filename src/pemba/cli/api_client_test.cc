#include "pemba/cli/api_client.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pemba/cli/json_text.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

// Answers connections one after the other with prepared answers, and keeps what it was sent.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedServer() { Join(); }

  const std::string& url() const { return url_; }
  // What was received, once every answer is given.
  const std::vector<std::string>& Join() {
    if (thread_.joinable()) thread_.join();
    if (listener_ >= 0) ::close(listener_);
    listener_ = -1;
    return requests_;
  }

 private:
  void Serve() {
    for (const auto& answer : answers_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      requests_.push_back(ReadRequest(connection));
      EXPECT_EQ(::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(answer.size()));
      ::close(connection);
    }
  }

  static std::string ReadRequest(int connection) {
    std::string request;
    char block[4096];
    for (;;) {
      const auto head_end = request.find("\r\n\r\n");
      if (head_end != request.npos) {
        const auto length = request.find("Content-Length: ");
        const auto body = length == request.npos ? 0 : std::atoi(request.c_str() + length + 16);
        if (request.size() >= head_end + 4 + static_cast<std::size_t>(body)) return request;
      }
      const ssize_t got = ::recv(connection, block, sizeof(block), 0);
      if (got <= 0) return request;
      request.append(block, static_cast<std::size_t>(got));
    }
  }

  std::vector<std::string> answers_, requests_;  // Requests: the thread's until the join.
  std::string url_;
  int listener_ = -1;
  std::thread thread_;
};

std::string Answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

bool Has(const std::string& request, const std::string& part) {
  return request.find(part) != request.npos;
}

TEST(ApiClient, SendsTokenHeadersQueryAndBody) {
  ScriptedServer server({Answer("200 OK", R"({"a":1})"), Answer("201 Created", R"({"b":2})"),
                         Answer("204 No Content", "")});
  ApiOptions options;
  options.url = server.url();
  options.token = "secret";
  options.headers = {"X-Tenant: acme"};
  ApiClient client(options);
  const auto got = client.Get(StorePath("a/b"), {{"name", "x y&z"}, {"empty", ""}});
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(JsonText(*got), R"({"a":1})");
  const auto posted = client.Post("/stores", json::object{{"n", 1.0}});
  ASSERT_TRUE(posted.ok()) << posted.error().message;
  EXPECT_TRUE(client.Delete("/stores/x").ok());

  const auto& requests = server.Join();
  EXPECT_TRUE(requests[0].starts_with("GET /stores/a%2Fb?name=x%20y%26z HTTP/1.1\r\n"))
      << requests[0];
  EXPECT_TRUE(requests[1].starts_with("POST /stores HTTP/1.1\r\n"));
  EXPECT_TRUE(Has(requests[1], "Content-Type: application/json\r\n"));
  EXPECT_TRUE(requests[1].ends_with("\r\n\r\n{\"n\":1}")) << requests[1];
  EXPECT_TRUE(requests[2].starts_with("DELETE /stores/x HTTP/1.1\r\n"));
  for (const auto& request : requests) {
    EXPECT_TRUE(Has(request, "Authorization: Bearer secret\r\n"));
    EXPECT_TRUE(Has(request, "X-Tenant: acme\r\n"));
  }
}

TEST(ApiClient, FetchesATokenForAClientId) {
  ScriptedServer issuer({Answer("200 OK", R"({"access_token":"fetched","token_type":"Bearer"})")});
  ScriptedServer server({Answer("200 OK", "{}")});
  ApiOptions options;
  options.url = server.url();
  options.client_id = "me";
  options.client_secret = "mine";
  options.audience = "api";
  options.scopes = {"read", "write"};
  options.token_issuer = issuer.url();
  auto client = ApiClient::Connect(options);
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_TRUE(client->Get("/stores").ok());

  const auto& asked = issuer.Join()[0];
  EXPECT_TRUE(asked.starts_with("POST /oauth/token HTTP/1.1\r\n")) << asked;
  EXPECT_TRUE(Has(asked, R"("grant_type":"client_credentials","client_id":"me",)"
                         R"("client_secret":"mine","audience":"api","scope":"read write")"))
      << asked;
  EXPECT_TRUE(Has(server.Join()[0], "Authorization: Bearer fetched\r\n"));
}

struct FailureCase {
  const char* name;
  std::string answer;
  ErrorCode code;
  const char* message;
};

TEST(ApiClient, TellsFailuresApart) {
  const FailureCase cases[] = {
      {"the API's error", Answer("400 Bad Request", R"({"code":"a_code","message":"a text"})"),
       ErrorCode::kValidation, "a_code: a text"},
      {"another error", Answer("502 Bad Gateway", "<html>"), ErrorCode::kValidation,
       "the server answered HTTP 502"},
      {"a redirect is not followed",
       "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
       ErrorCode::kValidation, "the server answered HTTP 302"},
      {"success that is no JSON", Answer("200 OK", "hello"), ErrorCode::kInternal,
       "the server's answer is not JSON"},
      {"an answer that breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
       ErrorCode::kUnavailable, "cannot talk to "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ScriptedServer server({c.answer});
    ApiOptions options;
    options.url = server.url();
    const auto answer = ApiClient(options).Get("/stores");
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, c.code);
    EXPECT_EQ(answer.error().message.substr(0, std::string(c.message).size()), c.message);
  }
}

TEST(ApiClient, AnIssuerThatRefusesIsNoServerError) {
  ScriptedServer issuer({Answer("403 Forbidden", R"({"error":"no"})")});
  ApiOptions options;
  options.client_id = "me";
  options.token_issuer = issuer.url() + "/realms/x/token";
  const auto client = ApiClient::Connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::kUnauthenticated);
  EXPECT_TRUE(issuer.Join()[0].starts_with("POST /realms/x/token "));
}

TEST(ApiClient, DebugLinesHoldNoSecret) {
  ScriptedServer server({Answer("200 OK", R"({"a":1})")});
  std::string log;
  ApiOptions options;
  options.url = server.url();
  options.token = "secret";
  options.log_line = [&](const std::string& line) { log += line + "\n"; };
  EXPECT_TRUE(ApiClient(options).Post("/x", json::object{{"b", "c"}}).ok());
  EXPECT_EQ(log, "> POST " + server.url() + "/x\n> {\"b\":\"c\"}\n< 200 {\"a\":1}\n");
}

TEST(HttpClient, RefusesWhatIsNoHttp) {
  for (const char* const url : {"file:///etc/passwd", "ftp://x", "localhost:8080", ""}) {
    const auto response =
        HttpClient().Send({.method = "GET", .url = url, .headers = {}, .body = {}});
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument);
  }
  const auto response = HttpClient().Send(
      {.method = "GET", .url = "http://127.0.0.1:1", .headers = {"A: b\r\nC: d"}, .body = {}});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument);
}

TEST(HttpClient, GivesUpOnAnswersWithoutEnd) {
  ScriptedServer server({Answer("200 OK", std::string(5000, ' '))});
  HttpClient client({.response_bytes_max = 1000});
  const auto response =
      client.Send({.method = "GET", .url = server.url(), .headers = {}, .body = {}});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace pemba::cli
