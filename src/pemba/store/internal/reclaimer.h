// Reclaimer: frees what writers have replaced once no reader can still be looking at it.
//
// Readers hold a Guard while they use anything that may be retired. A guard counts itself in one of
// some cache lines, chosen by thread, so that readers on different cores do not fight; it never
// waits. Generations alternate between two sets of counters: what was retired before generation g
// ended is freed once the counters of g are zero. As in SRCU (McKenney, "Sleepable RCU", 2006),
// but a reader checks the generation again after it has counted itself, so one turn is enough.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace pemba::store::internal {

class Reclaimer {
 public:
  class Guard {
   public:
    Guard(Guard&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Guard() {
      if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_release);
    }

   private:
    friend class Reclaimer;
    explicit Guard(std::atomic<std::uint64_t>* count) : count_(count) {}
    std::atomic<std::uint64_t>* count_;
  };

  Reclaimer() = default;
  ~Reclaimer();  // No guard may be left.
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // From now on nothing that is reachable will be freed before the guard goes. Wait-free but for a
  // generation that ends meanwhile. Some 10 ns.
  Guard Enter() {
    Line& line = lines_[ThisThread() % kLines];
    while (true) {
      const auto generation = generation_.load();
      auto& count = line.counts[generation % 2];
      count.fetch_add(1);
      // INVARIANT: whoever ends generation g and then reads this counter sees the guard: it was
      // counted before g ended, in the one order of sequentially consistent operations.
      if (generation_.load() == generation) return Guard(&count);
      count.fetch_sub(1);
    }
  }

  // `free` is called once nobody who entered before now is left; after what it frees was made
  // unreachable. Called from Collect or the destructor.
  void Retire(std::function<void()> free);

  // Frees what can be freed; true if something still waits. Cheap; call it now and then.
  bool Collect();

 private:
  static constexpr std::size_t kLines = 64;
  struct alignas(64) Line {
    std::array<std::atomic<std::uint64_t>, 2> counts{};
  };

  static std::size_t ThisThread();
  bool Drained(std::uint64_t generation) const;

  std::array<Line, kLines> lines_;
  std::atomic<std::uint64_t> generation_{0};
  std::mutex mutex_;  // Guards everything below, and who ends a generation.
  std::vector<std::function<void()>> retired_;  // In this generation.
  std::vector<std::function<void()>> waiting_;  // In the one before, for its readers to leave.
};

}  // namespace pemba::store::internal
