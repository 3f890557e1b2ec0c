// Server: listens, speaks HTTP/2 (gRPC and plain), HTTP/1.1 and TLS, and hands calls to a Router.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/rpc/router.h"

namespace pemba::rpc {

struct TlsOptions {
  std::string certificate_file = {};  // PEM chain. Read again when the file changes.
  std::string key_file = {};
  std::string client_ca_file = {};  // Not empty: clients must present a certificate signed by it.
};

struct ListenOptions {
  std::string address = {};  // "0.0.0.0:8080", "[::1]:0"; port 0 picks a free one.
  std::optional<TlsOptions> tls = {};
};

struct ServerOptions {
  std::vector<ListenOptions> listeners = {};  // Every listener speaks every protocol.
  std::size_t io_threads = 0;                 // 0: one per core.
  std::size_t worker_threads = 16;            // At most; they start when they are first needed.
  std::size_t commit_threads = 64;            // Likewise, for Execution::kCommit.
  std::size_t worker_queue_max =
      4096;  // Of each kind. Beyond it: RESOURCE_EXHAUSTED, not a longer queue.
  std::size_t request_message_bytes_max = 616'448;  // The wire contract's default. Decompressed.
  // Bytes of unfinished requests, and of answers that HTTP/2 peers have not taken, that one I/O
  // thread holds. Beyond it requests get RESOURCE_EXHAUSTED and answers are cut off. Small ones go
  // on, so that who sends or reads slowly does not keep others from asking; `calls_max` bounds what
  // they come to.
  std::size_t buffered_request_bytes_max = std::size_t{256} << 20;
  std::size_t unread_answer_bytes_max = std::size_t{256} << 20;
  std::size_t header_bytes_max =
      std::size_t{64} * 1024;  // Of one request; an entry counts 32 more. Then 431.
  std::size_t connections_max = 10'000;
  // While an I/O thread needs longer than this, round after round, to answer what waits for it, it
  // answers what it reads later than that with RESOURCE_EXHAUSTED at once: a server with too much
  // to do answers the others in time. One slow round is no overload. 0: no limit. Routes with
  // Admission::kNever (health) are spared.
  std::chrono::milliseconds waiting_max{200};
  std::size_t calls_max = 100'000;  // Under way at once; beyond it, HTTP/2 streams are refused.
  std::uint32_t concurrent_streams_max = 1000;             // Per connection.
  std::chrono::milliseconds request_read_timeout{30'000};  // First to last byte of a request.
  std::chrono::milliseconds stall_timeout{30'000};         // The peer reads nothing of a response.
  std::chrono::milliseconds idle_timeout{300'000};         // No call on a connection.
  std::chrono::milliseconds connection_age_max{0};         // 0: no limit; else GOAWAY after it.
  // Told in a sentence of what nobody else hears of: a certificate that did not reload. May be
  // called from any thread.
  std::function<void(std::string_view)> on_event = nullptr;
};

struct ServerLoad {
  std::size_t connections = 0;
  std::size_t waiting_calls = 0;  // For a worker.
};

// Start and Shutdown from one thread. Handlers run on the server's threads.
class Server {
 public:
  // `router` must outlive the server.
  Server(ServerOptions options, const Router& router);
  ~Server();  // As Shutdown with no grace.

  // Binds every listener and starts the threads. Errors (kUnavailable, kInvalidArgument) name the
  // address or file.
  Status Start();
  // The bound addresses in the order of the listeners, with their real ports.
  std::vector<std::string> addresses() const;
  // At this moment. From any thread, between Start and Shutdown.
  ServerLoad load() const;
  // Two-step GOAWAY, closes listeners, waits for running calls until `grace` is over, then cuts.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::rpc
