// Canaries: what is told in confidence appears in no log line, metric or span, whatever the level.
#include <string>
#include <vector>

#include <boost/json/value_to.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/otlp_collector.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

// Credentials: nowhere, at no level.
constexpr const char* kKey = "canary-key-71e2";
constexpr const char* kWrongKey = "canary-wrong-5f0c";
constexpr const char* kToken = "eyJjYW5hcnktdG9rZW4i.canary-body-90aa.canary-signature";
// What tuples hold: only in debug lines and, because that is what they are for, in spans.
constexpr const char* kUser = "user:canary-user-3d44";
constexpr const char* kObject = "document:canary-object-88b1";
constexpr const char* kContextValue = "canary-context-0c9e";

constexpr const char* kModel = R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user, user with secret]

condition secret(word: string, given: string) {
  word == given
})";

std::map<std::string, std::string> As(const std::string& credential) {
  return {{"authorization", "Bearer " + credential}};
}

json::object Key(const char* relation = "viewer") {
  return {{"user", kUser}, {"relation", relation}, {"object", kObject}};
}

// Calls that succeed, that are refused and that fail, with canaries wherever a caller can put any.
void UseWith(WireClient& client) {
  const auto good = As(kKey);
  for (const auto* credential : {kWrongKey, kToken, ""}) {
    EXPECT_FALSE(client.Call("ListStores", {}, As(credential)).ok);
  }
  EXPECT_FALSE(client.Call("ListStores", {}, {{"authorization", kKey}}).ok);  // No scheme.
  const auto made = client.Call("CreateStore", {{"name", "canaries"}}, good);
  ASSERT_TRUE(made.ok) << made.message;
  const auto store = json::value_to<std::string>(made.response.at("id"));
  auto model = ModelFields(kModel);
  model["store_id"] = store;
  ASSERT_TRUE(client.Call("WriteAuthorizationModel", model, good).ok);

  auto conditional = Key();
  conditional["condition"] = {{"name", "secret"}, {"context", {{"word", kContextValue}}}};
  const json::object write = {{"store_id", store}, {"writes", {{"tuple_keys", {conditional}}}}};
  EXPECT_TRUE(client.Call("Write", write, good).ok);
  EXPECT_FALSE(client.Call("Write", write, good).ok);  // It is there already: the error names it.
  const json::object context = {{"given", kContextValue}};
  const auto check = [&](const json::object& key, const json::object& given) {
    return client.Call("Check", {{"store_id", store}, {"tuple_key", key}, {"context", given}}, good)
        .ok;
  };
  EXPECT_TRUE(check(Key(), context));
  EXPECT_FALSE(check(Key(), {}));                                 // A parameter is missing.
  EXPECT_FALSE(check(Key(), {{"given", {{kContextValue, 1}}}}));  // It is no string.
  EXPECT_FALSE(check(Key("nothing"), context));
  EXPECT_TRUE(client
                  .Call("ListObjects",
                        {{"store_id", store},
                         {"type", "document"},
                         {"relation", "viewer"},
                         {"user", kUser},
                         {"context", context}},
                        good)
                  .ok);
  EXPECT_TRUE(client.Call("Read", {{"store_id", store}, {"tuple_key", Key()}}, good).ok);
  EXPECT_FALSE(client.Call("Read", {{"store_id", store}, {"continuation_token", kUser}}, good).ok);
}

struct Told {
  std::string log, metrics, spans;
};

Told ToldAt(server::LogLevel level, server::LogFormat format) {
  OtlpCollector collector;
  auto loaded = TestConfig();
  loaded.config.authn.method = server::AuthnMethod::kPreshared;
  loaded.config.authn.preshared_keys = {"canary-unused-2b2b", kKey};
  loaded.config.log_level = level;
  loaded.config.log_format = format;
  loaded.config.slow_query_threshold = std::chrono::nanoseconds(1);
  loaded.config.metrics.enabled = true;
  loaded.config.metrics.address = "127.0.0.1:0";
  loaded.config.metrics.rpc_histograms = true;
  loaded.config.trace.enabled = true;
  loaded.config.trace.sampler = "always_on";
  loaded.config.trace.otlp.endpoint = collector.address();
  Told told;
  ::testing::internal::CaptureStderr();
  {
    const auto server = StartTestServer(loaded);
    UseWith(*NewGrpcClient(server->grpc_address()));
    UseWith(*NewHttpClient(server->http_address()));
    told.metrics = HttpRequest(server->metrics_address(), "GET", "/metrics", "").body;
    server->Shutdown();
  }
  told.log = ::testing::internal::GetCapturedStderr();
  for (const auto& span : collector.Await(1)) told.spans += span.ShortDebugString() + "\n";
  return told;
}

class TelemetrySecrets
    : public ::testing::TestWithParam<std::tuple<server::LogLevel, server::LogFormat>> {};

TEST_P(TelemetrySecrets, AreToldToNobody) {
  const auto [level, format] = GetParam();
  const auto told = ToldAt(level, format);
  for (const auto* text : {&told.log, &told.metrics, &told.spans}) {
    for (const auto* credential :
         {kKey, kWrongKey, kToken, "canary-body-90aa", "canary-unused-2b2b", "Bearer"}) {
      EXPECT_THAT(*text, Not(HasSubstr(credential)));
    }
  }
  // Nothing that callers send is in metrics: these are read by whoever can reach the port.
  EXPECT_THAT(told.metrics, HasSubstr("grpc_server_handled_total"));
  EXPECT_THAT(told.metrics, Not(HasSubstr("canary")));

  // The test would see a canary: a debug log has the tuples, and spans have users and objects.
  const bool debug = level == server::LogLevel::kDebug;
  for (const auto* content : {kUser, kObject, kContextValue}) {
    EXPECT_EQ(told.log.find(content) != told.log.npos, debug) << content;
  }
  EXPECT_THAT(told.spans, HasSubstr(kUser));
  EXPECT_THAT(told.spans, HasSubstr(kObject));
  EXPECT_EQ(told.log.find("grpc_req_complete") != told.log.npos, level <= server::LogLevel::kInfo);
  EXPECT_EQ(told.log.find("slow_query") != told.log.npos, level <= server::LogLevel::kWarn);
}

INSTANTIATE_TEST_SUITE_P(
    Levels, TelemetrySecrets,
    ::testing::Combine(::testing::Values(server::LogLevel::kDebug, server::LogLevel::kInfo,
                                         server::LogLevel::kWarn, server::LogLevel::kError,
                                         server::LogLevel::kNone),
                       ::testing::Values(server::LogFormat::kText, server::LogFormat::kJson)));

}  // namespace
}  // namespace pemba::wire_test
