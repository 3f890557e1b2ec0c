// What is not about any one RPC: routing, bodies, sizes, HTTP versions, health, reflection, and the
// life of a server.
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/serialize.hpp>
#include <google/protobuf/descriptor.pb.h>
#include <grpc/health/v1/health.pb.h>
#include <grpc/reflection/v1/reflection.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;

constexpr const char* kUlid = "01HVMMBCMGZNT3SED4Z17ECXCA";
const std::string kStorePath = std::string("/stores/") + kUlid;

struct HttpCase {
  const char* name;
  const char* method;
  std::string target;
  std::string body;
  int status;
  const char* code;
  std::string message;  // "*": any.
};

const HttpCase kHttpCases[] = {
    {"unknown path", "GET", "/nowhere", "", 404, "undefined_endpoint", "Not Found"},
    {"trailing slash", "GET", "/stores/", "", 404, "undefined_endpoint", "Not Found"},
    {"one segment too many", "POST", kStorePath + "/check/more", "{}", 404, "undefined_endpoint",
     "Not Found"},
    {"known path, other method", "PUT", "/stores", "{}", 404, "unimplemented",
     "Method Not Allowed"},
    {"known path, other method", "GET", kStorePath + "/check", "", 404, "unimplemented",
     "Method Not Allowed"},
    {"empty body is an empty message", "POST", kStorePath + "/check", "", 400,
     "tuple_key_value_not_specified", "invalid CheckRequest.TupleKey: value is required"},
    {"truncated body", "POST", kStorePath + "/check", R"({"tuple_key":)", 400, "validation_error",
     "malformed JSON"},
    {"wrong type", "POST", kStorePath + "/check", R"({"tuple_key":{"user":1}})", 400,
     "validation_error", "invalid value for string field user: 1"},
    {"duplicate key", "POST", kStorePath + "/check", R"({"tuple_key":{},"tuple_key":{}})", 400,
     "validation_error", "duplicate field \"tuple_key\""},
    {"text behind the body", "POST", "/stores", R"({"name":"abc"} more)", 400, "validation_error",
     "*"},
    {"not an object", "POST", "/stores", "[]", 400, "validation_error", "*"},
    {"bad number in the query", "GET", "/stores?page_size=many", "", 400, "validation_error",
     "invalid value for int32 field page_size: many"},
    {"broken escape in the query", "GET", "/stores?name=%zz", "", 400, "validation_error",
     "invalid URL escape \"%zz\""},
    {"page size in the query", "GET", "/stores?page_size=0", "", 400, "page_size_invalid",
     "invalid ListStoresRequest.PageSize: value must be inside range [1, 100]"},
    {"the path overrides the body", "POST", "/stores/x/check",
     std::string(R"({"store_id":")") + kUlid + R"("})", 400, "validation_error",
     R"(invalid CheckRequest.StoreId: value does not match regex pattern "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$")"},
    {"a path parameter is unescaped", "GET", "/stores/%61bc", "", 400, "validation_error", "*"},
    {"body beyond the limit", "POST", "/stores", R"({"name":")" + std::string(700'000, 'a') + "\"}",
     500, "resource_exhausted", "*"},
};

class Front : public ::testing::Test {
 protected:
  std::unique_ptr<server::Server> server_ = StartTestServer();
};

TEST_F(Front, HttpErrorsHaveTheWiresForm) {
  for (const std::string_view version : {"1.1", "2"}) {
    for (const auto& address : {server_->http_address(), server_->grpc_address()}) {
      for (const auto& c : kHttpCases) {
        SCOPED_TRACE(std::string(c.name) + " over HTTP/" + std::string(version));
        const auto answer = HttpRequest(address, c.method, c.target, c.body, {}, version);
        EXPECT_EQ(answer.http_status, c.status);
        EXPECT_EQ(answer.code, c.code);
        if (c.message != "*") {
          EXPECT_EQ(answer.message, c.message);
        }
        EXPECT_EQ(answer.headers.at("content-type"), "application/json");
      }
    }
  }
}

TEST_F(Front, DecodingFailuresCarryNoRequestId) {
  const auto malformed = HttpRequest(server_->http_address(), "POST", "/stores", "{");
  EXPECT_FALSE(malformed.headers.contains("x-request-id"));
  const auto rule = HttpRequest(server_->http_address(), "POST", "/stores", "{}");
  EXPECT_EQ(rule.headers.at("x-request-id").size(), 36U);
}

TEST_F(Front, RequestIdsAreOurOwnAndNew) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto answer =
        HttpRequest(server_->http_address(), "GET", "/stores", "", {{"X-Request-Id", "theirs"}});
    const auto& id = answer.headers.at("x-request-id");
    EXPECT_EQ(id[14], '4');
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST_F(Front, NoContentHasNoBody) {
  const auto answer = HttpRequest(server_->http_address(), "DELETE", kStorePath, "");
  EXPECT_EQ(answer.http_status, 204);
  EXPECT_TRUE(answer.response.is_null());
  EXPECT_EQ(answer.headers.at("x-http-code"), "204");
}

TEST_F(Front, HealthOverHttp) {
  const auto& address = server_->http_address();
  for (const char* target : {"/healthz", "/healthz?service=openfga.v1.OpenFGAService"}) {
    const auto answer = HttpRequest(address, "GET", target, "");
    EXPECT_EQ(answer.http_status, 200);
    EXPECT_EQ(json::serialize(answer.response), R"({"status":"SERVING"})");
  }
  const auto unknown = HttpRequest(address, "GET", "/healthz?service=other", "");
  EXPECT_EQ(unknown.http_status, 404);
  EXPECT_EQ(unknown.code, "undefined_endpoint");
}

// Writers and readers of one store at once: whoever has been told of a write sees it.
TEST_F(Front, ManyCallersAtOnceReadTheirOwnWrites) {
  constexpr int kCallers = 6;
  constexpr int kRounds = 20;
  const auto& address = server_->http_address();
  const auto post = [&](const std::string& path, const std::string& body) {
    return HttpRequest(address, "POST", path, body);
  };
  const auto store =
      std::string(post("/stores", R"({"name":"shared"})").response.at("id").as_string());
  const auto path = "/stores/" + store;
  ASSERT_TRUE(post(path + "/authorization-models",
                   R"({"schema_version":"1.1","type_definitions":[{"type":"user"},
                       {"type":"doc","relations":{"viewer":{"this":{}}},"metadata":{"relations":
                       {"viewer":{"directly_related_user_types":[{"type":"user"}]}}}}]})")
                  .ok);
  std::vector<std::thread> callers;
  std::vector<int> allowed(kCallers), denied(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        const auto key = R"({"user":"user:)" + std::to_string(caller) +
                         R"(","relation":"viewer","object":"doc:)" + std::to_string(round) + "\"}";
        const auto check = [&] {
          return post(path + "/check", R"({"tuple_key":)" + key + "}")
              .response.at("allowed")
              .as_bool();
        };
        const auto change = [&](const char* what) {
          return post(path + "/write",
                      std::string("{\"") + what + R"(":{"tuple_keys":[)" + key + "]}}")
              .ok;
        };
        denied[static_cast<std::size_t>(caller)] += check() ? 0 : 1;
        const bool written = change("writes");
        allowed[static_cast<std::size_t>(caller)] += written && check() ? 1 : 0;
        if (round % 2 == 0) {
          const bool deleted = change("deletes");
          denied[static_cast<std::size_t>(caller)] += deleted && !check() ? 1 : 0;
        }
      }
    });
  }
  for (auto& caller : callers) caller.join();
  for (const int count : allowed) EXPECT_EQ(count, kRounds);
  for (const int count : denied) EXPECT_EQ(count, kRounds + kRounds / 2);
  const auto read = post(path + "/read", R"({"page_size":100})");
  EXPECT_EQ(read.headers.at("pemba-revision"), std::to_string(kCallers * (kRounds + kRounds / 2)));
  EXPECT_EQ(read.response.at("tuples").as_array().size(),
            static_cast<std::size_t>(kCallers * kRounds / 2));
}

// One unary call of bytes.
grpc::Status Unary(const std::string& address, const std::string& method, const std::string& sent,
                   std::string& received) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  grpc::Slice slice(sent);
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok()) response.Dump(&slices);
  received.clear();
  for (const auto& part : slices) {
    received.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return status;
}

TEST_F(Front, HealthOverGrpc) {
  namespace health = ::grpc::health::v1;
  std::string received;
  health::HealthCheckRequest request;
  for (const char* service : {"", "openfga.v1.OpenFGAService"}) {
    request.set_service(service);
    const auto status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Check",
                              request.SerializeAsString(), received);
    ASSERT_TRUE(status.ok()) << status.error_message();
    health::HealthCheckResponse response;
    ASSERT_TRUE(response.ParseFromString(received));
    EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING);
  }
  request.set_service("authzen.v1.AuthZenService");
  auto status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Check",
                      request.SerializeAsString(), received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(),
            "service 'authzen.v1.AuthZenService' is not registered with the Health server");
  status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Watch", "", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(Front, GrpcRefusals) {
  std::string received;
  const auto& address = server_->grpc_address();
  auto status = Unary(address, "/openfga.v1.OpenFGAService/Nothing", "", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "unknown method Nothing for service openfga.v1.OpenFGAService");
  status = Unary(address, "/openfga.v1.OpenFGAService/Check", "\xff\xff\xff", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  // A store name that is not UTF-8.
  status =
      Unary(address, "/openfga.v1.OpenFGAService/CreateStore", "\x0a\x03\xff\xfe\xfd", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  status =
      Unary(address, "/openfga.v1.OpenFGAService/CreateStore", std::string(700'000, 'a'), received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("received message larger than max"), std::string::npos);
}

class ReflectionVersion : public ::testing::TestWithParam<const char*> {};

TEST_P(ReflectionVersion, ListsServicesAndServesFiles) {
  namespace reflection = ::grpc::reflection::v1;  // Both versions have the same bytes.
  const auto server = StartTestServer();
  grpc::GenericStub stub(
      grpc::CreateChannel(server->grpc_address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto stream =
      stub.PrepareCall(&context, std::string("/") + GetParam() + "/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const auto ask = [&](const reflection::ServerReflectionRequest& request) {
    grpc::Slice slice(request.SerializeAsString());
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    EXPECT_TRUE(wait());
    grpc::ByteBuffer bytes;
    stream->Read(&bytes, nullptr);
    EXPECT_TRUE(wait());
    std::vector<grpc::Slice> slices;
    bytes.Dump(&slices);
    std::string text;
    for (const auto& part : slices) {
      text.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    reflection::ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(text));
    return response;
  };

  reflection::ServerReflectionRequest request;
  request.set_list_services("*");
  std::set<std::string> services;
  const auto listed = ask(request);
  for (const auto& service : listed.list_services_response().service()) {
    services.insert(service.name());
  }
  EXPECT_EQ(services, (std::set<std::string>{"openfga.v1.OpenFGAService", "grpc.health.v1.Health",
                                             "grpc.reflection.v1.ServerReflection",
                                             "grpc.reflection.v1alpha.ServerReflection"}));

  request.set_file_containing_symbol("openfga.v1.OpenFGAService");
  std::set<std::string> files;
  bool has_check = false;
  const auto found = ask(request);
  for (const auto& bytes : found.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    files.insert(file.name());
    for (const auto& service : file.service()) {
      for (const auto& method : service.method()) has_check = has_check || method.name() == "Check";
    }
  }
  EXPECT_TRUE(has_check);
  EXPECT_TRUE(files.contains("google/protobuf/struct.proto"));

  request.set_file_by_filename("openfga/v1/authzmodel.proto");
  EXPECT_EQ(ask(request).file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_file_containing_symbol("no.such.Thing");
  EXPECT_EQ(ask(request).error_response().error_code(), 5);

  stream->WritesDone(nullptr);
  EXPECT_TRUE(wait());
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(wait());
  EXPECT_TRUE(status.ok()) << status.error_message();
}

INSTANTIATE_TEST_SUITE_P(Versions, ReflectionVersion,
                         ::testing::Values("grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection"),
                         [](const auto& version) {
                           return std::string(version.param).find("alpha") == std::string::npos
                                      ? "v1"
                                      : "v1alpha";
                         });

TEST(Life, TwoServersInOneProcessKnowNothingOfEachOther) {
  const auto one = StartTestServer();
  const auto two = StartTestServer();
  EXPECT_NE(one->http_address(), two->http_address());
  HttpRequest(one->http_address(), "POST", "/stores", R"({"name":"mine"})");
  const auto stores = HttpRequest(two->http_address(), "GET", "/stores", "");
  EXPECT_TRUE(stores.response.at("stores").as_array().empty());
}

TEST(Life, AnEmbeddedServerRemembersAndOneDirectoryHasOneServer) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("pemba-front-test-" + std::to_string(getpid()));
  std::filesystem::remove_all(directory);
  auto loaded = TestConfig();
  loaded.config.datastore_engine = server::DatastoreEngine::kEmbedded;
  loaded.config.data_directory = directory;
  std::string store;
  {
    const auto server = StartTestServer(loaded);
    store =
        json::serialize(HttpRequest(server->http_address(), "POST", "/stores", R"({"name":"kept"})")
                            .response.at("id"));
    EXPECT_FALSE(server::Server::Start(loaded, TestClock()).ok());
  }
  {
    const auto server = StartTestServer(loaded);
    const auto stores = HttpRequest(server->http_address(), "GET", "/stores", "");
    EXPECT_EQ(json::serialize(stores.response.at("stores").at(0).at("id")), store);
  }
  std::filesystem::remove_all(directory);
}

TEST(Life, AnAddressInUseIsAnErrorThatNamesIt) {
  const auto one = StartTestServer();
  auto loaded = TestConfig();
  loaded.config.http.address = one->http_address();
  loaded.config.grpc.address = one->http_address();
  const auto two = server::Server::Start(loaded, TestClock());
  ASSERT_FALSE(two.ok());
  EXPECT_NE(two.error().message.find(one->http_address()), std::string::npos)
      << two.error().message;
}

}  // namespace
}  // namespace pemba::wire_test
