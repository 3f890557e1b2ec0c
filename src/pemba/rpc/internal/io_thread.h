// IoThread: one event loop with its own epoll, listening sockets and connections.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pemba/rpc/internal/connection.h"
#include "pemba/rpc/internal/mailbox.h"
#include "pemba/rpc/internal/socket.h"
#include "pemba/rpc/internal/tls.h"
#include "pemba/rpc/internal/worker_pool.h"

namespace pemba::rpc::internal {

// What all I/O threads of a server share.
struct ServerShared {
  std::atomic<std::size_t> connections{0};
  std::mutex mutex;
  std::condition_variable drained;  // Signalled, under mutex, when a thread has drained.
};

// What an epoll event is about.
struct EventSource {
  enum class Kind : std::uint8_t { kMailbox, kListener, kLink };
  explicit EventSource(Kind kind_of) : kind(kind_of) {}
  const Kind kind;
};

struct Listener : EventSource {
  Listener(Descriptor listening, TlsContext* context)
      : EventSource(Kind::kListener), socket(std::move(listening)), tls(context) {}
  Descriptor socket;
  TlsContext* tls;  // Null: plain text.
};

// A socket and what it carries: a TLS session perhaps, and once the first bytes have told which
// protocol it is, a connection.
struct Link : EventSource {
  explicit Link(Descriptor accepted) : EventSource(Kind::kLink), socket(std::move(accepted)) {}

  Descriptor socket;
  SslPointer tls;
  bool handshake_done = false;  // True without TLS.
  std::string first_bytes;      // Until the protocol is known.
  std::unique_ptr<Connection> connection;
  std::string out;
  std::size_t out_at = 0;  // Bytes of out that the kernel has.
  std::uint32_t interest = 0;
  bool write_blocked = false;
  bool tls_wants_write = false;  // The handshake does.
  bool input_ended = false;
  bool lingering = false;  // Sent everything; only waits for the peer to have read it.
  bool dirty = false;      // In one of the lists of links to flush.
  bool dead = false;
  SteadyTime opened{};
  SteadyTime write_progress{};
  SteadyTime linger_until{};
  SteadyTime expires{};      // Connection age; the far future without.
  std::size_t position = 0;  // In the thread's list.
};

class IoThread {
 public:
  IoThread(const ServerOptions& options, const Router& router, WorkerPool& workers,
           ServerShared& shared);
  ~IoThread();  // Stop() and join.

  // Before Start only.
  void AddListener(Descriptor socket, TlsContext* tls);
  void Start();

  // Any thread.
  void Drain();  // Closes the listeners, lets the connections finish.
  void Stop();   // Cuts the connections and ends the thread.
  void Join();
  bool drained() const { return drained_.load(std::memory_order_acquire); }

 private:
  void Loop();
  void TakeTime();
  void BeginRound(int events);
  void OnEvent(EventSource& source, std::uint32_t events);
  void OnMail();
  void Accept(Listener& listener);
  void BeginDrain();
  void Tick();

  void OnLinkEvent(Link& link, std::uint32_t events);
  void ContinueHandshake(Link& link);
  void Read(Link& link);
  void OnBytes(Link& link, std::string_view bytes);
  void ChooseProtocol(Link& link, std::string_view bytes);
  void OnEndOfInput(Link& link);
  void MarkDirty(Link& link);
  void FlushDirty();
  void Flush(Link& link);
  enum class Written { kAll, kBlocked, kFailed };
  Written Write(Link& link);
  void UpdateInterest(Link& link);
  void BeginClose(Link& link);
  void Close(Link& link);
  void Reap();
  void TellIfDrained();

  const ServerOptions& options_;
  ServerShared& shared_;
  const std::chrono::milliseconds tick_;
  Mailbox mailbox_;
  ExchangePool exchanges_;
  SuspendedCalls suspended_;
  ConnectionContext context_;
  EventSource mailbox_source_{EventSource::Kind::kMailbox};
  Descriptor epoll_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  bool listeners_paused_ = false;  // Out of descriptors; until the next tick.
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> dirty_;
  std::vector<Link*> unfinished_;  // Have more to send than their share of a round.
  std::vector<std::unique_ptr<Link>> dead_;
  std::vector<Mail> mails_;
  std::vector<std::shared_ptr<WakeTicket>> wakes_;
  std::array<char, std::size_t{64} * 1024> read_buffer_;
  SteadyTime next_tick_{};
  std::time_t date_second_ = 0;
  bool draining_ = false;
  bool events_left_out_ = false;  // Of the round before.

  std::atomic<bool> drain_requested_{false};
  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> drained_{false};  // The loop says so: draining and without connections.
  std::thread thread_;
};

}  // namespace pemba::rpc::internal
