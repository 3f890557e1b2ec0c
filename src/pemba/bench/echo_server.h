// EchoServer: the product's transport with nothing behind it, the floor of everything on the wire.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "pemba/base/result.h"
#include "pemba/rpc/router.h"
#include "pemba/rpc/server.h"

namespace pemba::bench {

// Answers every Check, whoever asks what, with "denied", in an answer of the usual size.
class EchoServer {
 public:
  // `io_threads` 0: one per core. Errors: kUnavailable.
  static Result<std::unique_ptr<EchoServer>> Start(const std::string& address,
                                                   std::size_t io_threads);
  std::string address() const { return server_.addresses().front(); }
  void Shutdown();

 private:
  EchoServer(const std::string& address, std::size_t io_threads);

  rpc::Router router_;
  rpc::Server server_;
};

}  // namespace pemba::bench
