#include "pemba/api/openfga/routes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <google/protobuf/arena.h>

#include "pemba/api/access/field_rules_table.h"
#include "pemba/api/access/service.h"
#include "pemba/api/authzen/field_rules_table.h"
#include "pemba/api/authzen/service.h"
#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"
#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/call_trace.h"
#include "pemba/api/openfga/internal/front.h"
#include "pemba/api/openfga/internal/list_body.h"
#include "pemba/api/openfga/internal/plain_check_call.h"
#include "pemba/api/openfga/internal/plain_write_call.h"
#include "pemba/api/openfga/internal/streaming.h"
#include "pemba/api/openfga/plain_check.h"
#include "pemba/api/patterns.h"
#include "pemba/api/reason/field_rules_table.h"
#include "pemba/api/reason/service.h"
#include "pemba/base/assert.h"

namespace pemba::api::openfga {
namespace {

namespace pb = google::protobuf;

constexpr const char* kRelationshipService = "openfga.v1.OpenFGAService";
constexpr const char* kAuthzenService = "authzen.v1.AuthZenService";
constexpr const char* kPembaService = "pemba.v1.PembaService";
constexpr const char* kReasonService = "pemba.reason.v1.ReasonService";
constexpr const char* kAccessService = "pemba.iam.v1.AccessService";
using internal::Front;
using internal::Rpc;

template <class Message>
concept HasStoreId = requires(const Message& message) {
  message.store_id();
};

template <class Message>
concept HasConsistency = requires(const Message& message) {
  message.consistency();
};

// What listens to the headers of list_page.h.
template <class Message>
concept IsPagedList = std::is_same_v<Message, wire::ListObjectsRequest> ||
    std::is_same_v<Message, wire::ListUsersRequest>;

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

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
template <class Owner, class Request, class Response>
class Exchange {
 public:
  using Method = Status (Owner::*)(RequestContext&, const Request&, Response&);

  Exchange(Owner& service, const Front& front, const Rpc& rpc, rpc::Call& call)
      : service_(service),
        front_(front),
        rpc_(rpc),
        call_(call),
        arena_(FirstBlock()),
        request_(*pb::Arena::CreateMessage<Request>(&arena_)),
        response_(*pb::Arena::CreateMessage<Response>(&arena_)) {}

  void Run(Method method) {
    BeginTrace();
    const auto admitted = rpc_.kind == Rpc::Kind::kStream ? Admit() : Status(Done{});
    if (admitted.ok()) {
      if (const auto decoded = Decode(); !decoded.ok()) return Fail(decoded.error());
      decoded_ = true;
    }
    start_ = front_.clock.Steady();
    const auto outcome = admitted.ok() ? Answer(method) : admitted;
    if (context_.must_wait) return call_.MoveToWorker();
    if (!streaming_) SetHeaders();
    if (outcome.ok() && context_.feed) return GoOnWithFeed();
    if (outcome.ok()) {
      Succeed();
    } else if (rpc_.kind == Rpc::Kind::kStream) {
      internal::FailStream(call_, outcome.error(),
                           streaming_ ? internal::Begun::kYes : internal::Begun::kNo);
    } else {
      Fail(outcome.error());
    }
    const auto& options = front_.options;
    if (rpc_.metrics != nullptr || options.tracer != nullptr || options.on_call) {
      Report(outcome, front_.clock.Steady() - start_);
    }
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
      PEMBA_TRY(std::ignore, ReadJson(body, request_));
    } else if (!TakesBody() && !call_.query().empty()) {
      PEMBA_TRY(const auto parameters, ParseQuery(call_.query()));
      for (const auto& [name, value] : parameters) {
        PEMBA_TRY(std::ignore, SetFieldFromText(name, value, request_));
      }
    }
    // What the path says overrides the body.
    PEMBA_TRY(std::ignore, ForEachPathParameter([&](std::string_view name) {
                return SetFieldFromText(name, call_.path_parameter(name), request_);
              }));
    if (front_.store_id.empty()) return Done{};
    return SetFieldFromText("store_id", front_.store_id, request_);
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
    PEMBA_TRY(std::ignore, CheckFields(request_));
    CountStart();
    if (rpc_.kind == Rpc::Kind::kUnary) {
      PEMBA_TRY(std::ignore, Admit());
    }
    PEMBA_TRY(std::ignore, SetContext());
    return (service_.*method)(context_, request_, response_);
  }

  Status Admit() {
    PEMBA_TRY(context_.caller, front_.authenticator.Authenticate(call_));
    return Done{};
  }

  template <class Message>
  Status CheckFields(const Message& message) const {
    if constexpr (std::is_same_v<Message, wire::CheckRequest>) {
      if (CheckFieldsQuickly(message) == QuickVerdict::kPasses) return Done{};
    }
    return front_.rules.Check(message, front_.clock.Now());
  }

  Status SetContext() {
    context_.deadline = DeadlineOf(front_, call_, start_);
    if constexpr (std::is_same_v<Request, wire::StreamedListObjectsRequest>) {
      context_.send_objects = [this](std::string_view type, RequestContext::Ids ids) {
        return SendObjects(type, ids);
      };
    }
    if constexpr (IsPagedList<Request>) {
      PEMBA_TRY(context_.list, ReadListPage(call_));
      constexpr bool kObjects = std::is_same_v<Request, wire::ListObjectsRequest>;
      const auto& options = front_.options;
      if (!options.on_call || options.reported_lists == ReportedLists::kCounts) {
        using internal::ListBody;
        list_body_.emplace(call_.protocol(),
                           kObjects ? ListBody::Of::kObjects : ListBody::Of::kUsers);
        context_.list_body = &*list_body_;
      }
    }
    if constexpr (std::is_same_v<Owner, authzen::Service>) SetWantedModel();
    if constexpr (HasConsistency<Request>) {
      context_.newest = request_.consistency() == wire::HIGHER_CONSISTENCY;
    }
    if (call_.on_worker()) {
      context_.waiting = RequestContext::Waiting::kUntilDeadline;
    } else {
      context_.moves_at = internal::MovesAt(start_, context_.deadline);
    }
    PEMBA_TRY(context_.at_least, internal::AtLeastRevision(call_));
    if constexpr (std::is_same_v<Request, wire::WriteRequest>) {
      PEMBA_TRY(context_.if_revision,
                internal::RevisionHeader(call_, "pemba-if-revision", "Pemba-If-Revision"));
    }
    return Done{};
  }

  // A header that is not a model id might be meant for somebody else.
  void SetWantedModel() {
    const auto header = call_.header("openfga-authorization-model-id");
    if (!header) return;
    const auto id = Trimmed(*header);
    if (kUlidPattern.matches(id)) context_.wanted_model_id = id;
  }

  // Streams: the headers travel with the first message.
  RequestContext::Sent SendObjects(std::string_view type, RequestContext::Ids ids) {
    if (ids.empty()) return RequestContext::Sent::kYes;
    if (!streaming_) SetHeaders();
    streaming_ = true;
    if (counted_) rpc_.metrics->Streamed(ids.size());
    framed_.clear();
    internal::AppendStreamedObjects(call_.protocol(), type, ids, framed_);
    return call_.SendFramed(internal::kJsonType, framed_) ? RequestContext::Sent::kYes
                                                          : RequestContext::Sent::kNobodyReads;
  }

  void SetHeaders() {
    call_.SetFreshHeader("x-request-id", request_id_);
    if (span_) call_.SetFreshHeader("traceresponse", telemetry::ToTraceParent(span_.context()));
    if constexpr (HasStoreId<Request>) {
      if (decoded_) call_.SetHeader("openfga-store-id", request_.store_id());
    }
    internal::SetFreshness(context_, call_);
    if constexpr (IsPagedList<Request>) SetListPageHeaders(context_.listed, call_);
    if (!context_.undecided.empty()) call_.SetHeader("pemba-undecided", Undecided());
  }

  std::string Undecided() const {
    std::string names;
    for (const auto& name : context_.undecided) names += (names.empty() ? "" : ", ") + name;
    return names;
  }

  void Succeed() {
    if (rpc_.kind == Rpc::Kind::kStream) {
      // An empty stream is an empty body.
      if (!streaming_ && call_.protocol() == rpc::Protocol::kHttp) {
        return call_.FinishHttp(200, internal::kJsonType, {});
      }
      return call_.FinishStream({});
    }
    if (rpc_.http_success != 200) {
      call_.SetHeader("x-http-code", rpc_.http_success == 201 ? "201" : "204");
    }
    if (list_body_) return SucceedWith(list_body_->Finish());
    std::string body;
    if (call_.protocol() == rpc::Protocol::kGrpc) {
      response_.SerializeToString(&body);
    } else if (rpc_.http_success != 204) {
      WriteResponse(response_, body);
    }
    SucceedWith(body);
  }

  void SucceedWith(std::string_view body) {
    if (call_.protocol() == rpc::Protocol::kGrpc) return call_.FinishGrpc({}, body);
    call_.FinishHttp(rpc_.http_success, internal::kJsonType, body);
  }

  template <class Message>
  static void WriteResponse(const Message& message, std::string& body) {
    if constexpr (std::is_same_v<Message, wire::CheckResponse>) {
      body = CheckResponseJson(message.allowed());
    } else {
      AppendJson(message, body);
    }
  }

  void Fail(const Error& error) {
    auto status = ToGrpc(error);
    if (undecodable_) status = {grpc_code::kInternal, error.message};
    internal::FinishWith(status, call_);
  }

  // From here on the feed lives by itself; this exchange ends, and with it its span.
  void GoOnWithFeed() {
    internal::FeedRun::Told told;
    told.service = front_.service;
    told.rpc = rpc_.name;
    told.request_id = request_id_;
    told.caller = context_.caller.client_id();
    if constexpr (HasStoreId<Request>) told.store_id = request_.store_id();
    told.revision = context_.revision;
    told.start = start_;
    if (counted_) told.metrics = rpc_.metrics;
    if (front_.options.on_call) told.request = std::make_unique<Request>(request_);
    std::make_shared<internal::FeedRun>(std::move(context_.feed), std::move(told), front_.clock,
                                        front_.options.on_call)
        ->Run(call_);
  }

  void BeginTrace() {
    if (front_.options.tracer == nullptr) {
      request_id_ = TextOf(NewRequestId());
      return;
    }
    auto begun = front_.options.tracer->Begin(
        rpc_.span_name,
        {.parent = call_.header("traceparent"), .state = call_.header("tracestate")});
    request_id_ = telemetry::ToHex(begun.trace_id);
    span_ = std::move(begun.span);
  }

  void CountStart() {
    if (rpc_.metrics == nullptr) return;
    // A call that has moved here from an I/O thread was counted there.
    const bool moved = rpc_.execution == rpc::Execution::kInline && call_.on_worker();
    if (!moved) rpc_.metrics->Started();
    counted_ = true;
  }

  void Report(const Status& outcome, std::chrono::nanoseconds duration) {
    CallReport report;
    report.service = front_.service;
    report.rpc = rpc_.name;
    report.request_id = request_id_;
    if constexpr (HasStoreId<Request>) report.store_id = request_.store_id();
    report.model_id = context_.model_id;
    report.duration = duration;
    report.revision = context_.revision;
    report.list_found = context_.list_found;
    report.list_confirmed = context_.list_confirmed;
    report.caller = context_.caller.client_id();
    report.call = &call_;
    report.request = &request_;
    if (outcome.ok()) {
      const bool whole = rpc_.kind == Rpc::Kind::kUnary && !list_body_;
      if (whole) report.response = &response_;
    } else {
      report.error = &outcome.error();
      report.grpc_code = WireNumber(outcome.error().code);
    }
    if (counted_) {
      rpc_.metrics->Finished(report.grpc_code, duration);
      front_.options.metrics->Observe(request_, response_, report);
    }
    if (front_.options.tracer != nullptr) report.trace_id = request_id_;
    if (span_) {
      DescribeQuestion(request_, span_);
      DescribeCall(report, span_);
    }
    if (front_.options.on_call) front_.options.on_call(report);
  }

  Owner& service_;
  const Front& front_;
  const Rpc& rpc_;
  rpc::Call& call_;
  pb::Arena arena_;
  Request& request_;
  Response& response_;
  RequestContext context_;
  SteadyTime start_;
  std::string request_id_;
  std::string framed_;  // Messages of a stream that go out next.
  std::optional<internal::ListBody> list_body_;
  telemetry::Span span_;
  bool decoded_ = false;
  bool undecodable_ = false;
  bool counted_ = false;    // As started.
  bool streaming_ = false;  // The first message of a stream is on its way.
};

// Handlers share the front; the last one to go frees it.
template <class Owner>
class RouteAdder {
 public:
  RouteAdder(Owner& service, std::shared_ptr<const Front> front, rpc::Router& router)
      : service_(service), front_(std::move(front)), router_(router) {}

  template <class Request, class Response>
  void operator()(Rpc rpc, Status (Owner::*method)(RequestContext&, const Request&, Response&)) {
    if (auto* metrics = front_->options.metrics) {
      rpc.metrics = &metrics->Of(front_->service, rpc.name);
    }
    rpc.span_name = std::is_same_v<Owner, authzen::Service> ? "authzen." : "";
    rpc.span_name += rpc.name;
    rpc::Route route;
    // A store that the front supplies is a matter of HTTP paths; gRPC names its store.
    if (front_->store_id.empty()) {
      route.grpc_method = std::string("/") + front_->service + "/" + rpc.name;
    }
    route.http_method = rpc.http_method;
    route.http_pattern = rpc.http_pattern;
    route.execution = rpc.execution;
    route.admission = rpc::Admission::kWithin;
    route.handler = [&service = service_, front = front_, rpc, method](rpc::Call& call) {
      if constexpr (std::is_same_v<Request, wire::CheckRequest>) {
        const auto answered = internal::AnswerPlainCheck(service, *front, rpc, call);
        if (answered == QuickRead::kDone) return;
      }
      if constexpr (std::is_same_v<Request, wire::WriteRequest>) {
        const auto answered = internal::AnswerPlainWrite(service, *front, rpc, call);
        if (answered == QuickRead::kDone) return;
      }
      Exchange<Owner, Request, Response>(service, *front, rpc, call).Run(method);
    };
    router_.Add(std::move(route));
  }

 private:
  Owner& service_;
  std::shared_ptr<const Front> front_;
  rpc::Router& router_;
};

}  // namespace

void AddRoutes(Service& service, const authn::Authenticator& authenticator, const Clock& clock,
               FrontOptions options, rpc::Router& router) {
  using S = Service;
  constexpr auto kStream = Rpc::Kind::kStream;
  constexpr auto kInline = rpc::Execution::kInline;
  constexpr auto kWorker = rpc::Execution::kWorker;
  constexpr auto kCommit = rpc::Execution::kCommit;
  const auto front = [&](const char* name) {
    return std::shared_ptr<const Front>(new Front{
        .authenticator = authenticator, .clock = clock, .options = options, .service = name});
  };
  RouteAdder<Service> add(service, front(kRelationshipService), router);
  RouteAdder<Service> add_pemba(service, front(kPembaService), router);
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
  add({"Write", "POST", "/stores/{store_id}/write", 200, kCommit}, &S::Write);
  add({"Read", "POST", "/stores/{store_id}/read", 200, kWorker}, &S::Read);
  add({"ReadChanges", "GET", "/stores/{store_id}/changes", 200, kWorker}, &S::ReadChanges);
  add({"Check", "POST", "/stores/{store_id}/check", 200, kInline}, &S::Check);
  add({"BatchCheck", "POST", "/stores/{store_id}/batch-check", 200, kInline}, &S::BatchCheck);
  add({"Expand", "POST", "/stores/{store_id}/expand", 200, kWorker}, &S::Expand);
  add({"ListObjects", "POST", "/stores/{store_id}/list-objects", 200, kWorker}, &S::ListObjects);
  add({"StreamedListObjects", "POST", "/stores/{store_id}/streamed-list-objects", 200, kWorker, kStream}, &S::StreamedListObjects);
  add({"ListUsers", "POST", "/stores/{store_id}/list-users", 200, kWorker}, &S::ListUsers);
  add_pemba({"ListObjectsOfKinds", "POST", "/stores/{store_id}/list-objects-of-kinds", 200, kWorker}, &S::ListObjectsOfKinds);
  add_pemba({"ListUsersOfKinds", "POST", "/stores/{store_id}/list-users-of-kinds", 200, kWorker}, &S::ListUsersOfKinds);
  add_pemba({"Watch", "GET", "/stores/{store_id}/watch", 200, kWorker, kStream}, &S::Watch);
  add_pemba({"WriteTuples", "POST", "/stores/{store_id}/write-tuples", 200, kCommit}, &S::WriteTuples);
  add_pemba({"ReadTuples", "POST", "/stores/{store_id}/read-tuples", 200, kWorker}, &S::ReadTuples);
  add_pemba({"Explain", "POST", "/stores/{store_id}/explain", 200, kWorker}, &S::Explain);
  // clang-format on
}

void AddAuthzenRoutes(authzen::Service& service, const authn::Authenticator& authenticator,
                      const Clock& clock, FrontOptions options, const std::string& default_store_id,
                      rpc::Router& router) {
  using S = authzen::Service;
  constexpr auto kInline = rpc::Execution::kInline;
  constexpr auto kWorker = rpc::Execution::kWorker;
  const auto front = [&](const std::string& store_id) {
    return std::shared_ptr<const Front>(new Front{.authenticator = authenticator,
                                                  .clock = clock,
                                                  .options = options,
                                                  .service = kAuthzenService,
                                                  .store_id = store_id,
                                                  .rules = FieldRules(authzen::FieldRulesTable())});
  };
  // clang-format off
  RouteAdder<S> add(service, front({}), router);
  add({"Evaluation", "POST", "/stores/{store_id}/access/v1/evaluation", 200, kInline}, &S::Evaluation);
  add({"Evaluations", "POST", "/stores/{store_id}/access/v1/evaluations", 200, kWorker}, &S::Evaluations);
  add({"SubjectSearch", "POST", "/stores/{store_id}/access/v1/search/subject", 200, kWorker}, &S::SubjectSearch);
  add({"ResourceSearch", "POST", "/stores/{store_id}/access/v1/search/resource", 200, kWorker}, &S::ResourceSearch);
  add({"ActionSearch", "POST", "/stores/{store_id}/access/v1/search/action", 200, kWorker}, &S::ActionSearch);
  add({"GetConfiguration", "GET", "/.well-known/authzen-configuration/{store_id}", 200, kInline}, &S::GetConfiguration);
  if (default_store_id.empty()) return;
  RouteAdder<S> add_default(service, front(default_store_id), router);
  add_default({"Evaluation", "POST", "/access/v1/evaluation", 200, kInline}, &S::Evaluation);
  add_default({"Evaluations", "POST", "/access/v1/evaluations", 200, kWorker}, &S::Evaluations);
  add_default({"SubjectSearch", "POST", "/access/v1/search/subject", 200, kWorker}, &S::SubjectSearch);
  add_default({"ResourceSearch", "POST", "/access/v1/search/resource", 200, kWorker}, &S::ResourceSearch);
  add_default({"ActionSearch", "POST", "/access/v1/search/action", 200, kWorker}, &S::ActionSearch);
  add_default({"GetConfiguration", "GET", "/.well-known/authzen-configuration", 200, kInline}, &S::GetDefaultConfiguration);
  // clang-format on
}

void AddReasonRoutes(reason::Service& service, const authn::Authenticator& authenticator,
                     const Clock& clock, FrontOptions options, rpc::Router& router) {
  using S = reason::Service;
  constexpr auto kWorker = rpc::Execution::kWorker;
  RouteAdder<S> add(
      service,
      std::shared_ptr<const Front>(new Front{.authenticator = authenticator,
                                             .clock = clock,
                                             .options = std::move(options),
                                             .service = kReasonService,
                                             .rules = FieldRules(reason::FieldRulesTable())}),
      router);
  // clang-format off
  add({"CreateDatabase", "POST", "/reason/databases", 201, kWorker}, &S::CreateDatabase);
  add({"ListDatabases", "GET", "/reason/databases", 200, kWorker}, &S::ListDatabases);
  add({"GetDatabase", "GET", "/reason/databases/{database}", 200, kWorker}, &S::GetDatabase);
  add({"DeleteDatabase", "DELETE", "/reason/databases/{database}", 204, kWorker}, &S::DeleteDatabase);
  add({"ReadSchema", "GET", "/reason/databases/{database}/schema", 200, kWorker}, &S::ReadSchema);
  add({"Query", "POST", "/reason/databases/{database}/query", 200, kWorker}, &S::Query);
  add({"BeginTransaction", "POST", "/reason/databases/{database}/transactions", 201, kWorker}, &S::BeginTransaction);
  add({"CommitTransaction", "POST", "/reason/databases/{database}/transactions/{transaction}/commit", 200, kWorker}, &S::CommitTransaction);
  add({"RollbackTransaction", "DELETE", "/reason/databases/{database}/transactions/{transaction}", 204, kWorker}, &S::RollbackTransaction);
  add({"ExplainFact", "POST", "/reason/databases/{database}/transactions/{transaction}/explain", 200, kWorker}, &S::ExplainFact);
  add({"Project", "GET", "/reason/databases/{database}/projection", 200, kWorker}, &S::Project);
  add({"GuardedCheck", "POST", "/reason/databases/{database}/guarded-check", 200, kWorker}, &S::GuardedCheck);
  // clang-format on
}

void AddAccessRoutes(access::Service& service, const authn::Authenticator& authenticator,
                     const Clock& clock, FrontOptions options, rpc::Router& router) {
  using S = access::Service;
  constexpr auto kWorker = rpc::Execution::kWorker;
  RouteAdder<S> add(
      service,
      std::shared_ptr<const Front>(new Front{.authenticator = authenticator,
                                             .clock = clock,
                                             .options = std::move(options),
                                             .service = kAccessService,
                                             .rules = FieldRules(access::FieldRulesTable())}),
      router);
  // clang-format off
  add({"CheckAccess", "POST", "/iam/v1/check-access", 200, kWorker}, &S::CheckAccess);
  add({"BatchCheckAccess", "POST", "/iam/v1/batch-check-access", 200, kWorker}, &S::BatchCheckAccess);
  add({"TestIamPermissions", "POST", "/iam/v1/test-iam-permissions", 200, kWorker}, &S::TestIamPermissions);
  add({"ListAccessible", "POST", "/iam/v1/list-accessible", 200, kWorker}, &S::ListAccessible);
  add({"ListPrincipals", "POST", "/iam/v1/list-principals", 200, kWorker}, &S::ListPrincipals);
  add({"ListGrantableRoles", "POST", "/iam/v1/list-grantable-roles", 200, kWorker}, &S::ListGrantableRoles);
  add({"ExplainAccess", "POST", "/iam/v1/explain-access", 200, kWorker}, &S::ExplainAccess);
  // clang-format on
}

}  // namespace pemba::api::openfga
