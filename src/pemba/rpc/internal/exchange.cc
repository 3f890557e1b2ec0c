#include "pemba/rpc/internal/exchange.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/base/text.h"
#include "pemba/rpc/internal/grpc_wire.h"
#include "pemba/rpc/internal/percent.h"

namespace pemba::rpc::internal {
namespace {

using Form = ExchangeResponse::Form;

// Buffers larger than this are given back after the call; a call of the usual size keeps them.
constexpr std::size_t kKeptBytesMax = std::size_t{16} * 1024;
constexpr std::size_t kKeptExchangesMax = 2048;  // Of one I/O thread, between calls.

void ClearBuffer(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytesMax) buffer.shrink_to_fit();
}

bool IsHeaderByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return ((byte >= 0x20) & (byte != 0x7F)) | (c == '\t');
}

bool AreHeaderBytes(std::string_view text) {
  return IsPrintableAscii(text) || std::ranges::all_of(text, IsHeaderByte);
}

}  // namespace
}  // namespace pemba::rpc::internal

namespace pemba::rpc {

void BeginGrpcMessage(std::size_t message_bytes, std::string& out) {
  internal::AppendFramePrefix(message_bytes, out);
}

}  // namespace pemba::rpc

namespace pemba::rpc::internal {

std::string_view Exchange::path() const {
  return std::string_view(request.target).substr(0, request.path_bytes);
}

std::string_view Exchange::query() const {
  const std::string_view target = request.target;
  return request.path_bytes < target.size() ? target.substr(request.path_bytes + 1)
                                            : std::string_view();
}

std::optional<std::string_view> Exchange::header(std::string_view name) const {
  return request.headers.Find(name);
}

std::string_view Exchange::path_parameter(std::string_view name) const {
  return request.path_parameters.Find(name);
}

void Exchange::AddHeader(std::string_view name, std::string_view value,
                         HeaderBlock::Recurs recurs) {
  PEMBA_ASSERT(std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }));
  if (response.form != Form::kNone) return;  // Too late, and the I/O thread may be reading them.
  if (request.protocol == Protocol::kGrpc && name.ends_with("-bin")) {
    std::string encoded;
    AppendBase64(value, encoded);
    response.headers.Add(name, encoded, recurs);
  } else if (AreHeaderBytes(value)) {
    response.headers.Add(name, value, recurs);
  } else {
    // A value may be an echo of the request's; CR LF in it would forge headers.
    std::string clean(value);
    for (auto& c : clean) {
      if (!IsHeaderByte(c)) c = ' ';
    }
    response.headers.Add(name, clean, recurs);
  }
}

void Exchange::FinishGrpc(const GrpcStatus& status, std::string_view message) {
  if (response.finished) return;
  if (response.form == Form::kStream) return FinishStream(status);
  response.form = Form::kGrpc;
  response.finished = true;
  response.grpc_code = status.code;
  if (status.code == 0) {
    AppendFramePrefix(message.size(), response.bytes);
    response.bytes.append(message);
  } else {
    PercentEncodeMessage(status.message, response.grpc_message);
  }
}

void Exchange::FinishHttp(int status, std::string_view content_type, std::string_view body) {
  if (response.finished) return;
  if (response.form == Form::kStream) return FinishStream({});  // Too late for another status.
  response.form = Form::kHttp;
  response.finished = true;
  response.http_status = status;
  response.content_type = content_type;
  response.bytes = body;
}

void Exchange::BeginStream(std::string_view content_type) {
  if (response.form != Form::kNone) return;
  response.form = Form::kStream;
  response.content_type = content_type;
}

bool Exchange::Send(std::string_view content_type, std::string_view bytes) {
  std::string prefix;  // Five bytes: within the small-string buffer.
  if (request.protocol == Protocol::kGrpc) AppendFramePrefix(bytes.size(), prefix);
  return SendWith(content_type, prefix, bytes);
}

bool Exchange::SendFramed(std::string_view content_type, std::string_view bytes) {
  return SendWith(content_type, {}, bytes);
}

bool Exchange::SendWith(std::string_view content_type, std::string_view prefix,
                        std::string_view bytes) {
  if (response.finished || cancelled()) return false;
  BeginStream(content_type);
  const auto waiting =
      may_wait_ ? OutgoingStream::Waiting::kAllowed : OutgoingStream::Waiting::kForbidden;
  const auto result = stream.Write(prefix, bytes, waiting, request.deadline, stall_timeout_);
  if (result.wake_reader && may_wait_) mailbox_.Post({this, Mail::Kind::kProgress});
  return result.accepted;
}

void Exchange::FinishStream(const GrpcStatus& status) {
  if (response.finished) return;
  BeginStream({});
  response.finished = true;
  response.grpc_code = status.code;
  if (status.code != 0) PercentEncodeMessage(status.message, response.grpc_message);
  stream.End();
}

void Exchange::Refuse(const Fallbacks& fallbacks, std::uint32_t code, std::string_view message) {
  const GrpcStatus status{code, std::string(message)};
  if (request.protocol == Protocol::kGrpc) return FinishGrpc(status, {});
  if (fallbacks.http_refused) {
    fallbacks.http_refused(*this, status);
  }
  if (response.finished) return;
  const int http_status = code == kGrpcInvalidArgument     ? 400
                          : code == kGrpcResourceExhausted ? 503
                                                           : 500;
  FinishHttp(http_status, "text/plain", std::string(message) + "\n");
}

void Exchange::MoveToWorker() {
  PEMBA_CHECK(!may_wait_ && !response.finished && request.route != nullptr &&
              request.route->requests == Requests::kOne);
  moves_ = true;
}

void Exchange::Suspend(SuspendUntil until, SteadyTime at, std::function<void(Call&)> then) {
  PEMBA_CHECK(may_wait_ && request.route != nullptr && request.route->requests == Requests::kOne);
  suspension.until = until;
  suspension.at = request.deadline ? std::min(at, *request.deadline) : at;
  next_run_ = std::move(then);
}

std::shared_ptr<Waker> Exchange::waker() {
  if (ticket_ == nullptr) ticket_ = std::make_shared<WakeTicket>(mailbox_, *this);
  return ticket_;
}

bool Exchange::has_room() const {
  return stream.Look().buffered_bytes < OutgoingStream::kBufferedBytesMax;
}

void Exchange::End() {
  if (ticket_ != nullptr) ticket_->Close();
  ticket_ = nullptr;
  next_run_ = nullptr;
}

Exchange::Ran Exchange::Run(const Fallbacks& fallbacks) {
  moves_ = false;
  if (next_run_) {
    std::exchange(next_run_, nullptr)(*this);
  } else {
    (*request.handler)(*this);
  }
  if (moves_) return Ran::kToItsEnd;
  if (next_run_ && !response.finished) return Ran::kSuspended;
  next_run_ = nullptr;
  const bool each = request.protocol == Protocol::kGrpc && request.route != nullptr &&
                    request.route->requests == Requests::kEach;
  if (!each && !response.finished) {
    if (response.form == Form::kStream) {
      FinishStream({kGrpcInternal, "the call was left unfinished"});
    } else {
      Refuse(fallbacks, kGrpcInternal, "the call was left unfinished");
    }
  }
  return Ran::kToItsEnd;
}

void Exchange::RunInline(const Fallbacks& fallbacks) {
  may_wait_ = false;
  Run(fallbacks);
}

void Exchange::RunOnWorker(const Fallbacks& fallbacks) {
  may_wait_ = true;
  auto ran = Ran::kToItsEnd;
  if (!cancelled()) {
    if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline) {
      Refuse(fallbacks, kGrpcDeadlineExceeded, "deadline exceeded");
    } else {
      ran = Run(fallbacks);
    }
  }
  // From here on it may belong to another call.
  mailbox_.Post({this, ran == Ran::kSuspended ? Mail::Kind::kSuspended : Mail::Kind::kReturned});
}

void Exchange::Cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  stream.Break();
}

void Exchange::Attach(Connection* to, std::string_view peer, const PeerCertificate& certificate,
                      std::chrono::milliseconds stall_timeout) {
  connection = to;
  peer_ = peer;
  certificate_ = certificate;
  stall_timeout_ = stall_timeout;
}

void Exchange::Reset() {
  PEMBA_ASSERT(!running && turn == 0);
  request.protocol = Protocol::kHttp;
  request.method.clear();
  request.target.clear();
  request.headers.Clear();
  ClearBuffer(request.bytes);
  ClearBuffer(request.decoded);
  request.body = {};
  request.path_bytes = 0;
  request.path_parameters.Clear();
  request.deadline.reset();
  request.gzip = false;
  request.route = nullptr;
  request.handler = nullptr;
  // Only a call that streamed or was cancelled has touched its stream.
  if (response.form == Form::kStream || cancelled()) stream.Reset();
  response.form = Form::kNone;
  response.finished = moves_ = false;
  response.http_status = 200;
  response.grpc_code = 0;
  response.grpc_message.clear();
  response.content_type.clear();
  response.headers.Clear();
  ClearBuffer(response.bytes);
  response.sent_bytes = 0;
  connection = nullptr;
  request_ended = answered = stream_deferred = closed = false;
  response_sent = false;
  head_done = headers_too_large = has_binary_headers = false;
  stream_id = 0;
  buffered_bytes = decoded_bytes = 0;
  ClearBuffer(incoming);
  cancelled_.store(false, std::memory_order_relaxed);
  draining_.store(false, std::memory_order_relaxed);
  suspension = {};
}

ExchangePool::~ExchangePool() { PEMBA_ASSERT(in_use_ == 0); }

Exchange& ExchangePool::Acquire() {
  ++in_use_;
  if (free_.empty()) free_.push_back(std::make_unique<Exchange>(mailbox_));
  Exchange& exchange = *free_.back().release();  // Its connection has it until Release().
  free_.pop_back();
  return exchange;
}

void ExchangePool::Release(Exchange& exchange) {
  --in_use_;
  std::unique_ptr<Exchange> owned(&exchange);
  owned->End();
  if (free_.size() >= kKeptExchangesMax) return;
  owned->Reset();
  free_.push_back(std::move(owned));
}

}  // namespace pemba::rpc::internal
