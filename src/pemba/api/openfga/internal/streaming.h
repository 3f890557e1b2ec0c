// How streams look on the wire: one message after the other, perhaps an error, the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <google/protobuf/message.h>

#include "pemba/api/openfga/call_metrics.h"
#include "pemba/api/openfga/call_report.h"
#include "pemba/api/openfga/feed.h"
#include "pemba/base/clock.h"
#include "pemba/rpc/call.h"

namespace pemba::api::openfga::internal {

// gRPC: a message. HTTP: a line {"result":...}.
FeedReader::Sent SendMessage(rpc::Call& call, const google::protobuf::Message& message);

// Ends the call with an error. `begun`: a message is on its way already.
enum class Begun : std::uint8_t { kNo, kYes };
void FailStream(rpc::Call& call, const Error& error, Begun begun);

// Drives a feed from one run of the call's handler to the next; the call owns it.
class FeedRun final : public std::enable_shared_from_this<FeedRun> {
 public:
  struct Told {  // For the report at the end.
    std::string service, rpc, request_id, caller, store_id;
    std::optional<std::uint64_t> revision;
    SteadyTime start;
    RpcMetrics* metrics = nullptr;  // Null: nobody counts.
    std::unique_ptr<const google::protobuf::Message> request;
  };
  FeedRun(std::unique_ptr<Feed> feed, Told told, const Clock& clock,
          const std::function<void(const CallReport&)>& on_call)
      : feed_(std::move(feed)), told_(std::move(told)), clock_(clock), on_call_(on_call) {}
  // If the peer went away while the call was suspended, this is its end.
  ~FeedRun();

  // Ends the call, or suspends it.
  void Run(rpc::Call& call);

 private:
  void Fail(rpc::Call& call, const Error& error);
  void Report(const Error& error);

  const std::unique_ptr<Feed> feed_;
  const Told told_;
  const Clock& clock_;
  const std::function<void(const CallReport&)>& on_call_;
  const rpc::Call* call_ = nullptr;  // It owns this.
  Begun begun_ = Begun::kNo;
  bool reported_ = false;
};

}  // namespace pemba::api::openfga::internal
