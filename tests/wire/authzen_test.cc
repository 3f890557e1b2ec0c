// What configuration decides about AuthZEN: whether it is offered, where it says it is, and the
// paths that name no store.
#include <string>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kStore = "01HVMMBCMGZNT3SED4Z17ECXCA";

json::object Question() {
  return {{"subject", {{"type", "user"}, {"id", "anne"}}},
          {"resource", {{"type", "document"}, {"id", "1"}}},
          {"action", {{"name", "reader"}}}};
}

server::LoadedConfig Enabled() {
  auto loaded = TestConfig();
  loaded.config.authzen.enabled = true;
  return loaded;
}

TEST(Authzen, IsOffUnlessEnabledAndSaysSoAfterTheFieldRules) {
  const auto server = StartTestServer();
  const auto grpc = NewGrpcClient(server->grpc_address());
  const auto http = NewHttpClient(server->http_address());
  auto request = Question();
  request["store_id"] = kStore;
  const std::string text =
      "AuthZEN endpoints are experimental. Enable with --experimentals=authzen";
  for (const auto* rpc : {"Evaluation", "Evaluations", "SubjectSearch", "ResourceSearch",
                          "ActionSearch", "GetConfiguration"}) {
    SCOPED_TRACE(rpc);
    auto answer = grpc->Call(rpc, request);
    EXPECT_EQ(answer.grpc_code, 12u);
    EXPECT_EQ(answer.message, text);
    answer = http->Call(rpc, request);
    EXPECT_EQ(answer.http_status, 404);
    EXPECT_EQ(answer.code, "unimplemented");
    EXPECT_EQ(answer.message, text);
  }
  request["store_id"] = "abc";
  EXPECT_EQ(grpc->Call("Evaluation", request).grpc_code, 3u);
}

TEST(Authzen, HasNoDiscoveryDocumentWithoutABaseUrl) {
  const auto server = StartTestServer(Enabled());
  const json::object request{{"store_id", kStore}};
  EXPECT_EQ(NewGrpcClient(server->grpc_address())->Call("GetConfiguration", request).grpc_code, 9u);
  const auto answer = NewHttpClient(server->http_address())->Call("GetConfiguration", request);
  EXPECT_EQ(answer.http_status, 500);
  EXPECT_EQ(answer.code, "failed_precondition");
}

constexpr const char* kPaths[] = {"/access/v1/evaluation", "/access/v1/evaluations",
                                  "/access/v1/search/subject", "/access/v1/search/resource",
                                  "/access/v1/search/action"};

TEST(Authzen, PathsWithoutAStoreDoNotExistWithoutADefaultStore) {
  const auto server = StartTestServer(Enabled());
  for (const auto* path : kPaths) {
    const auto answer = HttpRequest(server->http_address(), "POST", path, "{}");
    EXPECT_EQ(answer.http_status, 404) << path;
    EXPECT_EQ(answer.code, "undefined_endpoint") << path;
  }
  const auto answer =
      HttpRequest(server->http_address(), "GET", "/.well-known/authzen-configuration", {});
  EXPECT_EQ(answer.code, "undefined_endpoint");
}

TEST(Authzen, PathsWithoutAStoreAreAboutTheDefaultStore) {
  auto loaded = Enabled();
  loaded.config.authzen.base_url = "https://pemba.example";
  loaded.config.authzen.store_id = kStore;
  const auto server = StartTestServer(loaded);
  const auto client = NewHttpClient(server->http_address());
  auto model = ModelFields(
      "model\n  schema 1.1\ntype user\ntype document\n  relations\n    define reader: [user]\n");
  model["store_id"] = kStore;
  ASSERT_TRUE(client->Call("WriteAuthorizationModel", model).ok);
  const json::object tuple{{"user", "user:anne"}, {"relation", "reader"}, {"object", "document:1"}};
  ASSERT_TRUE(
      client
          ->Call("Write", {{"store_id", kStore}, {"writes", {{"tuple_keys", json::array{tuple}}}}})
          .ok);

  auto request = Question();
  // Whatever the body says: the path means the configured store.
  request["store_id"] = "01HVMMBCMGZNT3SED4Z17ECXCB";
  const auto ask = [&](const char* path, const json::object& body) {
    auto answer = HttpRequest(server->http_address(), "POST", path, json::serialize(body));
    EXPECT_TRUE(answer.ok) << path << ": " << answer.message;
    EXPECT_EQ(answer.headers["openfga-store-id"], kStore) << path;
    return json::serialize(answer.response);
  };
  EXPECT_EQ(ask(kPaths[0], request), R"({"decision":true})");
  EXPECT_EQ(ask(kPaths[1], request), R"({"evaluations":[{"decision":true}]})");
  EXPECT_EQ(ask(kPaths[2], request), R"({"results":[{"type":"user","id":"anne"}]})");
  EXPECT_EQ(ask(kPaths[3], request), R"({"results":[{"type":"document","id":"1"}]})");
  EXPECT_EQ(ask(kPaths[4], request), R"({"results":[{"name":"reader"}]})");

  const auto document =
      HttpRequest(server->http_address(), "GET", "/.well-known/authzen-configuration", {});
  ASSERT_TRUE(document.ok);
  EXPECT_EQ(document.response.at("policy_decision_point"), "https://pemba.example");
  EXPECT_EQ(document.response.at("access_evaluation_endpoint"),
            "https://pemba.example/access/v1/evaluation");
}

}  // namespace
}  // namespace pemba::wire_test
