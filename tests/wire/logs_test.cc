// What a server writes about calls: the decision log and the lines on standard error.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kModel = R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user])";

std::string Text(const json::value& value) { return json::value_to<std::string>(value); }

json::object Key(const char* user) {
  return {{"user", user}, {"relation", "viewer"}, {"object", "document:secret-plan"}};
}

struct Ids {
  std::string store, model;
};

Ids MakeStore(WireClient& client) {
  Ids ids;
  ids.store = Text(client.Call("CreateStore", {{"name", "logs"}}).response.at("id"));
  auto model = ModelFields(kModel);
  model["store_id"] = ids.store;
  ids.model =
      Text(client.Call("WriteAuthorizationModel", model).response.at("authorization_model_id"));
  EXPECT_TRUE(client
                  .Call("Write",
                        {{"store_id", ids.store}, {"writes", {{"tuple_keys", {Key("user:anne")}}}}})
                  .ok);
  return ids;
}

Answer Ask(WireClient& client, const Ids& ids, const char* user) {
  return client.Call("Check", {{"store_id", ids.store}, {"tuple_key", Key(user)}});
}

std::vector<json::object> Lines(const std::string& text) {
  std::vector<json::object> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with('{')) lines.push_back(json::parse(line).as_object());
  }
  return lines;
}

class DecisionLog : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(file_); }
  void TearDown() override { std::filesystem::remove(file_); }

  server::LoadedConfig Config() {
    auto loaded = TestConfig();
    loaded.config.decision_log.file = file_;
    return loaded;
  }
  std::vector<json::object> Written() {
    std::ifstream file(file_);
    std::stringstream text;
    text << file.rdbuf();
    return Lines(text.str());
  }

  const std::string file_ =
      std::filesystem::temp_directory_path() / "pemba_decision_log_test.jsonl";
};

TEST_F(DecisionLog, SaysWhoAskedWhatAndWhatTheAnswerWas) {
  auto server = StartTestServer(Config());
  const auto http = NewHttpClient(server->http_address());
  const auto ids = MakeStore(*http);
  const auto allowed = Ask(*http, ids, "user:anne");
  Ask(*NewGrpcClient(server->grpc_address()), ids, "user:bob");
  Ask(*http, ids, "nobody:x");
  server->Shutdown();
  server.reset();

  const auto lines = Written();
  ASSERT_EQ(lines.size(), 3U);  // The write is no decision.
  const auto& first = lines[0];
  EXPECT_EQ(Text(first.at("request_id")), allowed.headers.at("x-request-id"));
  EXPECT_EQ(Text(first.at("rpc")), "Check");
  EXPECT_EQ(Text(first.at("store_id")), ids.store);
  EXPECT_EQ(Text(first.at("authorization_model_id")), ids.model);
  EXPECT_EQ(first.at("revision"), 1);
  EXPECT_EQ(Text(first.at("question").at("tuple_key").at("user")), "user:anne");
  EXPECT_EQ(Text(first.at("answer")), "allowed");
  EXPECT_TRUE(Text(first.at("peer")).starts_with("127.0.0.1:"));
  EXPECT_TRUE(first.contains("time") && first.contains("duration_us"));
  EXPECT_EQ(Text(lines[1].at("answer")), "denied");
  EXPECT_EQ(Text(lines[2].at("answer")), "undecided");
  EXPECT_EQ(lines[2].at("grpc_code"), 2000);
}

TEST_F(DecisionLog, ASampleOfNothingIsEmpty) {
  auto loaded = Config();
  loaded.config.decision_log.sample_ratio = 0;
  auto server = StartTestServer(loaded);
  const auto http = NewHttpClient(server->http_address());
  const auto ids = MakeStore(*http);
  for (int i = 0; i < 20; ++i) Ask(*http, ids, "user:anne");
  server.reset();
  EXPECT_TRUE(Written().empty());
}

TEST_F(DecisionLog, AFileThatCannotBeOpenedStopsTheStart) {
  auto loaded = Config();
  loaded.config.decision_log.file = "/nonexistent/decisions";
  EXPECT_THROW(StartTestServer(loaded), std::runtime_error);
}

// Everything that a server writes while `use` runs.
template <class Use>
std::string LoggedBy(const server::LoadedConfig& loaded, Use use) {
  ::testing::internal::CaptureStderr();
  {
    auto server = StartTestServer(loaded);
    use(*server);
  }
  return ::testing::internal::GetCapturedStderr();
}

server::LoadedConfig JsonLog(server::LogLevel level) {
  auto loaded = TestConfig();
  loaded.config.log_level = level;
  loaded.config.log_format = server::LogFormat::kJson;
  return loaded;
}

const json::object* Find(const std::vector<json::object>& lines, const std::string& method) {
  for (const auto& line : lines) {
    if (line.contains("grpc_method") && Text(line.at("grpc_method")) == method) return &line;
  }
  return nullptr;
}

TEST(CallLog, OneLinePerCallWithoutTuples) {
  Answer answer;
  Ids ids;
  const auto text = LoggedBy(JsonLog(server::LogLevel::kInfo), [&](server::Server& server) {
    const auto http = NewHttpClient(server.http_address());
    ids = MakeStore(*http);
    answer = Ask(*http, ids, "user:anne");
    HttpRequest(server.http_address(), "GET", "/healthz", "");
  });
  const auto lines = Lines(text);
  const auto* line = Find(lines, "Check");
  ASSERT_NE(line, nullptr) << text;
  EXPECT_EQ(Text(line->at("message")), "grpc_req_complete");
  EXPECT_EQ(Text(line->at("level")), "info");
  EXPECT_EQ(Text(line->at("grpc_service")), "openfga.v1.OpenFGAService");
  EXPECT_EQ(Text(line->at("grpc_type")), "unary");
  EXPECT_EQ(line->at("grpc_code"), 0);
  EXPECT_EQ(Text(line->at("request_id")), answer.headers.at("x-request-id"));
  EXPECT_EQ(Text(line->at("store_id")), ids.store);
  EXPECT_EQ(Text(line->at("authorization_model_id")), ids.model);
  EXPECT_TRUE(line->at("query_duration_ms").is_string());
  for (const char* field : {"user_agent", "datastore_query_count", "datastore_item_count",
                            "dispatch_count", "timestamp", "build.version", "build.commit"}) {
    EXPECT_TRUE(line->contains(field)) << field;
  }
  EXPECT_EQ(text.find("secret-plan"), text.npos);
  EXPECT_EQ(text.find("grpc.health"), text.npos);
}

TEST(CallLog, DebugHasRequestsResponsesAndHealth) {
  const auto text = LoggedBy(JsonLog(server::LogLevel::kDebug), [](server::Server& server) {
    const auto http = NewHttpClient(server.http_address());
    Ask(*http, MakeStore(*http), "user:anne");
    HttpRequest(server.http_address(), "GET", "/healthz", "");
  });
  const auto lines = Lines(text);
  const auto* line = Find(lines, "Check");
  ASSERT_NE(line, nullptr) << text;
  EXPECT_EQ(Text(line->at("raw_request").at("tuple_key").at("object")), "document:secret-plan");
  EXPECT_EQ(line->at("raw_response").at("allowed"), true);
  EXPECT_NE(text.find("grpc.health.v1.Health"), text.npos);
}

TEST(CallLog, SlowQueriesShowTheirShapeOnly) {
  auto loaded = JsonLog(server::LogLevel::kWarn);
  loaded.config.slow_query_threshold = std::chrono::nanoseconds(1);
  const auto text = LoggedBy(loaded, [](server::Server& server) {
    const auto http = NewHttpClient(server.http_address());
    Ask(*http, MakeStore(*http), "user:anne");
  });
  const auto lines = Lines(text);
  const auto* line = Find(lines, "Check");
  ASSERT_NE(line, nullptr) << text;
  EXPECT_EQ(Text(line->at("message")), "slow_query");
  EXPECT_EQ(Text(line->at("object_type")), "document");
  EXPECT_EQ(Text(line->at("relation")), "viewer");
  EXPECT_EQ(Text(line->at("user_type")), "user");
  EXPECT_EQ(text.find("secret-plan"), text.npos);
  EXPECT_EQ(text.find("anne"), text.npos);
}

TEST(CallLog, NoneIsSilent) {
  EXPECT_EQ(LoggedBy(TestConfig(),
                     [](server::Server& server) {
                       HttpRequest(server.http_address(), "GET", "/stores", "");
                     }),
            "");
}

}  // namespace
}  // namespace pemba::wire_test
