#include "pemba/api/openfga/internal/streaming.h"

#include <utility>

#include "pemba/api/errors.h"
#include "pemba/api/json_writer.h"

namespace pemba::api::openfga::internal {
namespace {

constexpr std::string_view kJsonType = "application/json";

class CallReader final : public FeedReader {
 public:
  CallReader(rpc::Call& call, RpcMetrics* metrics, Begun& begun)
      : call_(call), metrics_(metrics), begun_(begun) {}

  Sent Send(const google::protobuf::Message& message) override {
    begun_ = Begun::kYes;
    if (metrics_ != nullptr) metrics_->Streamed(1);
    return SendMessage(call_, message);
  }
  bool has_room() const override { return call_.has_room(); }
  std::function<void()> wake() const override {
    return [waker = call_.waker()] { waker->Wake(); };
  }

 private:
  rpc::Call& call_;
  RpcMetrics* const metrics_;
  Begun& begun_;
};

}  // namespace

FeedReader::Sent SendMessage(rpc::Call& call, const google::protobuf::Message& message) {
  std::string bytes;
  if (call.protocol() == rpc::Protocol::kGrpc) {
    message.SerializeToString(&bytes);
  } else {
    bytes = "{\"result\":";
    AppendJson(message, bytes);
    bytes += "}\n";
  }
  return call.Send(kJsonType, bytes) ? FeedReader::Sent::kYes : FeedReader::Sent::kNobodyReads;
}

void FailStream(rpc::Call& call, const Error& error, Begun begun) {
  const auto status = ToGrpc(error);
  if (call.protocol() == rpc::Protocol::kGrpc) {
    return begun == Begun::kYes ? call.FinishStream(status) : call.FinishGrpc(status, {});
  }
  const auto http = ToStreamError(status);
  if (begun == Begun::kNo) return call.FinishHttp(http.http_status, kJsonType, http.line);
  call.Send(kJsonType, http.line);
  call.FinishStream({});
}

FeedRun::~FeedRun() {
  const Error gone{ErrorCode::kCancelled, "the caller went away"};
  if (!reported_) Report(gone);
}

void FeedRun::Run(rpc::Call& call) {
  call_ = &call;
  if (call.draining()) {
    return Fail(call, {ErrorCode::kUnavailable,
                       "the connection ends; go on with the last continuation token"});
  }
  CallReader reader(call, told_.metrics, begun_);
  const auto pause = feed_->Advance(reader);
  if (!pause.ok()) return Fail(call, pause.error());
  if (pause->until == Feed::Pause::Until::kNobodyReads) {
    return Fail(call, {ErrorCode::kCancelled, "the caller went away"});
  }
  const auto until = pause->until == Feed::Pause::Until::kRoom ? rpc::SuspendUntil::kRoom
                                                               : rpc::SuspendUntil::kWoken;
  call.Suspend(until, pause->at,
               [self = shared_from_this()](rpc::Call& again) { self->Run(again); });
}

void FeedRun::Fail(rpc::Call& call, const Error& error) {
  FailStream(call, error, begun_);
  Report(error);
}

void FeedRun::Report(const Error& error) {
  reported_ = true;
  const auto duration = clock_.Steady() - told_.start;
  if (told_.metrics != nullptr) told_.metrics->Finished(WireNumber(error.code), duration);
  if (!on_call_) return;
  CallReport report;
  report.service = told_.service;
  report.rpc = told_.rpc;
  report.request_id = told_.request_id;
  report.caller = told_.caller;
  report.store_id = told_.store_id;
  report.grpc_code = WireNumber(error.code);
  report.error = &error;
  report.duration = duration;
  report.revision = told_.revision;
  report.call = call_;
  report.request = told_.request.get();
  on_call_(report);
}

}  // namespace pemba::api::openfga::internal
