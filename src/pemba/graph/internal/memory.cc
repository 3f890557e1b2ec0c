#include "pemba/graph/internal/memory.h"

#include <algorithm>
#include <cstdlib>

#include <sys/mman.h>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {
namespace {

// From here on the rest of a huge page that is not used yet is a small share. Address sanitizers
// know malloc's blocks only.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kLargeFrom = ~std::uint64_t{0};
#else
constexpr std::uint64_t kLargeFrom = std::uint64_t{8} << 20;
#endif

}  // namespace

void* AllocateLarge(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  if (bytes < kHugePage) {
    void* const block = std::malloc(bytes);
    PEMBA_CHECK(block != nullptr);
    return block;
  }
  const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* const block = std::aligned_alloc(kHugePage, rounded);
  PEMBA_CHECK(block != nullptr);
  static_cast<void>(::madvise(block, rounded, MADV_HUGEPAGE));  // Only a matter of speed.
  return block;
}

Memory::~Memory() {
  for (const Retired& retired : retired_) Release(retired.block, retired.bytes);
}

void* Memory::Allocate(Use use, std::size_t bytes, std::size_t align) {
  PEMBA_ASSERT(align <= 16 || (align <= 64 && bytes % 64 == 0));
  Count(use, static_cast<std::ptrdiff_t>(bytes));
  large_ = large_ || total() >= kLargeFrom;
  if (large_ && bytes <= Slabs::kBlockMax) return slabs_.Allocate(bytes);
  if (bytes >= Slabs::kHugePage) return AllocateLarge(bytes);
  void* const block = align <= 16 ? std::malloc(bytes) : std::aligned_alloc(align, bytes);
  PEMBA_CHECK(block != nullptr);
  return block;
}

void Memory::Release(void* block, std::size_t bytes) {
  if (slabs_.Free(block, bytes) == Slabs::Freed::kNotMine) std::free(block);
}

void Memory::Free(Use use, void* block, std::size_t bytes) {
  if (block == nullptr) return;
  Count(use, -static_cast<std::ptrdiff_t>(bytes));
  if (!IsInImage(block)) Release(block, bytes);
}

void Memory::Retire(Use use, void* block, std::size_t bytes) {
  if (block == nullptr) return;
  Count(use, -static_cast<std::ptrdiff_t>(bytes));
  Count(Use::kRetired, static_cast<std::ptrdiff_t>(bytes));
  if (IsInImage(block)) return;  // It stays until the graph goes.
  retired_.push_back({gate_.epoch.load(std::memory_order_relaxed), block, bytes});
}

void Memory::Collect() {
  gate_.epoch.fetch_add(1, std::memory_order_seq_cst);
  Survey(gate_, survey_);

  const auto kept = std::find_if(retired_.begin(), retired_.end(), [this](const Retired& retired) {
    return retired.epoch >= survey_.oldest_epoch;
  });
  std::size_t freed_bytes = 0;
  for (auto it = retired_.begin(); it != kept; ++it) {
    Release(it->block, it->bytes);
    freed_bytes += it->bytes;
  }
  retired_.erase(retired_.begin(), kept);
  if (retired_.empty() && retired_.capacity() > 1024) retired_.shrink_to_fit();
  Count(Use::kRetired, -static_cast<std::ptrdiff_t>(freed_bytes));

  boundaries_.assign(survey_.stamps.begin(), survey_.stamps.end());
  const Stamp published = gate_.published.load(std::memory_order_relaxed);
  boundaries_.push_back(published);
  std::sort(boundaries_.begin(), boundaries_.end());
  boundaries_.erase(std::unique(boundaries_.begin(), boundaries_.end()), boundaries_.end());
  // A pin that is newer than the survey may have shown a stamp of another graph.
  while (boundaries_.back() > published) boundaries_.pop_back();
}

std::uint64_t Memory::total() const {
  std::uint64_t sum = 0;
  for (const auto& bytes : bytes_) sum += bytes.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace pemba::graph::internal
