#include "pemba/rpc/internal/http1_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/dispatch.h"
#include "pemba/rpc/internal/grpc_wire.h"

namespace pemba::rpc::internal {
namespace {

// A body beyond this is not copied behind its head, but goes out as the peer takes it.
constexpr std::size_t kCopiedBodyMax = std::size_t{16} * 1024;

using Form = ExchangeResponse::Form;

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";  // The phrase means nothing, but its place may not be empty.
  }
}

void AppendNumber(std::size_t number, std::string& out, int base = 10) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

void AppendHeader(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool StatusHasBody(int status) { return status != 204 && status != 304; }

}  // namespace

Connection::Next Http1Connection::Receive(std::string_view bytes) {
  if (state_ == State::kClosing) return Next::kContinue;
  in_.append(bytes);
  if (bytes.find('\n') != bytes.npos) head_may_end_ = true;
  receiving_ = true;
  Process();
  receiving_ = false;
  return Next::kContinue;
}

bool Http1Connection::wants_input() const {
  return (state_ == State::kHead || state_ == State::kBody || state_ == State::kChunks) &&
         out_.size() < kOutputBytesMax;
}

void Http1Connection::Process() {
  bool more = true;
  while (more && out_.size() < kOutputBytesMax) {
    switch (state_) {
      case State::kHead:
        more = ReadRequestHead();
        break;
      case State::kBody:
        more = ReadBody();
        break;
      case State::kChunks:
        more = ReadChunks();
        break;
      case State::kCall:
      case State::kStreaming:
      case State::kSending:
      case State::kClosing:
        more = false;
        break;
    }
  }
  if (in_at_ == in_.size()) {
    in_.clear();
    in_at_ = 0;
  } else if (in_at_ > std::size_t{64} * 1024) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
}

bool Http1Connection::ReadRequestHead() {
  const auto bytes_max = context_.options.header_bytes_max;
  if (Input().empty()) return false;
  if (exchange_ == nullptr) exchange_ = &AddExchange();
  // Looking at every byte's arrival would cost a hostile peer one byte and us the whole head.
  if (!head_may_end_ && Input().size() <= bytes_max) return false;
  auto& request = exchange_->request;
  request.headers.Clear();
  const auto result = ParseHttp1Head(Input(), bytes_max, head_, request.headers);
  if (result.kind == Http1HeadResult::Kind::kNeedMore) {
    head_may_end_ = false;
    return false;
  }
  if (result.kind == Http1HeadResult::Kind::kRefused) {
    RefuseConnection(result.status, result.reason);
    return false;
  }
  in_at_ += result.consumed;
  last_activity_ = context_.now;
  request.protocol = Protocol::kHttp;
  request.method = head_.method;
  request.target = head_.target;
  keep_alive_ = head_.keep_alive;
  if (ReadHead(context_, *exchange_) == Dispatched::kAnswered) {
    // The body, if one follows, stays unread.
    if (head_.chunked || head_.content_length.value_or(0) > 0) keep_alive_ = false;
    Answer();
    return true;
  }
  BeginBody();
  return true;
}

void Http1Connection::BeginBody() {
  body_left_ = head_.content_length.value_or(0);
  if (!head_.chunked && body_left_ == 0) return Start();
  state_ = head_.chunked ? State::kChunks : State::kBody;
  chunks_.Reset();
  if (head_.expects_continue && Input().empty()) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

bool Http1Connection::ReadBody() {
  const auto input = Input();
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input.size()));
  if (count == 0) return false;
  exchange_->request.bytes.append(input.substr(0, count));
  in_at_ += count;
  body_left_ -= count;
  if (CountBuffered(*exchange_, count) == Budget::kOver) {
    keep_alive_ = false;
    exchange_->Refuse(context_.router.fallbacks(), kGrpcResourceExhausted,
                      "too many requests are being received");
    Answer();
    return false;
  }
  if (body_left_ == 0) Start();
  return true;
}

bool Http1Connection::ReadChunks() {
  auto input = Input();
  const auto before = exchange_->request.bytes.size();
  // In pieces, so that a body beyond the limit is not buffered before it is refused.
  auto piece = input.substr(0, std::size_t{16} * 1024);
  const auto piece_bytes = piece.size();
  if (piece_bytes == 0) return false;
  const auto outcome = chunks_.Decode(piece, exchange_->request.bytes);
  in_at_ += piece_bytes - piece.size();
  if (outcome == ChunkedDecoder::Outcome::kMalformed) {
    RefuseConnection(400, "malformed chunk");
    return false;
  }
  const auto budget = CountBuffered(*exchange_, exchange_->request.bytes.size() - before);
  if (budget == Budget::kOver) {
    exchange_->Refuse(context_.router.fallbacks(), kGrpcResourceExhausted,
                      "too many requests are being received");
  }
  if (budget == Budget::kOver || CheckSize(context_, *exchange_) == Dispatched::kAnswered) {
    keep_alive_ = false;
    Answer();
    return false;
  }
  if (outcome == ChunkedDecoder::Outcome::kDone) Start();
  return true;
}

void Http1Connection::Start() {
  exchange_->request_ended = true;
  state_ = State::kCall;
  // Pipelined requests are answered one after the other, in one go.
  if (receiving_ && Input().empty()) return context_.ready.Add(*exchange_);
  if (StartCall(context_, *exchange_) == Dispatched::kAnswered) Answer();
}

void Http1Connection::OnAnswered([[maybe_unused]] Exchange& exchange) {
  PEMBA_ASSERT(&exchange == exchange_);
  Answer();
}

// The response is complete, or a stream that has begun.
void Http1Connection::Answer() {
  const auto& response = exchange_->response;
  PEMBA_ASSERT(response.form == Form::kHttp || response.form == Form::kStream);
  if (draining_) keep_alive_ = false;
  exchange_->answered = true;
  WriteHead();
  if (response.form == Form::kStream) {
    state_ = State::kStreaming;
    return;
  }
  if (StatusHasBody(response.http_status) && exchange_->request.method != "HEAD") {
    if (response.bytes.size() > kCopiedBodyMax) {
      state_ = State::kSending;
      return;
    }
    out_.append(response.bytes);
  }
  FinishCall();
}

void Http1Connection::WriteHead() {
  const auto& response = exchange_->response;
  const bool stream = response.form == Form::kStream;
  if (stream && head_.minor_version == 0) keep_alive_ = false;  // Its end is the connection's.
  out_.append("HTTP/1.1 ");
  AppendNumber(static_cast<std::size_t>(response.http_status), out_);
  out_.append(" ").append(ReasonPhrase(response.http_status)).append("\r\n");
  if (!response.content_type.empty()) AppendHeader("Content-Type", response.content_type, out_);
  if (stream && head_.minor_version == 1) {
    AppendHeader("Transfer-Encoding", "chunked", out_);
  } else if (!stream && StatusHasBody(response.http_status)) {
    out_.append("Content-Length: ");
    AppendNumber(response.bytes.size(), out_);
    out_.append("\r\n");
  }
  AppendHeader("Date", context_.http_date, out_);
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    AppendHeader(response.headers.name(i), response.headers.value(i), out_);
  }
  if (!keep_alive_) {
    AppendHeader("Connection", "close", out_);
  } else if (head_.minor_version == 0) {
    AppendHeader("Connection", "keep-alive", out_);
  }
  out_.append("\r\n");
}

// Only once the response is written, or handed to out_, whole.
void Http1Connection::FinishCall() {
  RemoveExchange(*exchange_);
  exchange_ = nullptr;
  last_activity_ = context_.now;
  head_may_end_ = true;  // The next request may already be here.
  state_ = keep_alive_ ? State::kHead : State::kClosing;
}

void Http1Connection::ProduceStream(std::string& out) {
  const bool chunked = head_.minor_version == 1;
  const bool has_body = exchange_->request.method != "HEAD";
  std::array<char, std::size_t{16} * 1024> piece;
  while (out.size() < kOutputBytesMax) {
    const auto state = exchange_->stream.Look();
    const auto count = ReadStream(*exchange_, piece.data(), piece.size());
    if (count > 0 && has_body) {
      if (chunked) {
        AppendNumber(count, out, 16);
        out.append("\r\n");
      }
      out.append(piece.data(), count);
      if (chunked) out.append("\r\n");
    }
    if (state.ended && count == state.buffered_bytes) {
      if (exchange_->running) return;  // Its worker has not let go yet; kReturned comes.
      if (chunked && has_body) out.append("0\r\n\r\n");
      return FinishCall();
    }
    if (count == 0) return;
  }
}

void Http1Connection::ProduceBody(std::string& out) {
  auto& response = exchange_->response;
  const auto rest = std::string_view(response.bytes).substr(response.sent_bytes);
  const auto piece = rest.substr(0, kOutputBytesMax - std::min(out.size(), kOutputBytesMax));
  out.append(piece);
  response.sent_bytes += piece.size();
  if (piece.size() == rest.size()) FinishCall();
}

Connection::Next Http1Connection::Produce(std::string& out) {
  if (broken_) return Next::kClose;
  for (;;) {
    out.append(out_);
    out_.clear();
    if (state_ == State::kStreaming) ProduceStream(out);
    if (state_ == State::kSending) ProduceBody(out);
    // Requests that waited for room, or for the response before them.
    if (state_ != State::kHead || out.size() >= kOutputBytesMax) break;
    Process();
    if (out_.empty() && state_ != State::kStreaming && state_ != State::kSending) break;
  }
  return state_ == State::kClosing && out_.empty() ? Next::kClose : Next::kContinue;
}

void Http1Connection::OnMail(Exchange& exchange, Mail::Kind kind) {
  PEMBA_ASSERT(&exchange == exchange_);
  if (kind == Mail::Kind::kProgress) {
    if (!exchange.answered) Answer();
    return;
  }
  exchange.running = false;
  const bool stalled = exchange.stream.Look().stalled;
  if (kind == Mail::Kind::kSuspended && !stalled && !exchange.cancelled()) {
    context_.suspended.Add(exchange);
  } else if (stalled || !exchange.response.finished) {
    broken_ = true;
  } else if (!exchange.answered) {
    Answer();
  }
}

void Http1Connection::Drain() {
  draining_ = true;
  keep_alive_ = false;
  TellDraining();
  if (state_ == State::kHead && exchange_ == nullptr) state_ = State::kClosing;
}

Connection::Next Http1Connection::Tick() {
  const auto& options = context_.options;
  const bool reading = state_ == State::kHead || state_ == State::kBody || state_ == State::kChunks;
  if (exchange_ != nullptr && reading &&
      context_.now - exchange_->started > options.request_read_timeout) {
    RefuseConnection(408, "the request did not arrive in time");
  } else if (exchange_ == nullptr && context_.now - last_activity_ > options.idle_timeout) {
    return Next::kClose;
  }
  return Next::kContinue;
}

Connection::Next Http1Connection::OnEndOfInput() {
  keep_alive_ = false;
  if (state_ == State::kSending) return Next::kContinue;
  if (state_ != State::kCall && state_ != State::kStreaming) {
    return out_.empty() ? Next::kClose : Next::kContinue;
  }
  // Most likely the client is gone; if it only closed its half, it still gets the answer.
  if (exchange_->running) exchange_->Cancel();
  return SuspendedCalls::Has(*exchange_) ? Next::kClose : Next::kContinue;
}

void Http1Connection::RefuseConnection(int status, std::string_view reason) {
  if (exchange_ != nullptr) RemoveExchange(*exchange_);
  exchange_ = nullptr;
  state_ = State::kClosing;
  out_.append("HTTP/1.1 ");
  AppendNumber(static_cast<std::size_t>(status), out_);
  out_.append(" ").append(ReasonPhrase(status)).append("\r\n");
  AppendHeader("Content-Type", "text/plain", out_);
  out_.append("Content-Length: ");
  AppendNumber(reason.size() + 1, out_);
  out_.append("\r\n");
  AppendHeader("Date", context_.http_date, out_);
  out_.append("Connection: close\r\n\r\n").append(reason).append("\n");
}

}  // namespace pemba::rpc::internal
