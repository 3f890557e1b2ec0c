// Databases of facts and rules over both transports, and over restarts.
#include <filesystem>
#include <memory>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <pemba/reason/v1/reason_service.pb.h>
#include <unistd.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
namespace wire = ::pemba::reason::v1;

template <class Request, class Response>
grpc::Status AskGrpc(const std::string& address, const std::string& rpc, const Request& request,
                     Response& response) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::Slice slice(request.SerializeAsString());
  grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  grpc::Status status;
  const auto call =
      stub.PrepareUnaryCall(&context, "/pemba.reason.v1.ReasonService/" + rpc, sent, &queue);
  call->StartCall();
  call->Finish(&received, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (status.ok() && received.DumpToSingleSlice(&whole).ok()) {
    EXPECT_TRUE(response.ParseFromArray(whole.begin(), static_cast<int>(whole.size())));
  }
  return status;
}

Answer Post(const server::Server& server, const std::string& path, const json::object& body) {
  return HttpRequest(server.http_address(), "POST", "/reason/databases" + path,
                     json::serialize(body));
}

TEST(ReasonOverTheWire, IsTheSameOnBothTransports) {
  const auto server = StartTestServer();
  const auto made = Post(*server, "", {{"database", "iam"}, {"sample", "iam"}});
  EXPECT_EQ(made.http_status, 201) << made.body;
  EXPECT_EQ(Post(*server, "", {{"database", "iam"}}).http_status, 409);
  EXPECT_EQ(Post(*server, "", {{"database", "I am"}}).http_status, 400);

  const std::string text = "match $p isa person, has full-name $n; get $n; sort $n desc; limit 1;";
  const auto http = Post(*server, "/iam/query", {{"query", text}});
  EXPECT_EQ(http.http_status, 200);
  EXPECT_EQ(http.response.at("variables"), json::array{"n"});
  EXPECT_EQ(http.response.at("answers").at(0).at("concepts").at(0).at("value").at("string"),
            "Pearle Goodman");
  wire::QueryRequest request;
  request.set_database("iam");
  request.set_query(text);
  wire::QueryResponse response;
  EXPECT_TRUE(AskGrpc(server->grpc_address(), "Query", request, response).ok());
  ASSERT_EQ(response.answers_size(), 1);
  EXPECT_EQ(response.answers(0).concepts(0).value().string(), "Pearle Goodman");

  const auto wrong = Post(*server, "/iam/query", {{"query", "match $p isa robot;"}});
  EXPECT_EQ(wrong.http_status, 400);
  EXPECT_EQ(wrong.message, "[TYR03] type-not-found at 1:14: the type `robot` is not defined");
  request.set_query("match $p isa robot;");
  const auto status = AskGrpc(server->grpc_address(), "Query", request, response);
  EXPECT_EQ(status.error_message(), wrong.message);
  EXPECT_EQ(Post(*server, "/other/query", {{"query", text}}).http_status, 404);
  EXPECT_EQ(HttpRequest(server->http_address(), "DELETE", "/reason/databases/iam", "").http_status,
            204);
  EXPECT_EQ(Post(*server, "/iam/query", {{"query", text}}).http_status, 404);
}

TEST(ReasonOverTheWire, DatabasesSurviveARestart) {
  auto loaded = TestConfig();
  loaded.config.datastore_engine = server::DatastoreEngine::kEmbedded;
  loaded.config.data_directory =
      std::filesystem::temp_directory_path() / ("pemba-reason-" + std::to_string(::getpid()));
  std::filesystem::remove_all(loaded.config.data_directory);
  const json::object count = {{"query", "match $p isa permission; get $p; count;"},
                              {"infer", true}};
  {
    const auto server = StartTestServer(loaded);
    EXPECT_EQ(Post(*server, "", {{"database", "iam"}, {"sample", "iam"}}).http_status, 201);
    EXPECT_EQ(Post(*server, "/iam/query",
                   {{"query",
                     "match $p isa person, has full-name \"Masako Holley\"; $f isa file, has "
                     "path \"LICENSE\"; $a has action-name \"modify_file\"; $ac "
                     "(accessed-object: $f, valid-action: $a) isa access; insert "
                     "(permitted-subject: $p, permitted-access: $ac) isa permission;"}})
                  .http_status,
              200);
    EXPECT_EQ(
        Post(*server, "/iam/query", count).response.at("answers").at(0).at("number").at("long"),
        "31");
  }
  {
    const auto server = StartTestServer(loaded);
    EXPECT_EQ(
        Post(*server, "/iam/query", count).response.at("answers").at(0).at("number").at("long"),
        "31");
  }
  std::filesystem::remove_all(loaded.config.data_directory);
}

}  // namespace
}  // namespace pemba::wire_test
