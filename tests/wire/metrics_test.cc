// What the metrics listener shows is what was asked, in a form that scrapers read.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "pemba/api/openfga/call_metrics.h"
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

constexpr const char* kConditionalModel = R"(model
  schema 1.1
type user
type document
  relations
    define friend: [user] or (friend from parent and owner)
    define parent: [document]
    define owner: [user]
    define viewer: [user with open]
    define reader: [user] but not friend

condition open(numbers: list<int>, wanted: int) {
  wanted in numbers
})";

TEST_F(Metrics, ConditionsAndListsAreCounted) {
  const auto made = grpc_->Call("CreateStore", {{"name", "conditions"}});
  const auto store = json::value_to<std::string>(made.response.at("id"));
  auto model = ModelFields(kConditionalModel);
  model["store_id"] = store;
  ASSERT_TRUE(grpc_->Call("WriteAuthorizationModel", model).ok);
  auto key = Key("user:anne");
  key["condition"] = {{"name", "open"}, {"context", json::object()}};
  auto reader = Key("user:anne"), owner = Key("user:anne");
  reader["relation"] = "reader";
  owner["relation"] = "owner";
  ASSERT_TRUE(
      grpc_
          ->Call("Write", {{"store_id", store}, {"writes", {{"tuple_keys", {key, reader, owner}}}}})
          .ok);
  EXPECT_EQ(Scrape().Value("openfga_condition_evaluation_cost_count"), 0);
  const auto check = [&](int length) {
    json::array list;
    for (int i = 0; i < length; ++i) list.push_back(i);
    return grpc_->Call("Check", {{"store_id", store},
                                 {"tuple_key", Key("user:anne")},
                                 {"context", {{"numbers", list}, {"wanted", -1}}}});
  };
  EXPECT_TRUE(check(20).ok);  // Costs 22.
  EXPECT_TRUE(check(20).ok);
  EXPECT_FALSE(check(200).ok);  // Would cost 202.
  const auto list = [&](const char* relation) {
    EXPECT_TRUE(grpc_
                    ->Call("ListObjects", {{"store_id", store},
                                           {"type", "document"},
                                           {"relation", relation},
                                           {"user", "user:anne"}})
                    .ok);
  };
  list("reader");  // What recurses through `and` right of a `but not` is confirmed by Check.
  list("owner");
  const auto text = Scrape();
  EXPECT_EQ(text.Value("openfga_condition_compilation_duration_ms_count"), 1);
  EXPECT_EQ(text.Value("openfga_condition_evaluation_duration_ms_count"), 3);
  EXPECT_EQ(text.Value("openfga_condition_evaluation_cost_count"), 3);
  EXPECT_EQ(text.Value(R"(openfga_condition_evaluation_cost_bucket{le="22.22222222222222"})"), 2);
  EXPECT_EQ(text.Value(R"(openfga_condition_evaluation_cost_bucket{le="100"})"), 2);
  EXPECT_EQ(text.Value(R"(openfga_list_objects_optimization_count{strategy="weighted"})"), 2);
  EXPECT_EQ(text.Value("openfga_list_objects_further_eval_required_count"), 1);
  EXPECT_EQ(text.Value("openfga_list_objects_no_further_eval_required_count"), 1);
}

TEST_F(Metrics, TheCostOfConditionsIsASetting) {
  for (const auto& [cost_max, allowed] : {std::pair{100u, false}, {1000u, true}}) {
    SCOPED_TRACE(cost_max);
    auto loaded = Config();
    loaded.config.condition_cost_max = cost_max;
    server_ = StartTestServer(loaded);
    grpc_ = NewGrpcClient(server_->grpc_address());
    const auto made = grpc_->Call("CreateStore", {{"name", "conditions"}});
    const auto store = json::value_to<std::string>(made.response.at("id"));
    auto model = ModelFields(kConditionalModel);
    model["store_id"] = store;
    ASSERT_TRUE(grpc_->Call("WriteAuthorizationModel", model).ok);
    json::array list;
    for (int i = 0; i < 200; ++i) list.push_back(i);
    auto key = Key("user:anne");
    key["condition"] = {{"name", "open"}, {"context", json::object()}};
    const auto answer = grpc_->Call("Check", {{"store_id", store},
                                              {"tuple_key", Key("user:anne")},
                                              {"contextual_tuples", {{"tuple_keys", {key}}}},
                                              {"context", {{"numbers", list}, {"wanted", 199}}}});
    EXPECT_EQ(answer.ok, allowed) << answer.message;
    if (allowed) {
      EXPECT_EQ(answer.response.at("allowed"), true);
    } else {
      EXPECT_NE(answer.message.find("cost limit"), std::string::npos);
    }
  }
}

TEST(CallMetrics, AccessControlIsCountedAndNamed) {
  telemetry::Registry registry;
  api::openfga::CallMetrics metrics(registry, {.access_control = true});
  ASSERT_NE(metrics.access_control_checks(), nullptr);
  metrics.access_control_checks()->Observe(2'000'000);
  metrics.Observe(openfga::v1::WriteRequest(), openfga::v1::WriteResponse(),
                  api::openfga::CallReport());
  const auto text = *telemetry::ParseMetricsText(registry.Scrape());
  EXPECT_EQ(text.Value(R"(openfga_access_control_store_check_request_duration_ms_count)"
                       R"({datastore_query_count="50",dispatch_count="50",)"
                       R"(consistency="UNSPECIFIED"})"),
            1);
  EXPECT_EQ(text.Value(R"(openfga_write_duration_ms_count{require_authorize_check="true",)"
                       R"(on_duplicate_write="error",on_missing_delete="error"})"),
            1);
}

// Where Prometheus is installed, its own checker reads what a used server shows. It has remarks on
// names that are not ours to choose, and must have none on ours.
TEST_F(Metrics, PromtoolAcceptsThem) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  grpc_->Call("Check", {{"store_id", NewStore()}, {"tuple_key", Key("user:anne")}});
  const auto file = std::filesystem::temp_directory_path() / "pemba_promtool_test.txt";
  const auto remarks = file.string() + ".remarks";
  std::ofstream(file) << HttpRequest(server_->metrics_address(), "GET", "/metrics", "").body;
  const int status =
      std::system(("promtool check metrics <" + file.string() + " >" + remarks + " 2>&1").c_str());
  std::ifstream in(remarks);
  for (std::string line; std::getline(in, line);) {
    EXPECT_TRUE(line.starts_with("openfga_")) << line;
  }
  constexpr int kRemarks = 3;  // Of promtool: readable, but see above. 1 would be unreadable.
  EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kRemarks) << status;
  std::filesystem::remove(file);
  std::filesystem::remove(remarks);
}

TEST_F(Metrics, HealthIsWhatItIsWithoutThem) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(HttpRequest(server_->http_address(), "GET", "/healthz", "").body,
              R"({"status":"SERVING"})");
  }
  // Probes are no calls of the service.
  EXPECT_EQ(Scrape().Value(Rpc("grpc_server_started_total", "Check")), 0);
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
