// Connection: one connection's protocol, bytes in and bytes out, without sockets or TLS.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/internal/block_pool.h"
#include "pemba/rpc/internal/exchange.h"
#include "pemba/rpc/internal/ready_calls.h"
#include "pemba/rpc/internal/worker_pool.h"
#include "pemba/rpc/server.h"

namespace pemba::rpc::internal {

struct Link;

// What the connections of one I/O thread share.
struct ConnectionContext {
  const ServerOptions& options;
  const Router& router;
  ExchangePool& exchanges;
  WorkerPool& workers;
  SuspendedCalls& suspended;
  std::size_t calls_max;           // Of this thread.
  SteadyTime now{};                // As of the last wake-up: exact enough for time-outs.
  std::string http_date;           // Value of the Date header, as of `now`.
  std::size_t buffered_bytes = 0;  // Of requests that are not finished.
  BlockPool blocks = {};           // Small memory of the protocol library.
  ReadyCalls ready = {};
  std::vector<Exchange*> answered = {};  // Of those, while they are run.
  // Load shedding, see IsOverloaded().
  SteadyTime round_began{};  // When everything that now waits to be read had not waited yet.
  std::uint32_t calls_until_look = 0;
  bool late = false, was_late = false;  // This round, and the one before.
};

// Belongs to one I/O thread. The thread feeds bytes, asks for bytes, and tells the time.
class Connection {
 public:
  // Output beyond this is not produced before the peer has taken some.
  static constexpr std::size_t kOutputBytesMax = std::size_t{256} * 1024;

  Connection(ConnectionContext& context, std::string peer, PeerCertificate certificate)
      : context_(context), peer_(std::move(peer)), certificate_(std::move(certificate)) {}
  virtual ~Connection();  // Cancels what runs; calls on workers outlive it, detached.
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class Next {
    kContinue,
    kClose,  // Write the output that is due, then close. Nothing more may be fed.
  };
  // Requests that are complete then wait in context.ready for their turn.
  virtual Next Receive(std::string_view bytes) = 0;
  // Appends output, until `out` holds kOutputBytesMax or nothing is due.
  virtual Next Produce(std::string& out) = 0;
  // False while more input would only pile up.
  virtual bool wants_input() const = 0;
  // The handler of an exchange of this connection that was in context.ready has answered it.
  virtual void OnAnswered(Exchange& exchange) = 0;
  // A worker has news of an exchange of this connection.
  virtual void OnMail(Exchange& exchange, Mail::Kind kind) = 0;
  // Accepts no further calls than those under way (HTTP/2: two-step GOAWAY), then closes.
  virtual void Drain() = 0;
  // Called about once a second, or more often if a time-out is short.
  virtual Next Tick() = 0;
  // The peer sends no more bytes.
  virtual Next OnEndOfInput() = 0;

  Link* link = nullptr;  // The socket that carries it; for its I/O thread.

 protected:
  Exchange& AddExchange();
  void TellDraining();  // To the calls of now and later. Part of Drain().
  // As exchange.stream.Read; a call that waits for room may go on.
  std::size_t ReadStream(Exchange& exchange, char* out, std::size_t bytes_max);
  void RemoveExchange(Exchange& exchange);  // Back to the pool. Not while a worker has it.
  std::size_t exchange_count() const { return exchange_count_; }
  Exchange* first_exchange() { return first_; }

  // Counts bytes that were added to a request. kOver: this thread holds too many.
  enum class Budget { kWithin, kOver };
  Budget CountBuffered(Exchange& exchange, std::size_t bytes);
  void UncountBuffered(Exchange& exchange, std::size_t bytes);

  ConnectionContext& context_;
  SteadyTime last_activity_ = context_.now;  // Of a call: what the idle time-out counts from.

 private:
  const std::string peer_;
  const PeerCertificate certificate_;
  Exchange* first_ = nullptr;
  std::size_t exchange_count_ = 0;
  bool told_draining_ = false;
};

// Gives a detached exchange back once its worker has returned (Connection is gone).
void ReleaseDetached(ConnectionContext& context, Exchange& exchange);

}  // namespace pemba::rpc::internal
