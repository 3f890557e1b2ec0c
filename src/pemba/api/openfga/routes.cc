#include "pemba/api/openfga/routes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <google/protobuf/arena.h>

#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"
#include "pemba/api/field_rules.h"
#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/check_json.h"
#include "pemba/api/openfga/field_rules_table.h"
#include "pemba/base/assert.h"

namespace pemba::api::openfga {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kServicePath = "/openfga.v1.OpenFGAService/";
constexpr std::string_view kPembaServicePath = "/pemba.v1.PembaService/";
constexpr std::string_view kJsonType = "application/json";

// What all calls share. Lives as long as the router that holds the handlers.
struct Front {
  const Clock& clock;
  const FrontOptions options;
  const FieldRules rules{FieldRulesTable()};
};

// The constant part of one RPC.
struct Rpc {
  const char* name;
  const char* http_method;
  const char* http_pattern;
  int http_success;  // 200, 201 or 204 (no body).
  rpc::Execution execution;
};

template <class Message>
concept HasStoreId = requires(const Message& message) {
  message.store_id();
};

// Where the messages of the call that this thread runs begin; small ones never leave it. A thread
// runs one call at a time.
pb::ArenaOptions FirstBlock() {
  alignas(8) static thread_local char block[4096];
  pb::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof block;
  return options;
}

// One call on its way: decodes, runs, answers. `Request` and `Response` live in its arena.
template <class Request, class Response>
class Exchange {
 public:
  using Method = Status (Service::*)(RequestContext&, const Request&, Response&);

  Exchange(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call)
      : service_(service),
        front_(front),
        rpc_(rpc),
        call_(call),
        arena_(FirstBlock()),
        request_(*pb::Arena::CreateMessage<Request>(&arena_)),
        response_(*pb::Arena::CreateMessage<Response>(&arena_)) {}

  void Run(Method method) {
    if (const auto decoded = Decode(); !decoded.ok()) return Fail(decoded.error());
    const bool timed = static_cast<bool>(front_.options.on_call);
    const auto start = timed ? front_.clock.Steady() : SteadyTime();
    const auto outcome = Answer(method);
    SetHeaders();
    if (outcome.ok()) {
      Succeed();
    } else {
      Fail(outcome.error());
    }
    if (timed) Report(outcome, front_.clock.Steady() - start);
  }

 private:
  Status Decode() {
    if (call_.protocol() == rpc::Protocol::kHttp) return DecodeHttp();
    const auto bytes = call_.body();
    if (request_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Done{};
    undecodable_ = true;
    return Error{ErrorCode::kInternal, "the message is not a " + Request::descriptor()->name()};
  }

  Status DecodeHttp() {
    if (const auto body = call_.body(); !body.empty() && TakesBody()) {
      PEMBA_TRY(std::ignore, ReadRequest(body, request_));
    } else if (!TakesBody() && !call_.query().empty()) {
      PEMBA_TRY(const auto parameters, ParseQuery(call_.query()));
      for (const auto& [name, value] : parameters) {
        PEMBA_TRY(std::ignore, SetFieldFromText(name, value, request_));
      }
    }
    // What the path says overrides the body.
    return ForEachPathParameter([&](std::string_view name) {
      return SetFieldFromText(name, call_.path_parameter(name), request_);
    });
  }

  template <class Message>
  static Status ReadRequest(std::string_view body, Message& message) {
    if constexpr (std::is_same_v<Message, wire::CheckRequest>) {
      if (ReadCheckRequest(body, message) == QuickRead::kDone) return Done{};
      message.Clear();
    }
    return ReadJson(body, message);
  }

  bool TakesBody() const {
    const std::string_view method = rpc_.http_method;
    return method != "GET" && method != "DELETE";
  }

  template <class Visit>
  Status ForEachPathParameter(Visit visit) const {
    const std::string_view pattern = rpc_.http_pattern;
    for (auto open = pattern.find('{'); open != pattern.npos; open = pattern.find('{', open + 1)) {
      const auto close = pattern.find('}', open);
      PEMBA_TRY(std::ignore, visit(pattern.substr(open + 1, close - open - 1)));
    }
    return Done{};
  }

  Status Answer(Method method) {
    request_id_ = NewRequestId();
    PEMBA_TRY(std::ignore, CheckFields(request_));
    PEMBA_TRY(std::ignore, SetContext());
    return (service_.*method)(context_, request_, response_);
  }

  template <class Message>
  Status CheckFields(const Message& message) const {
    if constexpr (std::is_same_v<Message, wire::CheckRequest>) {
      if (CheckFieldsQuickly(message) == QuickVerdict::kPasses) return Done{};
    }
    return front_.rules.Check(message, front_.clock.Now());
  }

  Status SetContext() {
    context_.deadline = call_.deadline();
    if (const auto timeout = front_.options.request_timeout; timeout.count() > 0) {
      const auto latest = front_.clock.Steady() + timeout;
      context_.deadline = context_.deadline ? std::min(*context_.deadline, latest) : latest;
    }
    if (rpc_.execution == rpc::Execution::kWorker) {
      context_.waiting = RequestContext::Waiting::kUntilDeadline;
    }
    if (const auto text = call_.header("pemba-at-least-revision")) {
      store::Revision revision = 0;
      const auto [end, error] =
          std::from_chars(text->data(), text->data() + text->size(), revision);
      if (error != std::errc() || end != text->data() + text->size()) {
        return Error{ErrorCode::kInvalidArgument,
                     "invalid Pemba-At-Least-Revision: value must be a revision"};
      }
      context_.at_least = revision;
    }
    return Done{};
  }

  void SetHeaders() {
    call_.SetHeader("x-request-id", request_id_);
    if constexpr (HasStoreId<Request>) call_.SetHeader("openfga-store-id", request_.store_id());
    if (!context_.model_id.empty()) {
      call_.SetHeader("openfga-authorization-model-id", context_.model_id);
    }
    if (context_.revision) call_.SetHeader("pemba-revision", std::to_string(*context_.revision));
  }

  void Succeed() {
    if (rpc_.http_success != 200) {
      call_.SetHeader("x-http-code", rpc_.http_success == 201 ? "201" : "204");
    }
    std::string body;
    if (call_.protocol() == rpc::Protocol::kGrpc) {
      response_.SerializeToString(&body);
      return call_.FinishGrpc({}, body);
    }
    if (rpc_.http_success != 204) WriteResponse(response_, body);
    call_.FinishHttp(rpc_.http_success, kJsonType, body);
  }

  template <class Message>
  static void WriteResponse(const Message& message, std::string& body) {
    if constexpr (std::is_same_v<Message, wire::CheckResponse>) {
      WriteCheckResponse(message, body);
    } else {
      AppendJson(message, body);
    }
  }

  void Fail(const Error& error) {
    auto status = ToGrpc(error);
    if (undecodable_) status = {grpc_code::kInternal, error.message};
    if (call_.protocol() == rpc::Protocol::kGrpc) return call_.FinishGrpc(status, {});
    const auto http = ToHttp(status);
    call_.FinishHttp(http.status, kJsonType, http.Body());
  }

  void Report(const Status& outcome, std::chrono::nanoseconds duration) const {
    CallReport report;
    report.rpc = rpc_.name;
    report.request_id = request_id_;
    if constexpr (HasStoreId<Request>) report.store_id = request_.store_id();
    report.model_id = context_.model_id;
    if (!outcome.ok()) {
      report.error = &outcome.error();
      report.grpc_code = ToGrpc(outcome.error()).code;
    }
    report.duration = duration;
    front_.options.on_call(report);
  }

  Service& service_;
  const Front& front_;
  const Rpc& rpc_;
  rpc::Call& call_;
  pb::Arena arena_;
  Request& request_;
  Response& response_;
  RequestContext context_;
  std::string request_id_;
  bool undecodable_ = false;
};

// Handlers share the front; the last one to go frees it.
class RouteAdder {
 public:
  RouteAdder(Service& service, std::shared_ptr<const Front> front, rpc::Router& router,
             std::string_view service_path = kServicePath)
      : service_(service), front_(std::move(front)), router_(router), service_path_(service_path) {}

  // The same for another gRPC service.
  RouteAdder Under(std::string_view service_path) const {
    return {service_, front_, router_, service_path};
  }

  template <class Request, class Response>
  void operator()(const Rpc& rpc,
                  Status (Service::*method)(RequestContext&, const Request&, Response&)) {
    rpc::Route route;
    route.grpc_method = std::string(service_path_) + rpc.name;
    route.http_method = rpc.http_method;
    route.http_pattern = rpc.http_pattern;
    route.execution = rpc.execution;
    route.handler = [&service = service_, front = front_, rpc, method](rpc::Call& call) {
      Exchange<Request, Response>(service, *front, rpc, call).Run(method);
    };
    router_.Add(std::move(route));
  }

 private:
  Service& service_;
  std::shared_ptr<const Front> front_;
  rpc::Router& router_;
  std::string_view service_path_;
};

}  // namespace

void AddRoutes(Service& service, const Clock& clock, FrontOptions options, rpc::Router& router) {
  using S = Service;
  constexpr auto kInline = rpc::Execution::kInline;
  constexpr auto kWorker = rpc::Execution::kWorker;
  RouteAdder add(
      service,
      std::shared_ptr<const Front>(new Front{.clock = clock, .options = std::move(options)}),
      router);
  // clang-format off
  add({"CreateStore", "POST", "/stores", 201, kWorker}, &S::CreateStore);
  add({"ListStores", "GET", "/stores", 200, kWorker}, &S::ListStores);
  add({"GetStore", "GET", "/stores/{store_id}", 200, kWorker}, &S::GetStore);
  add({"UpdateStore", "PATCH", "/stores/{store_id}", 200, kInline}, &S::UpdateStore);
  add({"DeleteStore", "DELETE", "/stores/{store_id}", 204, kWorker}, &S::DeleteStore);
  add({"WriteAuthorizationModel", "POST", "/stores/{store_id}/authorization-models", 201, kWorker}, &S::WriteAuthorizationModel);
  add({"ReadAuthorizationModels", "GET", "/stores/{store_id}/authorization-models", 200, kWorker}, &S::ReadAuthorizationModels);
  add({"ReadAuthorizationModel", "GET", "/stores/{store_id}/authorization-models/{id}", 200, kWorker}, &S::ReadAuthorizationModel);
  add({"WriteAssertions", "PUT", "/stores/{store_id}/assertions/{authorization_model_id}", 204, kWorker}, &S::WriteAssertions);
  add({"ReadAssertions", "GET", "/stores/{store_id}/assertions/{authorization_model_id}", 200, kWorker}, &S::ReadAssertions);
  add({"Write", "POST", "/stores/{store_id}/write", 200, kWorker}, &S::Write);
  add({"Read", "POST", "/stores/{store_id}/read", 200, kWorker}, &S::Read);
  add({"ReadChanges", "GET", "/stores/{store_id}/changes", 200, kWorker}, &S::ReadChanges);
  add({"Check", "POST", "/stores/{store_id}/check", 200, kInline}, &S::Check);
  add({"BatchCheck", "POST", "/stores/{store_id}/batch-check", 200, kInline}, &S::BatchCheck);
  add({"Expand", "POST", "/stores/{store_id}/expand", 200, kInline}, &S::Expand);
  add({"ListObjects", "POST", "/stores/{store_id}/list-objects", 200, kInline}, &S::ListObjects);
  add({"StreamedListObjects", "POST", "/stores/{store_id}/streamed-list-objects", 200, kInline}, &S::StreamedListObjects);
  add({"ListUsers", "POST", "/stores/{store_id}/list-users", 200, kInline}, &S::ListUsers);
  auto add_pemba = add.Under(kPembaServicePath);
  add_pemba({"Explain", "POST", "/stores/{store_id}/explain", 200, kWorker}, &S::Explain);
  // clang-format on
}

}  // namespace pemba::api::openfga
