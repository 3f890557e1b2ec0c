// Watch over both transports: exactly the log, in order, whoever disconnects and comes back.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <pemba/v1/pemba_service.pb.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
namespace json = boost::json;
namespace v1 = ::pemba::v1;

const std::string kModel =
    "model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define viewer: [user]\n"
    "type box\n  relations\n    define viewer: [user]\n";

// What a watcher has heard so far.
struct Heard {
  std::uint64_t revision = 0;
  std::string token;
  std::vector<std::string> changes;  // "revision operation object user"
  std::size_t heartbeats = 0;
  std::string error;  // "code message" of the end.
  std::string rest;   // An incomplete line.
  std::size_t messages_left = 0;
  std::size_t changes_wanted = SIZE_MAX;  // With so many it hangs up, too.
  std::atomic<std::size_t> messages{0};
};

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() : server_(StartTestServer()), http_(NewHttpClient(server_->http_address())) {
    id_ = Text(http_->Call("CreateStore", {{"name", "watched"}}).response, "id");
    auto model = ModelFields(kModel);
    model["store_id"] = id_;
    EXPECT_TRUE(http_->Call("WriteAuthorizationModel", model).ok);
  }

  static std::string Text(const json::value& value, std::string_view key) {
    return std::string(value.as_object().at(json::string_view(key.data(), key.size())).as_string());
  }

  void Write(const std::string& object) {
    json::array keys;
    for (const char* user : {"user:a", "user:b"}) {
      keys.push_back(json::object{{"user", user}, {"relation", "viewer"}, {"object", object}});
    }
    // A client per thread would be faster; a test need not be.
    const auto answer =
        HttpRequest(server_->http_address(), "POST", "/stores/" + id_ + "/write",
                    json::serialize(json::object{{"writes", {{"tuple_keys", keys}}}}));
    EXPECT_TRUE(answer.ok) << answer.body;
  }

  // Takes `messages` messages over HTTP, then hangs up. The status.
  long Watch(Heard& heard, std::size_t messages, const std::string& query) {
    heard.rest.clear();
    heard.messages_left = messages;
    auto* curl = curl_easy_init();
    const auto url = "http://" + server_->http_address() + "/stores/" + id_ + "/watch?" + query;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30'000L);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &heard);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Receive);
    curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status;
  }

  static std::size_t Receive(char* data, std::size_t size, std::size_t count, void* to) {
    auto& heard = *static_cast<Heard*>(to);
    heard.rest.append(data, size * count);
    for (auto end = heard.rest.find('\n'); end != heard.rest.npos; end = heard.rest.find('\n')) {
      Take(heard, json::parse(heard.rest.substr(0, end)).as_object());
      heard.rest.erase(0, end + 1);
      const bool enough = heard.changes.size() >= heard.changes_wanted;
      if (--heard.messages_left == 0 || enough) return 0;  // Makes curl hang up.
    }
    return size * count;
  }

  static void Take(Heard& heard, const json::object& line) {
    if (const auto* error = line.if_contains("error")) {
      heard.error = std::to_string(error->at("code").as_int64()) + " " + Text(*error, "message");
      return;
    }
    const auto& message = line.at("result");
    const auto revision = std::stoull(Text(message, "revision"));
    const auto& changes = message.at("changes").as_array();
    heard.token = Text(message, "continuation_token");
    if (changes.empty()) {
      ++heard.heartbeats;
      EXPECT_TRUE(message.at("timestamp").is_null());
      EXPECT_GE(revision, heard.revision);
    } else {
      EXPECT_GT(revision, heard.revision);
    }
    heard.revision = revision;
    for (const auto& change : changes) {
      const auto& key = change.at("tuple_key");
      heard.changes.push_back(std::to_string(revision) + " " + Text(change, "operation") + " " +
                              Text(key, "object") + " " + Text(key, "user"));
    }
    ++heard.messages;
  }

  std::vector<std::string> Log() {
    std::vector<std::string> log;
    std::string token;
    for (;;) {
      json::object request{{"store_id", id_}, {"page_size", 100}};
      if (!token.empty()) request["continuation_token"] = token;
      const auto answer = http_->Call("ReadChanges", request);
      const auto& changes = answer.response.at("changes").as_array();
      if (changes.empty()) return log;
      for (const auto& change : changes) {
        const auto& key = change.at("tuple_key");
        log.push_back(Text(change, "operation") + " " + Text(key, "object") + " " +
                      Text(key, "user"));
      }
      token = Text(answer.response, "continuation_token");
    }
  }

  static std::vector<std::string> WithoutRevisions(std::vector<std::string> changes) {
    for (auto& change : changes) change.erase(0, change.find(' ') + 1);
    return changes;
  }

  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  std::unique_ptr<server::Server> server_;
  std::unique_ptr<WireClient> http_;
  std::string id_;
};

TEST_F(WatchTest, AWatcherThatComesBackHearsExactlyTheLog) {
  constexpr int kWriters = 3;
  constexpr int kWrites = 60;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w] {
      for (int n = 0; n < kWrites; ++n) Write("doc:" + std::to_string(w) + "-" + std::to_string(n));
    });
  }
  constexpr std::size_t kChanges = 2 * kWriters * kWrites;
  Heard by_revision, by_token;
  by_revision.changes_wanted = by_token.changes_wanted = kChanges;
  for (std::size_t messages = 2; by_revision.changes.size() < kChanges; ++messages) {
    ASSERT_LT(messages, 200U);
    ASSERT_EQ(Watch(by_revision, messages,
                    "heartbeat_seconds=1&after_revision=" + std::to_string(by_revision.revision)),
              200);
  }
  for (std::size_t messages = 7; by_token.changes.size() < kChanges;) {
    const auto from = by_token.token.empty()
                          ? "heartbeat_seconds=1&after_revision=0"
                          : "heartbeat_seconds=1&continuation_token=" + by_token.token;
    ASSERT_EQ(Watch(by_token, messages, from), 200);
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(WithoutRevisions(by_revision.changes), Log());
  EXPECT_EQ(by_token.changes, by_revision.changes);
}

TEST_F(WatchTest, StartsWithNowAndHeartbeatsCountWhatDoesNotMatch) {
  Write("doc:1");
  Heard heard;
  std::thread watcher([&] { EXPECT_EQ(Watch(heard, 3, "type=doc&heartbeat_seconds=1"), 200); });
  ASSERT_TRUE(Eventually([&] { return heard.messages == 1; }));
  Write("box:1");
  ASSERT_TRUE(Eventually([&] { return heard.messages == 2; }));
  Write("doc:2");
  watcher.join();
  EXPECT_EQ(heard.heartbeats, 2U);
  EXPECT_EQ(heard.changes, (std::vector<std::string>{"3 TUPLE_OPERATION_WRITE doc:2 user:a",
                                                     "3 TUPLE_OPERATION_WRITE doc:2 user:b"}));
}

TEST_F(WatchTest, RefusesWhereItCannotStart) {
  Write("doc:1");
  struct Case {
    const char* name;
    json::object request;
    std::uint32_t grpc_code;
    int http_status;
  };
  const Case cases[] = {
      {"unknown store", {{"store_id", "01HVMMBCMGZNT3SED4Z17ECXCA"}}, 5002, 404},
      {"not an id", {{"store_id", "nothing"}}, 3, 400},
      {"a revision to come", {{"store_id", id_}, {"after_revision", "7"}}, 3, 400},
      {"a token that is not ours", {{"store_id", id_}, {"continuation_token", "bm8"}}, 2007, 400},
      {"too many heartbeats", {{"store_id", id_}, {"heartbeat_seconds", 0}}, 3, 400},
      {"too few heartbeats", {{"store_id", id_}, {"heartbeat_seconds", 601}}, 3, 400},
  };
  const auto grpc = NewGrpcClient(server_->grpc_address());
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer = grpc->Call("Watch", c.request);
    EXPECT_EQ(answer.grpc_code, c.grpc_code) << answer.message;
    EXPECT_EQ(http_->Call("Watch", c.request).http_status, c.http_status);
  }
}

TEST_F(WatchTest, EndsWithTheStore) {
  Heard heard;
  std::thread watcher([&] { EXPECT_EQ(Watch(heard, 3, ""), 200); });
  ASSERT_TRUE(Eventually([&] { return heard.messages == 1; }));
  EXPECT_TRUE(http_->Call("DeleteStore", {{"store_id", id_}}).ok);
  watcher.join();
  EXPECT_EQ(heard.error, "5 Store ID not found");
}

// Many more watchers than workers (two), and none of them in anybody's way.
TEST_F(WatchTest, IdleWatchersTakeNoWorker) {
  constexpr std::size_t kWatchers = 50;
  std::vector<Heard> heard(kWatchers);
  std::vector<std::thread> watchers;
  for (auto& one : heard) {
    watchers.emplace_back([&] { EXPECT_EQ(Watch(one, 2, "heartbeat_seconds=600"), 200); });
  }
  for (const auto& one : heard) ASSERT_TRUE(Eventually([&] { return one.messages == 1; }));
  Write("doc:1");
  for (auto& watcher : watchers) watcher.join();
  for (const auto& one : heard) EXPECT_EQ(one.changes.size(), 2U);
}

TEST_F(WatchTest, GrpcStreamsEndWithTheServer) {
  Write("doc:1");
  grpc::GenericStub stub(
      grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, "/pemba.v1.PembaService/Watch", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  v1::WatchRequest request;
  request.set_store_id(id_);
  request.set_after_revision(0);
  grpc::Slice slice(request.SerializeAsString());
  call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
  ASSERT_TRUE(next());
  std::vector<v1::WatchResponse> messages;
  std::thread shutdown;
  while (true) {
    grpc::ByteBuffer received;
    call->Read(&received, nullptr);
    if (!next()) break;
    grpc::Slice bytes;
    ASSERT_TRUE(received.DumpToSingleSlice(&bytes).ok());
    auto& message = messages.emplace_back();
    ASSERT_TRUE(message.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
    if (messages.size() == 2) shutdown = std::thread([this] { server_->Shutdown(); });
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(next());
  shutdown.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the connection ends; go on with the last continuation token");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].changes_size(), 0);
  EXPECT_EQ(messages[1].revision(), 1U);
  EXPECT_TRUE(messages[1].has_timestamp());
  EXPECT_EQ(messages[1].changes_size(), 2);
}

TEST_F(WatchTest, AWriteMayDependOnTheRevision) {
  Write("doc:1");
  const auto grpc = NewGrpcClient(server_->grpc_address());
  int user = 0;
  for (WireClient* client : {grpc.get(), http_.get()}) {
    SCOPED_TRACE(client->name());
    const auto write = [&](const std::string& revision) {
      const json::object key{
          {"user", "user:" + std::to_string(++user)}, {"relation", "viewer"}, {"object", "doc:1"}};
      return client->Call("Write",
                          {{"store_id", id_}, {"writes", {{"tuple_keys", json::array{key}}}}},
                          {{"Pemba-If-Revision", revision}});
    };
    const auto first = http_->Call("Read", {{"store_id", id_}}).headers.at("pemba-revision");
    const auto passed = write(first);
    ASSERT_TRUE(passed.ok) << passed.message;
    const auto refused = write(first);
    EXPECT_FALSE(refused.ok);
    EXPECT_EQ(refused.message, "precondition failed: the store is at revision " +
                                   passed.headers.at("pemba-revision") + ", not at " + first);
    if (client == http_.get()) {
      EXPECT_EQ(refused.http_status, 409);
      EXPECT_EQ(refused.code, "Aborted");
    } else {
      EXPECT_EQ(refused.grpc_code, 10U);
    }
    EXPECT_EQ(write("soon").message, "invalid Pemba-If-Revision: value must be a revision");
  }
}

}  // namespace
}  // namespace pemba::wire_test
