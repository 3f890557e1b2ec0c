#include "pemba/server/call_log.h"

#include <string>

#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/json_writer.h"

namespace pemba::server {
namespace {

namespace wire = ::openfga::v1;

using api::openfga::CallReport;
using telemetry::LogEvent;
using telemetry::LogLevel;

bool IsOurs(const Error* error) {
  return error != nullptr &&
         (error->code == ErrorCode::kInternal || error->code == ErrorCode::kDataLoss ||
          error->code == ErrorCode::kUnavailable);
}

std::uint64_t Milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string_view TypeOf(std::string_view object) { return object.substr(0, object.find(':')); }

// Types and relation of a question, so far as it names them.
void AddShape(const google::protobuf::Message& request, LogEvent& event) {
  if (const auto* check = dynamic_cast<const wire::CheckRequest*>(&request)) {
    event.With("object_type", TypeOf(check->tuple_key().object()))
        .With("relation", check->tuple_key().relation())
        .With("user_type", TypeOf(check->tuple_key().user()))
        .With("contextual_tuples",
              static_cast<std::uint64_t>(check->contextual_tuples().tuple_keys_size()));
  } else if (const auto* batch = dynamic_cast<const wire::BatchCheckRequest*>(&request)) {
    event.With("check_count", static_cast<std::uint64_t>(batch->checks_size()));
  } else if (const auto* objects = dynamic_cast<const wire::ListObjectsRequest*>(&request)) {
    event.With("object_type", objects->type())
        .With("relation", objects->relation())
        .With("user_type", TypeOf(objects->user()));
  } else if (const auto* stream = dynamic_cast<const wire::StreamedListObjectsRequest*>(&request)) {
    event.With("object_type", stream->type())
        .With("relation", stream->relation())
        .With("user_type", TypeOf(stream->user()));
  } else if (const auto* users = dynamic_cast<const wire::ListUsersRequest*>(&request)) {
    event.With("object_type", users->object().type()).With("relation", users->relation());
  }
}

}  // namespace

void CallLog::Write(const CallReport& report) const {
  const auto threshold = options_.slow_query_threshold;
  const bool question = report.request != nullptr;  // A feed takes as long as it is read.
  if (question && threshold.count() > 0 && report.duration >= threshold) WriteSlow(report);
  // A feed ends with its connection, which is nobody's fault.
  const bool ours =
      IsOurs(report.error) && (question || report.error->code != ErrorCode::kUnavailable);
  const auto level = ours ? LogLevel::kError : LogLevel::kInfo;
  if (!log_.On(level)) return;
  auto event = log_.Event(level, "grpc_req_complete");
  event.With("grpc_service", report.service)
      .With("grpc_method", report.rpc)
      .With("grpc_type", api::openfga::IsStream(report.rpc) ? "server_stream" : "unary")
      .With("grpc_code", std::uint64_t{report.grpc_code})
      .With("request_id", report.request_id);
  if (!report.trace_id.empty()) event.With("trace_id", report.trace_id);
  const auto agent = report.call == nullptr ? std::nullopt : report.call->header("user-agent");
  event.With("user_agent", agent.value_or(""))
      .With("query_duration_ms", std::to_string(Milliseconds(report.duration)));
  if (!report.store_id.empty()) event.With("store_id", report.store_id);
  if (!report.model_id.empty()) {
    event.With("authorization_model_id", report.model_id)
        .With("datastore_query_count", std::uint64_t{0})
        .With("datastore_item_count", std::uint64_t{0})
        .With("dispatch_count", std::uint64_t{0})
        .WithFlag("request.dispatch_throttled", false)
        .WithFlag("request.datastore_throttled", false);
  }
  if (const auto* batch = dynamic_cast<const wire::BatchCheckRequest*>(report.request)) {
    event.With("check_count", static_cast<std::uint64_t>(batch->checks_size()));
  }
  // Texts of errors about input name tuples, so they are treated like tuples.
  if (ours) {
    event.With("internal_error", report.error->message);
  } else if (report.error != nullptr && log_.On(LogLevel::kDebug)) {
    event.With("error", report.error->message);
  }
  if (question && log_.On(LogLevel::kDebug)) {
    event.WithJson("raw_request", api::ToJson(*report.request));
    if (report.response != nullptr) event.WithJson("raw_response", api::ToJson(*report.response));
  }
}

void CallLog::WriteSlow(const CallReport& report) const {
  auto event = log_.Event(LogLevel::kWarn, "slow_query");
  event.With("grpc_method", report.rpc)
      .With("request_id", report.request_id)
      .With("store_id", report.store_id)
      .With("authorization_model_id", report.model_id)
      .With("grpc_code", std::uint64_t{report.grpc_code})
      .With("query_duration_ms", std::to_string(Milliseconds(report.duration)));
  AddShape(*report.request, event);
}

}  // namespace pemba::server
