// Router: from method and path to a handler. One table for gRPC and HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/call.h"

namespace pemba::rpc {

enum class Execution : std::uint8_t {
  kInline,  // On the I/O thread: never blocks, takes microseconds.
  kWorker,  // On the worker pool: may wait for disk, a database or a peer's window.
};

// Must finish the call exactly once, on the thread that it was called on.
using Handler = std::function<void(Call&)>;

struct Route {
  std::string grpc_method;   // "/openfga.v1.OpenFGAService/Check"; empty: HTTP only.
  std::string http_method;   // "POST"; empty: gRPC only.
  std::string http_pattern;  // "/stores/{store_id}/check": exact segments, no trailing slash.
  Execution execution = Execution::kInline;
  Handler handler;
};

// What the transport answers by itself; api/ gives them the wire's form.
struct Fallbacks {
  Handler unknown_path;       // No route has this path.
  Handler wrong_http_method;  // A route has the path, none the method.
  Handler unknown_grpc_method;
};

// Built once before the server starts, then const and shared by all threads.
class Router {
 public:
  void Add(Route route);
  void SetFallbacks(Fallbacks fallbacks);
  const std::vector<Route>& routes() const { return routes_; }
  const Fallbacks& fallbacks() const { return fallbacks_; }

 private:
  std::vector<Route> routes_;
  Fallbacks fallbacks_;
};

}  // namespace pemba::rpc
