#include "pemba/rpc/testing/echo_routes.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>

namespace pemba::rpc::testing {
namespace {

std::atomic<int> cancelled_slow_calls{0};

std::size_t TakeNumber(std::string_view& text) {
  std::size_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return number;
}

void EchoMetadata(Call& call) {
  for (const std::string_view name : {"x-echo", "x-echo-bin"}) {
    if (const auto value = call.header(name)) call.SetHeader(name, *value);
  }
}

void EchoUnary(Call& call) {
  EchoMetadata(call);
  call.FinishGrpc({}, call.body());
}

void EndWithStatus(Call& call) {
  auto text = call.body();
  const auto code = static_cast<std::uint32_t>(TakeNumber(text));
  call.FinishGrpc({code, std::string(text)}, {});
}

void StreamMany(Call& call, std::string_view wanted) {
  const auto count = TakeNumber(wanted);
  const auto size = TakeNumber(wanted);
  const std::string piece(size, 'x');
  for (std::size_t i = 0; i < count; ++i) {
    if (!call.Send("application/octet-stream", piece)) {
      return call.FinishStream({1, "the caller is gone"});
    }
  }
  call.FinishStream({});
}

// True if the caller went away.
bool WaitForTheEnd(Call& call) {
  for (int i = 0; i < 2000; ++i) {
    if (call.cancelled()) {
      cancelled_slow_calls.fetch_add(1);
      return true;
    }
    if (call.deadline() && std::chrono::steady_clock::now() > *call.deadline()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void Chat(Call& call) {
  if (call.body() == "bye") return call.FinishStream({2001, "bye"});
  call.Send({}, call.body());
}

}  // namespace

void AddEchoRoutes(Router& router) {
  const std::string service = "/pemba.test.Echo/";
  router.Add({.grpc_method = service + "Unary", .handler = EchoUnary});
  router.Add(
      {.grpc_method = service + "Worker", .execution = Execution::kWorker, .handler = EchoUnary});
  router.Add({.grpc_method = service + "Status", .handler = EndWithStatus});
  router.Add({.grpc_method = service + "Stream",
              .http_method = "GET",
              .http_pattern = "/stream",
              .execution = Execution::kWorker,
              .handler = [](Call& call) {
                StreamMany(call, call.protocol() == Protocol::kGrpc ? call.body() : call.query());
              }});
  router.Add({.grpc_method = service + "Slow",
              .http_method = "GET",
              .http_pattern = "/slow",
              .execution = Execution::kWorker,
              .handler = [](Call& call) {
                const bool gone = WaitForTheEnd(call);
                if (call.protocol() == Protocol::kHttp)
                  return call.FinishHttp(200, "text/plain", "slow");
                call.FinishGrpc({gone ? 1u : 4u, gone ? "cancelled" : "too late"}, {});
              }});
  router.Add({.grpc_method = service + "Chat", .requests = Requests::kEach, .handler = Chat});
  router.Add({.grpc_method = service + "ChatWorker",
              .execution = Execution::kWorker,
              .requests = Requests::kEach,
              .handler = Chat});
  const auto echo_body = [](Call& call) {
    call.FinishHttp(200, call.header("content-type").value_or("text/plain"), call.body());
  };
  router.Add({.http_method = "POST", .http_pattern = "/echo", .handler = echo_body});
  router.Add({.http_method = "POST",
              .http_pattern = "/worker/echo",
              .execution = Execution::kWorker,
              .handler = echo_body});
  router.Add(
      {.http_method = "GET", .http_pattern = "/stores/{store_id}", .handler = [](Call& call) {
         call.FinishHttp(200, "text/plain", call.path_parameter("store_id"));
       }});
  router.Add({.http_method = "DELETE",
              .http_pattern = "/stores/{store_id}",
              .handler = [](Call& call) { call.FinishHttp(204, {}, {}); }});
  router.Add({.http_method = "GET", .http_pattern = "/headers", .handler = [](Call& call) {
                const auto value = call.header("x-echo").value_or("");
                call.SetHeader("x-echo", value);
                call.FinishHttp(200, "text/plain", value);
              }});
}

int CancelledSlowCalls() { return cancelled_slow_calls.load(); }

}  // namespace pemba::rpc::testing
