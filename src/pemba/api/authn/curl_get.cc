// HttpGet over libcurl.
#include <memory>
#include <utility>

#include <curl/curl.h>

#include "pemba/api/authn/issuer_keys.h"

namespace pemba::api::authn {
namespace {

constexpr long kTimeoutMs = 10'000;
constexpr long kRedirectsMax = 3;

struct Received {
  std::string bytes;
  std::size_t bytes_max;
};

std::size_t Receive(char* data, std::size_t size, std::size_t count, void* out) {
  auto& received = *static_cast<Received*>(out);
  const auto bytes = size * count;
  if (received.bytes.size() + bytes > received.bytes_max) return 0;  // Ends the transfer.
  received.bytes.append(data, bytes);
  return bytes;
}

Result<std::string> Get(const std::string& url, std::size_t bytes_max) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(),
                                                                   curl_easy_cleanup);
  if (handle == nullptr) return Error{ErrorCode::kUnavailable, "no HTTP client"};
  CURL* curl = handle.get();
  Received received{{}, bytes_max};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectsMax);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // We are one thread of many.
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
  const auto outcome = curl_easy_perform(curl);
  if (outcome != CURLE_OK) {
    return Error{ErrorCode::kUnavailable, "GET " + url + ": " + curl_easy_strerror(outcome)};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return Error{ErrorCode::kUnavailable, "GET " + url + ": status " + std::to_string(status)};
  }
  return std::move(received.bytes);
}

}  // namespace

HttpGet CurlGet(std::size_t bytes_max) {
  return [bytes_max](const std::string& url) { return Get(url, bytes_max); };
}

}  // namespace pemba::api::authn
