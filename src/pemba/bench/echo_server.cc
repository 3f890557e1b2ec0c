#include "pemba/bench/echo_server.h"

#include <chrono>
#include <string_view>

namespace pemba::bench {
namespace {

// As long as the product's: `allowed` is there or not, `resolution` is empty.
constexpr std::string_view kGrpcAnswer("\x08\x00", 2);
constexpr std::string_view kJsonAnswer = R"({"allowed":false,"resolution":""})";

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
