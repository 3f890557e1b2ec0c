#include "pemba/api/openfga/internal/plain_write_call.h"

#include <string>
#include <tuple>

#include "pemba/api/openfga/internal/plain_call.h"

namespace pemba::api::openfga::internal {
namespace {

class PlainWriteCall : PlainCall {
 public:
  PlainWriteCall(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call,
                 const PlainWrite& write)
      : PlainCall(front, rpc, call), service_(service), write_(write) {}

  void Run() {
    const auto written = Write();
    if (context_.must_wait) return call_.MoveToWorker();
    const auto id = SetHeaders(write_.store_id);
    if (written.ok()) {
      call_.FinishGrpc({}, {});  // A WriteResponse has nothing to say.
    } else {
      FinishWith(ToGrpc(written.error()), call_);
    }
    Report(
        id, write_.store_id, written.ok() ? nullptr : &written.error(),
        [&](const CallReport& report) {
          front_.options.metrics->ObserveWrite({.on_duplicate = write_.on_duplicate,
                                                .on_missing = write_.on_missing,
                                                .writes = write_.writes.size(),
                                                .deletes = write_.deletes.size()},
                                               report);
        },
        [&](CallReport& report) { Tell(report); });
  }

 private:
  Status Write() {
    PEMBA_TRY(std::ignore, Begin());
    PEMBA_TRY(context_.if_revision,
              RevisionHeader(call_, "pemba-if-revision", "Pemba-If-Revision"));
    return service_.Write(context_, write_);
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
  const PlainWrite& write_;
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
