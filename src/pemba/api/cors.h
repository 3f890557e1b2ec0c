// CORS: which pages of other origins a browser lets read our HTTP answers (Fetch standard, "CORS
// protocol").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/router.h"

namespace pemba::api {

struct CorsOptions {
  // "https://app.example", with at most one "*" that stands for anything; "*" alone: every origin.
  std::vector<std::string> allowed_origins = {"*"};
  std::vector<std::string> allowed_headers = {"*"};  // Names in any case; "*": every header.
};

// Immutable; thread-safe.
class Cors {
 public:
  explicit Cors(CorsOptions options);

  // Sets the headers of the answer to a request that is no preflight. gRPC is left alone.
  void SetHeaders(rpc::Call& call) const;

  // Whether the call is a preflight: OPTIONS with Access-Control-Request-Method.
  static bool IsPreflight(const rpc::Call& call);
  // Answers it with 204; a disallowed origin, method or header gets no Access-Control header.
  void AnswerPreflight(rpc::Call& call) const;

 private:
  bool AllowsOrigin(std::string_view origin) const;
  bool AllowsHeaders(std::string_view names) const;
  void SetOrigin(std::string_view origin, rpc::Call& call) const;

  CorsOptions options_;  // In lower case.
  bool every_origin_ = false;
  bool every_header_ = false;
};

// Every answer of `router` that goes to a browser, also of its fallbacks, gets the headers of
// `cors`; preflights are answered for every path. `cors` must outlive the router.
rpc::Interceptor WithCors(const Cors& cors, rpc::Interceptor inner);
rpc::Fallbacks WithCors(const Cors& cors, rpc::Fallbacks inner);

}  // namespace pemba::api
