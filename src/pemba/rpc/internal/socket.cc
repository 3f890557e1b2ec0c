#include "pemba/rpc/internal/socket.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pemba::rpc::internal {
namespace {

struct AddressInfoDelete {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressInfoDelete>;

struct HostPort {
  std::string host;  // Empty: every interface.
  std::string port;
};

std::optional<HostPort> SplitAddress(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == address.npos) return std::nullopt;
  HostPort split{address.substr(0, colon), address.substr(colon + 1)};
  if (split.port.empty() || split.port.size() > 5 ||
      split.port.find_first_not_of("0123456789") != split.port.npos ||
      std::stoi(split.port) > 65535) {
    return std::nullopt;
  }
  if (split.host.starts_with('[')) {
    if (!split.host.ends_with(']')) return std::nullopt;
    split.host = split.host.substr(1, split.host.size() - 2);
  } else if (split.host.find(':') != split.host.npos) {
    return std::nullopt;
  }
  return split;
}

std::string ErrnoText(int number) { return std::generic_category().message(number); }

enum class ReusePort { kNo, kYes };

// The error number, or 0 and the bound socket.
int Bind(const addrinfo& info, ReusePort reuse, Descriptor& bound) {
  Descriptor made(socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) return errno;
  const int on = 1;
  const int off = 0;
  setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse == ReusePort::kYes) {
    setsockopt(made.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (info.ai_family == AF_INET6) {
    setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(made.get(), info.ai_addr, info.ai_addrlen) != 0) return errno;
  bound = std::move(made);
  return 0;
}

std::string Name(const sockaddr* address, socklen_t bytes) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address, bytes, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  const std::string_view text = host;
  constexpr std::string_view kMapped = "::ffff:";
  if (text.starts_with(kMapped) && text.find('.') != text.npos) {
    return std::string(text.substr(kMapped.size())) + ":" + port;
  }
  if (text.find(':') != text.npos) return "[" + std::string(text) + "]:" + port;
  return std::string(text) + ":" + port;
}

// Binds all sockets of a listener to one of the addresses that a name resolves to.
int ListenOn(addrinfo& info, std::size_t sockets, Listening& listening) {
  sockaddr_storage local{};
  socklen_t local_bytes = info.ai_addrlen;
  std::memcpy(&local, info.ai_addr, info.ai_addrlen);
  info.ai_addr = reinterpret_cast<sockaddr*>(&local);
  const bool any_port = reinterpret_cast<const sockaddr_in*>(&local)->sin_port == 0;
  // SO_REUSEPORT would share the port silently with a server that is already there. The probe must
  // go before the real sockets come: it does not have the option.
  if (!any_port) {
    Descriptor probe;
    if (const int error = Bind(info, ReusePort::kNo, probe); error != 0) return error;
    if (listen(probe.get(), 1) != 0) return errno;
  }
  for (std::size_t i = 0; i < sockets; ++i) {
    Descriptor bound;
    if (const int error = Bind(info, ReusePort::kYes, bound); error != 0) return error;
    // The others follow to the port that the first one got.
    getsockname(bound.get(), reinterpret_cast<sockaddr*>(&local), &local_bytes);
    if (listen(bound.get(), SOMAXCONN) != 0) return errno;
    listening.sockets.push_back(std::move(bound));
  }
  listening.address = Name(reinterpret_cast<const sockaddr*>(&local), local_bytes);
  return 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Result<Listening> Listen(const std::string& address, std::size_t sockets) {
  const auto split = SplitAddress(address);
  if (!split) return Error{ErrorCode::kInvalidArgument, "`" + address + "` is not host:port"};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(split->host.empty() ? nullptr : split->host.c_str(),
                               split->port.c_str(), &hints, &found);
  const AddressList list(found);
  if (code != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot resolve `" + address + "`: " + gai_strerror(code)};
  }
  int error = EADDRNOTAVAIL;
  // "Every interface" is [::] first: it takes IPv4 too. Without IPv6 the next one is 0.0.0.0.
  for (const int family : {split->host.empty() ? AF_INET6 : AF_INET, AF_INET, AF_INET6}) {
    for (auto* info = list.get(); info != nullptr; info = info->ai_next) {
      if (info->ai_family != family) continue;
      Listening listening;
      auto* const resolved = info->ai_addr;
      error = ListenOn(*info, sockets, listening);
      info->ai_addr = resolved;  // freeaddrinfo must find what it made.
      if (error == 0) return listening;
      if (error == EADDRINUSE) {
        return Error{ErrorCode::kUnavailable,
                     "cannot listen on `" + address + "`: " + ErrnoText(error)};
      }
    }
  }
  return Error{ErrorCode::kUnavailable, "cannot listen on `" + address + "`: " + ErrnoText(error)};
}

std::string PeerName(int socket) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return "unknown";
  return Name(reinterpret_cast<const sockaddr*>(&address), bytes);
}

}  // namespace pemba::rpc::internal
