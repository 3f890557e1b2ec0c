// AlarmClock: one thread that sleeps until the next object's time has come.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "pemba/base/clock.h"
#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

// Thread-safe.
class AlarmClock final : public Alarms {
 public:
  // Called from the clock's thread with what is due. What fails is tried again later.
  using Ring = std::function<Status(std::set<ObjectKey>)>;

  explicit AlarmClock(const Clock& clock) : clock_(clock) {}
  ~AlarmClock() override { Stop(); }

  void WakeAt(WallTime time, const ObjectKey& key) override;
  void Start(Ring ring);
  void Stop();  // No ring is under way when it returns.

  // Takes what is due.
  std::set<ObjectKey> TakeDue();

 private:
  void Run();

  const Clock& clock_;
  Ring ring_;
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::map<WallTime, std::set<ObjectKey>> alarms_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pemba::iam::internal
