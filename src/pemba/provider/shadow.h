// Shadow: asks a second provider what the first one decides, and reports where they differ.
//
// For moving from one to another: the primary decides, and nobody waits for the secondary. What it
// answers is compared by a thread of its own, from a queue with a bound; beyond it questions are
// not compared, and counted. Once there are no mismatches any more, the roles can be changed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/provider/decorator.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::provider {

// One question that they do not answer alike. An error of either is none.
struct Mismatch {
  tuple::Tuple question;
  Decision primary = Decision::kDenied, secondary = Decision::kDenied;
  // Of those that can explain; they were made a little later than the decisions.
  std::optional<engine::Explanation> primary_explanation = {}, secondary_explanation = {};
};

struct ShadowOptions {
  std::size_t queue_max = 10'000;             // Questions that wait to be compared.
  std::chrono::milliseconds patience{3'000};  // For the secondary, per call.
  // What was committed by now; both are asked as of it. Empty: they know nothing of revisions.
  std::function<Revision()> revision = {};
  // Told of each mismatch, from the thread that compares.
  std::function<void(const Mismatch&)> on_mismatch = {};
  telemetry::Registry* metrics = nullptr;  // Null: none. One shadow per registry.
};

// Thread-safe. Everything but the comparison is the primary's. Mismatches may be due to changes
// that only one of both has seen yet: both are asked again before a mismatch is reported, as of one
// revision, and it is none if they agree by then, or if changes come too fast to tell.
class Shadow final : public Decorator {
 public:
  // Borrows everything.
  Shadow(Provider& primary, Provider& secondary, const Clock& clock, ShadowOptions options);
  ~Shadow() override;  // What waits is not compared any more.

  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override;

  struct Counts {
    std::uint64_t compared = 0;
    std::uint64_t mismatches = 0;
    std::uint64_t failed = 0;   // There was no answer, or changes left no time to compare.
    std::uint64_t dropped = 0;  // The queue was full.
  };
  Counts counts() const;
  void AwaitIdle();  // Until everything asked before is compared.

 private:
  class Comparer;
  const std::unique_ptr<Comparer> comparer_;
};

}  // namespace pemba::provider
