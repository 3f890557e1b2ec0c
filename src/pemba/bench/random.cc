#include "pemba/bench/random.h"

#include <algorithm>

namespace pemba::bench {
namespace {

// The law's weight, its integral, and that integral's inverse, for an exponent that is not 1.
double Weight(double x) { return std::exp(-Zipf::kExponent * std::log(x)); }

double Integral(double x) {
  constexpr double kPower = 1.0 - Zipf::kExponent;
  return std::expm1(kPower * std::log(x)) / kPower;
}

double InverseIntegral(double x) {
  constexpr double kPower = 1.0 - Zipf::kExponent;
  return std::exp(std::log1p(std::max(x * kPower, -1.0)) / kPower);
}

}  // namespace

Zipf::Zipf(std::uint64_t n)
    : n_(n),
      integral_first_(Integral(1.5) - 1.0),
      integral_last_(Integral(static_cast<double>(n) + 0.5)),
      shortcut_(2.0 - InverseIntegral(Integral(2.5) - Weight(2.0))) {}

std::uint64_t Zipf::Rank(Random& random) const {
  while (true) {
    const double u = integral_last_ + random.Unit() * (integral_first_ - integral_last_);
    const double x = InverseIntegral(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
    if (k - x <= shortcut_ || u >= Integral(k + 0.5) - Weight(k)) {
      return static_cast<std::uint64_t>(k) - 1;
    }
  }
}

}  // namespace pemba::bench
