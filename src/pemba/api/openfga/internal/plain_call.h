// PlainCall: what calls that are answered without messages have in common.
#pragma once

#include <string_view>

#include "pemba/api/call_text.h"
#include "pemba/api/errors.h"
#include "pemba/api/openfga/internal/front.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga::internal {

class PlainCall {
 public:
  PlainCall(const Front& front, const Rpc& rpc, rpc::Call& call)
      : front_(front), rpc_(rpc), call_(call), start_(front.clock.Steady()) {}

 protected:
  // Who asks, until when, and how new the answer has to be: into `context_`.
  Status Begin();

  // Of an answer. The id is for Report.
  RequestId SetHeaders(std::string_view store_id);

  // Counts the call, and tells of it. `observe(report)` counts what is the RPC's own,
  // `tell(report)` is for those who look into messages.
  template <class Observe, class Tell>
  void Report(const RequestId& id, std::string_view store_id, const Error* error, Observe observe,
              Tell tell) const {
    const auto& options = front_.options;
    if (rpc_.metrics == nullptr && !options.on_call) return;
    auto report = ReportOf(id, store_id, error);
    if (rpc_.metrics != nullptr) {
      rpc_.metrics->Started();
      rpc_.metrics->Finished(report.grpc_code, report.duration);
      observe(report);
    }
    if (options.on_call) tell(report);
  }

  const Front& front_;
  const Rpc& rpc_;
  rpc::Call& call_;
  const SteadyTime start_;
  RequestContext context_;

 private:
  CallReport ReportOf(const RequestId& id, std::string_view store_id, const Error* error) const;
};

}  // namespace pemba::api::openfga::internal
