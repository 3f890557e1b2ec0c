#include "pemba/bench/endpoint.h"

#include <algorithm>
#include <charconv>

namespace pemba::bench {
namespace {

struct Scheme {
  std::string_view prefix;
  Protocol protocol;
  bool tls;
  std::uint16_t port;
};
constexpr Scheme kSchemes[] = {
    {"http://", Protocol::kHttp1, false, 8080},  {"https://", Protocol::kHttp1, true, 443},
    {"http2://", Protocol::kHttp2, false, 8080}, {"https2://", Protocol::kHttp2, true, 443},
    {"grpc://", Protocol::kGrpc, false, 8081},   {"grpcs://", Protocol::kGrpc, true, 443},
};

}  // namespace

std::string_view NameOf(Protocol protocol) {
  switch (protocol) {
    case Protocol::kGrpc:
      return "grpc";
    case Protocol::kHttp2:
      return "http2";
    case Protocol::kHttp1:
      return "http1";
  }
  return "";
}

std::string Endpoint::authority() const {
  const bool v6 = host.find(':') != host.npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> ParseEndpoint(std::string_view url) {
  const auto invalid = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 "`" + std::string(url) + "` is no target: " + std::string(why)};
  };
  const auto scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& candidate) { return url.starts_with(candidate.prefix); });
  if (scheme == std::end(kSchemes)) {
    return invalid(
        "it must begin with http://, https://, http2://, https2://, grpc:// or grpcs://");
  }
  auto rest = url.substr(scheme->prefix.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Endpoint endpoint{.protocol = scheme->protocol, .port = scheme->port, .tls = scheme->tls};
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == rest.npos) return invalid("`[` without `]`");
    endpoint.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') return invalid("a port follows after `:`");
    port = rest.empty() ? rest : rest.substr(1);
  } else {
    const auto colon = std::min(rest.find(':'), rest.size());
    endpoint.host = rest.substr(0, colon);
    if (colon < rest.size()) port = rest.substr(colon + 1);
  }
  if (endpoint.host.empty() || endpoint.host.find_first_of("/?#@ ") != endpoint.host.npos) {
    return invalid("it is a host and a port, without a path");
  }
  if (port.empty()) return endpoint;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
    return invalid("the port must be a number from 1 to 65535");
  }
  return endpoint;
}

}  // namespace pemba::bench
