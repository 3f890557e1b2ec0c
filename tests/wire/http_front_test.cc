// HTTP itself: routing, bodies, sizes, versions, health; many callers; the life of a server.
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kUlid = "01HVMMBCMGZNT3SED4Z17ECXCA";
const std::string kStorePath = std::string("/stores/") + kUlid;

std::string Repeated(std::size_t count, std::string_view what) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += what;
  return out;
}

struct HttpCase {
  const char* name;
  const char* method;
  std::string target;
  std::string body;
  int status;
  const char* code;
  std::string message;  // "*": any.
};

const HttpCase kHttpCases[] = {
    {"unknown path", "GET", "/nowhere", "", 404, "undefined_endpoint", "Not Found"},
    {"trailing slash", "GET", "/stores/", "", 404, "undefined_endpoint", "Not Found"},
    {"one segment too many", "POST", kStorePath + "/check/more", "{}", 404, "undefined_endpoint",
     "Not Found"},
    {"known path, other method", "PUT", "/stores", "{}", 404, "unimplemented",
     "Method Not Allowed"},
    {"known path, other method", "GET", kStorePath + "/check", "", 404, "unimplemented",
     "Method Not Allowed"},
    {"empty body is an empty message", "POST", kStorePath + "/check", "", 400,
     "tuple_key_value_not_specified", "invalid CheckRequest.TupleKey: value is required"},
    {"truncated body", "POST", kStorePath + "/check", R"({"tuple_key":)", 400, "validation_error",
     "malformed JSON"},
    {"wrong type", "POST", kStorePath + "/check", R"({"tuple_key":{"user":1}})", 400,
     "validation_error", "invalid value for string field user: 1"},
    {"duplicate key", "POST", kStorePath + "/check", R"({"tuple_key":{},"tuple_key":{}})", 400,
     "validation_error", "duplicate field \"tuple_key\""},
    {"text behind the body", "POST", "/stores", R"({"name":"abc"} more)", 400, "validation_error",
     "*"},
    {"not an object", "POST", "/stores", "[]", 400, "validation_error", "*"},
    {"bad number in the query", "GET", "/stores?page_size=many", "", 400, "validation_error",
     "invalid value for int32 field page_size: many"},
    {"broken escape in the query", "GET", "/stores?name=%zz", "", 400, "validation_error",
     "invalid URL escape \"%zz\""},
    {"a field twice in the query", "GET", "/stores?name=abc&x=1&x=2&name=def", "", 400,
     "validation_error", "too many values for field \"name\": abc, def"},
    {"page size in the query", "GET", "/stores?page_size=0", "", 400, "page_size_invalid",
     "invalid ListStoresRequest.PageSize: value must be inside range [1, 100]"},
    {"the path overrides the body", "POST", "/stores/x/check",
     std::string(R"({"store_id":")") + kUlid + R"("})", 400, "validation_error",
     R"(invalid CheckRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$"; invalid CheckRequest.TupleKey: value is required)"},
    {"a path parameter is unescaped", "GET", "/stores/%61bc", "", 400, "validation_error", "*"},
    {"message beyond the limit", "POST", "/stores",
     R"({"name":")" + std::string(700'000, 'a') + "\"}", 500, "resource_exhausted",
     "received message larger than max (700004 vs. 616448)"},
    {"message beyond the limit, though its text is not", "POST", kStorePath + "/check",
     R"({"context":{"a":[1)" + Repeated(200'000, ",1") + "]}}", 500, "resource_exhausted",
     "received message larger than max (2200034 vs. 616448)"},
    {"text far beyond the limit", "POST", "/stores",
     "{\"x\":\"" + std::string(5'000'000, 'a') + "\"}", 500, "resource_exhausted", "*"},
};

class HttpFront : public ::testing::Test {
 protected:
  std::unique_ptr<server::Server> server_ = StartTestServer();
};

TEST_F(HttpFront, HttpErrorsHaveTheWiresForm) {
  for (const std::string_view version : {"1.1", "2"}) {
    for (const auto& address : {server_->http_address(), server_->grpc_address()}) {
      for (const auto& c : kHttpCases) {
        SCOPED_TRACE(std::string(c.name) + " over HTTP/" + std::string(version));
        const auto answer = HttpRequest(address, c.method, c.target, c.body, {}, version);
        EXPECT_EQ(answer.http_status, c.status);
        EXPECT_EQ(answer.code, c.code);
        if (c.message != "*") {
          EXPECT_EQ(answer.message, c.message);
        }
        EXPECT_EQ(answer.headers.at("content-type"), "application/json");
      }
    }
  }
}

TEST_F(HttpFront, TextMayBeLongerThanTheMessageThatItStandsFor) {
  const auto text = "{" + std::string(1'500'000, ' ') + R"("name":"abc"})";
  for (const std::string_view version : {"1.1", "2"}) {
    const auto answer =
        HttpRequest(server_->http_address(), "POST", "/stores", text, {}, std::string(version));
    EXPECT_EQ(answer.http_status, 201) << version << " " << answer.message;
  }
}

TEST_F(HttpFront, DecodingFailuresCarryNoRequestId) {
  const auto malformed = HttpRequest(server_->http_address(), "POST", "/stores", "{");
  EXPECT_FALSE(malformed.headers.contains("x-request-id"));
  const auto rule = HttpRequest(server_->http_address(), "POST", "/stores", "{}");
  EXPECT_EQ(rule.headers.at("x-request-id").size(), 36U);
}

TEST_F(HttpFront, RequestIdsAreOurOwnAndNew) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto answer =
        HttpRequest(server_->http_address(), "GET", "/stores", "", {{"X-Request-Id", "theirs"}});
    const auto& id = answer.headers.at("x-request-id");
    EXPECT_EQ(id[14], '4');
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST_F(HttpFront, NoContentHasNoBody) {
  const auto answer = HttpRequest(server_->http_address(), "DELETE", kStorePath, "");
  EXPECT_EQ(answer.http_status, 204);
  EXPECT_TRUE(answer.response.is_null());
  EXPECT_EQ(answer.headers.at("x-http-code"), "204");
}

TEST_F(HttpFront, HealthOverHttp) {
  const auto& address = server_->http_address();
  for (const char* target : {"/healthz", "/healthz?service=openfga.v1.OpenFGAService"}) {
    const auto answer = HttpRequest(address, "GET", target, "");
    EXPECT_EQ(answer.http_status, 200);
    EXPECT_EQ(json::serialize(answer.response), R"({"status":"SERVING"})");
  }
  const auto unknown = HttpRequest(address, "GET", "/healthz?service=other", "");
  EXPECT_EQ(unknown.http_status, 404);
  EXPECT_EQ(unknown.code, "undefined_endpoint");
}

// Writers and readers of one store at once: whoever has been told of a write sees it.
TEST_F(HttpFront, ManyCallersAtOnceReadTheirOwnWrites) {
  constexpr int kCallers = 6;
  constexpr int kRounds = 20;
  const auto& address = server_->http_address();
  const auto post = [&](const std::string& path, const std::string& body) {
    return HttpRequest(address, "POST", path, body);
  };
  const auto store =
      std::string(post("/stores", R"({"name":"shared"})").response.at("id").as_string());
  const auto path = "/stores/" + store;
  ASSERT_TRUE(post(path + "/authorization-models",
                   R"({"schema_version":"1.1","type_definitions":[{"type":"user"},
                       {"type":"doc","relations":{"viewer":{"this":{}}},"metadata":{"relations":
                       {"viewer":{"directly_related_user_types":[{"type":"user"}]}}}}]})")
                  .ok);
  std::vector<std::thread> callers;
  std::vector<int> allowed(kCallers), denied(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        const auto key = R"({"user":"user:)" + std::to_string(caller) +
                         R"(","relation":"viewer","object":"doc:)" + std::to_string(round) + "\"}";
        const auto check = [&] {
          return post(path + "/check", R"({"tuple_key":)" + key + "}")
              .response.at("allowed")
              .as_bool();
        };
        const auto change = [&](const char* what) {
          return post(path + "/write",
                      std::string("{\"") + what + R"(":{"tuple_keys":[)" + key + "]}}")
              .ok;
        };
        denied[static_cast<std::size_t>(caller)] += check() ? 0 : 1;
        const bool written = change("writes");
        allowed[static_cast<std::size_t>(caller)] += written && check() ? 1 : 0;
        if (round % 2 == 0) {
          const bool deleted = change("deletes");
          denied[static_cast<std::size_t>(caller)] += deleted && !check() ? 1 : 0;
        }
      }
    });
  }
  for (auto& caller : callers) caller.join();
  for (const int count : allowed) EXPECT_EQ(count, kRounds);
  for (const int count : denied) EXPECT_EQ(count, kRounds + kRounds / 2);
  const auto read = post(path + "/read", R"({"page_size":100})");
  EXPECT_EQ(read.headers.at("pemba-revision"), std::to_string(kCallers * (kRounds + kRounds / 2)));
  EXPECT_EQ(read.response.at("tuples").as_array().size(),
            static_cast<std::size_t>(kCallers * kRounds / 2));
}

TEST(Life, TwoServersInOneProcessKnowNothingOfEachOther) {
  const auto one = StartTestServer();
  const auto two = StartTestServer();
  EXPECT_NE(one->http_address(), two->http_address());
  HttpRequest(one->http_address(), "POST", "/stores", R"({"name":"mine"})");
  const auto stores = HttpRequest(two->http_address(), "GET", "/stores", "");
  EXPECT_TRUE(stores.response.at("stores").as_array().empty());
}

TEST(Life, AnEmbeddedServerRemembersAndOneDirectoryHasOneServer) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("pemba-front-test-" + std::to_string(getpid()));
  std::filesystem::remove_all(directory);
  auto loaded = TestConfig();
  loaded.config.datastore_engine = server::DatastoreEngine::kEmbedded;
  loaded.config.data_directory = directory;
  std::string store;
  {
    const auto server = StartTestServer(loaded);
    store =
        json::serialize(HttpRequest(server->http_address(), "POST", "/stores", R"({"name":"kept"})")
                            .response.at("id"));
    EXPECT_FALSE(server::Server::Start(loaded, TestClock()).ok());
  }
  {
    const auto server = StartTestServer(loaded);
    const auto stores = HttpRequest(server->http_address(), "GET", "/stores", "");
    EXPECT_EQ(json::serialize(stores.response.at("stores").at(0).at("id")), store);
  }
  std::filesystem::remove_all(directory);
}

TEST(Life, AnAddressInUseIsAnErrorThatNamesIt) {
  const auto one = StartTestServer();
  auto loaded = TestConfig();
  loaded.config.http.address = one->http_address();
  loaded.config.grpc.address = one->http_address();
  const auto two = server::Server::Start(loaded, TestClock());
  ASSERT_FALSE(two.ok());
  EXPECT_NE(two.error().message.find(one->http_address()), std::string::npos)
      << two.error().message;
}

}  // namespace
}  // namespace pemba::wire_test
