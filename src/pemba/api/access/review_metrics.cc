#include "pemba/api/access/review_metrics.h"

#include <algorithm>

#include "pemba/iam/names.h"

namespace pemba::api::access {
namespace {

using iam::AccessReason;
using Answer = iam::AccessDecision::Answer;

// Registered services are not many; should they be, the rest is one.
constexpr std::size_t kSeriesMax = 2'000;

std::string_view NameOf(const iam::AccessDecision& decision) {
  switch (decision.answer) {
    case Answer::kAllowed:
      return "allowed";
    case Answer::kDenied:
      return "denied";
    case Answer::kUndecided:
      break;
  }
  return decision.reason == AccessReason::kProviderError ? "error" : "no_opinion";
}

std::string_view ScopeOf(const iam::AccessReview& review) {
  if (!review.parent) return "cluster";
  if (review.parent->kind == "Project") return "project";
  return review.parent->kind == "Organization" ? "organization" : "cluster";
}

std::string GroupOf(const iam::AccessReview& review, const iam::Catalog& catalog) {
  const std::string service(review.api_group.empty() ? iam::kCoreService
                                                     : std::string_view(review.api_group));
  const bool known = std::ranges::any_of(catalog.kinds(),
                                         [&](const auto& kind) { return kind.service == service; });
  return known ? service : "other";
}

}  // namespace

ReviewMetrics::ReviewMetrics(telemetry::Registry* registry) : registry_(registry) {}

void ReviewMetrics::Count(const Key& key, std::chrono::nanoseconds duration) {
  if (registry_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  auto found = series_.find(key);
  if (found == series_.end()) {
    if (series_.size() >= kSeriesMax) return;
    const auto& [decision, scope, group] = key;
    const telemetry::Labels labels{
        {"decision", decision}, {"scope", scope}, {"resource_group", group}};
    const Series made{
        &registry_->AddHistogram(
            "authz_request_duration_seconds", "Duration of SubjectAccessReviews, in seconds.",
            telemetry::Seconds({.005, .01, .025, .05, .1, .25, .5, 1, 2.5}), labels),
        &registry_->AddCounter("authz_decisions_total", "SubjectAccessReviews by decision.",
                               labels)};
    found = series_.emplace(key, made).first;
  }
  found->second.duration->Observe(static_cast<std::uint64_t>(duration.count()));
  found->second.decisions->Add();
}

void ReviewMetrics::Decided(const iam::AccessDecision& decision, const iam::AccessReview& review,
                            const iam::Catalog& catalog, std::chrono::nanoseconds duration) {
  if (registry_ == nullptr) return;
  Count({std::string(NameOf(decision)), std::string(ScopeOf(review)), GroupOf(review, catalog)},
        duration);
}

void ReviewMetrics::Unread(std::chrono::nanoseconds duration) {
  Count({"no_opinion", "cluster", "other"}, duration);
}

void ReviewMetrics::Step(std::string_view step, std::chrono::nanoseconds duration) {
  if (registry_ == nullptr) return;
  telemetry::Histogram* histogram = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto found = steps_.find(step);
    if (found == steps_.end()) {
      auto& made = registry_->AddHistogram(
          "authz_step_duration_seconds", "Duration of the steps of a SubjectAccessReview.",
          telemetry::Seconds({.001, .0025, .005, .01, .025, .05, .1, .25, .5}),
          {{"step", std::string(step)}});
      found = steps_.emplace(std::string(step), &made).first;
    }
    histogram = found->second;
  }
  histogram->Observe(static_cast<std::uint64_t>(duration.count()));
}

}  // namespace pemba::api::access
