// Histogram: how long things took, in a fixed amount of memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pemba::bench {

// Nanoseconds in buckets: exact below 64, then 64 to an octave, so a percentile is at most 1.6 %
// too high (after HdrHistogram, Tene 2012). Not thread-safe: one a thread, merged at the end.
class Histogram {
 public:
  void Add(std::uint64_t ns) {
    ++buckets_[BucketOf(ns)];
    ++count_;
    if (ns > max_) max_ = ns;
  }
  void Merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  // The smallest value that `share` (0.99) of all do not exceed, rounded up to its bucket's end; 0
  // if there are none.
  std::uint64_t Percentile(double share) const;

 private:
  static constexpr std::size_t kSubBits = 6, kSub = std::size_t{1} << kSubBits;

  static std::size_t BucketOf(std::uint64_t ns) {
    if (ns < kSub) return ns;
    const auto shift = static_cast<std::size_t>(std::bit_width(ns)) - 1 - kSubBits;
    return (shift + 1) * kSub + (ns >> shift) - kSub;
  }
  static std::uint64_t EndOf(std::size_t bucket);

  std::array<std::uint64_t, (64 - kSubBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace pemba::bench
