// GrpcClient: calls of one gRPC server, with deadlines, repetition and a circuit breaker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <google/protobuf/message_lite.h>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/provider/internal/circuit_breaker.h"

namespace pemba::provider::internal {

struct GrpcOptions {
  std::string address;  // HOST:PORT.
  bool tls = false;
  std::string ca_certificates = {};  // PEM; empty: those of the system.
  std::string token = {};
  BackoffOptions retry = {};
  int failures_max = 5;
  BackoffOptions open_for = {};
};

// Thread-safe. Calls block until the deadline at most.
class GrpcClient {
 public:
  GrpcClient(GrpcOptions options, const Clock& clock);
  ~GrpcClient();

  // kOnce: what may not happen twice.
  enum class Repeat : std::uint8_t { kOnce, kUntilDeadline };

  // `method`: of OpenFGAService.
  Status Call(std::string_view method, const google::protobuf::MessageLite& request,
              google::protobuf::MessageLite& response, SteadyTime deadline, Repeat repeat);

  // Parses each message of the answer into `response` and shows it, until there are no more or
  // `more` says kNo. Not repeated.
  enum class More : std::uint8_t { kNo, kYes };
  Status Stream(std::string_view method, const google::protobuf::MessageLite& request,
                google::protobuf::MessageLite& response, SteadyTime deadline,
                const std::function<More()>& more);

  CircuitBreaker::State state() const { return breaker_.state(); }

 private:
  class Channel;

  // A call that may go out, with its deadline.
  struct Attempt {
    std::shared_ptr<Channel> channel;
    SteadyTime begin, deadline;
  };
  Result<Attempt> Begin(SteadyTime deadline);
  // Tells the breaker, and passes the outcome on.
  Status End(const Attempt& attempt, Status status);
  Status Once(std::string_view method, const std::string& request,
              google::protobuf::MessageLite& response, SteadyTime deadline);

  const GrpcOptions options_;
  const Clock& clock_;
  CircuitBreaker breaker_;
  std::mutex mutex_;
  std::shared_ptr<Channel> channel_;  // Under the mutex. Never null.
};

}  // namespace pemba::provider::internal
