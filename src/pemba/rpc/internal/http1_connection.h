// Http1Connection: HTTP/1.1 and HTTP/1.0 with keep-alive; pipelined requests one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/rpc/internal/connection.h"
#include "pemba/rpc/internal/http1_parser.h"

namespace pemba::rpc::internal {

class Http1Connection final : public Connection {
 public:
  using Connection::Connection;

  Next Receive(std::string_view bytes) override;
  Next Produce(std::string& out) override;
  bool wants_input() const override;
  void OnAnswered(Exchange& exchange) override;
  void OnMail(Exchange& exchange, Mail::Kind kind) override;
  void Drain() override;
  Next Tick() override;
  Next OnEndOfInput() override;

 private:
  enum class State {
    kHead,       // Waiting for, or in the middle of, a request's head.
    kBody,       // Content-Length: body_left_ bytes to come.
    kChunks,     // Transfer-Encoding: chunked.
    kCall,       // The call is ready, or a worker has it.
    kStreaming,  // As kCall, and the response has begun; Produce takes its bytes.
    kSending,    // A large response is complete; Produce takes it piece by piece.
    kClosing,    // Output that is due, then nothing.
  };

  void Process();
  bool ReadRequestHead();  // These three: false if more input is needed, or none is wanted.
  bool ReadBody();
  bool ReadChunks();
  void BeginBody();
  void Start();
  void Answer();
  void WriteHead();
  void ProduceStream(std::string& out);
  void ProduceBody(std::string& out);
  void FinishCall();
  void RefuseConnection(int status, std::string_view reason);

  std::string_view Input() const { return std::string_view(in_).substr(in_at_); }

  State state_ = State::kHead;
  std::string in_;
  std::size_t in_at_ = 0;      // Bytes of in_ that are used up.
  bool head_may_end_ = false;  // A line feed came since the head was last looked at.
  bool receiving_ = false;     // New input is being read, not what had waited.
  std::string out_;
  Exchange* exchange_ = nullptr;  // From the first byte of a request to the last of its response.
  Http1Head head_;                // Of exchange_. Its views are dead once the body is being read.
  std::uint64_t body_left_ = 0;
  ChunkedDecoder chunks_;
  bool keep_alive_ = true;
  bool draining_ = false;
  bool broken_ = false;  // Close without writing what is due: the response cannot be completed.
};

}  // namespace pemba::rpc::internal
