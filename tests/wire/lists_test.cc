// Lists that are cut: by their limit and by their deadline. Both are successes that say so.
#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kStore = "01HVMMBCMGZNT3SED4Z17ECXCA";

// Each look at it is an hour later than the one before, once it leaps.
class LeapingClock final : public Clock {
 public:
  WallTime Now() const override { return clock_.Now(); }
  SteadyTime Steady() const override {
    return clock_.Steady() + std::chrono::hours(leaps_ ? ++hours_ : 0);
  }
  void Leap() { leaps_ = true; }

 private:
  SystemClock clock_;
  std::atomic<bool> leaps_{false};
  mutable std::atomic<int> hours_{0};
};

// Half of the tuples give anne documents, half give document 0 users.
void Fill(WireClient& client, int tuples_count = 100) {
  auto model = ModelFields(
      "model\n  schema 1.1\ntype user\ntype document\n  relations\n    define viewer: [user]\n");
  model["store_id"] = kStore;
  ASSERT_TRUE(client.Call("WriteAuthorizationModel", model).ok);
  constexpr std::size_t kChunk = 100;
  json::array tuples;
  for (int i = 0; i < tuples_count; ++i) {
    const auto n = std::to_string(i / 2);
    tuples.push_back(json::object{{"user", i % 2 == 0 ? "user:anne" : "user:u" + n},
                                  {"relation", "viewer"},
                                  {"object", i % 2 == 0 ? "document:" + n : "document:0"}});
    if (tuples.size() < kChunk) continue;
    ASSERT_TRUE(
        client.Call("Write", {{"store_id", kStore}, {"writes", {{"tuple_keys", tuples}}}}).ok);
    tuples.clear();
  }
}

json::object ObjectsOfAnne() {
  return {
      {"store_id", kStore}, {"type", "document"}, {"relation", "viewer"}, {"user", "user:anne"}};
}
json::object UsersOfDocument0() {
  return {{"store_id", kStore},
          {"object", {{"type", "document"}, {"id", "0"}}},
          {"relation", "viewer"},
          {"user_filters", json::array{json::object{{"type", "user"}}}}};
}

TEST(Lists, TheConfiguredLimitCutsWhatIsNotAStream) {
  auto loaded = TestConfig();
  loaded.config.list_objects.results_max = 7;
  loaded.config.list_users.results_max = 5;
  const auto server = StartTestServer(loaded);
  for (const auto& client :
       {NewGrpcClient(server->grpc_address()), NewHttpClient(server->http_address())}) {
    SCOPED_TRACE(client->name());
    if (client->name() == std::string("grpc")) Fill(*client);
    auto answer = client->Call("ListObjects", ObjectsOfAnne());
    ASSERT_TRUE(answer.ok) << answer.message;
    EXPECT_EQ(answer.response.at("objects").as_array().size(), 7u);
    EXPECT_EQ(answer.headers["pemba-truncated"], "limit");
    // A page may be smaller than the limit, not larger.
    answer = client->Call("ListObjects", ObjectsOfAnne(), {{"pemba-page-size", "50"}});
    EXPECT_EQ(answer.response.at("objects").as_array().size(), 7u);
    answer = client->Call("ListObjects", ObjectsOfAnne(), {{"pemba-count-only", "true"}});
    EXPECT_EQ(answer.headers["pemba-count"], "50");
    answer = client->Call("ListUsers", UsersOfDocument0());
    EXPECT_EQ(answer.response.at("users").as_array().size(), 5u);
    EXPECT_EQ(answer.headers["pemba-truncated"], "limit");
    answer = client->Call("StreamedListObjects", ObjectsOfAnne());
    EXPECT_EQ(answer.response.at("results").as_array().size(), 50u);
  }
}

TEST(Lists, ZeroIsNoLimit) {
  auto loaded = TestConfig();
  loaded.config.list_objects = {.results_max = 0, .deadline = {}};
  loaded.config.list_users = {.results_max = 0, .deadline = {}};
  const auto server = StartTestServer(loaded);
  const auto client = NewHttpClient(server->http_address());
  Fill(*client);
  EXPECT_EQ(client->Call("ListObjects", ObjectsOfAnne()).response.at("objects").as_array().size(),
            50u);
  EXPECT_EQ(client->Call("ListUsers", UsersOfDocument0()).response.at("users").as_array().size(),
            51u);
}

TEST(Lists, PagesMakeTheWholeList) {
  const auto server = StartTestServer();
  const auto client = NewHttpClient(server->http_address());
  Fill(*client);
  const auto whole = client->Call("ListObjects", ObjectsOfAnne()).response.at("objects").as_array();
  json::array gathered;
  std::map<std::string, std::string> headers{{"pemba-page-size", "8"}};
  for (int page = 0; page < 20; ++page) {
    const auto answer = client->Call("ListObjects", ObjectsOfAnne(), headers);
    ASSERT_TRUE(answer.ok) << answer.message;
    for (const auto& object : answer.response.at("objects").as_array()) gathered.push_back(object);
    const auto next = answer.headers.find("pemba-continuation-token");
    if (next == answer.headers.end()) break;
    headers["pemba-continuation-token"] = next->second;
  }
  EXPECT_EQ(gathered, whole);
}

TEST(Lists, PastItsDeadlineAListIsASuccessThatSaysSo) {
  LeapingClock clock;
  auto loaded = TestConfig();
  loaded.config.request_timeout = std::chrono::hours(100'000);
  auto server = server::Server::Start(loaded, clock);
  ASSERT_TRUE(server.ok()) << server.error().message;
  const auto client = NewHttpClient((*server)->http_address());
  Fill(*client, 10'000);  // Few answers come between two looks at the clock.
  clock.Leap();
  for (const auto& [rpc, request] :
       {std::pair{"ListObjects", ObjectsOfAnne()}, {"ListUsers", UsersOfDocument0()}}) {
    SCOPED_TRACE(rpc);
    const auto answer = client->Call(rpc, request);
    ASSERT_TRUE(answer.ok) << answer.message;
    ASSERT_TRUE(answer.headers.contains("pemba-truncated"));
    EXPECT_EQ(answer.headers.at("pemba-truncated"), "deadline");
  }
  const auto streamed = client->Call("StreamedListObjects", ObjectsOfAnne());
  EXPECT_TRUE(streamed.ok) << streamed.message;
}

}  // namespace
}  // namespace pemba::wire_test
