// HttpClient: one HTTP conversation after another, over connections that are kept open.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string url;                   // http:// or https://.
  std::vector<std::string> headers;  // "Name: value".
  std::string body;
};

struct HttpResponse {
  long status = 0;
  std::string body;
};

// One thread at a time. Follows no redirects: credentials go to the server that was named.
class HttpClient {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds timeout{60'000};  // For the whole conversation.
    std::size_t response_bytes_max = std::size_t{256} << 20;
  };

  HttpClient() : HttpClient(Options()) {}
  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Any status is a response. Errors (kUnavailable): no connection, time-out, broken off;
  // kInvalidArgument: not an HTTP URL, a header with a line break.
  Result<HttpResponse> Send(const HttpRequest& request);

  // As Send, for a response without end: a success (2xx) is given line by line as it comes, and
  // takes as long as it takes; the answer's body is then empty. `take` says whether to go on.
  enum class Lines : std::uint8_t { kMore, kNoMore };
  Result<HttpResponse> Stream(const HttpRequest& request,
                              const std::function<Lines(std::string_view line)>& take);

 private:
  struct Handle;
  struct Sink;
  Result<HttpResponse> Perform(const HttpRequest& request, std::chrono::milliseconds timeout,
                               Sink& sink);
  std::unique_ptr<Handle> handle_;
};

// Percent-encodes everything but letters, digits and `-._~`.
std::string UrlEncode(std::string_view text);

}  // namespace pemba::cli
