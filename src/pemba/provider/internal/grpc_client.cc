#include "pemba/provider/internal/grpc_client.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include <absl/synchronization/mutex.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "pemba/provider/internal/wire_error.h"

namespace pemba::provider::internal {
namespace {

constexpr std::string_view kService = "/openfga.v1.OpenFGAService/";
// Models come in pages of several.
constexpr int kReceivedBytesMax = 64 << 20;

std::shared_ptr<grpc::Channel> NewChannel(const GrpcOptions& options) {
  // gRPC's own locks trip the detector that is on in debug builds of abseil.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceivedBytesMax);
  // A server that is back is found within a second; how often it is asked is the breaker's.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // A connection that is dead without a word is found out.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // Not shared with other channels of the process that lead to the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.ca_certificates;
  return grpc::CreateCustomChannel(
      options.address,
      options.tls ? grpc::SslCredentials(tls) : grpc::InsecureChannelCredentials(), arguments);
}

std::chrono::system_clock::time_point ToWall(SteadyTime deadline, SteadyTime now) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline - now);
}

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

Status Parse(const grpc::ByteBuffer& received, google::protobuf::MessageLite& message) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (received.Dump(&slices).ok()) {
    for (const auto& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    if (message.ParseFromString(bytes)) return Done{};
  }
  return Error{ErrorCode::kUnavailable, "the server's answer cannot be read"};
}

bool Next(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return ok;
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return Done{};
  return FromStatus(static_cast<std::uint32_t>(status.error_code()), status.error_message());
}

// Whether it speaks of the server rather than of the request.
bool IsOutage(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded;
}

bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kConflict ||
         code == ErrorCode::kThrottled || code == ErrorCode::kResourceExhausted;
}

}  // namespace

class GrpcClient::Channel {
 public:
  explicit Channel(const GrpcOptions& options)
      : stub_(NewChannel(options)),
        authorization_(options.token.empty() ? "" : "Bearer " + options.token) {}

  void Prepare(grpc::ClientContext& context, SteadyTime deadline, SteadyTime now) const {
    context.set_deadline(ToWall(deadline, now));
    if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
  }
  grpc::GenericStub& stub() { return stub_; }

 private:
  grpc::GenericStub stub_;
  const std::string authorization_;
};

GrpcClient::GrpcClient(GrpcOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      breaker_(options_.failures_max, options_.open_for, clock),
      channel_(std::make_unique<Channel>(options_)) {}
GrpcClient::~GrpcClient() = default;

Status GrpcClient::Permit() {
  if (breaker_.Ask() == CircuitBreaker::Permit::kAsk) return Done{};
  return Error{ErrorCode::kUnavailable, "the server at `" + options_.address +
                                            "` has not answered; it will be asked again soon"};
}

Status GrpcClient::Noted(Status status) {
  if (!status.ok() && IsOutage(status.error().code)) {
    breaker_.Failed();
  } else {
    breaker_.Succeeded();
  }
  return status;
}

Status GrpcClient::Call(std::string_view method, const google::protobuf::MessageLite& request,
                        google::protobuf::MessageLite& response, SteadyTime deadline,
                        Repeat repeat) {
  const auto bytes = request.SerializeAsString();
  Backoff backoff(options_.retry);
  for (;;) {
    auto status = Once(method, bytes, response, deadline);
    if (status.ok() || repeat == Repeat::kOnce || !IsPassing(status.error().code)) return status;
    const auto wait = backoff.Next();
    if (clock_.Steady() + wait >= deadline) return status;
    std::this_thread::sleep_for(wait);
  }
}

Status GrpcClient::Once(std::string_view method, const std::string& request,
                        google::protobuf::MessageLite& response, SteadyTime deadline) {
  const auto now = clock_.Steady();
  if (now >= deadline) return Error{ErrorCode::kDeadlineExceeded, "Request Deadline Exceeded"};
  PEMBA_TRY(std::ignore, Permit());
  grpc::ClientContext context;
  channel_->Prepare(context, deadline, now);
  grpc::CompletionQueue queue;
  const auto call = channel_->stub().PrepareUnaryCall(
      &context, std::string(kService).append(method), BufferOf(request), &queue);
  call->StartCall();
  grpc::ByteBuffer received;
  grpc::Status status;
  call->Finish(&received, &status, nullptr);
  Next(queue);
  PEMBA_TRY(std::ignore, Noted(FromGrpc(status)));
  return Parse(received, response);
}

Status GrpcClient::Stream(std::string_view method, const google::protobuf::MessageLite& request,
                          google::protobuf::MessageLite& response, SteadyTime deadline,
                          const std::function<More()>& more) {
  const auto now = clock_.Steady();
  if (now >= deadline) return Error{ErrorCode::kDeadlineExceeded, "Request Deadline Exceeded"};
  PEMBA_TRY(std::ignore, Permit());
  grpc::ClientContext context;
  channel_->Prepare(context, deadline, now);
  grpc::CompletionQueue queue;
  const auto call =
      channel_->stub().PrepareCall(&context, std::string(kService).append(method), &queue);
  call->StartCall(nullptr);
  bool going = Next(queue);
  if (going) {
    call->WriteLast(BufferOf(request.SerializeAsString()), {}, nullptr);
    going = Next(queue);
  }
  Status parsed = Done{};
  bool enough = false;
  while (going && !enough) {
    grpc::ByteBuffer received;
    call->Read(&received, nullptr);
    going = Next(queue);
    if (!going) break;
    parsed = Parse(received, response);
    enough = !parsed.ok() || more() == More::kNo;
  }
  if (enough) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  Next(queue);
  if (!enough) return Noted(FromGrpc(status));
  breaker_.Succeeded();
  return parsed;
}

}  // namespace pemba::provider::internal
