// DecisionLog: who asked what and what the answer was, as JSON lines in a file of its own.
//
// It holds tuples, ids of people and contexts: that is its purpose. Off unless a file is named.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "pemba/api/openfga/call_report.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/telemetry/lines.h"

namespace pemba::server {

struct DecisionLogConfig {
  std::string file = {};                                    // Empty: off.
  double sample_ratio = 1;                                  // Of calls, chosen by request id; 0..1.
  std::uint64_t file_bytes_max = std::uint64_t{100} << 20;  // Then the file is rotated.
  std::size_t files_max = 5;                                // Rotated files that are kept.
};

// Thread-safe; never waits for the file. Lines that find the queue full are dropped and counted:
// this is a record for people, not a proof.
class DecisionLog {
 public:
  // Errors (kUnavailable): the file cannot be opened.
  static Result<std::unique_ptr<DecisionLog>> Open(const DecisionLogConfig& config,
                                                   const Clock& clock);

  // Of Check, BatchCheck, the lists, Expand and AuthZEN's; other calls are not decisions.
  void Write(const api::openfga::CallReport& report);
  std::uint64_t dropped() const { return lines_.dropped(); }

 private:
  DecisionLog(double sample_ratio, const Clock& clock, std::unique_ptr<telemetry::LineSink> sink);

  const double sample_ratio_;
  const Clock& clock_;
  telemetry::LineQueue lines_;
};

}  // namespace pemba::server
