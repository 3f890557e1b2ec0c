// Arbitrary bytes on a connection of either protocol, fed in arbitrary pieces.
//
// Holds for every input: the connection ends or goes on, no call is left behind, no byte is counted
// twice, and the same bytes in other pieces give the same answer (HTTP/1.1; HTTP/2 may interleave).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pemba/rpc/testing/memory_server.h"

namespace {

using pemba::rpc::Call;
using pemba::rpc::Execution;
using pemba::rpc::Requests;
using pemba::rpc::Router;
using pemba::rpc::internal::Connection;
using pemba::rpc::testing::MemoryServer;

const Router& TheRouter() {
  static const auto* const router = [] {
    auto* made = new Router;
    const auto answer = [](Call& call) {
      call.SetHeader("x-query", call.query());
      if (call.protocol() == pemba::rpc::Protocol::kGrpc) return call.FinishGrpc({}, call.body());
      call.FinishHttp(200, "text/plain", call.body());
    };
    made->Add(
        {.grpc_method = "/a", .http_method = "POST", .http_pattern = "/a", .handler = answer});
    made->Add({.grpc_method = "/w",
               .http_method = "GET",
               .http_pattern = "/w/{x}",
               .execution = Execution::kWorker,
               .handler = answer});
    made->Add({.grpc_method = "/s",
               .http_method = "GET",
               .http_pattern = "/s",
               .execution = Execution::kWorker,
               .handler = [](Call& call) {
                 call.Send("text/plain", "one");
                 call.Send("text/plain", call.body().substr(0, 1000));
                 call.FinishStream({7, "status"});
               }});
    made->Add({.grpc_method = "/c",
               .execution = Execution::kWorker,
               .requests = Requests::kEach,
               .handler = [](Call& call) {
                 if (!call.Send({}, call.body().substr(0, 100))) call.FinishStream({1, "gone"});
               }});
    return made;
  }();
  return *router;
}

std::string Feed(std::string_view bytes, std::size_t piece_bytes, bool http2) {
  MemoryServer server(TheRouter(), {.request_message_bytes_max = 5000,
                                    .buffered_request_bytes_max = 20'000,
                                    .header_bytes_max = 2000,
                                    .concurrent_streams_max = 5,
                                    .stall_timeout = std::chrono::milliseconds(1)});
  std::unique_ptr<Connection> connection;
  if (http2) {
    connection = server.OpenHttp2();
  } else {
    connection = server.OpenHttp1();
  }
  std::string output;
  bool closed = false;
  while (!bytes.empty() && !closed) {
    const auto piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    output += server.Talk(*connection, piece, closed);
    if (server.context().buffered_bytes > 20'000 + 16'384) std::abort();
  }
  if (!closed) {
    server.Advance(std::chrono::minutes(1));
    connection->Tick();
    connection->Drain();
    output += server.Talk(*connection, {}, closed);
  }
  connection.reset();
  server.Deliver();
  if (server.calls_in_use() != 0 || server.context().buffered_bytes != 0) std::abort();
  return output;
}

std::string WithoutContinue(std::string output) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  for (auto at = output.find(kContinue); at != output.npos; at = output.find(kContinue)) {
    output.erase(at, kContinue.size());
  }
  return output;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece_bytes = 1 + data[0] % 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (bytes.starts_with("PRI ")) {
    Feed(bytes, piece_bytes, true);
    Feed(bytes, bytes.size(), true);
  } else {
    // But for the interim answer, which depends on whether the body is already there.
    const auto in_pieces = WithoutContinue(Feed(bytes, piece_bytes, false));
    if (in_pieces != WithoutContinue(Feed(bytes, bytes.size(), false))) std::abort();
  }
  return 0;
}
