#include "pemba/api/openfga/internal/front.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "pemba/api/errors.h"

namespace pemba::api::openfga::internal {

std::optional<SteadyTime> DeadlineOf(const Front& front, const rpc::Call& call, SteadyTime start) {
  const auto deadline = call.deadline();
  const auto timeout = front.options.request_timeout;
  if (timeout.count() <= 0) return deadline;
  const auto latest = start + timeout;
  return deadline ? std::min(*deadline, latest) : latest;
}

Result<std::optional<store::Revision>> RevisionHeader(const rpc::Call& call, std::string_view name,
                                                      std::string_view shown) {
  const auto text = call.header(name);
  if (!text) return std::optional<store::Revision>();
  store::Revision revision = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), revision);
  if (error == std::errc() && end == text->data() + text->size()) return std::optional(revision);
  return Error{ErrorCode::kInvalidArgument,
               "invalid " + std::string(shown) + ": value must be a revision"};
}

Result<std::optional<store::Revision>> AtLeastRevision(const rpc::Call& call) {
  return RevisionHeader(call, "pemba-at-least-revision", "Pemba-At-Least-Revision");
}

void SetFreshness(const RequestContext& context, rpc::Call& call) {
  if (!context.model_id.empty()) {
    call.SetHeader("openfga-authorization-model-id", context.model_id);
  }
  if (context.revision) call.SetHeader("pemba-revision", std::to_string(*context.revision));
  if (context.staleness) {
    call.SetHeader("pemba-staleness", std::to_string(context.staleness->count()));
  }
}

void FinishWith(const rpc::GrpcStatus& status, rpc::Call& call) {
  if (call.protocol() == rpc::Protocol::kGrpc) return call.FinishGrpc(status, {});
  const auto http = ToHttp(status);
  call.FinishHttp(http.status, kJsonType, http.Body());
}

}  // namespace pemba::api::openfga::internal
