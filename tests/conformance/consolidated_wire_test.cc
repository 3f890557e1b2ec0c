// The consolidated query cases over gRPC and HTTP: once with the tuples stored, once with the
// tuples of single-stage tests sent along with each question. Lists of objects are asked for in
// both forms, and Check must allow everything that a list names.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "pemba/api/errors.h"
#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kFile =
    PEMBA_SOURCE_DIR "/../shared/conformance/openfga/consolidated_1_1_tests.yaml";
constexpr std::size_t kContextualTuplesMax = 100;
constexpr std::size_t kChunk = 40;

// What the file holds; a reader that skips something must not go unnoticed.
struct Counts {
  int tests = 0;
  int checks = 0;
  int list_objects = 0;
  int list_users = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
constexpr Counts kStoredCounts{137, 360, 270, 295};
constexpr Counts kContextualCounts{115, 282, 211, 245};

enum class Tuples { kStored, kContextual };

std::string Text(const json::value& value) {
  const auto& text = value.as_string();
  return std::string(text.data(), text.size());
}

std::vector<std::string> Sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

// {object: {type, id}}, {userset: {type, id, relation}} or {wildcard: {type}}.
std::string UserText(const json::value& user) {
  const auto& [kind, parts] = *user.as_object().begin();
  if (kind == "wildcard") return Text(parts.at("type")) + ":*";
  const auto object = Text(parts.at("type")) + ":" + Text(parts.at("id"));
  return kind == "userset" ? object + "#" + Text(parts.at("relation")) : object;
}

class Runner {
 public:
  Runner(WireClient& client, Tuples tuples) : client_(client), tuples_(tuples) {}

  Counts Run() {
    const auto file = YAML::LoadFile(kFile);
    for (const auto& test : file["tests"]) {
      if (tuples_ == Tuples::kContextual && !FitsIntoContext(test)) continue;
      SCOPED_TRACE(test["name"].Scalar() + " over " + client_.name());
      RunTest(test);
      ++counts_.tests;
    }
    return counts_;
  }

 private:
  static bool FitsIntoContext(const YAML::Node& test) {
    if (test["stages"].size() != 1) return false;
    const auto tuples = test["stages"][0]["tuples"];
    return !tuples || tuples.size() <= kContextualTuplesMax;
  }

  json::value MustCall(const std::string& rpc, const json::object& request) {
    auto answer = client_.Call(rpc, request);
    EXPECT_TRUE(answer.ok) << rpc << ": " << answer.message;
    return std::move(answer.response);
  }

  void RunTest(const YAML::Node& test) {
    store_ = MustCall("CreateStore", {{"name", "conformance"}}).at("id");
    for (const auto& stage : test["stages"]) {
      auto model = ModelFields(stage["model"].Scalar());
      model["store_id"] = store_;
      model_ = MustCall("WriteAuthorizationModel", model).at("authorization_model_id");
      json::array tuples;
      if (stage["tuples"]) tuples = FromYaml(stage["tuples"]).get_array();
      if (tuples_ == Tuples::kStored) {
        Write(std::move(tuples));
        tuples.clear();
      }
      for (const auto& assertion : stage["checkAssertions"]) {
        RunCheck(assertion, tuples);
        ++counts_.checks;
      }
      for (const auto& assertion : stage["listObjectsAssertions"]) {
        RunListObjects(assertion, tuples);
        ++counts_.list_objects;
      }
      for (const auto& assertion : stage["listUsersAssertions"]) {
        RunListUsers(assertion, tuples);
        ++counts_.list_users;
      }
    }
  }

  void Write(json::array tuples) {
    std::shuffle(tuples.begin(), tuples.end(), random_);
    for (std::size_t first = 0; first < tuples.size(); first += kChunk) {
      const auto last = std::min(first + kChunk, tuples.size());
      const json::array chunk(tuples.begin() + static_cast<std::ptrdiff_t>(first),
                              tuples.begin() + static_cast<std::ptrdiff_t>(last));
      MustCall("Write", {{"store_id", store_},
                         {"authorization_model_id", model_},
                         {"writes", {{"tuple_keys", chunk}}}});
    }
  }

  json::object Question(const YAML::Node& assertion) const {
    json::object request{{"store_id", store_}, {"authorization_model_id", model_}};
    if (assertion["context"]) request["context"] = FromYaml(assertion["context"]);
    return request;
  }

  static json::array Contextual(const YAML::Node& assertion, const json::array& tuples) {
    json::array contextual = tuples;
    for (const auto& tuple : assertion["contextualTuples"]) contextual.push_back(FromYaml(tuple));
    return contextual;
  }

  // Whether there is an answer to look at.
  bool Answered(const YAML::Node& assertion, const json::object& request, const Answer& answer,
                const std::string& rpc) {
    if (!assertion["errorCode"]) {
      EXPECT_TRUE(answer.ok) << rpc << ": " << answer.message << " for "
                             << json::serialize(request);
      return answer.ok;
    }
    const auto code = assertion["errorCode"].as<std::uint32_t>();
    EXPECT_FALSE(answer.ok) << rpc << " " << json::serialize(request);
    if (std::string_view(client_.name()) == "grpc") {
      EXPECT_EQ(answer.grpc_code, code) << rpc;
    } else if (rpc == "StreamedListObjects") {
      EXPECT_EQ(answer.code, "3") << rpc;  // All codes of the file are of this class.
    } else {
      EXPECT_EQ(answer.code, api::WireName(code)) << rpc;
    }
    return false;
  }

  void RunCheck(const YAML::Node& assertion, const json::array& tuples) {
    auto request = Question(assertion);
    request["tuple_key"] = FromYaml(assertion["tuple"]);
    const auto contextual = Contextual(assertion, tuples);
    if (!contextual.empty()) request["contextual_tuples"] = {{"tuple_keys", contextual}};
    const auto answer = client_.Call("Check", request);
    if (!Answered(assertion, request, answer, "Check")) return;
    EXPECT_EQ(answer.response.at("allowed").as_bool(), assertion["expectation"].as<bool>())
        << json::serialize(request);
  }

  void ExpectAllowed(const json::object& list, const json::array& contextual,
                     const std::string& user, const std::string& relation,
                     const std::string& object) {
    json::object request{{"store_id", store_}, {"authorization_model_id", model_}};
    if (const auto* context = list.if_contains("context")) request["context"] = *context;
    if (!contextual.empty()) request["contextual_tuples"] = {{"tuple_keys", contextual}};
    request["tuple_key"] = {{"user", user}, {"relation", relation}, {"object", object}};
    EXPECT_TRUE(MustCall("Check", request).at("allowed").as_bool())
        << json::serialize(request) << " is in the list " << json::serialize(list);
  }

  void RunListObjects(const YAML::Node& assertion, const json::array& tuples) {
    auto request = Question(assertion);
    for (const auto* field : {"user", "type", "relation"}) {
      request[field] = assertion["request"][field].Scalar();
    }
    const auto contextual = Contextual(assertion, tuples);
    if (!contextual.empty()) request["contextual_tuples"] = {{"tuple_keys", contextual}};
    const auto want = Sorted(Expected(assertion));

    const auto answer = client_.Call("ListObjects", request);
    if (Answered(assertion, request, answer, "ListObjects")) {
      std::vector<std::string> got;
      for (const auto& object : answer.response.at("objects").as_array()) {
        got.push_back(Text(object));
      }
      EXPECT_EQ(Sorted(got), want) << json::serialize(request);
      for (const auto& object : got) {
        ExpectAllowed(request, contextual, Text(request["user"]), Text(request["relation"]),
                      object);
      }
    }
    const auto streamed = client_.Call("StreamedListObjects", request);
    if (Answered(assertion, request, streamed, "StreamedListObjects")) {
      std::vector<std::string> got;
      for (const auto& result : streamed.response.at("results").as_array()) {
        got.push_back(Text(result.at("object")));
      }
      EXPECT_EQ(Sorted(got), want) << "streamed " << json::serialize(request);
    }
  }

  void RunListUsers(const YAML::Node& assertion, const json::array& tuples) {
    auto request = Question(assertion);
    const auto object = assertion["request"]["object"].Scalar();
    const auto relation = assertion["request"]["relation"].Scalar();
    const auto colon = object.find(':');
    request["object"] = {{"type", object.substr(0, colon)}, {"id", object.substr(colon + 1)}};
    request["relation"] = relation;
    json::array filters;
    for (const auto& filter : assertion["request"]["filters"]) {
      const auto hash = filter.Scalar().find('#');
      json::object one{{"type", filter.Scalar().substr(0, hash)}};
      if (hash != std::string::npos) one["relation"] = filter.Scalar().substr(hash + 1);
      filters.push_back(std::move(one));
    }
    request["user_filters"] = std::move(filters);
    const auto contextual = Contextual(assertion, tuples);
    if (!contextual.empty()) request["contextual_tuples"] = contextual;

    const auto answer = client_.Call("ListUsers", request);
    if (!Answered(assertion, request, answer, "ListUsers")) return;
    std::vector<std::string> got;
    for (const auto& user : answer.response.at("users").as_array()) got.push_back(UserText(user));
    EXPECT_EQ(Sorted(got), Sorted(Expected(assertion))) << json::serialize(request);
    for (const auto& user : got) ExpectAllowed(request, contextual, user, relation, object);
  }

  static std::vector<std::string> Expected(const YAML::Node& assertion) {
    std::vector<std::string> expected;
    for (const auto& item : assertion["expectation"]) expected.push_back(item.Scalar());
    return expected;
  }

  WireClient& client_;
  const Tuples tuples_;
  std::mt19937 random_{20240607};
  json::value store_, model_;
  Counts counts_;
};

// The file's expectations of kTooComplex count hops as the reference does.
server::LoadedConfig ReferenceConfig() {
  auto loaded = TestConfig();
  loaded.config.resolve_node_limit = 25;
  return loaded;
}

using storage::testing::PostgresServer;

class ConsolidatedWire : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFile)) GTEST_SKIP() << "no conformance data at " << kFile;
    server_ = StartTestServer(ReferenceConfig());
  }
  std::unique_ptr<server::Server> server_;
};

// The same on every datastore: what is asked comes from memory, but how it came there differs.
TEST_F(ConsolidatedWire, StoredTuplesOnTheEmbeddedDatastore) {
  const TemporaryDirectory directory;
  auto loaded = ReferenceConfig();
  loaded.config.datastore_engine = server::DatastoreEngine::kEmbedded;
  loaded.config.data_directory = directory.path();
  const auto server = StartTestServer(loaded);
  EXPECT_EQ(Runner(*NewHttpClient(server->http_address()), Tuples::kStored).Run(), kStoredCounts);
}

class ConsolidatedWireOnPostgres : public ConsolidatedWire {
 protected:
  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
    if (!std::filesystem::exists(kFile)) GTEST_SKIP() << "no conformance data at " << kFile;
    auto database = PostgresServer::Start();
    ASSERT_TRUE(database.ok()) << database.error().message;
    database_ = *std::move(database);
    auto loaded = ReferenceConfig();
    loaded.config.datastore_engine = server::DatastoreEngine::kPostgres;
    loaded.config.postgres.uri = database_->Uri(database_->CreateDatabase());
    ASSERT_TRUE(storage::MigratePostgres(server::PostgresOptionsOf(loaded.config.postgres),
                                         storage::Migrate::kYes)
                    .ok());
    server_ = StartTestServer(loaded);
    other_ = StartTestServer(loaded);
  }
  void TearDown() override {
    other_.reset();
    server_.reset();
  }
  std::unique_ptr<PostgresServer> database_;
  std::unique_ptr<server::Server> other_;  // On the same database.
};

// Writes go to one server, questions to another one, which is to know the newest.
class WritesElsewhere final : public WireClient {
 public:
  WritesElsewhere(const server::Server& writes, const server::Server& asks)
      : writes_(NewHttpClient(writes.http_address())), asks_(NewHttpClient(asks.http_address())) {}
  const char* name() const override { return "two servers"; }
  Answer Call(const std::string& rpc, const json::object& request,
              const std::map<std::string, std::string>& headers) override {
    if (rpc == "CreateStore" || rpc.starts_with("Write")) {
      return writes_->Call(rpc, request, headers);
    }
    auto question = request;
    question["consistency"] = "HIGHER_CONSISTENCY";
    return asks_->Call(rpc, question, headers);
  }

 private:
  const std::unique_ptr<WireClient> writes_, asks_;
};

TEST_F(ConsolidatedWireOnPostgres, WrittenToOneServerAndAskedOfAnother) {
  WritesElsewhere client(*server_, *other_);
  EXPECT_EQ(Runner(client, Tuples::kStored).Run(), kStoredCounts);
}

TEST_F(ConsolidatedWireOnPostgres, StoredTuplesOverHttp) {
  EXPECT_EQ(Runner(*NewHttpClient(server_->http_address()), Tuples::kStored).Run(), kStoredCounts);
}

TEST_F(ConsolidatedWireOnPostgres, StoredTuplesOverGrpc) {
  EXPECT_EQ(Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kStored).Run(), kStoredCounts);
}

TEST_F(ConsolidatedWireOnPostgres, ContextualTuples) {
  EXPECT_EQ(Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kContextual).Run(),
            kContextualCounts);
}

TEST_F(ConsolidatedWire, StoredTuplesOverGrpc) {
  EXPECT_EQ(Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kStored).Run(), kStoredCounts);
}

TEST_F(ConsolidatedWire, StoredTuplesOverHttp) {
  EXPECT_EQ(Runner(*NewHttpClient(server_->http_address()), Tuples::kStored).Run(), kStoredCounts);
}

TEST_F(ConsolidatedWire, ContextualTuplesOverGrpc) {
  EXPECT_EQ(Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kContextual).Run(),
            kContextualCounts);
}

TEST_F(ConsolidatedWire, ContextualTuplesOverHttp) {
  EXPECT_EQ(Runner(*NewHttpClient(server_->http_address()), Tuples::kContextual).Run(),
            kContextualCounts);
}

}  // namespace
}  // namespace pemba::wire_test
