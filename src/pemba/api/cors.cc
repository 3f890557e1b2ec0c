#include "pemba/api/cors.h"

#include <algorithm>
#include <utility>

namespace pemba::api {
namespace {

constexpr std::string_view kAllowedMethods[] = {"GET", "POST", "HEAD", "PATCH", "DELETE", "PUT"};

bool AllowsMethod(std::string_view method) {
  return method == "OPTIONS" || std::find(std::begin(kAllowedMethods), std::end(kAllowedMethods),
                                          method) != std::end(kAllowedMethods);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Where "*" in `pattern` stands for any text.
bool Matches(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  const auto before = pattern.substr(0, star);
  const auto after = pattern.substr(star + 1);
  return text.size() >= before.size() + after.size() && text.starts_with(before) &&
         text.ends_with(after);
}

bool Has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

Cors::Cors(CorsOptions options) : options_(std::move(options)) {
  for (auto* list : {&options_.allowed_origins, &options_.allowed_headers}) {
    for (auto& item : *list) item = Lower(item);
  }
  every_origin_ = Has(options_.allowed_origins, "*");
  every_header_ = Has(options_.allowed_headers, "*");
}

bool Cors::AllowsOrigin(std::string_view origin) const {
  if (every_origin_) return true;
  const auto lower = Lower(origin);
  return std::any_of(options_.allowed_origins.begin(), options_.allowed_origins.end(),
                     [&](const auto& pattern) { return Matches(pattern, lower); });
}

bool Cors::AllowsHeaders(std::string_view names) const {
  if (every_header_) return true;
  while (!names.empty()) {
    const auto comma = names.find(',');
    const auto name = Lower(Trimmed(names.substr(0, comma)));
    names.remove_prefix(comma == names.npos ? names.size() : comma + 1);
    // Every page may send `origin`; browsers name it all the same.
    if (!name.empty() && name != "origin" && !Has(options_.allowed_headers, name)) return false;
  }
  return true;
}

// With "*" a browser keeps credentials out, whatever the second header says.
void Cors::SetOrigin(std::string_view origin, rpc::Call& call) const {
  call.SetHeader("access-control-allow-origin", every_origin_ ? "*" : origin);
  call.SetHeader("access-control-allow-credentials", "true");
}

void Cors::SetHeaders(rpc::Call& call) const {
  if (call.protocol() != rpc::Protocol::kHttp) return;
  call.SetHeader("vary", "Origin");
  const auto origin = call.header("origin");
  if (!origin || origin->empty()) return;
  if (AllowsOrigin(*origin) && AllowsMethod(call.http_method())) SetOrigin(*origin, call);
}

bool Cors::IsPreflight(const rpc::Call& call) {
  return call.protocol() == rpc::Protocol::kHttp && call.http_method() == "OPTIONS" &&
         !call.header("access-control-request-method").value_or("").empty();
}

void Cors::AnswerPreflight(rpc::Call& call) const {
  call.SetHeader("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  const auto origin = call.header("origin").value_or("");
  const auto method = call.header("access-control-request-method").value_or("");
  const auto headers = call.header("access-control-request-headers").value_or("");
  if (!origin.empty() && AllowsOrigin(origin) && AllowsMethod(method) && AllowsHeaders(headers)) {
    SetOrigin(origin, call);
    call.SetHeader("access-control-allow-methods", method);
    if (!headers.empty()) call.SetHeader("access-control-allow-headers", headers);
  }
  call.FinishHttp(204, {}, {});
}

rpc::Interceptor WithCors(const Cors& cors, rpc::Interceptor inner) {
  return [&cors, inner = std::move(inner)](const rpc::Route& route) -> rpc::Handler {
    return [&cors, handler = inner ? inner(route) : route.handler](rpc::Call& call) {
      cors.SetHeaders(call);
      handler(call);
    };
  };
}

rpc::Fallbacks WithCors(const Cors& cors, rpc::Fallbacks inner) {
  const auto or_preflight = [&cors](rpc::Handler handler) -> rpc::Handler {
    return [&cors, handler = std::move(handler)](rpc::Call& call) {
      if (Cors::IsPreflight(call)) return cors.AnswerPreflight(call);
      cors.SetHeaders(call);
      handler(call);
    };
  };
  inner.unknown_path = or_preflight(std::move(inner.unknown_path));
  inner.wrong_http_method = or_preflight(std::move(inner.wrong_http_method));
  inner.http_refused = [&cors, handler = std::move(inner.http_refused)](
                           rpc::Call& call, const rpc::GrpcStatus& status) {
    cors.SetHeaders(call);
    handler(call, status);
  };
  return inner;
}

}  // namespace pemba::api
