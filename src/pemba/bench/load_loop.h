// LoadLoop: many connections to one server, driven by one thread.
//
// Nothing here knows what is asked: calls go out, replies come back by tag. Made to cost less than
// the server that it drives: libnghttp2 and an epoll, no thread hand-over, no copy of a body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"

namespace pemba::bench {

struct WireCall {
  std::string method = "POST";
  std::string path = {};  // "/stores/ID/check"; gRPC: "/openfga.v1.OpenFGAService/Check".
  std::string body = {};  // JSON; gRPC: one message, without its prefix.
};

struct Reply {
  int http_status = 0;
  std::uint32_t grpc_status = 0;
  std::string_view grpc_message = {};
  std::string_view body = {};  // gRPC: the one message, without its prefix. Valid during the call.
};
using ReplyHandler = std::function<void(std::uint64_t tag, const Reply& reply)>;

struct LoadShape {
  std::uint32_t connections = 8;
  std::uint32_t streams = 1;  // Calls at once on a connection. HTTP/1.1: always 1.
};

// For one thread.
class LoadLoop {
 public:
  // Connects all; returns once every connection is ready (TLS included).
  // Errors: kUnavailable, kInvalidArgument (the CA file).
  static Result<std::unique_ptr<LoadLoop>> Connect(const Endpoint& endpoint, LoadShape shape);
  virtual ~LoadLoop() = default;

  virtual bool HasRoom() const = 0;
  virtual std::size_t in_flight() const = 0;
  // Needs room. `call` must live until its reply.
  virtual void Submit(const WireCall& call, std::uint64_t tag) = 0;
  // Sends what was submitted; waits for replies until `until` (a passed time: takes only what is
  // there) and gives them to `on_reply`, which may Submit.
  // Errors (kUnavailable): a connection broke off or the server does not speak the protocol.
  virtual Status Turn(SteadyTime until, const ReplyHandler& on_reply) = 0;

  // One call with nothing else under way. The body is copied into `body`.
  struct Answer {
    int http_status = 0;
    std::uint32_t grpc_status = 0;
    std::string body, message;
  };
  Result<Answer> Ask(const WireCall& call, std::chrono::milliseconds patience);
};

}  // namespace pemba::bench
