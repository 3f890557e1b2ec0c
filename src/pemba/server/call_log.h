// What is written about calls: one line for each of them, one more for slow ones.
#pragma once

#include <chrono>

#include "pemba/api/openfga/call_report.h"
#include "pemba/telemetry/log.h"

namespace pemba::server {

struct CallLogOptions {
  // Queries that take this long are logged at warn with the shape of the question: types and
  // relation, not ids. Zero: none are.
  std::chrono::nanoseconds slow_query_threshold{0};
};

// Thread-safe. The log must outlive it.
class CallLog {
 public:
  CallLog(telemetry::Log& log, CallLogOptions options) : log_(log), options_(options) {}

  // `grpc_req_complete` at info; at error if the failure is ours. Request and response, which hold
  // tuples, are in it only if the log is at debug.
  void Write(const api::openfga::CallReport& report) const;

 private:
  void WriteSlow(const api::openfga::CallReport& report) const;

  telemetry::Log& log_;
  const CallLogOptions options_;
};

}  // namespace pemba::server
