#include "pemba/server/decision_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/json_writer.h"
#include "pemba/base/hash.h"
#include "pemba/telemetry/log.h"

namespace pemba::server {
namespace {

namespace wire = ::openfga::v1;

using api::openfga::CallReport;

constexpr std::string_view kDecisions[] = {
    "Check",      "BatchCheck",  "ListObjects",   "StreamedListObjects", "ListUsers",   "Expand",
    "Evaluation", "Evaluations", "SubjectSearch", "ResourceSearch",      "ActionSearch"};

class JsonLine {
 public:
  JsonLine& Text(std::string_view key, std::string_view value) {
    Key(key);
    telemetry::AppendAnyAsJson(value, text_);
    return *this;
  }
  JsonLine& Number(std::string_view key, std::uint64_t value) {
    return Json(key, std::to_string(value));
  }
  JsonLine& Json(std::string_view key, std::string_view value) {
    Key(key);
    text_ += value;
    return *this;
  }
  std::string Take() { return std::move(text_) + "}\n"; }

 private:
  void Key(std::string_view key) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_.append(key).append("\":");
  }
  std::string text_;
};

// What was answered: `allowed`, `denied`, or that there is no answer.
void AddAnswer(const CallReport& report, JsonLine& line) {
  if (report.error != nullptr) {
    line.Text("answer", "undecided").Number("grpc_code", report.grpc_code);
    line.Text("error", report.error->message);
    return;
  }
  if (const auto* check = dynamic_cast<const wire::CheckResponse*>(report.response)) {
    line.Text("answer", check->allowed() ? "allowed" : "denied");
    return;
  }
  if (report.response == nullptr) {  // Of a stream.
    line.Json("answer", "{\"count\":" + std::to_string(report.list_found) + "}");
    return;
  }
  line.Json("answer", api::ToJson(*report.response));
}

}  // namespace

DecisionLog::DecisionLog(double sample_ratio, const Clock& clock,
                         std::unique_ptr<telemetry::LineSink> sink)
    : sample_ratio_(sample_ratio), clock_(clock), lines_(std::move(sink)) {}

Result<std::unique_ptr<DecisionLog>> DecisionLog::Open(const DecisionLogConfig& config,
                                                       const Clock& clock) {
  PEMBA_TRY(auto sink, telemetry::NewRotatingFileSink({.path = config.file,
                                                       .bytes_max = config.file_bytes_max,
                                                       .files_max = config.files_max}));
  return std::unique_ptr<DecisionLog>(new DecisionLog(config.sample_ratio, clock, std::move(sink)));
}

void DecisionLog::Write(const CallReport& report) {
  if (std::ranges::find(kDecisions, report.rpc) == std::end(kDecisions)) return;
  if (sample_ratio_ < 1 &&
      static_cast<double>(HashBytes(report.request_id)) >= sample_ratio_ * 0x1p64) {
    return;
  }
  const auto now = clock_.Now();
  std::string time;
  telemetry::AppendIso8601(now, time);
  JsonLine line;
  line.Text("time", time).Text("request_id", report.request_id);
  if (!report.caller.empty()) line.Text("caller", report.caller);
  line.Text("peer", report.call->peer())
      .Text("rpc", report.rpc)
      .Text("store_id", report.store_id)
      .Text("authorization_model_id", report.model_id);
  if (report.revision) line.Number("revision", *report.revision);
  line.Json("question", api::ToJson(*report.request));
  AddAnswer(report, line);
  line.Number("duration_us",
              static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::microseconds>(report.duration).count()));
  lines_.Push(now, line.Take());
}

}  // namespace pemba::server
