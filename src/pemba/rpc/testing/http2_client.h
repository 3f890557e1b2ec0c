// Http2Client: a client for tests that shows every detail of what the server said.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace pemba::rpc::testing {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Http2Response {
  HeaderList headers;
  HeaderList trailers;
  std::string body;
  bool headers_end_stream = false;  // gRPC: trailers-only.
  bool closed = false;
  std::uint32_t error_code = 0;  // Of the RST_STREAM that closed it.

  // The first value in headers, then in trailers; empty if there is none.
  std::string Find(std::string_view name) const;
};

// Bytes in, bytes out; whoever owns it carries them.
class Http2Client {
 public:
  explicit Http2Client(std::uint32_t stream_window_bytes = 65'535);

  // The whole request at once.
  std::int32_t Request(const HeaderList& headers, std::string body);
  std::int32_t Get(const std::string& path);
  std::int32_t Grpc(const std::string& method, std::string_view message, HeaderList more = {});
  // Leaves the request open; Continue adds to it.
  std::int32_t OpenGrpc(const std::string& method, std::string_view first_bytes);
  void Continue(std::int32_t stream, std::string_view bytes, bool end);
  void Reset(std::int32_t stream, std::uint32_t error_code);
  void GrantWindow(std::int32_t stream, std::int32_t bytes);

  void Feed(std::string_view bytes);  // From the server.
  std::string Take();                 // For the server.

  const Http2Response& response(std::int32_t stream) { return responses_[stream]; }
  const std::vector<nghttp2_goaway>& goaways() const { return goaways_; }
  std::uint32_t setting(nghttp2_settings_id id) const;

  // A gRPC message with its prefix, and the messages in a body.
  static std::string Frame(std::string_view message, bool compressed = false);
  static std::vector<std::string> Unframe(std::string_view body);
  static HeaderList GrpcHeaders(const std::string& method);

 private:
  struct Upload {
    std::string bytes;
    bool ended = true;
    bool deferred = false;
  };
  struct Callbacks;
  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  std::int32_t Submit(const HeaderList& headers, Upload upload);

  std::unique_ptr<nghttp2_session, SessionDelete> session_;
  std::map<std::int32_t, Http2Response> responses_;
  std::map<std::int32_t, Upload> uploads_;
  std::vector<nghttp2_goaway> goaways_;
};

}  // namespace pemba::rpc::testing
