// Time as a part that arrives by constructor, so that tests decide what time it is.
#pragma once

#include <chrono>

namespace pemba {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;       // For timestamps that people see. May jump.
  virtual SteadyTime Steady() const = 0;  // For deadlines and durations. Never goes back.
};

class SystemClock final : public Clock {
 public:
  WallTime Now() const override { return std::chrono::system_clock::now(); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace pemba
