// Backoff: how long to wait before the next try.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace pemba::provider::internal {

struct BackoffOptions {
  std::chrono::milliseconds min{100}, max{60'000};
};

// Doubles from `min` to `max`; each wait is drawn from its upper half, so that many who failed
// together do not come back together. Not thread-safe.
class Backoff {
 public:
  explicit Backoff(BackoffOptions options, std::uint64_t seed = std::random_device{}())
      : options_(options), random_(seed) {}

  std::chrono::milliseconds Next() {
    const auto most = std::min(options_.max, options_.min * (std::int64_t{1} << tries_));
    if (most < options_.max) ++tries_;
    std::uniform_int_distribution<std::int64_t> half(most.count() / 2, most.count());
    return std::chrono::milliseconds(half(random_));
  }
  void Reset() { tries_ = 0; }

 private:
  const BackoffOptions options_;
  std::mt19937_64 random_;
  int tries_ = 0;
};

}  // namespace pemba::provider::internal
