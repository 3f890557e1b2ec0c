// WriteTuples and ReadTuples over both transports, and what the OpenFGA calls see of it.
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
namespace json = boost::json;

const std::string kModel =
    "model\n  schema 1.1\ntype user\ntype group\n  relations\n    define member: [user]\n"
    "type doc\n  relations\n    define owner: [user]\n"
    "    define viewer: [user, user:*, group#member, user with open]\n"
    "condition open(door: string) {\n  door == 'open'\n}\n";

class WriteTuplesTest : public ::testing::TestWithParam<bool> {
 protected:
  WriteTuplesTest()
      : server_(StartTestServer()),
        client_(GetParam() ? NewGrpcClient(server_->grpc_address())
                           : NewHttpClient(server_->http_address())) {
    id_ = std::string(
        client_->Call("CreateStore", {{"name", "written"}}).response.at("id").as_string());
    auto model = ModelFields(kModel);
    model["store_id"] = id_;
    EXPECT_TRUE(client_->Call("WriteAuthorizationModel", model).ok);
  }

  Answer Call(const std::string& rpc, const std::string& request) {
    auto object = json::parse(request).as_object();
    object["store_id"] = id_;
    return client_->Call(rpc, object);
  }
  json::value Must(const std::string& rpc, const std::string& request) {
    auto answer = Call(rpc, request);
    EXPECT_TRUE(answer.ok) << rpc << " " << request << ": " << answer.message;
    return answer.response;
  }
  std::string Written(const std::string& request) {
    const auto response = Must("WriteTuples", request);
    return json::serialize(response);
  }
  // "object#relation@user" of each tuple.
  std::string Found(const std::string& filter) {
    std::string found;
    const auto page = Must("ReadTuples", filter);
    for (const auto& t : page.at("tuples").as_array()) {
      const auto& key = t.at("tuple_key");
      found += (found.empty() ? "" : " ") + std::string(key.at("object").as_string()) + "#" +
               std::string(key.at("relation").as_string()) + "@" +
               std::string(key.at("user").as_string());
    }
    return found;
  }
  static std::string FromNow(std::chrono::milliseconds time) {
    const auto at = TestClock().Now() + time;
    return google::protobuf::util::TimeUtil::ToString(
        google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
            std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count()));
  }
  bool Allowed(const std::string& user) {
    return Must("Check",
                R"({"tuple_key":{"object":"doc:1","relation":"viewer","user":")" + user + "\"}}")
        .at("allowed")
        .as_bool();
  }

  std::unique_ptr<server::Server> server_;
  std::unique_ptr<WireClient> client_;
  std::string id_;
};

TEST_P(WriteTuplesTest, DoesAllOfItInOneWrite) {
  EXPECT_EQ(Written(R"({"writes":[
      {"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:anne"}},
      {"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:bob",
                    "condition":{"name":"open","context":{"door":"open"}}}},
      {"tuple_key":{"object":"doc:2","relation":"viewer","user":"group:g#member"}},
      {"tuple_key":{"object":"doc:2","relation":"owner","user":"user:anne"}}]})"),
            R"({"revision":"1","written":4,"deleted":0})");
  EXPECT_EQ(Found("{}"),
            "doc:2#owner@user:anne doc:2#viewer@group:g#member doc:1#viewer@user:anne "
            "doc:1#viewer@user:bob");
  const std::string change = R"({
      "preconditions":{"revision":"1",
                       "present":[{"object":"doc:1","relation":"viewer","user":"user:bob"}],
                       "absent":[{"object":"doc:1","relation":"viewer","user":"user:*"}]},
      "delete_filters":[{"filter":{"object_type":"doc","object_id":"2"},"limit":2}],
      "replacements":[{"object":"doc:1","relation":"viewer",
                       "users":[{"user":"user:bob"},{"user":"user:carl"}]}],
      "writes":[{"tuple_key":{"object":"doc:3","relation":"owner","user":"user:eve"}}])";
  EXPECT_EQ(Written(change + R"(,"dry_run":true})"), R"({"revision":"1","written":3,"deleted":3})");
  EXPECT_EQ(Written(change + "}"), R"({"revision":"2","written":3,"deleted":3})");
  EXPECT_EQ(Found("{}"), "doc:3#owner@user:eve doc:1#viewer@user:bob doc:1#viewer@user:carl");
  const auto refused = Call("WriteTuples", change + "}");
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.message, "precondition failed: the store is at revision 2, not at 1");
  const auto grpc = GetParam();
  EXPECT_EQ(grpc ? refused.grpc_code : static_cast<std::uint32_t>(refused.http_status),
            grpc ? 10U : 409U);
}

TEST_P(WriteTuplesTest, FiltersFindByAnyPart) {
  Written(R"({"writes":[
      {"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:anne"}},
      {"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:*"}},
      {"tuple_key":{"object":"doc:1","relation":"viewer","user":"group:g#member"}},
      {"tuple_key":{"object":"doc:2","relation":"owner","user":"user:anne"}},
      {"tuple_key":{"object":"group:g","relation":"member","user":"user:anne"}}]})");
  EXPECT_EQ(Found(R"({"filter":{"user_type":"user","user_id":"anne"}})"),
            "doc:2#owner@user:anne doc:1#viewer@user:anne group:g#member@user:anne");
  EXPECT_EQ(Found(R"({"filter":{"relation":"viewer","user_relation":""}})"),
            "doc:1#viewer@user:anne doc:1#viewer@user:*");
  EXPECT_EQ(Found(R"({"filter":{"user_relation":"member"}})"), "doc:1#viewer@group:g#member");
  EXPECT_EQ(Found(R"({"filter":{"user_type":"user","user_id":"*"}})"), "doc:1#viewer@user:*");
  EXPECT_EQ(Found(R"({"filter":{"object_type":"doc","object_id":"2"}})"), "doc:2#owner@user:anne");
}

TEST_P(WriteTuplesTest, PagesAreLarge) {
  for (int write = 0; write < 2; ++write) {
    json::array writes;
    for (int i = 0; i < 700; ++i) {
      writes.push_back(json::object{{"tuple_key",
                                     {{"object", "doc:" + std::to_string(write * 700 + i)},
                                      {"relation", "viewer"},
                                      {"user", "user:anne"}}}});
    }
    Written(json::serialize(json::object{{"writes", writes}}));
  }
  const auto first = Must("ReadTuples", R"({"page_size":1000})");
  EXPECT_EQ(first.at("tuples").as_array().size(), 1000U);
  const auto token = json::serialize(first.at("continuation_token"));
  const auto second =
      Must("ReadTuples", R"({"page_size":1000,"continuation_token":)" + token + "}");
  EXPECT_EQ(second.at("tuples").as_array().size(), 400U);
  EXPECT_EQ(second.at("continuation_token").as_string(), "");
  EXPECT_EQ(Must("ReadTuples", "{}").at("tuples").as_array().size(), 100U);
  EXPECT_FALSE(Call("ReadTuples", R"({"page_size":1001})").ok);
}

TEST_P(WriteTuplesTest, TuplesExpireAndTheWireNeitherShowsNorBreaksIt) {
  const auto soon = FromNow(1500ms);
  Written(R"({"writes":[{"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:anne"},
                         "expires_at":")" +
          soon + "\"}]}");
  EXPECT_TRUE(Allowed("user:anne"));
  EXPECT_EQ(Must("ReadTuples", "{}").at("tuples").at(0).at("expires_at").as_string(), soon);
  const auto read = Must("Read", "{}").at("tuples").at(0);
  EXPECT_EQ(read.at("key").at("user").as_string(), "user:anne");
  EXPECT_FALSE(json::serialize(read).find("expires") != std::string::npos);
  EXPECT_EQ(Must("ListObjects", R"({"type":"doc","relation":"viewer","user":"user:anne"})")
                .at("objects")
                .as_array()
                .size(),
            1U);

  for (int i = 0; i < 1000 && Allowed("user:anne"); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(Allowed("user:anne"));
  EXPECT_EQ(Found("{}"), "");
  EXPECT_TRUE(Must("Read", "{}").at("tuples").as_array().empty());
  EXPECT_TRUE(Must("ListObjects", R"({"type":"doc","relation":"viewer","user":"user:anne"})")
                  .at("objects")
                  .as_array()
                  .empty());
  EXPECT_TRUE(Must("ListUsers", R"({"object":{"type":"doc","id":"1"},"relation":"viewer",
                                    "user_filters":[{"type":"user"}]})")
                  .at("users")
                  .as_array()
                  .empty());

  // Its deletion is in the log like any other.
  std::size_t changes = 0;
  for (int i = 0; i < 1000 && changes < 2; ++i) {
    changes = Must("ReadChanges", "{}").at("changes").as_array().size();
    std::this_thread::sleep_for(5ms);
  }
  const auto log = Must("ReadChanges", "{}").at("changes").as_array();
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log[1].at("operation").as_string(), "TUPLE_OPERATION_DELETE");
  EXPECT_FALSE(Call("WriteTuples", R"({"writes":[{"tuple_key":{"object":"doc:1",
      "relation":"viewer","user":"user:anne"},"expires_at":"2001-01-01T00:00:00Z"}]})")
                   .ok);
}

TEST_P(WriteTuplesTest, RefusesWhatIsNotWellFormed) {
  struct Case {
    const char* request;
    const char* message;
  };
  const Case cases[] = {
      {"{}", "Invalid input. Make sure you provide at least one write, or at least one delete"},
      {R"({"delete_filters":[{"filter":{"relation":"viewer"}}]})",
       "a filtered delete must name an object type"},
      {R"({"writes":[{"tuple_key":{"object":"doc:1","relation":"viewer","user":"user:anne"}}],
           "on_duplicate":"overwrite"})",
       "invalid on_duplicate option: overwrite"},
      {R"({"replacements":[{"object":"doc:1","relation":"reader","users":[]}]})",
       "relation 'doc#reader' not found"},
  };
  for (const auto& c : cases) {
    const auto answer = Call("WriteTuples", c.request);
    EXPECT_FALSE(answer.ok) << c.request;
    EXPECT_EQ(answer.message, c.message) << c.request;
  }
  // What is new here is not in the wire's Write.
  const auto plain = Call("Write", R"({"writes":{"tuple_keys":[{"object":"doc:1",
      "relation":"viewer","user":"user:anne"}],"on_duplicate":"replace"}})");
  EXPECT_FALSE(plain.ok);
  EXPECT_EQ(Must("Read", "{}").at("tuples").as_array().size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Transports, WriteTuplesTest, ::testing::Values(true, false),
                         [](const auto& test) { return test.param ? "grpc" : "http"; });

}  // namespace
}  // namespace pemba::wire_test
