// Http2Connection: HTTP/2 (RFC 9113) by libnghttp2, with gRPC and plain HTTP calls on its streams.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "pemba/rpc/internal/connection.h"

namespace pemba::rpc::internal {

// Every HTTP/2 connection opens with these bytes.
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Limits beside those of ServerOptions: a peer that resets streams, or sends PING, SETTINGS,
// PRIORITY or empty DATA frames, faster than any honest client loses the connection
// (CVE-2023-44487, CVE-2019-9512, -9513, -9515, -9518).
class Http2Connection final : public Connection {
 public:
  Http2Connection(ConnectionContext& context, std::string peer, PeerCertificate certificate);
  ~Http2Connection() override;

  Next Receive(std::string_view bytes) override;
  Next Produce(std::string& out) override;
  bool wants_input() const override { return true; }
  void OnAnswered(Exchange& exchange) override;
  void OnMail(Exchange& exchange, Mail::Kind kind) override;
  void Drain() override;
  Next Tick() override;
  Next OnEndOfInput() override { return Next::kClose; }

 private:
  struct Callbacks;  // What nghttp2 calls; forwards to the functions below.
  friend struct Callbacks;

  void OnBeginHeaders(std::int32_t stream_id);
  void OnHeader(Exchange& exchange, std::string_view name, std::string_view value);
  void OnHeadersEnd(Exchange& exchange);
  void OnData(Exchange& exchange, std::string_view bytes);
  void OnRequestEnd(Exchange& exchange);
  void OnStreamClose(Exchange& exchange);
  void OnBeginFrame(const nghttp2_frame_hd& head);
  void OnFrame(const nghttp2_frame& frame);
  void OnFrameSent(const nghttp2_frame& frame);
  long ReadBody(Exchange& exchange, std::uint8_t* out, std::size_t bytes_max, std::uint32_t* flags);

  // Hands exchange.response to nghttp2, once it is complete or a stream has begun.
  void Answer(Exchange& exchange);
  void RefuseLargeHeaders(Exchange& exchange);
  void SubmitTrailers(Exchange& exchange);
  void StartNext(Exchange& exchange);  // Requests::kEach.
  void Reset(Exchange& exchange, std::uint32_t error_code);
  void FinishDrain();
  void SpendControlFrame();  // For a frame that costs the peer nothing.
  Next CheckExchangeTimes();

  struct SessionDelete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  std::unique_ptr<nghttp2_session, SessionDelete> session_;

  enum class Draining { kNo, kNoticeSent, kGoawaySent };
  Draining draining_ = Draining::kNo;
  SteadyTime notice_sent_{};
  bool preface_done_ = false;  // The peer's first SETTINGS has arrived.
  const SteadyTime opened_ = context_.now;
  double control_frames_left_;
  SteadyTime control_frames_refilled_ = context_.now;
  std::vector<nghttp2_nv> header_fields_;  // Reused from answer to answer.
};

}  // namespace pemba::rpc::internal
