#include "pemba/iam/internal/alarm_clock.h"

#include <algorithm>

namespace pemba::iam::internal {
namespace {

// Wall clocks jump, and a machine may sleep: nobody waits longer without looking again.
constexpr std::chrono::nanoseconds kNapMax = std::chrono::hours(1);
constexpr std::chrono::nanoseconds kRetry = std::chrono::seconds(1);

}  // namespace

void AlarmClock::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void AlarmClock::WakeAt(WallTime time, const ObjectKey& key) {
  {
    const std::lock_guard lock(mutex_);
    alarms_[time].insert(key);
  }
  changed_.notify_all();
}

void AlarmClock::Start(Ring ring) {
  ring_ = std::move(ring);
  thread_ = std::thread([this] { Run(); });
}

std::set<ObjectKey> AlarmClock::TakeDue() {
  const auto now = clock_.Now();
  const std::lock_guard lock(mutex_);
  std::set<ObjectKey> due;
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    due.merge(alarms_.begin()->second);
    alarms_.erase(alarms_.begin());
  }
  return due;
}

void AlarmClock::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (alarms_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto left = alarms_.begin()->first - clock_.Now();
      if (left > std::chrono::nanoseconds(0)) {
        changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kNapMax));
        continue;
      }
    }
    const auto due = TakeDue();
    if (due.empty() || ring_(due).ok()) continue;
    const auto later = clock_.Now() + kRetry;
    const std::lock_guard lock(mutex_);
    alarms_[later].insert(due.begin(), due.end());
  }
}

}  // namespace pemba::iam::internal
