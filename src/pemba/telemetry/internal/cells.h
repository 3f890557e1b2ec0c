// Cells: 64-bit counts that many threads add to without sharing a cache line.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/mman.h>

#include "pemba/base/assert.h"

namespace pemba::telemetry::internal {

// Each thread has a shard of its own, until there are this many threads: the others share the last.
inline constexpr std::size_t kShards = 256;
inline constexpr std::size_t kSharedShard = kShards - 1;
inline constexpr std::size_t kCellsPerPage = 512;

// The shard of the calling thread, given at its first use and for the life of the process.
inline std::atomic<std::size_t> shards_given{0};  // NOLINT: names threads, holds no state.
inline std::size_t ThreadShard() {
  constexpr std::size_t kNone = ~std::size_t{0};
  static thread_local constinit std::size_t shard = kNone;
  if (shard == kNone) [[unlikely]] {
    shard = std::min(shards_given.fetch_add(1, std::memory_order_relaxed), kSharedShard);
  }
  return shard;
}

// Where the cells of all shards lie: a shard's cells are neighbours, so that what one thread counts
// for one request is on few cache lines. The kernel zeroes what is touched first: shards that no
// thread has cost nothing.
struct CellPage {
  using Shard = std::array<std::uint64_t, kCellsPerPage>;  // One page of memory.
  std::array<Shard, kShards> shards;

  struct Unmap {
    void operator()(CellPage* page) const { ::munmap(page, sizeof(CellPage)); }
  };
  using Owner = std::unique_ptr<CellPage, Unmap>;
  static Owner New() {
    void* const memory = ::mmap(nullptr, sizeof(CellPage), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PEMBA_CHECK(memory != MAP_FAILED);
    return Owner(static_cast<CellPage*>(memory));
  }
};

// `count` neighbouring cells, once per shard. Borrowed from the CellStore.
class Cells {
 public:
  Cells() = default;

  void Add(std::size_t index, std::uint64_t amount) {
    const auto shard = ThreadShard();
    const std::atomic_ref cell(page_->shards[shard][first_ + index]);
    if (shard != kSharedShard) [[likely]] {
      // Nobody else writes it: an atomic addition would cost four times as much.
      cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    } else {
      cell.fetch_add(amount, std::memory_order_relaxed);
    }
  }
  // Sum over the shards. Additions under way may or may not be in it.
  std::uint64_t Sum(std::size_t index) const {
    const auto given = std::min(shards_given.load(std::memory_order_acquire), kShards);
    std::uint64_t sum = 0;
    for (std::size_t shard = 0; shard < given; ++shard) {
      const std::atomic_ref cell(page_->shards[shard][first_ + index]);
      sum += cell.load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  friend class CellStore;
  Cells(CellPage* page, std::size_t first) : page_(page), first_(first) {}

  CellPage* page_ = nullptr;
  std::size_t first_ = 0;
};

// Not thread-safe; the registry's mutex guards it.
class CellStore {
 public:
  Cells Take(std::size_t count) {  // At most kCellsPerPage.
    if (pages_.empty() || used_ + count > kCellsPerPage) {
      pages_.push_back(CellPage::New());
      used_ = 0;
    }
    const Cells cells(pages_.back().get(), used_);
    used_ += count;
    return cells;
  }

 private:
  std::vector<CellPage::Owner> pages_;
  std::size_t used_ = 0;
};

}  // namespace pemba::telemetry::internal
