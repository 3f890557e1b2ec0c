// Lists of several kinds in one request: the lists one after the other, page by page; and what all
// lists say when they would take too much memory.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kStore = "01HVMMBCMGZNT3SED4Z17ECXCA";
constexpr const char* kModel = R"(model
  schema 1.1
type user
type group
  relations
    define member: [user]
type folder
  relations
    define owner: [user]
    define viewer: [user]
type document
  relations
    define viewer: [user, user:*, group#member]
type empty
  relations
    define viewer: [user]
)";

void Write(WireClient& client, const json::array& tuples) {
  const auto answer =
      client.Call("Write", {{"store_id", kStore}, {"writes", {{"tuple_keys", tuples}}}});
  ASSERT_TRUE(answer.ok) << answer.message;
}

// anne views documents 0 to 4 and folders 0 to 2, and owns folder 1; document 0 has users, a group
// and everyone.
void Fill(WireClient& client) {
  auto model = ModelFields(kModel);
  model["store_id"] = kStore;
  ASSERT_TRUE(client.Call("WriteAuthorizationModel", model).ok);
  json::array tuples;
  const auto add = [&](const std::string& user, const char* relation, const std::string& object) {
    tuples.push_back(json::object{{"user", user}, {"relation", relation}, {"object", object}});
  };
  for (int i = 0; i < 5; ++i) add("user:anne", "viewer", "document:" + std::to_string(i));
  for (int i = 0; i < 3; ++i) add("user:anne", "viewer", "folder:" + std::to_string(i));
  add("user:anne", "owner", "folder:1");
  for (int i = 0; i < 3; ++i) add("user:u" + std::to_string(i), "viewer", "document:0");
  add("user:*", "viewer", "document:0");
  add("group:g#member", "viewer", "document:0");
  Write(client, tuples);
}

json::object Kind(const char* type, const char* relation) {
  return {{"type", type}, {"relation", relation}};
}
json::object ObjectsOfAnne() {
  return {{"store_id", kStore},
          {"kinds", json::array{Kind("folder", "viewer"), Kind("empty", "viewer"),
                                Kind("document", "viewer"), Kind("folder", "owner")}},
          {"user", "user:anne"}};
}
json::object UsersOfDocument0() {
  return {{"store_id", kStore},
          {"object", {{"type", "document"}, {"id", "0"}}},
          {"relation", "viewer"},
          {"user_filters",
           json::array{json::object{{"type", "group"}, {"relation", "member"}},
                       json::object{{"type", "folder"}}, json::object{{"type", "user"}}}}};
}

std::string Text(const json::value& value) {
  return std::string(value.as_string().data(), value.as_string().size());
}

struct Case {
  const char* rpc;
  const char* answers;  // The field that holds them.
  json::object request;
  std::size_t count;
};

std::vector<Case> Cases() {
  return {{"ListObjectsOfKinds", "objects", ObjectsOfAnne(), 9},
          {"ListUsersOfKinds", "users", UsersOfDocument0(), 6}};
}

class KindLists : public ::testing::Test {
 protected:
  void Start(const server::LoadedConfig& loaded = TestConfig()) {
    server_ = StartTestServer(loaded);
    clients_.push_back(NewGrpcClient(server_->grpc_address()));
    clients_.push_back(NewHttpClient(server_->http_address()));
    Fill(*clients_[0]);
  }
  std::unique_ptr<server::Server> server_;
  std::vector<std::unique_ptr<WireClient>> clients_;
};

TEST_F(KindLists, AreTheListsOneAfterTheOther) {
  Start();
  for (const auto& client : clients_) {
    SCOPED_TRACE(client->name());
    const auto objects = client->Call("ListObjectsOfKinds", ObjectsOfAnne());
    ASSERT_TRUE(objects.ok) << objects.message;
    std::string text;
    for (const auto& found : objects.response.at("objects").as_array()) {
      text += Text(found.at("object")) + "#" + Text(found.at("relation")) + " ";
    }
    EXPECT_EQ(text,
              "folder:0#viewer folder:1#viewer folder:2#viewer document:0#viewer "
              "document:1#viewer document:2#viewer document:3#viewer document:4#viewer "
              "folder:1#owner ");
    EXPECT_EQ(objects.response.at("truncated"), "TRUNCATED_NO");
    EXPECT_EQ(objects.response.at("continuation_token"), "");

    const auto users = client->Call("ListUsersOfKinds", UsersOfDocument0());
    ASSERT_TRUE(users.ok) << users.message;
    const auto& list = users.response.at("users").as_array();
    ASSERT_EQ(list.size(), 6u);
    EXPECT_EQ(list[0].at("userset").at("id"), "g");
    EXPECT_EQ(list[1].at("wildcard").at("type"), "user");
    EXPECT_EQ(list[2].at("object").at("id"), "anne");
  }
}

TEST_F(KindLists, PagesOfAnySizeAreTheWhole) {
  Start();
  for (const auto& c : Cases()) {
    SCOPED_TRACE(c.rpc);
    const auto whole = clients_[1]->Call(c.rpc, c.request).response.at(c.answers).as_array();
    ASSERT_EQ(whole.size(), c.count);
    for (std::size_t size = 1; size <= c.count + 1; ++size) {
      SCOPED_TRACE(size);
      auto request = c.request;
      request["page_size"] = size;
      json::array gathered;
      for (std::size_t page = 0; page <= c.count; ++page) {
        const auto answer = clients_[1]->Call(c.rpc, request);
        ASSERT_TRUE(answer.ok) << answer.message;
        const auto& list = answer.response.at(c.answers).as_array();
        gathered.insert(gathered.end(), list.begin(), list.end());
        const auto token = Text(answer.response.at("continuation_token"));
        EXPECT_EQ(answer.response.at("truncated"),
                  token.empty() ? "TRUNCATED_NO" : "TRUNCATED_LIMIT");
        if (token.empty()) break;
        EXPECT_EQ(list.size(), size);
        request["continuation_token"] = token;
      }
      EXPECT_EQ(gathered, whole);
    }
  }
}

TEST_F(KindLists, TheConfiguredLimitCountsAllKinds) {
  auto loaded = TestConfig();
  loaded.config.list_objects.results_max = 4;
  loaded.config.list_users.results_max = 4;
  Start(loaded);
  for (const auto& c : Cases()) {
    const auto answer = clients_[0]->Call(c.rpc, c.request);
    ASSERT_TRUE(answer.ok) << answer.message;
    EXPECT_EQ(answer.response.at(c.answers).as_array().size(), 4u);
    EXPECT_EQ(answer.response.at("truncated"), "TRUNCATED_LIMIT");
  }
}

TEST_F(KindLists, WhatIsNotThereIsAnError) {
  Start();
  for (const auto& client : clients_) {
    SCOPED_TRACE(client->name());
    const auto expect = [&](const char* rpc, const json::object& request, std::uint32_t number,
                            const char* code, const char* message) {
      const auto answer = client->Call(rpc, request);
      EXPECT_FALSE(answer.ok);
      EXPECT_EQ(answer.message, message);
      if (client->name() == std::string("grpc")) {
        EXPECT_EQ(answer.grpc_code, number);
      } else {
        EXPECT_EQ(answer.code, code);
      }
    };
    auto request = ObjectsOfAnne();
    request["kinds"].as_array().push_back(Kind("page", "viewer"));
    expect("ListObjectsOfKinds", request, 2021, "type_not_found", "type 'page' not found");
    request["kinds"].as_array().back() = Kind("document", "owner");
    expect("ListObjectsOfKinds", request, 2022, "relation_not_found",
           "relation 'document#owner' not found");
    request = UsersOfDocument0();
    request["user_filters"].as_array().push_back(json::object{{"type", "page"}});
    expect("ListUsersOfKinds", request, 2021, "type_not_found", "type 'page' not found");

    // A token is good for its own question only.
    request = ObjectsOfAnne();
    request["page_size"] = 2;
    const auto token =
        client->Call("ListObjectsOfKinds", request).response.at("continuation_token");
    request["kinds"].as_array().pop_back();
    request["continuation_token"] = token;
    expect("ListObjectsOfKinds", request, 2007, "invalid_continuation_token",
           "Invalid continuation token: it is of another list");
    request = UsersOfDocument0();
    request["continuation_token"] = token;
    expect("ListUsersOfKinds", request, 2007, "invalid_continuation_token",
           "Invalid continuation token");
  }
}

TEST_F(KindLists, AListThatNeedsTooMuchMemoryIsAnErrorThatNamesTheSetting) {
  auto loaded = TestConfig();
  loaded.config.list_memory_bytes_max = 64 * 1024;
  loaded.config.list_objects.results_max = 0;
  loaded.config.list_users.results_max = 0;
  Start(loaded);
  json::array tuples;
  for (int i = 0; i < 2'000; ++i) {
    const auto n = std::to_string(i);
    tuples.push_back(
        json::object{{"user", "user:many"}, {"relation", "viewer"}, {"object", "document:" + n}});
    tuples.push_back(
        json::object{{"user", "user:" + n}, {"relation", "viewer"}, {"object", "document:all"}});
    if (tuples.size() < 100) continue;
    Write(*clients_[0], tuples);
    tuples.clear();
  }
  auto objects = ObjectsOfAnne();
  objects["user"] = "user:many";
  auto users = UsersOfDocument0();
  users["object"] = {{"type", "document"}, {"id", "all"}};
  auto one_filter = users;
  one_filter["user_filters"].as_array().erase(one_filter["user_filters"].as_array().begin(),
                                              one_filter["user_filters"].as_array().begin() + 2);
  const json::object one_type{
      {"store_id", kStore}, {"type", "document"}, {"relation", "viewer"}, {"user", "user:many"}};
  const std::pair<const char*, json::object> cases[] = {{"ListObjects", one_type},
                                                        {"ListUsers", one_filter},
                                                        {"ListObjectsOfKinds", objects},
                                                        {"ListUsersOfKinds", users}};
  for (const auto& client : clients_) {
    for (const auto& [rpc, request] : cases) {
      SCOPED_TRACE(std::string(rpc) + " over " + client->name());
      const auto answer = client->Call(rpc, request);
      ASSERT_FALSE(answer.ok);
      EXPECT_NE(answer.message.find("list-memory-max-bytes"), answer.message.npos)
          << answer.message;
      if (client->name() == std::string("grpc")) {
        EXPECT_EQ(answer.grpc_code, 8u);  // RESOURCE_EXHAUSTED
      } else {
        EXPECT_EQ(answer.code, "resource_exhausted");
      }
    }
  }
  // A page fits.
  objects["page_size"] = 100;
  EXPECT_TRUE(clients_[0]->Call("ListObjectsOfKinds", objects).ok);
  EXPECT_TRUE(clients_[1]->Call("ListUsers", one_filter, {{"pemba-page-size", "100"}}).ok);
}

}  // namespace
}  // namespace pemba::wire_test
