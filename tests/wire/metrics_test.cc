// What the metrics listener shows is what was asked, in a form that scrapers read.
#include <filesystem>
#include <string>

#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include "pemba/telemetry/testing/metrics_text.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
using telemetry::MetricsText;

constexpr const char* kModel = R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user])";

class Metrics : public ::testing::Test {
 protected:
  static server::LoadedConfig Config() {
    auto loaded = TestConfig();
    loaded.config.metrics.enabled = true;
    loaded.config.metrics.address = "127.0.0.1:0";
    loaded.config.metrics.rpc_histograms = true;
    return loaded;
  }

  MetricsText Scrape() {
    const auto answer = HttpRequest(server_->metrics_address(), "GET", "/metrics", "");
    EXPECT_EQ(answer.http_status, 200);
    EXPECT_EQ(answer.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    auto text = telemetry::ParseMetricsText(answer.body);
    EXPECT_TRUE(text.ok()) << text.error().message;
    return *std::move(text);
  }

  json::object Key(const char* user) {
    return {{"user", user}, {"relation", "viewer"}, {"object", "document:1"}};
  }

  std::string NewStore() {
    const auto made = grpc_->Call("CreateStore", {{"name", "metrics"}});
    auto id = json::value_to<std::string>(made.response.at("id"));
    auto model = ModelFields(kModel);
    model["store_id"] = id;
    EXPECT_TRUE(grpc_->Call("WriteAuthorizationModel", model).ok);
    EXPECT_TRUE(
        grpc_->Call("Write", {{"store_id", id}, {"writes", {{"tuple_keys", {Key("user:anne")}}}}})
            .ok);
    return id;
  }

  std::unique_ptr<server::Server> server_ = StartTestServer(Config());
  std::unique_ptr<WireClient> grpc_ = NewGrpcClient(server_->grpc_address());
  std::unique_ptr<WireClient> http_ = NewHttpClient(server_->http_address());
};

std::string Rpc(const std::string& metric, const std::string& rpc, const std::string& code = "") {
  return metric + R"({grpc_type="unary",grpc_service="openfga.v1.OpenFGAService",grpc_method=")" +
         rpc + "\"" + (code.empty() ? "" : ",grpc_code=\"" + code + "\"") + "}";
}

TEST_F(Metrics, CountsMatchTheCallsThatWereMade) {
  const auto store = NewStore();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(grpc_->Call("Check", {{"store_id", store}, {"tuple_key", Key("user:anne")}}).ok);
  }
  EXPECT_TRUE(http_
                  ->Call("Check", {{"store_id", store},
                                   {"tuple_key", Key("user:bob")},
                                   {"consistency", "HIGHER_CONSISTENCY"}})
                  .ok);
  // Fails in evaluation's preparation: counted, with its number.
  auto unknown = Key("user:anne");
  unknown["relation"] = "nobody";
  EXPECT_FALSE(grpc_->Call("Check", {{"store_id", store}, {"tuple_key", unknown}}).ok);
  // Breaks a field rule: not counted at all.
  EXPECT_FALSE(http_->Call("Check", {{"store_id", store}}).ok);
  EXPECT_TRUE(grpc_
                  ->Call("BatchCheck",
                         {{"store_id", store},
                          {"checks",
                           {json::object{{"tuple_key", Key("user:anne")}, {"correlation_id", "a"}},
                            json::object{{"tuple_key", Key("user:bob")}, {"correlation_id", "b"}},
                            json::object{{"tuple_key", unknown}, {"correlation_id", "c"}}}}})
                  .ok);

  const auto text = Scrape();
  EXPECT_EQ(text.Value(Rpc("grpc_server_started_total", "Check")), 5);
  EXPECT_EQ(text.Value(Rpc("grpc_server_msg_received_total", "Check")), 5);
  EXPECT_EQ(text.Value(Rpc("grpc_server_msg_sent_total", "Check")), 4);
  EXPECT_EQ(text.Value(Rpc("grpc_server_handled_total", "Check", "OK")), 4);
  EXPECT_EQ(text.Value(Rpc("grpc_server_handled_total", "Check", "Code(2000)")), 1);
  EXPECT_EQ(text.Value(Rpc("grpc_server_handling_seconds_count", "Check")), 5);
  EXPECT_EQ(text.Value(Rpc("grpc_server_started_total", "Write")), 1);
  EXPECT_EQ(text.Value(R"(openfga_check_result_count{allowed="true"})"), 3);
  EXPECT_EQ(text.Value(R"(openfga_check_result_count{allowed="false"})"), 1);
  EXPECT_EQ(text.Value("pemba_check_duration_seconds_count"), 5);
  EXPECT_EQ(
      text.Value(R"(openfga_check_duration_ms_count{datastore_query_count="50",caller="check"})"),
      5);
  const auto request = [](const char* method, const char* consistency) {
    return R"(openfga_request_duration_ms_count{grpc_service="openfga.v1.OpenFGAService",)"
           R"(grpc_method=")" +
           std::string(method) +
           R"(",datastore_query_count="50",dispatch_count="50",consistency=")" + consistency +
           "\"}";
  };
  EXPECT_EQ(text.Value(request("check", "UNSPECIFIED")), 4);
  EXPECT_EQ(text.Value(request("check", "HIGHER_CONSISTENCY")), 1);
  EXPECT_EQ(text.Value(request("batchcheck", "UNSPECIFIED")), 1);
  const std::string check = R"({grpc_service="openfga.v1.OpenFGAService",grpc_method="check"})";
  EXPECT_EQ(text.Value("openfga_dispatch_count_count" + check), 5);
  EXPECT_EQ(text.Value("openfga_datastore_query_count_count" + check), 5);
  for (const char* decision : {"allowed", "denied", "undecided"}) {
    EXPECT_EQ(
        text.Value("pemba_batch_check_results_total{decision=\"" + std::string(decision) + "\"}"),
        1)
        << decision;
  }
  EXPECT_EQ(text.Value(R"(openfga_write_duration_ms_count{require_authorize_check="false",)"
                       R"(on_duplicate_write="error",on_missing_delete="error"})"),
            1);
  EXPECT_EQ(text.Value(R"(pemba_tuples_written_total{operation="write"})"), 1);
  EXPECT_EQ(text.Value("pemba_tuples"), 1);
  EXPECT_EQ(text.Value("pemba_revisions_total"), 1);
  EXPECT_EQ(text.Value("pemba_stores_loaded"), 1);
  EXPECT_GE(text.Value("pemba_open_connections"), 1);
  EXPECT_GT(text.Value(R"(pemba_graph_bytes{use="dictionaries"})"), 0);
}

TEST_F(Metrics, TheListenerAnswersNothingElse) {
  EXPECT_EQ(HttpRequest(server_->metrics_address(), "GET", "/stores", "").http_status, 404);
  EXPECT_EQ(HttpRequest(server_->http_address(), "GET", "/metrics", "").http_status, 404);
  EXPECT_TRUE(StartTestServer()->metrics_address().empty());  // Switched off.
}

TEST_F(Metrics, TheEmbeddedLogTellsItsSyncs) {
  const auto directory = std::filesystem::temp_directory_path() / "pemba_metrics_test";
  std::filesystem::remove_all(directory);
  auto loaded = Config();
  loaded.config.datastore_engine = server::DatastoreEngine::kEmbedded;
  loaded.config.data_directory = directory;
  server_ = StartTestServer(loaded);
  grpc_ = NewGrpcClient(server_->grpc_address());
  NewStore();
  EXPECT_GE(Scrape().Value("pemba_log_sync_seconds_count"), 3);  // Store, model, tuple.
  server_.reset();
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace pemba::wire_test
