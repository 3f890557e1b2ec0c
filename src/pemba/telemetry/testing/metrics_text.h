// Reads the Prometheus text format as strictly as a careful scraper would, for tests.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::telemetry {

struct MetricsText {
  // By name and labels as written: `requests_total{method="check"}`.
  std::map<std::string, double> samples;
  std::map<std::string, std::string> types;  // By family.

  // The sample, or 0.
  double Value(const std::string& series) const;
};

// Errors (kInvalidArgument) name the line and the rule: a name or label that is none, a broken
// escape, a value that is no number, a sample without HELP and TYPE above it, a family in two
// places, a series twice, a negative counter, and of histograms: buckets that are not ascending or
// whose counts fall, a missing +Inf, a _count that is not the last bucket, a missing _sum.
Result<MetricsText> ParseMetricsText(std::string_view text);

}  // namespace pemba::telemetry
