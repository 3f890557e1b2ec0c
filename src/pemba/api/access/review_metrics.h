// Metrics of decisions asked for by enforcement points, under the names that their operators know.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "pemba/iam/decider.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::api::access {

// Thread-safe. Without a registry it counts nothing.
class ReviewMetrics {
 public:
  explicit ReviewMetrics(telemetry::Registry* registry);

  // `api_group` is counted by its name if it is registered, as `other` otherwise.
  void Decided(const iam::AccessDecision& decision, const iam::AccessReview& review,
               const iam::Catalog& catalog, std::chrono::nanoseconds duration);
  // A question that could not be read.
  void Unread(std::chrono::nanoseconds duration);
  void Step(std::string_view step, std::chrono::nanoseconds duration);

 private:
  struct Series {
    telemetry::Histogram* duration;
    telemetry::Counter* decisions;
  };
  using Key = std::tuple<std::string, std::string, std::string>;  // Decision, scope, group.
  void Count(const Key& key, std::chrono::nanoseconds duration);

  telemetry::Registry* const registry_;  // Null: off.
  std::mutex mutex_;                     // Guards the maps.
  std::map<Key, Series> series_;
  std::map<std::string, telemetry::Histogram*, std::less<>> steps_;
};

}  // namespace pemba::api::access
