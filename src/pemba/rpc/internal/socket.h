// Sockets: what the servers need of them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::rpc::internal {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Listening {
  std::vector<Descriptor> sockets;  // Non-blocking, all on the one address; the kernel spreads
                                    // connections over them (SO_REUSEPORT).
  std::string address;              // With the real port.
};

// `address` is "host:port", "[v6]:port" or ":port" (every interface). kInvalidArgument if it is
// not; kUnavailable if it cannot be bound, also when another process listens there already.
Result<Listening> Listen(const std::string& address, std::size_t sockets);

// The address of the other end: "127.0.0.1:50412", "[::1]:50412".
std::string PeerName(int socket);

}  // namespace pemba::rpc::internal
