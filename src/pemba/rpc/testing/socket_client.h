// SocketClient: a blocking TCP client for tests.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "pemba/rpc/testing/http2_client.h"

namespace pemba::rpc::testing {

class SocketClient {
 public:
  // "127.0.0.1:8080". A client that could not connect reads nothing.
  explicit SocketClient(const std::string& address);
  ~SocketClient();
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view bytes);
  // Some bytes; empty at the end of the connection or when `patience` is over.
  std::string Read(std::chrono::milliseconds patience = std::chrono::seconds(10));
  // Reads until the text has come, the connection ends or patience is over. Returns all.
  std::string ReadUntil(std::string_view text);
  std::string ReadAll();  // Until the connection ends.
  bool ended() const { return ended_; }
  void CloseSending();

 private:
  int socket_ = -1;
  bool connected_ = false;
  bool ended_ = false;
};

// Carries bytes between the two until `done` says so, the connection ends, or 10 s are over.
template <class Done>
void Talk(SocketClient& socket, Http2Client& client, Done done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && !socket.ended() && std::chrono::steady_clock::now() < until) {
    socket.Send(client.Take());
    client.Feed(socket.Read(std::chrono::milliseconds(20)));
  }
  socket.Send(client.Take());
}

}  // namespace pemba::rpc::testing
