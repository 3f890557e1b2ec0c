// MemoryBudget: how much memory all graphs of a process may hold together.
#pragma once

#include <atomic>
#include <cstdint>

namespace pemba::graph {

// A graph takes what it is going to need before it allocates, and gives back what it did not need
// or has freed. The limit is therefore never exceeded, not even for a moment.
//
// Thread-safe; written once or twice per write, never by readers.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}  // 0: no limit.
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  enum class Taken : std::uint8_t { kNo, kYes };
  Taken Take(std::uint64_t bytes) {
    auto used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes_max_ != 0 && (bytes > bytes_max_ || used > bytes_max_ - bytes)) return Taken::kNo;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return Taken::kYes;
  }
  void Give(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace pemba::graph
