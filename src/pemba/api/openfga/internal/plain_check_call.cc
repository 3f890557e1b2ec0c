#include "pemba/api/openfga/internal/plain_check_call.h"

#include <string_view>

#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"

namespace pemba::api::openfga::internal {
namespace {

QuickRead Read(const rpc::Call& call, PlainCheck& question) {
  if (call.protocol() == rpc::Protocol::kGrpc) {
    return ReadPlainCheckProtobuf(call.body(), question);
  }
  const auto read = ReadPlainCheckJson(call.body(), question);
  question.store_id = call.path_parameter("store_id");  // Whatever the body says.
  return read;
}

class PlainCheckCall {
 public:
  PlainCheckCall(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call,
                 const PlainCheck& question)
      : service_(service),
        front_(front),
        rpc_(rpc),
        call_(call),
        question_(question),
        start_(front.clock.Steady()) {}

  void Run() {
    const auto decision = Ask();
    if (context_.must_wait) return call_.MoveToWorker();
    const auto id = NewRequestId();
    call_.SetFreshHeader("x-request-id", TextOf(id));
    call_.SetHeader("openfga-store-id", question_.store_id);
    SetFreshness(context_, call_);
    const bool allowed = decision.ok() && *decision == engine::Decision::kAllowed;
    if (!decision.ok()) {
      FinishWith(ToGrpc(decision.error()), call_);
    } else if (call_.protocol() == rpc::Protocol::kGrpc) {
      // A CheckResponse: field 1 is true, or there is nothing to say.
      call_.FinishGrpc({}, allowed ? std::string_view("\x08\x01") : std::string_view());
    } else {
      call_.FinishHttp(200, kJsonType, CheckResponseJson(allowed));
    }
    Report(TextOf(id), decision.ok() ? nullptr : &decision.error(), allowed);
  }

 private:
  Result<engine::Decision> Ask() {
    PEMBA_TRY(context_.caller, front_.authenticator.Authenticate(call_));
    context_.deadline = DeadlineOf(front_, call_, start_);
    context_.newest = question_.consistency == wire::HIGHER_CONSISTENCY;
    if (call_.on_worker()) context_.waiting = RequestContext::Waiting::kUntilDeadline;
    PEMBA_TRY(context_.at_least, AtLeastRevision(call_));
    return service_.Check(context_, question_);
  }

  void Report(std::string_view request_id, const Error* error, bool allowed) const {
    const auto& options = front_.options;
    if (rpc_.metrics == nullptr && !options.on_call) return;
    CallReport report;
    report.service = front_.service;
    report.rpc = rpc_.name;
    report.request_id = request_id;
    report.caller = context_.caller.client_id();
    report.store_id = question_.store_id;
    report.model_id = context_.model_id;
    report.error = error;
    if (error != nullptr) report.grpc_code = WireNumber(error->code);
    report.duration = front_.clock.Steady() - start_;
    report.revision = context_.revision;
    report.call = &call_;
    if (rpc_.metrics != nullptr) {
      rpc_.metrics->Started();
      rpc_.metrics->Finished(report.grpc_code, report.duration);
      options.metrics->ObserveCheck(question_.consistency, allowed, report);
    }
    if (options.on_call) Tell(report, allowed);
  }

  // For those who look into messages.
  void Tell(CallReport& report, bool allowed) const {
    wire::CheckRequest request;
    wire::CheckResponse response;
    request.set_store_id(std::string(question_.store_id));
    request.set_authorization_model_id(std::string(question_.model_id));
    request.set_consistency(question_.consistency);
    auto& key = *request.mutable_tuple_key();
    key.set_user(std::string(question_.user));
    key.set_relation(std::string(question_.relation));
    key.set_object(std::string(question_.object));
    response.set_allowed(allowed);
    report.request = &request;
    if (report.error == nullptr) report.response = &response;
    front_.options.on_call(report);
  }

  Service& service_;
  const Front& front_;
  const Rpc& rpc_;
  rpc::Call& call_;
  const PlainCheck& question_;
  const SteadyTime start_;
  RequestContext context_;
};

}  // namespace

QuickRead AnswerPlainCheck(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call) {
  if (front.options.tracer != nullptr) return QuickRead::kNotPlain;  // Spans tell of messages.
  PlainCheck question;
  if (Read(call, question) == QuickRead::kNotPlain ||
      CheckFieldsQuickly(question) == QuickVerdict::kAskTheTable) {
    return QuickRead::kNotPlain;
  }
  PlainCheckCall(service, front, rpc, call, question).Run();
  return QuickRead::kDone;
}

}  // namespace pemba::api::openfga::internal
