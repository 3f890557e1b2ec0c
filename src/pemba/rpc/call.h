// Call: one request and the way to answer it, the same for gRPC, HTTP/2 and HTTP/1.1.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"

namespace pemba::rpc {

enum class Protocol : std::uint8_t { kGrpc, kHttp };

// What a gRPC call ends with. `code` is any number: codes above 16 travel unchanged.
struct GrpcStatus {
  std::uint32_t code = 0;
  std::string message;
};

// A request header or metadata entry. The name is in lower case.
struct Header {
  std::string_view name;
  std::string_view value;
};

// Who the verified client certificate was issued to; empty without one.
struct PeerCertificate {
  std::string subject;  // RFC 2253 form: "CN=anne,O=eng"
  std::string name;     // The first URI among the subject's alternative names, else the last CN.
};

// Wakes a call that is suspended. Any thread, at any time; once the call has ended, nothing
// happens. Cheap: wakes between two runs of the handler cost one.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void Wake() = 0;
};

// What lets a suspended call go on, beside the time, its waker and a connection that drains.
enum class SuspendUntil : std::uint8_t {
  kWoken,
  kRoom,  // The peer has read so much that Send does not wait.
};

// Appends what stands before a message of that size, for Call::SendFramed.
void BeginGrpcMessage(std::size_t message_bytes, std::string& out);

// One request. The server owns it; a handler borrows it until it returns. Views live as long.
//
// Thread-safety: a call belongs to one thread at a time. The route's execution says which one runs
// the handler; answering from that thread is always right. cancelled() may be asked from any thread
// that the handler waits for.
class Call {
 public:
  virtual ~Call() = default;

  virtual Protocol protocol() const = 0;
  virtual std::string_view http_method() const = 0;  // "POST" for gRPC.
  virtual std::string_view path() const = 0;         // Without query, as sent.
  virtual std::string_view query() const = 0;        // Without '?', as sent.
  // The first value of a request header or gRPC metadata entry (lower-case name), if present.
  // Metadata whose name ends in "-bin" is already decoded. HTTP/2's :authority is "host".
  virtual std::optional<std::string_view> header(std::string_view name) const = 0;
  virtual std::span<const Header> headers() const = 0;  // All, in the order received.
  // Path parameter of the matched HTTP route, percent-decoded ("store_id" of /stores/{store_id}).
  virtual std::string_view path_parameter(std::string_view name) const = 0;
  // HTTP: the whole body (decompressed). gRPC: the one request message, or on a route with
  // Requests::kEach the message that the handler was run for.
  virtual std::string_view body() const = 0;
  virtual std::optional<SteadyTime> deadline() const = 0;  // From grpc-timeout.
  virtual bool cancelled() const = 0;                      // The peer has gone away.
  virtual std::string_view peer() const = 0;               // "127.0.0.1:50412"
  virtual const PeerCertificate& peer_certificate() const = 0;

  // A response header, its name in lower case (gRPC: initial metadata; names that end in "-bin"
  // take raw bytes). Before the first byte of the response only. Bytes that may not stand in a
  // header become spaces.
  virtual void SetHeader(std::string_view name, std::string_view value) = 0;
  // The same for a value that hardly comes twice on a connection (an id of this call): HTTP/2 does
  // not remember it for compression, where it would displace what does come again.
  virtual void SetFreshHeader(std::string_view name, std::string_view value) {
    SetHeader(name, value);
  }

  // gRPC: ends a unary call. With code 0, `message` is the response message; otherwise it is
  // ignored and the response is trailers-only.
  virtual void FinishGrpc(const GrpcStatus& status, std::string_view message) = 0;
  // HTTP: ends the call with a whole body.
  virtual void FinishHttp(int status, std::string_view content_type, std::string_view body) = 0;

  // Streaming. gRPC: one message. HTTP: a piece of the body (chunked on HTTP/1.1); the first piece
  // sends status 200 and `content_type`. Waits while the peer's window is full (so only routes that
  // run on a worker may stream at length); false once the peer is gone, the deadline has passed or
  // the peer has read nothing for ServerOptions::stall_timeout.
  virtual bool Send(std::string_view content_type, std::string_view bytes) = 0;
  // As Send, for many messages or pieces at once, which cost hardly more than one: `bytes` holds
  // one after the other, on gRPC each behind what BeginGrpcMessage has put there.
  virtual bool SendFramed(std::string_view content_type, std::string_view bytes) = 0;
  // For a handler on an I/O thread that finds that it would have to wait: it returns without having
  // touched the answer, and is run again from its beginning on a worker. Execution::kInline with
  // Requests::kOne only.
  virtual void MoveToWorker() = 0;
  virtual bool on_worker() const = 0;

  // Ends a stream. HTTP ignores `status` (the body is complete).
  virtual void FinishStream(const GrpcStatus& status) = 0;

  // Streams without end, thousands of which cost no thread while they have nothing to say.
  //
  // Suspend instead of finishing (Requests::kOne on Execution::kWorker): the handler returns, and
  // `next` runs in its place on a worker as soon as the call is woken, at `at` (or the deadline)
  // the latest. A wake-up between the call of Suspend and the return is not lost; one without a
  // reason may come. If the peer goes away first, `next` is destroyed on an I/O thread without
  // being run.
  virtual void Suspend(SuspendUntil until, SteadyTime at, std::function<void(Call&)> next) = 0;
  virtual std::shared_ptr<Waker> waker() = 0;  // Of this call; always the same one.
  virtual bool has_room() const = 0;           // Whether Send would not wait.
  // The server shuts down, or the connection is as old as it may get: what has no end should end.
  virtual bool draining() const = 0;
};

}  // namespace pemba::rpc
