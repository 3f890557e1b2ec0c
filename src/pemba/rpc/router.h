// Router: from method and path to a handler. One table for gRPC and HTTP.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/rpc/call.h"

namespace pemba::rpc {

enum class Execution : std::uint8_t {
  kInline,  // On the I/O thread: never blocks, takes microseconds.
  kWorker,  // On the worker pool: may wait for disk, a database or a peer's window.
  // As kWorker, on threads of their own: for calls that spend nearly all of their time in a wait
  // that they share, as writers share one sync of the disk. The more of them wait, the more share
  // it.
  kCommit,
};

// How many request messages a gRPC method takes.
enum class Requests : std::uint8_t {
  kOne,  // Unary and server streaming: the handler runs once, when the request is complete.
  // Client and bidirectional streaming: the handler runs once for each message, in order, never
  // twice at a time, and may Send. It may end the call with FinishStream; otherwise the call ends
  // with status 0 when the peer has half-closed and every message is handled. No thread waits
  // between messages.
  kEach,
};

// Must finish the call exactly once before it returns, on the thread that it was called on
// (Requests::kEach: at most once in all). A call left open is answered with INTERNAL (13).
using Handler = std::function<void(Call&)>;
// Answers an HTTP call that the transport refuses; `status` says why in gRPC's terms.
using RefusalHandler = std::function<void(Call&, const GrpcStatus& status)>;

// When a route asks who calls. The transport only carries this mark: who intercepts the handlers
// (Router::Intercept) acts on it.
enum class Admission : std::uint8_t {
  kBefore,  // Before the handler runs. What a route gets that says nothing.
  kWithin,  // The handler asks by itself.
  kNever,   // The route is open to everyone.
};

struct Route {
  std::string grpc_method = {};  // "/openfga.v1.OpenFGAService/Check"; empty: HTTP only.
  std::string http_method = {};  // "POST"; empty: gRPC only. GET serves HEAD too.
  // "/stores/{store_id}/check": exact segments, no trailing slash, a parameter is never empty. A
  // last segment "{rest...}" takes one or more whole segments. Literals win over parameters.
  std::string http_pattern = {};
  Execution execution = Execution::kInline;
  Requests requests = Requests::kOne;
  Admission admission = Admission::kBefore;
  // HTTP: how many times as long as the largest message a body may be. Text takes more room than
  // the message that it stands for; a handler with more than 1 measures that message.
  std::size_t http_body_factor = 1;
  Handler handler = nullptr;
};

// Makes of a route's handler the one that runs in its place.
using Interceptor = std::function<Handler(const Route& route)>;

// What the transport answers by itself; api/ gives them the wire's form. They must not block: most
// run on an I/O thread. One that is not set has a plain answer. OPTIONS without a route comes to
// the first two.
struct Fallbacks {
  Handler unknown_path = nullptr;       // No route has this path.
  Handler wrong_http_method = nullptr;  // A route has the path, none the method.
  Handler unknown_grpc_method = nullptr;
  // HTTP only: RESOURCE_EXHAUSTED (8) for a body beyond the limit ("received message larger than
  // max (N vs. M)") or a full worker queue, INVALID_ARGUMENT (3) for a malformed grpc-timeout,
  // content encoding or body, DEADLINE_EXCEEDED (4) if the time ran out before the handler could
  // run, INTERNAL (13) if the handler finished nothing.
  RefusalHandler http_refused = nullptr;
};

// The parameters of a matched path. Views point into the path or into `decoded`.
class PathParameters {
 public:
  static constexpr std::size_t kCountMax = 8;

  std::string_view Find(std::string_view name) const;  // Empty if there is none.
  void Clear() { count_ = 0; }

 private:
  friend class Router;
  struct Entry {
    std::string_view name, value;
  };
  std::array<Entry, kCountMax> entries_;
  std::size_t count_ = 0;
  std::string decoded_;  // INVARIANT: never grows beyond its capacity while views exist.
};

enum class HttpMatch : std::uint8_t { kFound, kUnknownPath, kWrongMethod };

// Built once before the server starts, then const and shared by all threads.
class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // Every route that is added passes through `interceptor`. Before the first Add (checked).
  void Intercept(Interceptor interceptor);
  // Two routes may not claim the same method and path (checked: that is our bug).
  void Add(Route route);
  void SetFallbacks(Fallbacks fallbacks);
  const std::vector<Route>& routes() const { return routes_; }
  const Fallbacks& fallbacks() const { return fallbacks_; }

  // One hash probe. Null if there is no such method.
  const Route* FindGrpc(std::string_view full_method) const;
  // `path` without query, as sent; must outlive `parameters`. O(segments) but for patterns that
  // share a prefix of literal and parameter. `route` and `parameters` are set for kFound only.
  HttpMatch FindHttp(std::string_view method, std::string_view path, const Route*& route,
                     PathParameters& parameters) const;

 private:
  struct Node;
  struct Search;

  std::vector<Route> routes_;
  Interceptor interceptor_;
  Fallbacks fallbacks_;
  StringMap<std::size_t> grpc_;  // Full method -> index into routes_.
  std::unique_ptr<Node> root_;
};

}  // namespace pemba::rpc
