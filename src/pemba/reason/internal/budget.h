// Budget: what one query may still spend, and why it had to stop.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::reason::internal {

// Counts steps of work and looks at clock and cancellation every kStepsPerLook of them. Once it has
// failed it stays so. Not thread-safe; the stop token is.
class Budget {
 public:
  static constexpr std::uint32_t kStepsPerLook = 8192;

  // `deadline` in `clock`'s steady time; the clock outlives the budget.
  Budget(const Clock& clock, std::optional<SteadyTime> deadline, std::stop_token cancelled)
      : clock_(&clock), deadline_(deadline), cancelled_(std::move(cancelled)) {}

  // False: stop; error() says why.
  bool Spend() {
    if (--steps_left_ != 0) [[likely]] {
      return true;
    }
    return Look();
  }
  bool Look() {
    steps_left_ = error_ ? 1 : kStepsPerLook;
    if (error_) return false;
    if (cancelled_.stop_requested()) {
      Fail({ErrorCode::kCancelled, "the query was cancelled"});
    } else if (deadline_ && clock_->Steady() >= *deadline_) {
      Fail({ErrorCode::kDeadlineExceeded, "the query ran out of time"});
    }
    return !error_;
  }
  void set_deadline(SteadyTime deadline) { deadline_ = deadline; }
  void Fail(Error error) {
    if (!error_) error_ = std::move(error);
    steps_left_ = 1;
  }
  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }

 private:
  const Clock* clock_;
  std::optional<SteadyTime> deadline_;
  std::stop_token cancelled_;
  std::uint32_t steps_left_ = kStepsPerLook;
  std::optional<Error> error_;
};

}  // namespace pemba::reason::internal
