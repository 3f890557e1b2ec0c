// MemoryServer: what an I/O thread gives its connections, without thread or sockets; time passes
// only when Advance() says so.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/rpc/internal/connection.h"
#include "pemba/rpc/internal/dispatch.h"
#include "pemba/rpc/internal/http1_connection.h"
#include "pemba/rpc/internal/http2_connection.h"

namespace pemba::rpc::testing {

// Calls on "workers" run on the calling thread when Deliver() is asked to. `router` must outlive
// it.
class MemoryServer {
 public:
  explicit MemoryServer(const Router& router, ServerOptions options = {})
      : options_(std::move(options)),
        workers_({}, options_.worker_queue_max, router.fallbacks()),
        exchanges_(mailbox_),
        suspended_(options_.worker_threads, 1),
        context_{.options = options_,
                 .router = router,
                 .exchanges = exchanges_,
                 .workers = workers_,
                 .suspended = suspended_,
                 .calls_max = options_.calls_max,
                 .http_date = "Thu, 01 Jan 1970 00:00:00 GMT"} {
    context_.now = context_.round_began = std::chrono::steady_clock::now();
  }

  ~MemoryServer() { Deliver(); }
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

  std::unique_ptr<internal::Http1Connection> OpenHttp1() {
    return std::make_unique<internal::Http1Connection>(context_, "192.0.2.1:1", PeerCertificate());
  }
  std::unique_ptr<internal::Http2Connection> OpenHttp2() {
    return std::make_unique<internal::Http2Connection>(context_, "192.0.2.1:1", PeerCertificate());
  }

  void Advance(std::chrono::milliseconds passed) { context_.now += passed; }

  // What is fed from now on has waited for that long.
  void BeginRound(std::chrono::milliseconds waited = std::chrono::milliseconds(0)) {
    context_.round_began = std::chrono::steady_clock::now() - waited;
    context_.was_late = std::exchange(context_.late, false);
  }

  // Runs what is ready; what is for workers waits for Deliver().
  void RunReady() { internal::RunReady(context_); }

  // A round of the loop, as far as the handlers.
  internal::Connection::Next Receive(internal::Connection& connection, std::string_view bytes) {
    const auto next = connection.Receive(bytes);
    RunReady();
    return next;
  }

  // Runs what is queued for workers and gives the news to the connections.
  void Deliver() {
    do {
      std::vector<internal::Mail> mails;
      std::vector<std::shared_ptr<internal::WakeTicket>> wakes;
      mailbox_.Take(mails, wakes);
      for (const auto& mail : mails) {
        if (mail.kind != internal::Mail::Kind::kProgress) suspended_.OnReturn(*mail.exchange);
        if (mail.exchange->connection != nullptr) {
          mail.exchange->connection->OnMail(*mail.exchange, mail.kind);
        } else if (mail.kind != internal::Mail::Kind::kProgress) {
          mail.exchange->running = false;
          internal::ReleaseDetached(context_, *mail.exchange);
        }
      }
      for (const auto& wake : wakes) {
        if (auto* const exchange = wake->Open()) suspended_.Wake(*exchange);
      }
      suspended_.Resume(context_.now, workers_);
      if (!mails.empty()) continue;
    } while (workers_.RunOne() == internal::WorkerPool::Ran::kCall);
  }

  // Feeds bytes and returns all output that follows. `closed` tells whether the connection is over.
  std::string Talk(internal::Connection& connection, std::string_view bytes, bool& closed) {
    using Next = internal::Connection::Next;
    closed = Receive(connection, bytes) == Next::kClose;
    std::string all;
    for (;;) {
      Deliver();
      std::string out;
      closed = connection.Produce(out) == Next::kClose || closed;
      if (out.empty()) return all;
      all.append(out);
    }
  }

  internal::ConnectionContext& context() { return context_; }
  std::size_t calls_in_use() const { return exchanges_.in_use(); }

 private:
  const ServerOptions options_;
  internal::Mailbox mailbox_;
  internal::WorkerPool workers_;
  internal::ExchangePool exchanges_;
  internal::SuspendedCalls suspended_;
  internal::ConnectionContext context_;
};

}  // namespace pemba::rpc::testing
