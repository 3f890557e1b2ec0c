#include "pemba/bench/echo_server.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pemba::bench {
namespace {

// As long as the product's: `allowed` is there or not, `resolution` is empty.
constexpr std::string_view kGrpcAnswer("\x08\x00", 2);
constexpr std::string_view kJsonAnswer = R"({"allowed":false,"resolution":""})";
// So are the headers that the wire contract asks for: a store, a model and a revision that stay,
// and a request id that is new each time, here by a count.
constexpr std::string_view kId = "01J00000000000000000000000";
constexpr std::string_view kRevision = "10000";
constexpr std::string_view kRequestId = "01234567-89ab-4cde-8f01-23456789abcd";

void SetHeaders(rpc::Call& call) {
  static thread_local std::uint64_t calls = 0;
  std::array<char, kRequestId.size()> request_id;
  std::memcpy(request_id.data(), kRequestId.data(), kRequestId.size());
  for (std::size_t i = 0; i < 8; ++i) {
    request_id[i] = "0123456789abcdef"[(calls >> (28 - 4 * i)) & 15];
  }
  ++calls;
  call.SetFreshHeader("x-request-id", {request_id.data(), request_id.size()});
  call.SetHeader("openfga-store-id", kId);
  call.SetHeader("openfga-authorization-model-id", kId);
  call.SetHeader("pemba-revision", kRevision);
}

rpc::ServerOptions OptionsFor(const std::string& address, std::size_t io_threads) {
  rpc::ServerOptions options;
  options.listeners.push_back({.address = address});
  options.io_threads = io_threads;
  options.worker_threads = 1;
  return options;
}

}  // namespace

EchoServer::EchoServer(const std::string& address, std::size_t io_threads)
    : server_(OptionsFor(address, io_threads), router_) {
  router_.Add({.grpc_method = "/openfga.v1.OpenFGAService/Check",
               .http_method = "POST",
               .http_pattern = "/stores/{store_id}/check",
               .handler = [](rpc::Call& call) {
                 SetHeaders(call);
                 if (call.protocol() == rpc::Protocol::kGrpc) {
                   call.FinishGrpc({}, kGrpcAnswer);
                 } else {
                   call.FinishHttp(200, "application/json", kJsonAnswer);
                 }
               }});
}

Result<std::unique_ptr<EchoServer>> EchoServer::Start(const std::string& address,
                                                      std::size_t io_threads) {
  std::unique_ptr<EchoServer> echo(new EchoServer(address, io_threads));
  PEMBA_TRY(std::ignore, echo->server_.Start());
  return echo;
}

void EchoServer::Shutdown() { server_.Shutdown(std::chrono::milliseconds(0)); }

}  // namespace pemba::bench
