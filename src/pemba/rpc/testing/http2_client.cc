#include "pemba/rpc/testing/http2_client.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/grpc_wire.h"

namespace pemba::rpc::testing {

std::string Http2Response::Find(std::string_view name) const {
  for (const auto* list : {&headers, &trailers}) {
    for (const auto& [key, value] : *list) {
      if (key == name) return value;
    }
  }
  return {};
}

struct Http2Client::Callbacks {
  static Http2Client& Self(void* self) { return *static_cast<Http2Client*>(self); }

  static int Header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                    std::uint8_t, void* self) {
    auto& response = Self(self).responses_[frame->hd.stream_id];
    const bool first = frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    (first ? response.headers : response.trailers)
        .emplace_back(std::string(reinterpret_cast<const char*>(name), name_bytes),
                      std::string(reinterpret_cast<const char*>(value), value_bytes));
    return 0;
  }

  static int Frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->hd.type == NGHTTP2_GOAWAY) Self(self).goaways_.push_back(frame->goaway);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_RESPONSE) {
      Self(self).responses_[frame->hd.stream_id].headers_end_stream =
          (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    }
    return 0;
  }

  static int Data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                  std::size_t bytes, void* self) {
    Self(self).responses_[stream].body.append(reinterpret_cast<const char*>(data), bytes);
    return 0;
  }

  static int Close(nghttp2_session*, std::int32_t stream, std::uint32_t error_code, void* self) {
    auto& response = Self(self).responses_[stream];
    response.closed = true;
    response.error_code = error_code;
    return 0;
  }

  static ssize_t Read(nghttp2_session*, std::int32_t stream, std::uint8_t* out,
                      std::size_t bytes_max, std::uint32_t* flags, nghttp2_data_source*,
                      void* self) {
    auto& upload = Self(self).uploads_[stream];
    const auto count = std::min(bytes_max, upload.bytes.size());
    std::copy_n(upload.bytes.begin(), count, out);
    upload.bytes.erase(0, count);
    if (upload.bytes.empty() && upload.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (count == 0) {
      upload.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(count);
  }
};

Http2Client::Http2Client(std::uint32_t stream_window_bytes) {
  nghttp2_session_callbacks* callbacks = nullptr;
  PEMBA_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::Header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::Frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::Data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::Close);
  nghttp2_option* option = nullptr;
  PEMBA_CHECK(nghttp2_option_new(&option) == 0);
  // Windows open only when a test grants them.
  if (stream_window_bytes < 65'535) nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session* session = nullptr;
  PEMBA_CHECK(nghttp2_session_client_new2(&session, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window_bytes}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 1);
}

std::int32_t Http2Client::Submit(const HeaderList& headers, Upload upload) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : headers) {
    fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::Read;
  const bool empty = upload.bytes.empty() && upload.ended;
  const auto stream = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(),
                                             empty ? nullptr : &provider, nullptr);
  PEMBA_CHECK(stream > 0);
  uploads_[stream] = std::move(upload);
  return stream;
}

std::int32_t Http2Client::Request(const HeaderList& headers, std::string body) {
  return Submit(headers, {.bytes = std::move(body)});
}

std::int32_t Http2Client::Get(const std::string& path) {
  return Request({{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "test"}},
                 {});
}

HeaderList Http2Client::GrpcHeaders(const std::string& method) {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", method},
          {":authority", "test"},
          {"content-type", "application/grpc"},
          {"te", "trailers"}};
}

std::int32_t Http2Client::Grpc(const std::string& method, std::string_view message,
                               HeaderList more) {
  auto headers = GrpcHeaders(method);
  headers.insert(headers.end(), more.begin(), more.end());
  return Request(headers, Frame(message));
}

std::int32_t Http2Client::OpenGrpc(const std::string& method, std::string_view first_bytes) {
  return Submit(GrpcHeaders(method), {.bytes = std::string(first_bytes), .ended = false});
}

void Http2Client::Continue(std::int32_t stream, std::string_view bytes, bool end) {
  auto& upload = uploads_[stream];
  upload.bytes.append(bytes);
  upload.ended = end;
  if (std::exchange(upload.deferred, false)) nghttp2_session_resume_data(session_.get(), stream);
}

void Http2Client::Reset(std::int32_t stream, std::uint32_t error_code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, error_code);
}

void Http2Client::GrantWindow(std::int32_t stream, std::int32_t bytes) {
  nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, stream, bytes);
}

void Http2Client::Feed(std::string_view bytes) {
  nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                           bytes.size());
}

std::string Http2Client::Take() {
  std::string out;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const auto bytes = nghttp2_session_mem_send(session_.get(), &data);
    if (bytes <= 0) return out;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(bytes));
  }
}

std::uint32_t Http2Client::setting(nghttp2_settings_id id) const {
  return nghttp2_session_get_remote_settings(session_.get(), id);
}

std::string Http2Client::Frame(std::string_view message, bool compressed) {
  std::string framed;
  internal::AppendFramePrefix(message.size(), framed);
  framed[0] = compressed ? 1 : 0;
  return framed.append(message);
}

std::vector<std::string> Http2Client::Unframe(std::string_view body) {
  std::vector<std::string> messages;
  while (body.size() >= internal::kFramePrefixBytes) {
    const auto length = internal::ReadFramePrefix(body).length;
    messages.emplace_back(body.substr(internal::kFramePrefixBytes, length));
    body.remove_prefix(std::min(body.size(), internal::kFramePrefixBytes + length));
  }
  return messages;
}

}  // namespace pemba::rpc::testing
