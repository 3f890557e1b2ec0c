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
  // How often a server that is gone is looked for is the breaker's.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2'000);  // For one attempt.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  // Not shared with other channels of the process that lead to the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.ca_certificates;
  return grpc::CreateCustomChannel(
      options.address, options.tls ? grpc::SslCredentials(tls) : grpc::InsecureChannelCredentials(),
      arguments);
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

// For connecting, before a call is a failure. The library connects only while somebody waits for it
// to; who just asked would be told at once that there is no connection, again and again.
constexpr std::chrono::milliseconds kConnectPatience{500};
// Who gives a server less than this must not conclude from its silence.
constexpr std::chrono::milliseconds kFairTime{500};

bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kConflict ||
         code == ErrorCode::kThrottled || code == ErrorCode::kResourceExhausted;
}

}  // namespace

class GrpcClient::Channel {
 public:
  explicit Channel(const GrpcOptions& options)
      : channel_(NewChannel(options)),
        stub_(channel_),
        authorization_(options.token.empty() ? "" : "Bearer " + options.token) {}

  void Connect(SteadyTime deadline, SteadyTime now) {
    if (channel_->GetState(true) == GRPC_CHANNEL_READY) return;
    channel_->WaitForConnected(ToWall(std::min(deadline, now + kConnectPatience), now));
  }
  void Prepare(grpc::ClientContext& context, SteadyTime deadline, SteadyTime now) const {
    context.set_deadline(ToWall(deadline, now));
    if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
  }
  grpc::GenericStub& stub() { return stub_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  const std::string authorization_;
};

GrpcClient::GrpcClient(GrpcOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      breaker_(options_.failures_max, options_.open_for, clock),
      channel_(std::make_shared<Channel>(options_)) {}
GrpcClient::~GrpcClient() = default;

Result<GrpcClient::Attempt> GrpcClient::Begin(SteadyTime deadline) {
  const auto now = clock_.Steady();
  if (now >= deadline) return Error{ErrorCode::kDeadlineExceeded, "Request Deadline Exceeded"};
  if (breaker_.Ask() == CircuitBreaker::Permit::kFailAtOnce) {
    return Error{ErrorCode::kUnavailable, "the server at `" + options_.address +
                                              "` has not answered; it will be asked again soon"};
  }
  const std::lock_guard lock(mutex_);
  return Attempt{channel_, now, deadline};
}

Status GrpcClient::End(const Attempt& attempt, Status status) {
  const bool late = !status.ok() && status.error().code == ErrorCode::kDeadlineExceeded;
  const bool away = !status.ok() && status.error().code == ErrorCode::kUnavailable;
  if (late && attempt.deadline - attempt.begin < kFairTime) return status;
  if (!late && !away) {
    breaker_.Succeeded();
    return status;
  }
  breaker_.Failed();
  if (late && breaker_.state() == CircuitBreaker::State::kOpen) {
    // The connection may be dead without a word; waiting for it can take a quarter of an hour.
    const std::lock_guard lock(mutex_);
    if (channel_ == attempt.channel) channel_ = std::make_shared<Channel>(options_);
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
    if (breaker_.state() == CircuitBreaker::State::kOpen) return status;
    const auto wait = backoff.Next();
    if (clock_.Steady() + wait >= deadline) return status;
    std::this_thread::sleep_for(wait);
  }
}

Status GrpcClient::Once(std::string_view method, const std::string& request,
                        google::protobuf::MessageLite& response, SteadyTime deadline) {
  PEMBA_TRY(const auto attempt, Begin(deadline));
  auto& channel = *attempt.channel;
  channel.Connect(deadline, attempt.begin);
  grpc::ClientContext context;
  channel.Prepare(context, deadline, clock_.Steady());
  grpc::CompletionQueue queue;
  const auto call = channel.stub().PrepareUnaryCall(&context, std::string(kService).append(method),
                                                    BufferOf(request), &queue);
  call->StartCall();
  grpc::ByteBuffer received;
  grpc::Status status;
  call->Finish(&received, &status, nullptr);
  Next(queue);
  PEMBA_TRY(std::ignore, End(attempt, FromGrpc(status)));
  return Parse(received, response);
}

Status GrpcClient::Stream(std::string_view method, const google::protobuf::MessageLite& request,
                          google::protobuf::MessageLite& response, SteadyTime deadline,
                          const std::function<More()>& more) {
  PEMBA_TRY(const auto attempt, Begin(deadline));
  auto& channel = *attempt.channel;
  channel.Connect(deadline, attempt.begin);
  grpc::ClientContext context;
  channel.Prepare(context, deadline, clock_.Steady());
  grpc::CompletionQueue queue;
  const auto call =
      channel.stub().PrepareCall(&context, std::string(kService).append(method), &queue);
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
  return End(attempt, enough ? std::move(parsed) : FromGrpc(status));
}

}  // namespace pemba::provider::internal
