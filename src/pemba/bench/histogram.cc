#include "pemba/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace pemba::bench {

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::EndOf(std::size_t bucket) {
  if (bucket < kSub) return bucket;
  const auto shift = bucket / kSub - 1;
  return ((bucket % kSub + kSub + 1) << shift) - 1;
}

std::uint64_t Histogram::Percentile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size() && count_ > 0; ++i) {
    seen += buckets_[i];
    if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(EndOf(i), max_);
  }
  return 0;
}

}  // namespace pemba::bench
