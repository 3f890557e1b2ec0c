// ServedStore: a store on a server in this process, asked over the wire in the words of a test.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/tuple/tuple.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::advisories {

enum class Transport { kGrpc, kHttp };

struct Setup {
  server::DatastoreEngine engine;
  Transport transport;
};

inline std::string NameOf(const Setup& setup) {
  return std::string(setup.engine == server::DatastoreEngine::kMemory ? "Memory" : "Embedded") +
         (setup.transport == Transport::kGrpc ? "Grpc" : "Http");
}

// The message of a tuple that is written as text: "document:1#viewer@user:anne".
inline boost::json::object TupleKey(std::string_view text) {
  const auto view = *tuple::ParseTuple(text);
  return {{"object", std::string(view.object)},
          {"relation", std::string(view.relation)},
          {"user", std::string(view.subject)}};
}

inline boost::json::object TupleKeys(const std::vector<std::string>& texts) {
  boost::json::array keys;
  for (const auto& text : texts) keys.push_back(TupleKey(text));
  return {{"tuple_keys", std::move(keys)}};
}

class ServedStore {
 public:
  explicit ServedStore(const Setup& setup, const std::string& types = "") {
    auto loaded = wire_test::TestConfig();
    loaded.config.datastore_engine = setup.engine;
    loaded.config.data_directory = directory_.path() / "data";
    server_ = wire_test::StartTestServer(loaded);
    client_ = setup.transport == Transport::kGrpc
                  ? wire_test::NewGrpcClient(server_->grpc_address())
                  : wire_test::NewHttpClient(server_->http_address());
    id_ = NewStore();
    if (!types.empty()) {
      EXPECT_TRUE(WriteModel(types).ok);
    }
  }

  const std::string& id() const { return id_; }
  const server::Server& server() const { return *server_; }

  // `request` without its store id.
  wire_test::Answer Call(const std::string& rpc, boost::json::object request) {
    if (rpc != "CreateStore" && rpc != "ListStores" && !request.contains("store_id")) {
      request["store_id"] = id_;
    }
    return client_->Call(rpc, request);
  }
  std::string NewStore(const std::string& name = "advisories") {
    const auto made = client_->Call("CreateStore", {{"name", name}});
    EXPECT_TRUE(made.ok) << made.message;
    return std::string(made.response.at("id").as_string());
  }
  wire_test::Answer WriteModel(const std::string& types) {
    return Call("WriteAuthorizationModel",
                wire_test::ModelFields("model\n  schema 1.1\ntype user\n" + types));
  }
  wire_test::Answer Write(const std::vector<std::string>& tuples) {
    return Call("Write", {{"writes", TupleKeys(tuples)}});
  }
  // "allowed", "denied" or "error: text".
  std::string Check(const std::string& tuple, boost::json::object more = {}) {
    more["tuple_key"] = TupleKey(tuple);
    const auto answer = Call("Check", std::move(more));
    if (!answer.ok) return "error: " + answer.message;
    return answer.response.at("allowed").as_bool() ? "allowed" : "denied";
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<wire_test::WireClient> client_;
  std::string id_;
};

// A suite that runs on every datastore over every transport.
class Served : public ::testing::TestWithParam<Setup> {};

#define PEMBA_SERVED_EVERYWHERE(suite)                                                \
  INSTANTIATE_TEST_SUITE_P(                                                           \
      On, suite,                                                                      \
      ::testing::Values(Setup{server::DatastoreEngine::kMemory, Transport::kGrpc},    \
                        Setup{server::DatastoreEngine::kMemory, Transport::kHttp},    \
                        Setup{server::DatastoreEngine::kEmbedded, Transport::kGrpc},  \
                        Setup{server::DatastoreEngine::kEmbedded, Transport::kHttp}), \
      [](const auto& setup) { return NameOf(setup.param); })

}  // namespace pemba::advisories
