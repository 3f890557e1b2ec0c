#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "pemba/base/assert.h"
#include "pemba/bench/internal/client_protocol.h"

namespace pemba::bench::internal {
namespace {

constexpr std::size_t kPrefixBytes = 5;  // Of a gRPC message: a flag and its length.
constexpr std::int32_t kStreamWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 1 << 26;

Error Broken(std::string_view what) {
  return {ErrorCode::kUnavailable, "HTTP/2: " + std::string(what)};
}

nghttp2_nv Field(std::string_view name, std::string_view value) {
  // The library copies neither: both outlive the submission.
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

struct Stream {
  std::uint64_t tag = 0;
  std::string_view body;  // Of the call.
  std::size_t sent = 0;   // With the gRPC prefix.
  int http_status = 0;
  std::uint32_t grpc_status = 0;
  bool has_grpc_status = false;
  std::string grpc_message, received;
};

class Http2Client final : public ClientProtocol {
 public:
  explicit Http2Client(const Endpoint& endpoint)
      : grpc_(endpoint.protocol == Protocol::kGrpc),
        scheme_(endpoint.tls ? "https" : "http"),
        authority_(endpoint.authority()),
        authorization_(endpoint.token.empty() ? "" : "Bearer " + endpoint.token) {
    nghttp2_session_callbacks* callbacks = nullptr;
    PEMBA_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    PEMBA_CHECK(nghttp2_session_client_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow}};
    PEMBA_CHECK(
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0);
    PEMBA_CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                                      kConnectionWindow) == 0);
  }
  ~Http2Client() override { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  void Submit(const WireCall& call, std::uint64_t tag) override {
    if (free_.empty()) {
      streams_.push_back(std::make_unique<Stream>());
      free_.push_back(streams_.back().get());
    }
    Stream& stream = *free_.back();
    free_.pop_back();
    stream.tag = tag;
    stream.body = call.body;
    stream.sent = 0;
    std::array<nghttp2_nv, 7> fields = {
        Field(":method", call.method), Field(":scheme", scheme_), Field(":path", call.path),
        Field(":authority", authority_),
        Field("content-type", grpc_ ? "application/grpc" : "application/json")};
    std::size_t count = 5;
    if (grpc_) fields[count++] = Field("te", "trailers");
    if (!authorization_.empty()) fields[count++] = Field("authorization", authorization_);
    const nghttp2_data_provider provider{.source = {.ptr = &stream}, .read_callback = ReadBody};
    const bool has_body = grpc_ || !call.body.empty();
    const auto id = nghttp2_submit_request(session_, nullptr, fields.data(), count,
                                           has_body ? &provider : nullptr, &stream);
    // Ids run out after 2^30 calls on one connection: no run is that long.
    PEMBA_CHECK(id > 0);
  }

  Status Feed(std::string_view bytes, const ReplyHandler& on_reply) override {
    on_reply_ = &on_reply;
    const auto read = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    on_reply_ = nullptr;
    if (read < 0) return Broken(nghttp2_strerror(static_cast<int>(read)));
    if (!failure_.empty()) return Broken(failure_);
    return Done{};
  }

  void Produce(std::string& out) override {
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      const auto size = nghttp2_session_mem_send(session_, &bytes);
      if (size <= 0) return;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }

 private:
  static Http2Client& Of(void* self) { return *static_cast<Http2Client*>(self); }
  static Stream* StreamOf(nghttp2_session* session, std::int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                          std::uint32_t* flags, nghttp2_data_source* source, void* self) {
    auto& stream = *static_cast<Stream*>(source->ptr);
    std::size_t put = 0;
    const std::size_t prefix_bytes = Of(self).grpc_ ? kPrefixBytes : 0;
    if (stream.sent < prefix_bytes) {
      // Frames hold 16 KiB or nothing, so the prefix is never split.
      if (room < prefix_bytes) return NGHTTP2_ERR_DEFERRED;
      const auto size = static_cast<std::uint32_t>(stream.body.size());
      const std::uint8_t prefix[kPrefixBytes] = {
          0, static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
      std::memcpy(to, prefix, kPrefixBytes);
      put = stream.sent = kPrefixBytes;
    }
    const auto rest = stream.body.substr(stream.sent - prefix_bytes, room - put);
    std::memcpy(to + put, rest.data(), rest.size());
    stream.sent += rest.size();
    if (stream.sent == prefix_bytes + stream.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(put + rest.size());
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t, void*) {
    auto* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":status") {
      std::from_chars(text.data(), text.data() + text.size(), stream->http_status);
    } else if (key == "grpc-status") {
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), stream->grpc_status);
      stream->has_grpc_status = error == std::errc();
    } else if (key == "grpc-message") {
      stream->grpc_message = text;
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                    const std::uint8_t* bytes, std::size_t size, void*) {
    auto* stream = StreamOf(session, id);
    if (stream != nullptr) stream->received.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
      Of(self).failure_ = "the server ends the connection (GOAWAY)";
    }
    return 0;
  }

  static int OnClose(nghttp2_session* session, std::int32_t id, std::uint32_t error, void* self) {
    auto* stream = StreamOf(session, id);
    if (stream != nullptr) Of(self).Finish(*stream, error);
    return 0;
  }

  void Finish(Stream& stream, std::uint32_t error) {
    Reply reply{.http_status = stream.http_status,
                .grpc_status = stream.grpc_status,
                .grpc_message = stream.grpc_message,
                .body = stream.received};
    if (error == NGHTTP2_REFUSED_STREAM) {
      // The server had no room for it and did nothing: what RESOURCE_EXHAUSTED says, earlier.
      reply.http_status = 503;
      reply.grpc_status = 8;
    } else if (error != NGHTTP2_NO_ERROR) {
      failure_ = std::string("a stream was reset: ") + nghttp2_http2_strerror(error);
    } else if (grpc_ && !stream.has_grpc_status) {
      failure_ = "an answer without grpc-status: no gRPC is spoken there";
    } else if (grpc_ && reply.grpc_status == 0) {
      if (reply.body.size() < kPrefixBytes || reply.body[0] != 0) {
        failure_ = "an answer that is no uncompressed gRPC message";
      } else {
        reply.body.remove_prefix(kPrefixBytes);
      }
    }
    if (failure_.empty() && on_reply_ != nullptr) (*on_reply_)(stream.tag, reply);
    stream.http_status = 0;
    stream.grpc_status = 0;
    stream.has_grpc_status = false;
    stream.grpc_message.clear();
    stream.received.clear();
    free_.push_back(&stream);
  }

  const bool grpc_;
  const std::string scheme_, authority_, authorization_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> free_;
  const ReplyHandler* on_reply_ = nullptr;  // While bytes are fed.
  std::string failure_;
};

}  // namespace

std::unique_ptr<ClientProtocol> NewHttp2Client(const Endpoint& endpoint) {
  return std::make_unique<Http2Client>(endpoint);
}

}  // namespace pemba::bench::internal
