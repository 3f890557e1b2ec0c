#include "pemba/rpc/testing/socket_client.h"

#include <array>
#include <cstdint>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pemba::rpc::testing {

SocketClient::SocketClient(const std::string& address)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ended_ = !connected_;
}

SocketClient::~SocketClient() { close(socket_); }

void SocketClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string SocketClient::Read(std::chrono::milliseconds patience) {
  pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
  if (ended_ || poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return {};
  std::array<char, 65'536> buffer;
  const auto bytes = recv(socket_, buffer.data(), buffer.size(), 0);
  if (bytes <= 0) {
    ended_ = true;
    return {};
  }
  return {buffer.data(), static_cast<std::size_t>(bytes)};
}

std::string SocketClient::ReadUntil(std::string_view text) {
  std::string all;
  while (all.find(text) == all.npos) {
    const auto more = Read();
    if (more.empty()) break;
    all.append(more);
  }
  return all;
}

std::string SocketClient::ReadAll() {
  std::string all;
  for (;;) {
    const auto more = Read();
    if (more.empty()) return all;
    all.append(more);
  }
}

void SocketClient::CloseSending() { shutdown(socket_, SHUT_WR); }

}  // namespace pemba::rpc::testing
