// Every route of every protocol asks who calls.
#include <map>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/openfga/service.h"
#include "pemba/model/dsl.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace pb = google::protobuf;
using api::openfga::RequestContext;
using api::openfga::Service;

constexpr const char* kKey = "canary-key-5b1f";
const std::string kStore = "01HVMMBCMGZNT3SED4Z17ECXCA";
using Headers = std::map<std::string, std::string>;

server::LoadedConfig PresharedConfig() {
  auto loaded = TestConfig();
  loaded.config.authn.method = server::AuthnMethod::kPreshared;
  loaded.config.authn.preshared_keys = {"another-key", kKey};
  return loaded;
}

// By the last segment of the gRPC method: a request that passes the field rules, which unary calls
// check before they ask who calls. Calls without an entry get an empty message.
const std::map<std::string, std::string>& ValidRequests() {
  static const std::map<std::string, std::string> requests = [] {
    const std::string store = R"({"store_id":")" + kStore + R"(")";
    const std::string id = R"(,"id":")" + kStore + R"(")";
    const std::string model = R"(,"authorization_model_id":")" + kStore + R"(")";
    const std::string key =
        R"("tuple_key":{"user":"user:anne","relation":"viewer","object":"doc:1"})";
    const std::string list = R"(,"type":"doc","relation":"viewer","user":"user:anne"})";
    const std::string evaluation =
        store + R"(,"subject":{"type":"user","id":"anne"},"action":{"name":"viewer"},)"
                R"("resource":{"type":"doc","id":"1"}})";
    const std::string database = R"({"database":"facts")";
    const std::string transaction = database + R"(,"transaction":"0a")";
    return std::map<std::string, std::string>{
        {"CreateDatabase", database + "}"},
        {"GetDatabase", database + "}"},
        {"DeleteDatabase", database + "}"},
        {"ReadSchema", database + "}"},
        {"Query", database + R"(,"query":"match $x isa thing;"})"},
        {"BeginTransaction", database + "}"},
        {"CommitTransaction", transaction + "}"},
        {"RollbackTransaction", transaction + "}"},
        {"ExplainFact", transaction + R"(,"iid":"0x1"})"},
        {"Project", database + "}"},
        {"GuardedCheck", database + R"(,"store_id":")" + kStore + R"(",)" + key + "}"},
        {"Evaluation", evaluation},
        {"Evaluations", evaluation},
        {"SubjectSearch", evaluation},
        {"ResourceSearch", evaluation},
        {"ActionSearch", store + R"(,"subject":{"type":"user","id":"anne"},)"
                                 R"("resource":{"type":"doc","id":"1"}})"},
        {"GetConfiguration", store + "}"},
        {"CreateStore", R"({"name":"a store"})"},
        {"UpdateStore", store + R"(,"name":"a store"})"},
        {"GetStore", store + "}"},
        {"DeleteStore", store + "}"},
        {"WriteAuthorizationModel",
         store + R"(,"schema_version":"1.1","type_definitions":[{"type":"user"}]})"},
        {"ReadAuthorizationModels", store + "}"},
        {"ReadAuthorizationModel", store + id + "}"},
        {"WriteAssertions", store + model + R"(,"assertions":[]})"},
        {"ReadAssertions", store + model + "}"},
        {"Write", store + "}"},
        {"Read", store + "}"},
        {"ReadChanges", store + "}"},
        {"Watch", store + "}"},
        {"WriteTuples", store + "}"},
        {"ReadTuples", store + "}"},
        {"Check", store + "," + key + "}"},
        {"Explain", store + "," + key + "}"},
        {"BatchCheck", store + R"(,"checks":[{"correlation_id":"a",)" + key + "}]}"},
        {"Expand", store + R"(,"tuple_key":{"relation":"viewer","object":"doc:1"}})"},
        {"ListObjects", store + list},
        {"StreamedListObjects", store + list},
        {"ListObjectsOfKinds",
         store + R"(,"kinds":[{"type":"doc","relation":"viewer"}],"user":"user:anne"})"},
        {"ListUsersOfKinds",
         store +
             R"(,"object":{"type":"doc","id":"1"},"relation":"viewer","user_filters":[{"type":"user"}]})"},
        {"ListUsers",
         store +
             R"(,"object":{"type":"doc","id":"1"},"relation":"viewer","user_filters":[{"type":"user"}]})"},
    };
  }();
  return requests;
}

std::string RpcOf(const rpc::Route& route) {
  return route.grpc_method.substr(route.grpc_method.rfind('/') + 1);
}

std::string RequestOf(const rpc::Route& route) {
  const auto found = ValidRequests().find(RpcOf(route));
  return found == ValidRequests().end() ? "{}" : found->second;
}

// The request of a gRPC method as bytes.
std::string BytesOf(const rpc::Route& route) {
  const auto service = route.grpc_method.substr(1, route.grpc_method.rfind('/') - 1);
  const auto* method =
      pb::DescriptorPool::generated_pool()->FindMethodByName(service + "." + RpcOf(route));
  if (method == nullptr) return {};
  const std::unique_ptr<pb::Message> message(
      pb::MessageFactory::generated_factory()->GetPrototype(method->input_type())->New());
  EXPECT_TRUE(api::ReadJson(RequestOf(route), *message).ok()) << route.grpc_method;
  return message->SerializeAsString();
}

Answer AskGrpc(const std::string& address, const rpc::Route& route, const Headers& headers) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::Slice slice(BytesOf(route));
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  for (const auto& [name, value] : headers) context.AddMetadata(name, value);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, route.grpc_method, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  Answer answer;
  answer.ok = status.ok();
  answer.grpc_code = static_cast<std::uint32_t>(status.error_code());
  answer.message = status.error_message();
  return answer;
}

Answer AskHttp(const std::string& address, const rpc::Route& route, const Headers& headers,
               std::string_view version) {
  std::string target;
  for (std::string_view rest = route.http_pattern; !rest.empty();) {
    const auto open = rest.find('{');
    target += rest.substr(0, open);
    rest.remove_prefix(std::min(open, rest.size()));
    if (rest.empty()) break;
    target += kStore;
    rest.remove_prefix(rest.find('}') + 1);
  }
  const bool has_body = route.http_method != "GET" && route.http_method != "DELETE";
  return HttpRequest(address, route.http_method, target, has_body ? RequestOf(route) : "", headers,
                     version);
}

struct Refusal {
  std::uint32_t number;
  const char* code;
  const char* message;
};
constexpr Refusal kMissing = {1010, "bearer_token_missing", "missing bearer token"};
constexpr Refusal kWrong = {1500, "unauthenticated", "unauthenticated"};

struct CredentialCase {
  const char* name;
  Headers headers;
  Refusal want;
};
const CredentialCase kRefused[] = {
    {"no credential", {}, kMissing},
    {"empty header", {{"authorization", ""}}, kMissing},
    {"scheme alone", {{"authorization", "Bearer"}}, kMissing},
    {"key without scheme", {{"authorization", kKey}}, kMissing},
    {"another scheme", {{"authorization", std::string("Basic ") + kKey}}, kMissing},
    {"key in another header", {{"x-api-key", kKey}}, kMissing},
    {"wrong key", {{"authorization", "Bearer wrong"}}, kWrong},
    {"beginning of a key", {{"authorization", "Bearer canary-key"}}, kWrong},
    {"key and more", {{"authorization", std::string("Bearer ") + kKey + "1"}}, kWrong},
    {"both keys", {{"authorization", std::string("Bearer another-key,") + kKey}}, kWrong},
    {"key in another case", {{"authorization", "Bearer CANARY-KEY-5B1F"}}, kWrong},
};

// Over HTTP the errors of a stream have the standard gRPC number.
bool IsStream(const rpc::Route& route) {
  return RpcOf(route) == "StreamedListObjects" || RpcOf(route) == "Watch";
}

bool IsOpen(const rpc::Route& route) {
  return route.http_pattern == "/healthz" || route.http_pattern == "/livez" ||
         route.grpc_method.starts_with("/grpc.health.v1.Health/");
}

class Authentication : public ::testing::Test {
 protected:
  std::unique_ptr<server::Server> server_ = StartTestServer(PresharedConfig());
};

TEST_F(Authentication, EveryRouteOfEveryProtocolRefusesWhoIsNotKnown) {
  int closed = 0;
  for (const auto& route : server_->routes()) {
    if (IsOpen(route)) continue;
    for (const auto& address : {server_->grpc_address(), server_->http_address()}) {
      for (const auto& c : kRefused) {
        SCOPED_TRACE(route.grpc_method + " " + route.http_method + " " + route.http_pattern + ": " +
                     c.name);
        if (!route.grpc_method.empty()) {
          const auto answer = AskGrpc(address, route, c.headers);
          EXPECT_EQ(answer.grpc_code, c.want.number);
          EXPECT_EQ(answer.message, c.want.message);
          ++closed;
        }
        for (const std::string_view version : {"1.1", "2"}) {
          if (route.http_pattern.empty()) continue;
          const auto answer = AskHttp(address, route, c.headers, version);
          EXPECT_EQ(answer.http_status, 401);
          EXPECT_EQ(answer.code, IsStream(route) ? "16" : c.want.code);
          EXPECT_EQ(answer.message, c.want.message);
          ++closed;
        }
      }
    }
  }
  EXPECT_GE(closed, 19 * 3 * 2 * static_cast<int>(std::size(kRefused)));
}

TEST_F(Authentication, EveryRouteLetsInWhoHasAKey) {
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "}) {
    const Headers headers = {{"authorization", scheme + std::string(kKey)}};
    for (const auto& route : server_->routes()) {
      SCOPED_TRACE(route.grpc_method + " " + route.http_pattern);
      if (!route.grpc_method.empty()) {
        const auto code = AskGrpc(server_->grpc_address(), route, headers).grpc_code;
        EXPECT_TRUE(code < 1000 || code >= 2000) << code;
      }
      if (!route.http_pattern.empty()) {
        EXPECT_NE(AskHttp(server_->http_address(), route, headers, "1.1").http_status, 401);
      }
    }
  }
}

TEST_F(Authentication, ProbesNeedNoCredential) {
  int open = 0;
  for (const auto& route : server_->routes()) {
    if (!IsOpen(route)) continue;
    SCOPED_TRACE(route.grpc_method + " " + route.http_pattern);
    ++open;
    if (!route.http_pattern.empty()) {
      EXPECT_EQ(AskHttp(server_->http_address(), route, {}, "1.1").http_status, 200);
    } else if (RpcOf(route) == "Check") {
      EXPECT_TRUE(AskGrpc(server_->grpc_address(), route, {}).ok);
    }
  }
  EXPECT_EQ(open, 4);
}

TEST_F(Authentication, UnaryCallsCheckTheirFieldsFirst) {
  const auto unary =
      HttpRequest(server_->http_address(), "POST", "/stores/" + kStore + "/check", "{}");
  EXPECT_EQ(unary.http_status, 400);
  EXPECT_EQ(unary.code, "tuple_key_value_not_specified");
  const auto stream = HttpRequest(server_->http_address(), "POST",
                                  "/stores/" + kStore + "/streamed-list-objects", "{}");
  EXPECT_EQ(stream.http_status, 401);
  EXPECT_EQ(stream.message, "missing bearer token");
}

TEST_F(Authentication, RefusalsCarryARequestId) {
  for (const char* rpc : {"check", "streamed-list-objects"}) {
    const auto answer = HttpRequest(server_->http_address(), "POST",
                                    "/stores/" + kStore + "/" + rpc, ValidRequests().at("Check"));
    EXPECT_EQ(answer.http_status, 401);
    EXPECT_EQ(answer.headers.at("x-request-id").size(), 36U);
  }
}

TEST_F(Authentication, WhatNobodyAnswersNeedsNoCredential) {
  EXPECT_EQ(HttpRequest(server_->http_address(), "GET", "/nowhere", "").http_status, 404);
  rpc::Route unknown;
  unknown.grpc_method = "/openfga.v1.OpenFGAService/Nothing";
  EXPECT_EQ(AskGrpc(server_->grpc_address(), unknown, {}).grpc_code, 12U);
}

TEST_F(Authentication, BrowsersMayReadEveryAnswer) {
  const Headers page = {{"origin", "https://app.example"}};
  const std::pair<const char*, const char*> requests[] = {
      {"GET", "/healthz"}, {"GET", "/stores"}, {"GET", "/nowhere"}, {"PUT", "/stores"}};
  for (const std::string_view version : {"1.1", "2"}) {
    for (const auto& [method, path] : requests) {
      SCOPED_TRACE(std::string(method) + " " + path);
      const auto answer = HttpRequest(server_->http_address(), method, path, "", page, version);
      EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "*");
      EXPECT_EQ(answer.headers.at("vary"), "Origin");
    }
  }
}

TEST_F(Authentication, PreflightsNeedNoCredential) {
  const Headers page = {{"origin", "https://app.example"},
                        {"access-control-request-method", "POST"},
                        {"access-control-request-headers", "authorization,content-type"}};
  for (const std::string_view version : {"1.1", "2"}) {
    for (const auto& path : {"/stores/" + kStore + "/check", std::string("/nowhere")}) {
      const auto answer = HttpRequest(server_->http_address(), "OPTIONS", path, "", page, version);
      EXPECT_EQ(answer.http_status, 204);
      EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "*");
      EXPECT_EQ(answer.headers.at("access-control-allow-methods"), "POST");
      EXPECT_EQ(answer.headers.at("access-control-allow-headers"), "authorization,content-type");
    }
  }
}

TEST(CorsOfAServer, OriginsAreThoseOfTheSettings) {
  auto loaded = TestConfig();
  loaded.config.cors.allowed_origins = {"https://app.example"};
  const auto server = StartTestServer(loaded);
  const auto ask = [&](const char* origin) {
    return HttpRequest(server->http_address(), "GET", "/stores", "", {{"origin", origin}}).headers;
  };
  EXPECT_EQ(ask("https://app.example").at("access-control-allow-origin"), "https://app.example");
  EXPECT_FALSE(ask("https://evil.example").contains("access-control-allow-origin"));
}

// The service itself, with a control store that holds nothing, asked by `caller`.
class DeniedCalls : public ::testing::Test {
 protected:
  template <class Request, class Response>
  ErrorCode Ask(Status (Service::*method)(RequestContext&, const Request&, Response&),
                const Request& request = {}) {
    RequestContext context;
    context.caller = caller_;
    Response response;
    const auto outcome = (service_.*method)(context, request, response);
    EXPECT_FALSE(outcome.ok()) << Request::descriptor()->name();
    return outcome.ok() ? ErrorCode::kInternal : outcome.error().code;
  }

  // Every call but Write, WriteTuples and UpdateStore.
  void ExpectAll(ErrorCode code) {
    EXPECT_EQ(Ask(&Service::CreateStore), code);
    EXPECT_EQ(Ask(&Service::ListStores), code);
    EXPECT_EQ(Ask(&Service::GetStore), code);
    EXPECT_EQ(Ask(&Service::DeleteStore), code);
    EXPECT_EQ(Ask(&Service::WriteAuthorizationModel), code);
    EXPECT_EQ(Ask(&Service::ReadAuthorizationModel), code);
    EXPECT_EQ(Ask(&Service::ReadAuthorizationModels), code);
    EXPECT_EQ(Ask(&Service::Read), code);
    EXPECT_EQ(Ask(&Service::ReadChanges), code);
    EXPECT_EQ(Ask(&Service::Watch), code);
    EXPECT_EQ(Ask(&Service::ReadTuples), code);
    EXPECT_EQ(Ask(&Service::Check), code);
    EXPECT_EQ(Ask(&Service::BatchCheck), code);
    EXPECT_EQ(Ask(&Service::Expand), code);
    EXPECT_EQ(Ask(&Service::ListObjects), code);
    EXPECT_EQ(Ask(&Service::StreamedListObjects), code);
    EXPECT_EQ(Ask(&Service::ListUsers), code);
    EXPECT_EQ(Ask(&Service::WriteAssertions), code);
    EXPECT_EQ(Ask(&Service::ReadAssertions), code);
  }

  api::authn::Caller caller_;
  std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, TestClock()};
  api::openfga::ServiceOptions options_ = [] {
    api::openfga::ServiceOptions options;
    options.access_control = {StoreId{kStore}, ModelId{kStore}};
    return options;
  }();
  Service service_{stores_, TestClock(), options_};
};

TEST_F(DeniedCalls, NothingRunsIfAFrontForgotToAskWhoCalls) {
  ExpectAll(ErrorCode::kUnauthenticated);
  EXPECT_EQ(Ask(&Service::Write), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Ask(&Service::WriteTuples), ErrorCode::kUnauthenticated);
  EXPECT_EQ(Ask(&Service::UpdateStore), ErrorCode::kUnauthenticated);
}

TEST_F(DeniedCalls, AccessControlAllowsNothingByItself) {
  // Also ids that would read as everyone or as a userset.
  for (const char* client_id : {"menu", "", "*", "menu#member", "a b"}) {
    SCOPED_TRACE(client_id);
    caller_ = api::authn::Caller::Named(client_id);
    ExpectAll(ErrorCode::kForbidden);
  }
  caller_ = api::authn::Caller::Anonymous();
  ExpectAll(ErrorCode::kForbidden);
}

TEST_F(DeniedCalls, AWriteIsForbiddenOnceItsModelIsKnown) {
  caller_ = api::authn::Caller::Named("menu");
  openfga::v1::WriteRequest request;
  request.set_store_id(kStore);
  EXPECT_EQ(Ask(&Service::Write, request), ErrorCode::kLatestModelNotFound);
  auto store = stores_.Open(StoreId{kStore});
  ASSERT_TRUE(store.ok());
  model::Model model;
  model.schema_version = "1.1";
  model.types.push_back({"user", {}, {}});
  ASSERT_TRUE((*store)->WriteModel(model).ok());
  EXPECT_EQ(Ask(&Service::Write, request), ErrorCode::kForbidden);
  ::pemba::v1::WriteTuplesRequest extended;
  extended.set_store_id(kStore);
  EXPECT_EQ(Ask(&Service::WriteTuples, extended), ErrorCode::kForbidden);
}

// Who is told the reasons of an answer sees tuples.
TEST(AccessControl, ExplainIsForThoseWhoMayBothCheckAndRead) {
  const auto datastore = storage::NewMemoryDatastore();
  store::Stores stores(*datastore, TestClock());
  const auto new_store = [&](const char* name, std::string_view dsl) {
    const auto id = stores.CreateStore(name)->id;
    const auto model = (*stores.Open(id))->WriteModel(*model::ModelFromDsl(dsl));
    EXPECT_TRUE(model.ok()) << model.error().message;
    return std::pair(id, *model);
  };
  const auto [control, control_model] = new_store("control", R"(model
  schema 1.1
type application
type system
type store
  relations
    define system: [system]
    define can_call_check: [application]
    define can_call_read: [application]
)");
  const auto [asked, asked_model] = new_store("asked", R"(model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
)");
  const auto object = "store:" + asked.value;
  const std::vector<tuple::Tuple> grants = {{object, "can_call_check", "application:checker", {}},
                                            {object, "can_call_read", "application:reader", {}},
                                            {object, "can_call_check", "application:both", {}},
                                            {object, "can_call_read", "application:both", {}}};
  ASSERT_TRUE((*stores.Open(control))->Write({.writes = grants}).ok());

  api::openfga::ServiceOptions options;
  options.access_control = {control, control_model};
  Service service(stores, TestClock(), options);
  pemba::v1::ExplainRequest request;
  request.set_store_id(asked.value);
  request.mutable_tuple_key()->set_user("user:anne");
  request.mutable_tuple_key()->set_relation("viewer");
  request.mutable_tuple_key()->set_object("doc:1");
  for (const auto& [client, may] :
       {std::pair{"checker", false}, {"reader", false}, {"both", true}, {"nobody", false}}) {
    SCOPED_TRACE(client);
    RequestContext context;
    context.caller = api::authn::Caller::Named(client);
    pemba::v1::ExplainResponse response;
    const auto outcome = service.Explain(context, request, response);
    EXPECT_EQ(outcome.ok(), may);
    if (!outcome.ok()) {
      EXPECT_EQ(outcome.error().code, ErrorCode::kForbidden);
    }
    EXPECT_EQ(response.ByteSizeLong() > 0, may) << "who may not, is told nothing";
  }
}

TEST(AuthenticationStart, ThereMustBeAKey) {
  auto loaded = PresharedConfig();
  for (const auto& keys : {std::vector<std::string>{}, std::vector<std::string>{"a", ""}}) {
    loaded.config.authn.preshared_keys = keys;
    const auto server = server::Server::Start(loaded, TestClock());
    ASSERT_FALSE(server.ok());
    EXPECT_TRUE(server.error().message.starts_with("invalid auth configuration"));
  }
}

}  // namespace
}  // namespace pemba::wire_test
