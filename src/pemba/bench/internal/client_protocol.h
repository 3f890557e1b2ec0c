// ClientProtocol: the client's side of one connection, bytes in and bytes out, without sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pemba/bench/load_loop.h"

namespace pemba::bench::internal {

class ClientProtocol {
 public:
  virtual ~ClientProtocol() = default;

  // `call` must live until its reply. HTTP/1.1: one at a time.
  virtual void Submit(const WireCall& call, std::uint64_t tag) = 0;
  // Errors (kUnavailable): these bytes are not the protocol's, or the server gives up.
  virtual Status Feed(std::string_view bytes, const ReplyHandler& on_reply) = 0;
  virtual void Produce(std::string& out) = 0;  // Appends what is due.
};

std::unique_ptr<ClientProtocol> NewHttp1Client(const Endpoint& endpoint);
std::unique_ptr<ClientProtocol> NewHttp2Client(const Endpoint& endpoint);  // gRPC too.

}  // namespace pemba::bench::internal
