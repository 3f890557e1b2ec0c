#include "pemba/rpc/internal/http2_connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/dispatch.h"
#include "pemba/rpc/internal/grpc_wire.h"

namespace pemba::rpc::internal {
namespace {

using Form = ExchangeResponse::Form;

// A stream's window takes a largest message whole, so that a unary request never waits for us.
constexpr std::uint32_t kStreamWindowBytesMin = 1 << 20;
constexpr std::int32_t kConnectionWindowBytes = 16 << 20;

// Honest clients reset, ping and re-prioritise a few times a second (gRPC pings once a round trip
// at most, and only while data moves).
constexpr std::uint64_t kResetsBurst = 1000;
constexpr std::uint64_t kResetsPerSecond = 100;
constexpr double kControlFramesBurst = 2000;
constexpr double kControlFramesPerSecond = 200;

// A peer whose request is answered before it is complete should stop sending. RFC 9113 8.1 lets the
// server ask so with RST_STREAM; some clients (curl 7.88) lose the answer if that follows at once.
constexpr std::chrono::seconds kUnreadRequestMax{1};

// After the first GOAWAY: time for calls that the peer sent before it heard of it.
constexpr std::chrono::seconds kDrainNoticeMax{1};
constexpr std::uint8_t kDrainPing[8] = {'d', 'r', 'a', 'i', 'n', 0, 0, 0};

enum class Copied { kYes, kNo };

// kNo: both views outlive the frame.
nghttp2_nv Field(std::string_view name, std::string_view value, Copied copied) {
  const std::uint8_t flags = copied == Copied::kNo
                                 ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
                                 : NGHTTP2_NV_FLAG_NONE;
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), flags};
}

std::string_view NumberText(std::size_t number, std::array<char, 20>& buffer) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

// Replaces the base64 of "-bin" entries by their bytes; an entry may hold several, comma-separated.
// False if one is malformed.
bool DecodeBinaryHeaders(HeaderBlock& headers) {
  HeaderBlock decoded;
  std::string bytes;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!headers.name(i).ends_with("-bin")) {
      decoded.Add(headers.name(i), headers.value(i));
      continue;
    }
    for (auto rest = headers.value(i);;) {
      const auto comma = rest.find(',');
      bytes.clear();
      if (!DecodeBase64(rest.substr(0, comma), bytes)) return false;
      decoded.Add(headers.name(i), bytes);
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  headers = std::move(decoded);
  return true;
}

bool MayHaveBody(const Exchange& exchange) {
  const int status = exchange.response.http_status;
  return exchange.request.method != "HEAD" && status != 204 && status != 304;
}

bool TakesEach(const Exchange& exchange) {
  const auto* route = exchange.request.route;
  return exchange.request.protocol == Protocol::kGrpc && route != nullptr &&
         route->requests == Requests::kEach;
}

BlockPool& PoolOf(void* pool) { return *static_cast<BlockPool*>(pool); }

// Streams, frames and header tables come and go with every call.
nghttp2_mem MemoryOf(BlockPool& blocks) {
  return {
      .mem_user_data = &blocks,
      .malloc = [](std::size_t bytes, void* pool) { return PoolOf(pool).Allocate(bytes); },
      .free = [](void* block, void* pool) { PoolOf(pool).Free(block); },
      .calloc =
          [](std::size_t count, std::size_t bytes, void* pool) {
            void* const block = PoolOf(pool).Allocate(count * bytes);
            return std::memset(block, 0, count * bytes);
          },
      .realloc = [](void* block, std::size_t bytes,
                    void* pool) { return PoolOf(pool).Reallocate(block, bytes); },
  };
}

}  // namespace

struct Http2Connection::Callbacks {
  static Http2Connection& Self(void* user_data) {
    return *static_cast<Http2Connection*>(user_data);
  }

  static Exchange* Find(nghttp2_session* session, std::int32_t stream_id) {
    return static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, stream_id));
  }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) Self(self).OnBeginHeaders(frame->hd.stream_id);
    return 0;
  }

  static int Header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                    std::uint8_t, void* self) {
    if (auto* exchange = Find(session, frame->hd.stream_id)) {
      Self(self).OnHeader(*exchange, {reinterpret_cast<const char*>(name), name_bytes},
                          {reinterpret_cast<const char*>(value), value_bytes});
    }
    return 0;
  }

  static int BeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
    Self(self).OnBeginFrame(*head);
    return 0;
  }

  static int Frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Self(self).OnFrame(*frame);
    return 0;
  }

  static int Data(nghttp2_session* session, std::uint8_t, std::int32_t stream_id,
                  const std::uint8_t* data, std::size_t bytes, void* self) {
    if (auto* exchange = Find(session, stream_id)) {
      Self(self).OnData(*exchange, {reinterpret_cast<const char*>(data), bytes});
    } else {
      nghttp2_session_consume(session, stream_id, bytes);
    }
    return 0;
  }

  static int StreamClose(nghttp2_session* session, std::int32_t stream_id, std::uint32_t,
                         void* self) {
    if (auto* exchange = Find(session, stream_id)) Self(self).OnStreamClose(*exchange);
    return 0;
  }

  static int FrameSent(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Self(self).OnFrameSent(*frame);
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t bytes_max,
                          std::uint32_t* flags, nghttp2_data_source* source, void* self) {
    return Self(self).ReadBody(*static_cast<Exchange*>(source->ptr), out, bytes_max, flags);
  }

  // Made once, read by all sessions.
  static const nghttp2_session_callbacks* Table() {
    static const auto* const table = [] {
      nghttp2_session_callbacks* made = nullptr;
      PEMBA_CHECK(nghttp2_session_callbacks_new(&made) == 0);
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, BeginFrame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, BeginHeaders);
      nghttp2_session_callbacks_set_on_header_callback(made, Header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, Frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, StreamClose);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, FrameSent);
      return made;
    }();
    return table;
  }

  static const nghttp2_option* Options() {
    static const auto* const options = [] {
      nghttp2_option* made = nullptr;
      PEMBA_CHECK(nghttp2_option_new(&made) == 0);
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_no_closed_streams(made, 1);
      nghttp2_option_set_max_settings(made, 32);
      nghttp2_option_set_stream_reset_rate_limit(made, kResetsBurst, kResetsPerSecond);
      return made;
    }();
    return options;
  }
};

Http2Connection::Http2Connection(ConnectionContext& context, std::string peer,
                                 PeerCertificate certificate)
    : Connection(context, std::move(peer), std::move(certificate)),
      control_frames_left_(kControlFramesBurst) {
  nghttp2_session* session = nullptr;
  nghttp2_mem memory = MemoryOf(context_.blocks);
  PEMBA_CHECK(nghttp2_session_server_new3(&session, Callbacks::Table(), this, Callbacks::Options(),
                                          &memory) == 0);
  session_.reset(session);
  const auto& options = context_.options;
  const auto window = std::max<std::size_t>(kStreamWindowBytesMin,
                                            options.request_message_bytes_max + kFramePrefixBytes);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.concurrent_streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
       static_cast<std::uint32_t>(std::min<std::size_t>(window, NGHTTP2_MAX_WINDOW_SIZE))},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.header_bytes_max)},
      // The old priority tree costs memory and time; nobody uses it.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  PEMBA_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings)) ==
              0);
  PEMBA_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                    kConnectionWindowBytes) == 0);
}

Http2Connection::~Http2Connection() = default;

Connection::Next Http2Connection::Receive(std::string_view bytes) {
  const auto taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return Next::kClose;
  const bool alive = nghttp2_session_want_read(session_.get()) != 0 ||
                     nghttp2_session_want_write(session_.get()) != 0;
  return alive ? Next::kContinue : Next::kClose;
}

Connection::Next Http2Connection::Produce(std::string& out) {
  while (out.size() < kOutputBytesMax) {
    const std::uint8_t* data = nullptr;
    const auto bytes = nghttp2_session_mem_send(session_.get(), &data);
    if (bytes < 0) return Next::kClose;
    if (bytes == 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(bytes));
  }
  const bool alive = nghttp2_session_want_read(session_.get()) != 0 ||
                     nghttp2_session_want_write(session_.get()) != 0;
  return alive ? Next::kContinue : Next::kClose;
}

void Http2Connection::OnBeginHeaders(std::int32_t stream_id) {
  // Calls whose stream was reset still count while a worker has them, so that resetting does not
  // buy more concurrency than the setting grants.
  if (exchange_count() >= context_.options.concurrent_streams_max ||
      context_.exchanges.in_use() >= context_.calls_max) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  Exchange& exchange = AddExchange();
  exchange.stream_id = stream_id;
  nghttp2_session_set_stream_user_data(session_.get(), stream_id, &exchange);
  last_activity_ = context_.now;
}

void Http2Connection::OnHeader(Exchange& exchange, std::string_view name, std::string_view value) {
  if (exchange.head_done || exchange.headers_too_large) return;  // Trailers mean nothing to us.
  auto& request = exchange.request;
  if (request.headers.counted_bytes() + request.target.size() + name.size() + value.size() >
      context_.options.header_bytes_max) {
    exchange.headers_too_large = true;
    return;
  }
  if (name.front() != ':') {
    if (name.ends_with("-bin")) exchange.has_binary_headers = true;
    request.headers.Add(name, value);
  } else if (name == ":path") {
    request.target = value;
  } else if (name == ":method") {
    request.method = value;
  } else if (name == ":authority") {
    request.headers.Add("host", value);
  }
}

void Http2Connection::RefuseLargeHeaders(Exchange& exchange) {
  if (exchange.request.protocol == Protocol::kGrpc) {
    exchange.FinishGrpc({kGrpcResourceExhausted, "request headers too large"}, {});
  } else {
    exchange.FinishHttp(431, "text/plain", "request headers too large\n");
  }
  Answer(exchange);
}

void Http2Connection::OnHeadersEnd(Exchange& exchange) {
  exchange.head_done = true;
  auto& request = exchange.request;
  const auto content_type = request.headers.Find("content-type");
  if (request.method == "POST" && content_type && IsGrpcContentType(*content_type)) {
    request.protocol = Protocol::kGrpc;
  }
  if (exchange.headers_too_large) return RefuseLargeHeaders(exchange);
  if (request.protocol == Protocol::kGrpc && exchange.has_binary_headers &&
      !DecodeBinaryHeaders(request.headers)) {
    exchange.FinishGrpc({kGrpcInternal, "malformed binary metadata"}, {});
    return Answer(exchange);
  }
  if (ReadHead(context_, exchange) == Dispatched::kAnswered) Answer(exchange);
}

void Http2Connection::OnData(Exchange& exchange, std::string_view bytes) {
  auto* session = session_.get();
  if (!exchange.running && exchange.response.finished) {
    // Whatever comes now changes nothing, and there is no window for more of it.
    nghttp2_session_consume_connection(session, bytes.size());
    return;
  }
  if (TakesEach(exchange)) {
    // The stream's window opens only as messages are taken: a peer cannot run ahead of the handler.
    nghttp2_session_consume_connection(session, bytes.size());
    exchange.incoming.append(bytes);
    CountBuffered(exchange, bytes.size());
    return StartNext(exchange);
  }
  nghttp2_session_consume(session, exchange.stream_id, bytes.size());
  exchange.request.bytes.append(bytes);
  auto checked = CheckSize(context_, exchange);
  if (CountBuffered(exchange, bytes.size()) == Budget::kOver) {
    exchange.Refuse(context_.router.fallbacks(), kGrpcResourceExhausted,
                    "too many requests are being received");
    checked = Dispatched::kAnswered;
  }
  if (checked == Dispatched::kPending) return;
  UncountBuffered(exchange, exchange.buffered_bytes);
  exchange.request.bytes.clear();
  Answer(exchange);
}

void Http2Connection::OnRequestEnd(Exchange& exchange) {
  exchange.request_ended = true;
  if (TakesEach(exchange)) return StartNext(exchange);
  if (!exchange.response.finished) context_.ready.Add(exchange);
}

void Http2Connection::OnAnswered(Exchange& exchange) { Answer(exchange); }

void Http2Connection::StartNext(Exchange& exchange) {
  if (exchange.running || exchange.closed) return;
  const auto before = exchange.incoming.size();
  const auto dispatched = StartNextMessage(context_, exchange);
  const auto taken = before - exchange.incoming.size();
  if (taken > 0) {
    UncountBuffered(exchange, taken);
    nghttp2_session_consume_stream(session_.get(), exchange.stream_id, taken);
  }
  if (exchange.running) return;
  if (dispatched == Dispatched::kAnswered || exchange.response.form == Form::kStream) {
    Answer(exchange);
  }
}

void Http2Connection::OnStreamClose(Exchange& exchange) {
  last_activity_ = context_.now;
  nghttp2_session_set_stream_user_data(session_.get(), exchange.stream_id, nullptr);
  exchange.closed = true;
  if (exchange.running) {
    exchange.Cancel();
  } else {
    RemoveExchange(exchange);
  }
}

void Http2Connection::OnBeginFrame(const nghttp2_frame_hd& head) {
  switch (head.type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      if ((head.flags & NGHTTP2_FLAG_ACK) == 0) SpendControlFrame();
      break;
    case NGHTTP2_PRIORITY:
      SpendControlFrame();
      break;
    case NGHTTP2_DATA:
      if (head.length == 0 && (head.flags & NGHTTP2_FLAG_END_STREAM) == 0) SpendControlFrame();
      break;
    default:
      break;  // nghttp2 limits RST_STREAM and CONTINUATION; a request is no free frame.
  }
}

void Http2Connection::OnFrame(const nghttp2_frame& frame) {
  auto* exchange = Callbacks::Find(session_.get(), frame.hd.stream_id);
  const bool ends_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (exchange == nullptr) return;
      if (!exchange->head_done) OnHeadersEnd(*exchange);
      if (ends_stream) OnRequestEnd(*exchange);
      break;
    case NGHTTP2_DATA:
      if (exchange != nullptr && ends_stream) OnRequestEnd(*exchange);
      break;
    case NGHTTP2_SETTINGS:
      preface_done_ = true;
      break;
    case NGHTTP2_PING:
      if (draining_ == Draining::kNoticeSent && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
          std::memcmp(frame.ping.opaque_data, kDrainPing, sizeof kDrainPing) == 0) {
        FinishDrain();
      }
      break;
    default:
      break;
  }
}

void Http2Connection::SpendControlFrame() {
  const std::chrono::duration<double> passed = context_.now - control_frames_refilled_;
  control_frames_refilled_ = context_.now;
  control_frames_left_ = std::min(kControlFramesBurst,
                                  control_frames_left_ + passed.count() * kControlFramesPerSecond);
  control_frames_left_ -= 1;
  if (control_frames_left_ < 0) {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

void Http2Connection::OnFrameSent(const nghttp2_frame& frame) {
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
      (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA)) {
    return;
  }
  auto* exchange = Callbacks::Find(session_.get(), frame.hd.stream_id);
  if (exchange == nullptr || exchange->request_ended) return;
  exchange->response_sent = true;
  exchange->last_progress = context_.now;
}

void Http2Connection::Answer(Exchange& exchange) {
  if (exchange.closed) return;
  if (exchange.answered) {
    if (exchange.stream_deferred) {
      exchange.stream_deferred = false;
      nghttp2_session_resume_data(session_.get(), exchange.stream_id);
    }
    return;
  }
  PEMBA_ASSERT(exchange.response.form != Form::kNone);
  exchange.answered = true;
  exchange.last_progress = context_.now;
  const auto& response = exchange.response;
  const bool grpc = exchange.request.protocol == Protocol::kGrpc;
  const bool trailers_only = response.form == Form::kGrpc && response.grpc_code != 0;
  const bool body = !trailers_only && MayHaveBody(exchange) &&
                    (response.form != Form::kHttp || !response.bytes.empty());

  std::array<char, 20> status_buffer;
  std::array<char, 20> length_buffer;
  std::array<char, 20> code_buffer;
  auto& fields = header_fields_;
  fields.clear();
  if (response.http_status == 200) {
    fields.push_back(Field(":status", "200", Copied::kNo));
  } else {
    const auto status = static_cast<std::size_t>(response.http_status);
    fields.push_back(Field(":status", NumberText(status, status_buffer), Copied::kYes));
  }
  if (grpc) {
    fields.push_back(Field("content-type", "application/grpc", Copied::kNo));
  } else {
    if (!response.content_type.empty()) {
      fields.push_back(Field("content-type", response.content_type, Copied::kNo));
    }
    if (response.form == Form::kHttp && response.http_status != 204 &&
        response.http_status != 304) {
      fields.push_back(
          Field("content-length", NumberText(response.bytes.size(), length_buffer), Copied::kYes));
    }
    fields.push_back(Field("date", context_.http_date, Copied::kYes));
  }
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    fields.push_back(Field(response.headers.name(i), response.headers.value(i), Copied::kNo));
    if (response.headers.recurs(i) == HeaderBlock::Recurs::kHardly) {
      fields.back().flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    }
  }
  if (trailers_only) {
    fields.push_back(
        Field("grpc-status", NumberText(response.grpc_code, code_buffer), Copied::kYes));
    fields.push_back(Field("grpc-message", response.grpc_message, Copied::kNo));
  }
  nghttp2_data_provider provider{};
  provider.source.ptr = &exchange;
  provider.read_callback = Callbacks::ReadBody;
  nghttp2_submit_response(session_.get(), exchange.stream_id, fields.data(), fields.size(),
                          body ? &provider : nullptr);
}

long Http2Connection::ReadBody(Exchange& exchange, std::uint8_t* out, std::size_t bytes_max,
                               std::uint32_t* flags) {
  auto& response = exchange.response;
  std::size_t count = 0;
  bool ended = false;
  if (response.form == Form::kStream) {
    const auto state = exchange.stream.Look();
    count = ReadStream(exchange, reinterpret_cast<char*>(out), bytes_max);
    ended = state.ended && count == state.buffered_bytes;
    if (count == 0 && !ended) {
      exchange.stream_deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
  } else {
    count = std::min(bytes_max, response.bytes.size() - response.sent_bytes);
    std::memcpy(out, response.bytes.data() + response.sent_bytes, count);
    response.sent_bytes += count;
    ended = response.sent_bytes == response.bytes.size();
  }
  exchange.last_progress = context_.now;
  if (ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (exchange.request.protocol == Protocol::kGrpc) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      SubmitTrailers(exchange);
    }
  }
  return static_cast<long>(count);
}

void Http2Connection::SubmitTrailers(Exchange& exchange) {
  const auto& response = exchange.response;
  std::array<char, 20> code_buffer;
  std::array<nghttp2_nv, 2> fields;
  std::size_t count = 0;
  if (response.grpc_code == 0) {
    fields[count++] = Field("grpc-status", "0", Copied::kNo);
  } else {
    fields[count++] =
        Field("grpc-status", NumberText(response.grpc_code, code_buffer), Copied::kYes);
    fields[count++] = Field("grpc-message", response.grpc_message, Copied::kNo);
  }
  nghttp2_submit_trailer(session_.get(), exchange.stream_id, fields.data(), count);
}

void Http2Connection::OnMail(Exchange& exchange, Mail::Kind kind) {
  if (kind == Mail::Kind::kProgress) {
    if (!exchange.closed) Answer(exchange);
    return;
  }
  exchange.running = false;
  if (exchange.closed) return RemoveExchange(exchange);
  if (exchange.stream.Look().stalled) return Reset(exchange, NGHTTP2_CANCEL);
  if (kind == Mail::Kind::kSuspended) return context_.suspended.Add(exchange);
  if (!exchange.response.finished && TakesEach(exchange)) return StartNext(exchange);
  Answer(exchange);
}

void Http2Connection::Reset(Exchange& exchange, std::uint32_t error_code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, exchange.stream_id, error_code);
}

void Http2Connection::Drain() {
  if (draining_ != Draining::kNo) return;
  draining_ = Draining::kNoticeSent;
  notice_sent_ = context_.now;
  TellDraining();
  nghttp2_submit_shutdown_notice(session_.get());
  // Its answer shows that the peer has read the notice.
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, kDrainPing);
}

void Http2Connection::FinishDrain() {
  draining_ = Draining::kGoawaySent;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

Connection::Next Http2Connection::CheckExchangeTimes() {
  const auto& options = context_.options;
  for (auto* exchange = first_exchange(); exchange != nullptr; exchange = exchange->next) {
    if (exchange->closed) continue;
    if (exchange->response_sent) {
      if (context_.now - exchange->last_progress > kUnreadRequestMax) {
        Reset(*exchange, NGHTTP2_NO_ERROR);
      }
    } else if (exchange->answered) {
      const auto& response = exchange->response;
      const bool has_bytes = response.form == Form::kStream
                                 ? exchange->stream.Look().buffered_bytes > 0
                                 : response.sent_bytes < response.bytes.size();
      if (!has_bytes) {
        exchange->last_progress = context_.now;
      } else if (context_.now - exchange->last_progress > options.stall_timeout) {
        Reset(*exchange, NGHTTP2_CANCEL);
      }
    } else if (!exchange->request_ended && !TakesEach(*exchange) &&
               context_.now - exchange->started > options.request_read_timeout) {
      // Until its headers are complete, a stream blocks all others.
      if (!exchange->head_done) return Next::kClose;
      Reset(*exchange, NGHTTP2_CANCEL);
    }
  }
  return Next::kContinue;
}

Connection::Next Http2Connection::Tick() {
  const auto& options = context_.options;
  if (!preface_done_ && context_.now - opened_ > options.request_read_timeout) return Next::kClose;
  if (draining_ == Draining::kNoticeSent && context_.now - notice_sent_ > kDrainNoticeMax) {
    FinishDrain();
  }
  if (exchange_count() == 0 && context_.now - last_activity_ > options.idle_timeout) Drain();
  return CheckExchangeTimes();
}

}  // namespace pemba::rpc::internal
