// The consolidated query cases, Check assertions, over gRPC and HTTP: once with the tuples stored,
// once with the tuples of single-stage tests sent along with each question.
#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "pemba/api/errors.h"
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
constexpr int kTests = 137;
constexpr int kAssertions = 360;
constexpr int kContextualTests = 115;
constexpr int kContextualAssertions = 282;

enum class Tuples { kStored, kContextual };

struct Counts {
  int tests = 0;
  int assertions = 0;
};

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
        RunAssertion(assertion, tuples);
        ++counts_.assertions;
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

  void RunAssertion(const YAML::Node& assertion, const json::array& tuples) {
    json::object request{{"store_id", store_},
                         {"authorization_model_id", model_},
                         {"tuple_key", FromYaml(assertion["tuple"])}};
    json::array contextual = tuples;
    for (const auto& tuple : assertion["contextualTuples"]) contextual.push_back(FromYaml(tuple));
    if (!contextual.empty()) request["contextual_tuples"] = {{"tuple_keys", contextual}};
    if (assertion["context"]) request["context"] = FromYaml(assertion["context"]);
    const auto answer = client_.Call("Check", request);
    if (assertion["errorCode"]) {
      const auto code = assertion["errorCode"].as<std::uint32_t>();
      EXPECT_FALSE(answer.ok) << json::serialize(request);
      if (std::string_view(client_.name()) == "http") {
        EXPECT_EQ(answer.code, api::WireName(code));
      } else {
        EXPECT_EQ(answer.grpc_code, code);
      }
    } else {
      ASSERT_TRUE(answer.ok) << answer.message << " for " << json::serialize(request);
      EXPECT_EQ(answer.response.at("allowed").as_bool(), assertion["expectation"].as<bool>())
          << json::serialize(request);
    }
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

class ConsolidatedWire : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFile)) GTEST_SKIP() << "no conformance data at " << kFile;
    server_ = StartTestServer(ReferenceConfig());
  }
  std::unique_ptr<server::Server> server_;
};

TEST_F(ConsolidatedWire, StoredTuplesOverGrpc) {
  const auto counts = Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kStored).Run();
  EXPECT_EQ(counts.tests, kTests);
  EXPECT_EQ(counts.assertions, kAssertions);
}

TEST_F(ConsolidatedWire, StoredTuplesOverHttp) {
  const auto counts = Runner(*NewHttpClient(server_->http_address()), Tuples::kStored).Run();
  EXPECT_EQ(counts.tests, kTests);
  EXPECT_EQ(counts.assertions, kAssertions);
}

TEST_F(ConsolidatedWire, ContextualTuplesOverGrpc) {
  const auto counts = Runner(*NewGrpcClient(server_->grpc_address()), Tuples::kContextual).Run();
  EXPECT_EQ(counts.tests, kContextualTests);
  EXPECT_EQ(counts.assertions, kContextualAssertions);
}

TEST_F(ConsolidatedWire, ContextualTuplesOverHttp) {
  const auto counts = Runner(*NewHttpClient(server_->http_address()), Tuples::kContextual).Run();
  EXPECT_EQ(counts.tests, kContextualTests);
  EXPECT_EQ(counts.assertions, kContextualAssertions);
}

}  // namespace
}  // namespace pemba::wire_test
