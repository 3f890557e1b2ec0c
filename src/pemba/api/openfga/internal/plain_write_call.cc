#include "pemba/api/openfga/internal/plain_write_call.h"

#include <string>

#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"

namespace pemba::api::openfga::internal {
namespace {

class PlainWriteCall {
 public:
  PlainWriteCall(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call,
                 const PlainWrite& write)
      : service_(service),
        front_(front),
        rpc_(rpc),
        call_(call),
        write_(write),
        start_(front.clock.Steady()) {}

  void Run() {
    const auto written = Write();
    if (context_.must_wait) return call_.MoveToWorker();
    const auto id = NewRequestId();
    call_.SetFreshHeader("x-request-id", TextOf(id));
    call_.SetHeader("openfga-store-id", write_.store_id);
    SetFreshness(context_, call_);
    if (written.ok()) {
      call_.FinishGrpc({}, {});  // A WriteResponse has nothing to say.
    } else {
      FinishWith(ToGrpc(written.error()), call_);
    }
    Report(TextOf(id), written.ok() ? nullptr : &written.error());
  }

 private:
  Status Write() {
    PEMBA_TRY(context_.caller, front_.authenticator.Authenticate(call_));
    context_.deadline = DeadlineOf(front_, call_, start_);
    if (call_.on_worker()) context_.waiting = RequestContext::Waiting::kUntilDeadline;
    PEMBA_TRY(context_.at_least, AtLeastRevision(call_));
    PEMBA_TRY(context_.if_revision,
              RevisionHeader(call_, "pemba-if-revision", "Pemba-If-Revision"));
    return service_.Write(context_, write_);
  }

  void Report(std::string_view request_id, const Error* error) const {
    const auto& options = front_.options;
    if (rpc_.metrics == nullptr && !options.on_call) return;
    CallReport report;
    report.service = front_.service;
    report.rpc = rpc_.name;
    report.request_id = request_id;
    report.caller = context_.caller.client_id();
    report.store_id = write_.store_id;
    report.model_id = context_.model_id;
    report.error = error;
    if (error != nullptr) report.grpc_code = WireNumber(error->code);
    report.duration = front_.clock.Steady() - start_;
    report.revision = context_.revision;
    report.call = &call_;
    if (rpc_.metrics != nullptr) {
      rpc_.metrics->Started();
      rpc_.metrics->Finished(report.grpc_code, report.duration);
      options.metrics->ObserveWrite({.on_duplicate = write_.on_duplicate,
                                     .on_missing = write_.on_missing,
                                     .writes = write_.writes.size(),
                                     .deletes = write_.deletes.size()},
                                    report);
    }
    if (options.on_call) Tell(report);
  }

  // What it was about, without the tuples.
  void Tell(CallReport& report) const {
    wire::WriteRequest request;
    const wire::WriteResponse response;
    request.set_store_id(std::string(write_.store_id));
    request.set_authorization_model_id(std::string(write_.model_id));
    report.request = &request;
    if (report.error == nullptr) report.response = &response;
    front_.options.on_call(report);
  }

  Service& service_;
  const Front& front_;
  const Rpc& rpc_;
  rpc::Call& call_;
  const PlainWrite& write_;
  const SteadyTime start_;
  RequestContext context_;
};

}  // namespace

QuickRead AnswerPlainWrite(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call) {
  const auto& options = front.options;
  const bool tells_of_tuples = options.on_call && options.reported_writes == ReportedWrites::kWhole;
  if (call.protocol() != rpc::Protocol::kGrpc || options.tracer != nullptr || tells_of_tuples) {
    return QuickRead::kNotPlain;  // Somebody wants the message.
  }
  PlainWrite write;
  if (ReadPlainWrite(call.body(), write) == QuickRead::kNotPlain ||
      CheckFieldsQuickly(write) == QuickVerdict::kAskTheTable) {
    return QuickRead::kNotPlain;
  }
  PlainWriteCall(service, front, rpc, call, write).Run();
  return QuickRead::kDone;
}

}  // namespace pemba::api::openfga::internal
