// CircuitBreaker: whoever cannot be reached is not asked again at once, by anybody.
#pragma once

#include <cstdint>
#include <mutex>

#include "pemba/base/clock.h"
#include "pemba/provider/internal/backoff.h"

namespace pemba::provider::internal {

// After some failures in a row it is open: calls fail at once. After a while one caller may try; it
// closes if that succeeds, and else stays open for longer. Thread-safe.
class CircuitBreaker {
 public:
  CircuitBreaker(int failures_max, BackoffOptions open_for, const Clock& clock)
      : failures_max_(failures_max), clock_(clock), backoff_(open_for) {}

  enum class Permit : std::uint8_t { kAsk, kFailAtOnce };
  // Who is told to ask has to report how it went.
  Permit Ask() {
    const std::lock_guard lock(mutex_);
    if (failures_ < failures_max_) return Permit::kAsk;
    const auto now = clock_.Steady();
    if (now < next_try_) return Permit::kFailAtOnce;
    next_try_ = now + backoff_.Next();  // Nobody else until then, also if nothing is reported.
    return Permit::kAsk;
  }
  void Succeeded() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    backoff_.Reset();
  }
  void Failed() {
    const std::lock_guard lock(mutex_);
    if (failures_ < failures_max_ && ++failures_ == failures_max_) {
      next_try_ = clock_.Steady() + backoff_.Next();
    }
  }

  enum class State : std::uint8_t { kClosed, kFailing, kOpen };
  State state() const {
    const std::lock_guard lock(mutex_);
    if (failures_ >= failures_max_) return State::kOpen;
    return failures_ > 0 ? State::kFailing : State::kClosed;
  }

 private:
  const int failures_max_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // Guards what follows.
  Backoff backoff_;
  int failures_ = 0;  // In a row.
  SteadyTime next_try_{};
};

}  // namespace pemba::provider::internal
