#include <utility>

#include <fmt/format.h>

#include "pemba/bench/internal/client_protocol.h"
#include "pemba/bench/internal/http1_response.h"

namespace pemba::bench::internal {
namespace {

class Http1Client final : public ClientProtocol {
 public:
  explicit Http1Client(const Endpoint& endpoint)
      : fields_(
            fmt::format("Host: {}\r\nContent-Type: application/json\r\n", endpoint.authority())) {
    if (!endpoint.token.empty()) fields_ += "Authorization: Bearer " + endpoint.token + "\r\n";
  }

  void Submit(const WireCall& call, std::uint64_t tag) override {
    tag_ = tag;
    waiting_ = true;
    out_.append(call.method).append(" ").append(call.path).append(" HTTP/1.1\r\n").append(fields_);
    fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n\r\n", call.body.size());
    out_.append(call.body);
  }

  Status Feed(std::string_view bytes, const ReplyHandler& on_reply) override {
    while (!bytes.empty()) {
      if (!waiting_) return Error{ErrorCode::kUnavailable, "an answer that nobody asked for"};
      PEMBA_TRY(const auto state, response_.Read(bytes));
      if (state == Http1Response::State::kIncomplete) return Done{};
      // Whoever gets the reply may submit the next call.
      waiting_ = false;
      const Http1Response complete = std::exchange(response_, Http1Response());
      on_reply(tag_, {.http_status = complete.status(), .body = complete.body()});
      if (!complete.keeps_connection()) {
        return Error{ErrorCode::kUnavailable, "the server closes the connection after an answer"};
      }
    }
    return Done{};
  }

  void Produce(std::string& out) override {
    out.append(out_);
    out_.clear();
  }

 private:
  std::string fields_;
  std::string out_;
  Http1Response response_;
  std::uint64_t tag_ = 0;
  bool waiting_ = false;
};

}  // namespace

std::unique_ptr<ClientProtocol> NewHttp1Client(const Endpoint& endpoint) {
  return std::make_unique<Http1Client>(endpoint);
}

}  // namespace pemba::bench::internal
