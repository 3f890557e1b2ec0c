// Asks a running server the same thing over gRPC and over HTTP, and makes the answers comparable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace pemba::wire_test {

struct Answer {
  // Of a success; null for an empty HTTP body. Of a stream: {"results": [...]}, also if it failed.
  boost::json::value response;
  std::string body;  // Over HTTP: as it came.
  // Over gRPC: the status number and its text. Over HTTP: the status, and the code and message of
  // the body or of a stream's last line. `ok` is true for gRPC 0 and HTTP 2xx.
  bool ok = false;
  std::uint32_t grpc_code = 0;
  int http_status = 0;
  std::string code;
  std::string message;
  std::map<std::string, std::string> headers;  // Lower-case names; gRPC: metadata.
};

class WireClient {
 public:
  virtual ~WireClient() = default;
  virtual const char* name() const = 0;
  // `request` in the wire's JSON. The response comes back as the wire's JSON on both fronts.
  virtual Answer Call(const std::string& rpc, const boost::json::object& request,
                      const std::map<std::string, std::string>& headers = {}) = 0;
};

std::unique_ptr<WireClient> NewGrpcClient(const std::string& address);
std::unique_ptr<WireClient> NewHttpClient(const std::string& address);

// Any HTTP request. `version`: "1.1" or "2" (by prior knowledge).
Answer HttpRequest(const std::string& address, std::string_view method, std::string_view target,
                   const std::string& body, const std::map<std::string, std::string>& headers = {},
                   std::string_view version = "1.1");

}  // namespace pemba::wire_test
