// Exchange: a Call as the connections see it, with its request, its response and their buffers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/call.h"
#include "pemba/rpc/internal/header_block.h"
#include "pemba/rpc/internal/mailbox.h"
#include "pemba/rpc/internal/outgoing_stream.h"
#include "pemba/rpc/internal/suspended_calls.h"
#include "pemba/rpc/router.h"

namespace pemba::rpc::internal {

class Connection;
class ExchangePool;

// What the connection received. Written by the I/O thread before the handler runs.
struct ExchangeRequest {
  Protocol protocol = Protocol::kHttp;
  std::string method;
  std::string target;  // Path and query, as sent.
  HeaderBlock headers;
  std::string bytes;    // The body as received; gRPC: one message with its frame prefix.
  std::string decoded;  // What was compressed in `bytes`.
  std::string_view body;
  std::size_t path_bytes = 0;  // Of `target`; the query follows after a '?'.
  PathParameters path_parameters;
  std::optional<SteadyTime> deadline;
  bool gzip = false;             // grpc-encoding or content-encoding.
  const Route* route = nullptr;  // Null if a fallback answers.
  const Handler* handler = nullptr;
};

// What the handler answered. Written by the handler's thread, read by the I/O thread once the
// answer is complete, or for a stream once it has begun.
struct ExchangeResponse {
  enum class Form : std::uint8_t { kNone, kGrpc, kHttp, kStream };
  Form form = Form::kNone;
  bool finished = false;
  int http_status = 200;
  std::uint32_t grpc_code = 0;
  std::string grpc_message;  // Percent-encoded.
  std::string content_type;
  HeaderBlock headers;
  std::string bytes;           // Whole body; gRPC: with frame prefix.
  std::size_t sent_bytes = 0;  // Connections count here how much of `bytes` is on its way.
};

// Who may touch it: the I/O thread of its connection, but between Offer() to the workers and
// Mail::kReturned only the worker (request and response) and both (stream, cancelled).
class Exchange final : public Call {
 public:
  explicit Exchange(Mailbox& mailbox) : mailbox_(mailbox) {}

  // Call.
  Protocol protocol() const override { return request.protocol; }
  std::string_view http_method() const override { return request.method; }
  std::string_view path() const override;
  std::string_view query() const override;
  std::optional<std::string_view> header(std::string_view name) const override;
  std::span<const Header> headers() const override { return request.headers.All(); }
  std::string_view path_parameter(std::string_view name) const override;
  std::string_view body() const override { return request.body; }
  std::optional<SteadyTime> deadline() const override { return request.deadline; }
  bool cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  std::string_view peer() const override { return peer_; }
  const PeerCertificate& peer_certificate() const override { return certificate_; }
  void SetHeader(std::string_view name, std::string_view value) override {
    AddHeader(name, value, HeaderBlock::Recurs::kLikely);
  }
  void SetFreshHeader(std::string_view name, std::string_view value) override {
    AddHeader(name, value, HeaderBlock::Recurs::kHardly);
  }
  void FinishGrpc(const GrpcStatus& status, std::string_view message) override;
  void FinishHttp(int status, std::string_view content_type, std::string_view body) override;
  bool Send(std::string_view content_type, std::string_view bytes) override;
  bool SendFramed(std::string_view content_type, std::string_view bytes) override;
  void FinishStream(const GrpcStatus& status) override;
  void MoveToWorker() override;
  bool on_worker() const override { return may_wait_; }
  void Suspend(SuspendUntil until, SteadyTime at, std::function<void(Call&)> next) override;
  std::shared_ptr<Waker> waker() override;
  bool has_room() const override;
  bool draining() const override { return draining_.load(std::memory_order_relaxed); }

  // Ends the call with a status of the transport's own, in the form that the call has reached.
  void Refuse(const Fallbacks& fallbacks, std::uint32_t code, std::string_view message);
  // Runs the handler on this thread; a call with Requests::kOne is finished afterwards.
  // Unless it moves to a worker: then it is not.
  void RunInline(const Fallbacks& fallbacks);
  bool moves() const { return moves_; }
  // The same on a worker thread, with waiting Sends; posts kReturned or kSuspended as its last act.
  void RunOnWorker(const Fallbacks& fallbacks);

  void Cancel();  // I/O thread: the peer has gone away.
  void TellDraining() { draining_.store(true, std::memory_order_relaxed); }  // I/O thread.
  void End();  // I/O thread: no waker may reach it any more. Before it goes back.
  void Attach(Connection* connection, std::string_view peer, const PeerCertificate& certificate,
              std::chrono::milliseconds stall_timeout);
  void Reset();

  // I/O thread only, but for `request` and `response` (see their declarations).
  ExchangeRequest request;
  ExchangeResponse response;
  OutgoingStream stream;
  Connection* connection = nullptr;  // Null once the connection is gone.
  bool running = false;              // A worker has it.
  std::size_t turn = 0;              // Place among the ready calls, from 1; 0: is not there.
  Suspension suspension;             // Of a handler that returned for now.
  bool request_ended = false;        // The peer sends no more.
  bool answered = false;             // The response was handed to the connection's protocol.
  bool stream_deferred = false;      // HTTP/2: the data source waits for bytes.
  bool closed = false;               // HTTP/2: the stream is gone, only a worker holds this.
  std::int32_t stream_id = 0;        // HTTP/2.
  std::size_t buffered_bytes = 0;    // Counted in the context's total.
  std::size_t decoded_bytes = 0;     // Of those: request.decoded.
  std::string incoming;              // Requests::kEach: bytes that no handler has seen yet.
  bool response_sent = false;        // HTTP/2: to its end, and the request is not complete.
  bool head_done = false;            // HTTP/2: all request headers have arrived.
  bool headers_too_large = false;    // HTTP/2.
  bool has_binary_headers = false;   // HTTP/2: a name ends in "-bin".
  SteadyTime started{};
  SteadyTime last_progress{};  // The peer took bytes of the response, or it began.
  Exchange* next = nullptr;    // In the connection's list.
  Exchange* previous = nullptr;

 private:
  enum class Ran : std::uint8_t { kToItsEnd, kSuspended };
  Ran Run(const Fallbacks& fallbacks);
  void AddHeader(std::string_view name, std::string_view value, HeaderBlock::Recurs recurs);
  void BeginStream(std::string_view content_type);
  bool SendWith(std::string_view content_type, std::string_view prefix, std::string_view bytes);

  Mailbox& mailbox_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> draining_{false};
  std::function<void(Call&)> next_run_;  // Of a suspended call, in place of the handler.
  std::shared_ptr<WakeTicket> ticket_;   // Made when first asked for.
  bool moves_ = false;                   // From the I/O thread to a worker.
  bool may_wait_ = false;                // On a worker.
  std::string peer_;                     // Copies: a detached exchange outlives its connection.
  PeerCertificate certificate_;
  std::chrono::milliseconds stall_timeout_{0};
};

// Exchanges of one I/O thread, reused with their buffers. Not thread-safe. Every exchange must be
// released before the pool dies: an I/O thread outlives the workers and reads its last mail.
class ExchangePool {
 public:
  explicit ExchangePool(Mailbox& mailbox) : mailbox_(mailbox) {}
  ~ExchangePool();

  Exchange& Acquire();
  void Release(Exchange& exchange);
  std::size_t in_use() const { return in_use_; }

 private:
  Mailbox& mailbox_;
  std::vector<std::unique_ptr<Exchange>> free_;
  std::size_t in_use_ = 0;
};

}  // namespace pemba::rpc::internal
