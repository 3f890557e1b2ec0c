// Endpoint: which server a load goes to, and how it is spoken to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::bench {

enum class Protocol : std::uint8_t {
  kGrpc,
  kHttp2,  // JSON over HTTP/2.
  kHttp1,  // JSON over HTTP/1.1.
};
std::string_view NameOf(Protocol protocol);  // "grpc", "http2", "http1"

struct Endpoint {
  Protocol protocol = Protocol::kHttp1;
  std::string host = {};
  std::uint16_t port = 0;
  bool tls = false;
  std::string ca_file = {};  // PEM, beside the system's; with tls only.
  bool verify_peer = true;   // False: whoever answers is believed. For servers under test.
  std::string token = {};    // Bearer token; empty: none. Appears in no message.

  std::string authority() const;  // "localhost:8080", "[::1]:8080"
};

// "http://host:port", "https://..." (HTTP/1.1), "http2://...", "https2://..." (JSON over HTTP/2),
// "grpc://...", "grpcs://...". Without a port: 8080 or 443, gRPC 8081 or 443.
// Errors: kInvalidArgument.
Result<Endpoint> ParseEndpoint(std::string_view url);

}  // namespace pemba::bench
