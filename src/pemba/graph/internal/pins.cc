#include "pemba/graph/internal/pins.h"

#include <limits>
#include <mutex>
#include <utility>

namespace pemba::graph::internal {
namespace {

// All slots of the process, and the free ones of threads that ended. Slots are never deleted: there
// are as many as there were pins at the busiest moment.
struct SlotPool {
  std::atomic<PinSlot*> all{nullptr};
  std::mutex mutex;
  PinSlot* free = nullptr;  // Guarded by mutex.
};

SlotPool& Pool() {
  static auto* const pool = new SlotPool;  // Outlives every thread.
  return *pool;
}

PinSlot* TakeFromPool() {
  SlotPool& pool = Pool();
  {
    const std::lock_guard lock(pool.mutex);
    if (pool.free != nullptr) return std::exchange(pool.free, pool.free->next_free);
  }
  auto* const slot = new PinSlot;
  slot->next = pool.all.load(std::memory_order_relaxed);
  while (!pool.all.compare_exchange_weak(slot->next, slot, std::memory_order_seq_cst)) {
  }
  return slot;
}

// The thread's own free slots; at its end they go back to the pool.
class SlotCache {
 public:
  SlotCache() = default;
  SlotCache(const SlotCache&) = delete;
  SlotCache& operator=(const SlotCache&) = delete;
  ~SlotCache() {
    SlotPool& pool = Pool();
    const std::lock_guard lock(pool.mutex);
    while (free_ != nullptr) {
      PinSlot* const slot = std::exchange(free_, free_->next_free);
      slot->next_free = std::exchange(pool.free, slot);
    }
  }

  PinSlot* Take() {
    if (free_ == nullptr) return TakeFromPool();
    return std::exchange(free_, free_->next_free);
  }
  void Give(PinSlot* slot) { slot->next_free = std::exchange(free_, slot); }

 private:
  PinSlot* free_ = nullptr;
};

thread_local SlotCache slot_cache;

}  // namespace

Pinned Pin(const PinGate& gate) {
  PinSlot* const slot = slot_cache.Take();
  slot->epoch.store(gate.epoch.load(std::memory_order_relaxed), std::memory_order_release);
  Stamp stamp = gate.published.load(std::memory_order_relaxed);
  slot->stamp.store(stamp, std::memory_order_release);
  slot->owner.store(&gate, std::memory_order_seq_cst);
  // Reading the epoch synchronises with a writer whose survey has missed this slot.
  static_cast<void>(gate.epoch.load(std::memory_order_seq_cst));
  for (;;) {
    const Stamp published = gate.published.load(std::memory_order_seq_cst);
    if (published == stamp) return {slot, stamp};
    stamp = published;
    slot->stamp.store(stamp, std::memory_order_seq_cst);
  }
}

void Unpin(PinSlot* slot) {
  slot->owner.store(nullptr, std::memory_order_release);
  slot_cache.Give(slot);
}

void Survey(const PinGate& gate, PinSurvey& survey) {
  survey.oldest_epoch = std::numeric_limits<std::uint64_t>::max();
  survey.stamps.clear();
  for (const PinSlot* slot = Pool().all.load(std::memory_order_seq_cst); slot != nullptr;
       slot = slot->next) {
    if (slot->owner.load(std::memory_order_seq_cst) != &gate) continue;
    // A slot that changes hands meanwhile may show values of its next pin. That pin is newer than
    // the survey, and the one that was seen is gone: both are safe.
    const auto epoch = slot->epoch.load(std::memory_order_acquire);
    if (epoch < survey.oldest_epoch) survey.oldest_epoch = epoch;
    survey.stamps.push_back(slot->stamp.load(std::memory_order_seq_cst));
  }
}

}  // namespace pemba::graph::internal
