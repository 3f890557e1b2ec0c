// ApiClient: the HTTP API of a Pemba (or any OpenFGA compatible) server, as JSON in and out.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"
#include "pemba/cli/http_client.h"

namespace pemba::cli {

// How to reach the server. With a client id, a token is fetched first (OAuth 2 client credentials).
struct ApiOptions {
  std::string url = "http://localhost:8080";
  std::string token;
  std::string token_issuer, audience, client_id, client_secret;
  std::vector<std::string> scopes;
  std::vector<std::string> headers;                  // "Name: value".
  std::function<void(const std::string&)> log_line;  // Of every call, without secrets; may be null.
};

// Empty values are left out.
using Query = std::initializer_list<std::pair<std::string_view, std::string>>;

// Errors of every call: kUnavailable (no conversation came about), kValidation ("CODE: MESSAGE", as
// the server answered), kInternal (an answer that is not JSON). One thread at a time; copies of the
// options serve other threads.
class ApiClient {
 public:
  // Fetches a token if there is a client id; the options then carry it.
  static Result<ApiClient> Connect(ApiOptions options);
  explicit ApiClient(ApiOptions options) : options_(std::move(options)) {}

  // Paths are absolute and encoded: "/stores/ID/check". An empty answer is null.
  Result<boost::json::value> Get(const std::string& path, Query query = {});
  // A stream: each of its results, until `take` wants no more or the server ends it. The error that
  // ends it (kValidation, "CODE: MESSAGE") comes after them.
  Status GetStream(const std::string& path, Query query,
                   const std::function<HttpClient::Lines(const boost::json::value&)>& take);
  Result<boost::json::value> Post(const std::string& path, const boost::json::value& body);
  Result<boost::json::value> Put(const std::string& path, const boost::json::value& body);
  Status Delete(const std::string& path);

  const ApiOptions& options() const { return options_; }

 private:
  HttpRequest RequestOf(std::string method, const std::string& path, std::string body) const;
  Result<boost::json::value> Call(std::string method, const std::string& path, std::string body);

  ApiOptions options_;
  HttpClient http_;
};

// "/stores/ID" and what follows.
std::string StorePath(std::string_view store_id, std::string_view rest = {});

}  // namespace pemba::cli
