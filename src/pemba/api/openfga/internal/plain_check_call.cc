#include "pemba/api/openfga/internal/plain_check_call.h"

#include <string>
#include <string_view>
#include <tuple>

#include "pemba/api/openfga/internal/plain_call.h"
#include "pemba/api/openfga/internal/question_kinds.h"

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

class PlainCheckCall : PlainCall {
 public:
  PlainCheckCall(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call,
                 const PlainCheck& question)
      : PlainCall(front, rpc, call), service_(service), question_(question) {}

  void Run() {
    const auto decision = Ask();
    if (context_.must_wait) return call_.MoveToWorker();
    const auto id = SetHeaders(question_.store_id);
    const bool allowed = decision.ok() && *decision == engine::Decision::kAllowed;
    if (!decision.ok()) {
      FinishWith(ToGrpc(decision.error()), call_);
    } else if (call_.protocol() == rpc::Protocol::kGrpc) {
      // A CheckResponse: field 1 is true, or there is nothing to say.
      call_.FinishGrpc({}, allowed ? std::string_view("\x08\x01") : std::string_view());
    } else {
      call_.FinishHttp(200, kJsonType, CheckResponseJson(allowed));
    }
    Report(
        id, question_.store_id, decision.ok() ? nullptr : &decision.error(),
        [&](const CallReport& report) {
          front_.options.metrics->ObserveCheck(question_.consistency, allowed, report);
        },
        [&](CallReport& report) { Tell(report, allowed); });
  }

 private:
  Result<engine::Decision> Ask() {
    PEMBA_TRY(std::ignore, Begin());
    context_.newest = question_.consistency == wire::HIGHER_CONSISTENCY;
    return service_.Check(context_, question_);
  }

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
  const PlainCheck& question_;
};

}  // namespace

QuickRead AnswerPlainCheck(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call) {
  if (front.options.tracer != nullptr) return QuickRead::kNotPlain;  // Spans tell of messages.
  PlainCheck question;
  if (Read(call, question) == QuickRead::kNotPlain) return QuickRead::kNotPlain;
  question.kind =
      QuestionKinds::OfThisThread().Find({question.object, question.relation, question.user});
  if (CheckFieldsQuickly(question) == QuickVerdict::kAskTheTable) return QuickRead::kNotPlain;
  PlainCheckCall(service, front, rpc, call, question).Run();
  return QuickRead::kDone;
}

}  // namespace pemba::api::openfga::internal
