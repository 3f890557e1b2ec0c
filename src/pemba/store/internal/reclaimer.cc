#include "pemba/store/internal/reclaimer.h"

#include "pemba/base/assert.h"

namespace pemba::store::internal {

std::size_t Reclaimer::ThisThread() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

void Reclaimer::Retire(std::function<void()> free) {
  const std::lock_guard lock(mutex_);
  retired_.push_back(std::move(free));
}

bool Reclaimer::Collect() {
  std::vector<std::function<void()>> free;
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    const auto generation = generation_.load();
    // The counters of the former generation are those of the next one: it must be drained, whether
    // or not something waits for it, before this one ends.
    if (generation == 0 || Drained(generation - 1)) {
      free.swap(waiting_);
      if (!retired_.empty()) {
        waiting_.swap(retired_);
        generation_.store(generation + 1);
        if (Drained(generation)) {
          for (auto& each : waiting_) free.push_back(std::move(each));
          waiting_.clear();
        }
      }
    }
    waits = !waiting_.empty() || !retired_.empty();
  }
  for (auto& each : free) each();
  return waits;
}

bool Reclaimer::Drained(std::uint64_t generation) const {
  for (const Line& line : lines_) {
    if (line.counts[generation % 2].load() != 0) return false;
  }
  return true;
}

Reclaimer::~Reclaimer() {
  while (Collect()) {
  }
  PEMBA_ASSERT(Drained(0) && Drained(1));
}

}  // namespace pemba::store::internal
