#include "pemba/cli/http_client.h"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

#include <curl/curl.h>

namespace pemba::cli {
namespace {

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }

  void Add(const std::string& header) {
    if (auto* longer = curl_slist_append(list_, header.c_str())) list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

}  // namespace

struct HttpClient::Sink {
  std::string bytes;  // The body; of a stream: what comes after its last line end.
  std::size_t bytes_max;
  const std::function<Lines(std::string_view)>* take = nullptr;  // Null: not a stream.
  CURL* curl = nullptr;
  bool ended = false;  // The stream was left.

  bool Streams() const {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return take != nullptr && status / 100 == 2;
  }

  void TakeLines() {
    std::size_t begin = 0;
    for (auto end = bytes.find('\n'); end != bytes.npos && !ended; end = bytes.find('\n', begin)) {
      ended = (*take)(std::string_view(bytes).substr(begin, end - begin)) == Lines::kNoMore;
      begin = end + 1;
    }
    bytes.erase(0, begin);
  }

  // What is not taken makes curl give up.
  static std::size_t Receive(char* data, std::size_t size, std::size_t count, void* sink_pointer) {
    auto& sink = *static_cast<Sink*>(sink_pointer);
    if (sink.bytes.size() + size * count > sink.bytes_max) return 0;
    sink.bytes.append(data, size * count);
    if (sink.Streams()) sink.TakeLines();
    return sink.ended ? 0 : size * count;
  }
};

struct HttpClient::Handle {
  explicit Handle(Options opts) : options(opts) {
    static std::once_flag once;  // The library's own global state; it wants one first call.
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    curl = curl_easy_init();
    if (curl == nullptr) std::abort();  // Out of memory.
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_easy_cleanup(curl); }

  Options options;
  CURL* curl;
};

HttpClient::HttpClient(Options options) : handle_(std::make_unique<Handle>(options)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  Sink sink{.bytes = {}, .bytes_max = handle_->options.response_bytes_max};
  return Perform(request, handle_->options.timeout, sink);
}

Result<HttpResponse> HttpClient::Stream(const HttpRequest& request,
                                        const std::function<Lines(std::string_view)>& take) {
  Sink sink{.bytes = {}, .bytes_max = handle_->options.response_bytes_max, .take = &take};
  constexpr std::chrono::milliseconds kNoTimeout{0};
  return Perform(request, kNoTimeout, sink);
}

Result<HttpResponse> HttpClient::Perform(const HttpRequest& request,
                                         std::chrono::milliseconds timeout, Sink& sink) {
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
    return Error{ErrorCode::kInvalidArgument, "`" + request.url + "` is not an HTTP URL"};
  }
  HeaderList headers;
  for (const auto& header : request.headers) {
    if (header.find_first_of("\r\n") != header.npos) {
      return Error{ErrorCode::kInvalidArgument, "a header must not hold a line break"};
    }
    headers.Add(header);
  }
  headers.Add("Expect:");  // No waiting for "100 Continue" before a large body.
  if (!request.body.empty()) headers.Add("Content-Type: application/json");

  CURL* curl = handle_->curl;
  sink.curl = curl;
  char cause[CURL_ERROR_SIZE] = "";
  curl_easy_reset(curl);  // Keeps open connections.
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "pemba");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, cause);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(handle_->options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Sink::Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  }
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK && !sink.ended) {
    return Error{ErrorCode::kUnavailable, "cannot talk to `" + request.url + "`: " +
                                              (*cause != '\0' ? cause : curl_easy_strerror(code))};
  }
  HttpResponse response{.status = 0, .body = std::move(sink.bytes)};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
  return response;
}

std::string UrlEncode(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return encoded;
}

}  // namespace pemba::cli
