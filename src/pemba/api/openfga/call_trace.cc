#include "pemba/api/openfga/call_trace.h"

#include <string>

#include "pemba/api/errors.h"

namespace pemba::api::openfga {
namespace {

template <class Request>
void DescribeListing(const Request& request, telemetry::Span& span) {
  span.Set("object_type", request.type());
  span.Set("relation", request.relation());
  span.Set("user", request.user());
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

}  // namespace

void DescribeQuestion(const wire::CheckRequest& request, telemetry::Span& span) {
  span.Set("object", request.tuple_key().object());
  span.Set("relation", request.tuple_key().relation());
  span.Set("user", request.tuple_key().user());
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

void DescribeQuestion(const wire::BatchCheckRequest& request, telemetry::Span& span) {
  span.SetNumber("batch_size", request.checks_size());
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

void DescribeQuestion(const wire::ExpandRequest& request, telemetry::Span& span) {
  span.Set("object", request.tuple_key().object());
  span.Set("relation", request.tuple_key().relation());
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

void DescribeQuestion(const wire::ListObjectsRequest& request, telemetry::Span& span) {
  DescribeListing(request, span);
}

void DescribeQuestion(const wire::StreamedListObjectsRequest& request, telemetry::Span& span) {
  DescribeListing(request, span);
}

void DescribeQuestion(const wire::ListUsersRequest& request, telemetry::Span& span) {
  span.Set("object", request.object().type() + ":" + request.object().id());
  span.Set("relation", request.relation());
  std::string filters;
  for (const auto& filter : request.user_filters()) {
    filters += (filters.empty() ? "" : ",") + filter.type();
    if (!filter.relation().empty()) filters += "#" + filter.relation();
  }
  span.Set("user_filters", filters);
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

void DescribeQuestion(const wire::ReadRequest& request, telemetry::Span& span) {
  span.Set("object", request.tuple_key().object());
  span.Set("relation", request.tuple_key().relation());
  span.Set("user", request.tuple_key().user());
  span.Set("consistency", wire::ConsistencyPreference_Name(request.consistency()));
}

void DescribeQuestion(const wire::ReadChangesRequest& request, telemetry::Span& span) {
  span.Set("type", request.type());
}

void DescribeCall(const CallReport& report, telemetry::Span& span) {
  if (!report.store_id.empty()) span.Set("store_id", report.store_id);
  if (!report.model_id.empty()) {
    span.Set("authorization_model_id", report.model_id);
    span.SetNumber("datastore_query_count", 0);  // Queries run on memory.
    span.SetNumber("dispatch_count", 0);
  }
  span.Set("request_id", report.request_id);
  span.SetNumber("rpc.grpc.status_code", report.grpc_code);
  if (report.revision) span.SetNumber("revision", static_cast<std::int64_t>(*report.revision));
  if (const auto* check = dynamic_cast<const wire::CheckResponse*>(report.response)) {
    span.SetFlag("allowed", check->allowed());
  }
  if (report.error != nullptr) span.Fail(ToGrpc(*report.error).message);
}

}  // namespace pemba::api::openfga
