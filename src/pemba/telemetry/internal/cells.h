// Cells: 64-bit counts that many threads add to without sharing a cache line.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pemba::telemetry::internal {

// Threads beyond this many share a shard with another, which costs time and nothing else.
inline constexpr std::size_t kShards = 32;
inline constexpr std::size_t kCellsPerPage = 512;

using Cell = std::atomic<std::uint64_t>;

// The shard of the calling thread, from 0; given at its first use, in turn.
inline std::atomic<std::uint32_t> shards_given{0};  // NOLINT: names threads, holds no state.
inline std::size_t ThreadShard() {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static thread_local constinit std::uint32_t shard = kNone;
  if (shard == kNone) [[unlikely]] {
    shard = shards_given.fetch_add(1, std::memory_order_relaxed) % kShards;
  }
  return shard;
}

// Where the cells of all shards lie: a shard's cells are neighbours, so that what one thread counts
// for one request is on few cache lines.
struct CellPage {
  struct alignas(64) Shard {
    std::array<Cell, kCellsPerPage> cells{};
  };
  std::array<Shard, kShards> shards;
};

// `count` neighbouring cells, once per shard. Borrowed from the CellStore.
class Cells {
 public:
  Cells() = default;

  void Add(std::size_t index, std::uint64_t amount) {
    page_->shards[ThreadShard()].cells[first_ + index].fetch_add(amount, std::memory_order_relaxed);
  }
  // Sum over the shards. Additions under way may or may not be in it.
  std::uint64_t Sum(std::size_t index) const {
    std::uint64_t sum = 0;
    for (const auto& shard : page_->shards) {
      sum += shard.cells[first_ + index].load(std::memory_order_relaxed);
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
      pages_.push_back(std::make_unique<CellPage>());
      used_ = 0;
    }
    const Cells cells(pages_.back().get(), used_);
    used_ += count;
    return cells;
  }

 private:
  std::vector<std::unique_ptr<CellPage>> pages_;
  std::size_t used_ = 0;
};

}  // namespace pemba::telemetry::internal
