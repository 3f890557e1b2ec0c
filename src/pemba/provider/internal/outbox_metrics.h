// What an outbox counts.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>

#include "pemba/base/clock.h"
#include "pemba/provider/drift.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::provider::internal {

// Without a registry it counts nothing. Thread-safe.
class OutboxMetrics {
 public:
  explicit OutboxMetrics(telemetry::Registry* registry) {
    if (registry == nullptr) return;
    using telemetry::MetricKind;
    apply_ = &registry->AddHistogram(
        "provider_apply_seconds", "Duration of a step that makes changes with the provider.",
        telemetry::Seconds({.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}));
    propagation_ = &registry->AddHistogram(
        "grant_propagation_seconds",
        "Time from the commit of a change of access to its being made with the provider.",
        telemetry::Seconds({.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600}));
    backlog_ = &registry->AddReading(MetricKind::kGauge, "provider_backlog",
                                     "Revisions that the provider may not have yet.");
    const auto drift = [&](const char* kind) {
      return &registry->AddReading(MetricKind::kGauge, "provider_drift_tuples",
                                   "Tuples that differ with the provider and are not repaired.",
                                   {{"kind", kind}});
    };
    missing_ = drift("missing");
    extra_ = drift("extra");
    different_ = drift("changed");
  }

  void Applied(std::chrono::nanoseconds took, std::span<const WallTime> committed, WallTime now) {
    if (apply_ == nullptr) return;
    apply_->Observe(static_cast<std::uint64_t>(took.count()));
    for (const auto time : committed) {
      const auto age = std::max(now - time, WallTime::duration::zero());
      propagation_->Observe(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(age).count()));
    }
  }
  void SetBacklog(std::uint64_t revisions) {
    if (backlog_ != nullptr) backlog_->Set(static_cast<double>(revisions));
  }
  void SetDrift(const Differences& found) {
    if (missing_ == nullptr) return;
    missing_->Set(static_cast<double>(found.missing.size()));
    extra_->Set(static_cast<double>(found.extra.size()));
    different_->Set(static_cast<double>(found.changed.size()));
  }

 private:
  telemetry::Histogram *apply_ = nullptr, *propagation_ = nullptr;
  telemetry::Reading* backlog_ = nullptr;
  telemetry::Reading *missing_ = nullptr, *extra_ = nullptr, *different_ = nullptr;
};

}  // namespace pemba::provider::internal
