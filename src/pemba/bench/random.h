// Random numbers that are the same on every machine, and the law by which questions are chosen.
#pragma once

#include <cmath>
#include <cstdint>

namespace pemba::bench {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
// 2014): one addition and three multiplications a number. Not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBull;
    return z ^ (z >> 31);
  }
  // Below `n`, which is not 0. The bias of the multiplication is below n / 2^64.
  std::uint64_t Below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }  // In [0, 1).

 private:
  std::uint64_t state_;
};

// Zipf's law with exponent 0.99: rank r comes about 1/r^0.99 as often as rank 1. So a few objects
// get most questions, as in life, and the rest are asked rarely.
//
// Rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
// monotone discrete distributions", ACM TOMACS 6(3), 1996): O(1) memory and time for any n.
class Zipf {
 public:
  static constexpr double kExponent = 0.99;

  explicit Zipf(std::uint64_t n);  // n is not 0.

  // A rank in [0, n); 0 is the most frequent.
  std::uint64_t Rank(Random& random) const;
  // The same, but with the frequent ones scattered over [0, n) and not side by side.
  std::uint64_t Scattered(Random& random) const { return Scatter(Rank(random), n_); }

  // A permutation of [0, n): the prime has no divisor in common with any n below it.
  static std::uint64_t Scatter(std::uint64_t i, std::uint64_t n) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(i) * 2'654'435'761u % n);
  }

 private:
  std::uint64_t n_;
  double integral_first_, integral_last_, shortcut_;
};

}  // namespace pemba::bench
