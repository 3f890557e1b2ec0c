#include "pemba/api/openfga/internal/plain_call.h"

namespace pemba::api::openfga::internal {

Status PlainCall::Begin() {
  PEMBA_TRY(context_.caller, front_.authenticator.Authenticate(call_));
  context_.deadline = DeadlineOf(front_, call_, start_);
  if (call_.on_worker()) {
    context_.waiting = RequestContext::Waiting::kUntilDeadline;
  } else {
    context_.moves_at = MovesAt(start_, context_.deadline);
  }
  PEMBA_TRY(context_.at_least, AtLeastRevision(call_));
  return Done{};
}

RequestId PlainCall::SetHeaders(std::string_view store_id) {
  const auto id = NewRequestId();
  call_.SetFreshHeader("x-request-id", TextOf(id));
  call_.SetHeader("openfga-store-id", store_id);
  SetFreshness(context_, call_);
  return id;
}

CallReport PlainCall::ReportOf(const RequestId& id, std::string_view store_id,
                               const Error* error) const {
  CallReport report;
  report.service = front_.service;
  report.rpc = rpc_.name;
  report.request_id = TextOf(id);
  report.caller = context_.caller.client_id();
  report.store_id = store_id;
  report.model_id = context_.model_id;
  report.error = error;
  if (error != nullptr) report.grpc_code = WireNumber(error->code);
  report.duration = front_.clock.Steady() - start_;
  report.revision = context_.revision;
  report.call = &call_;
  return report;
}

}  // namespace pemba::api::openfga::internal
