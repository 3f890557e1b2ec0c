// StoreTable: the stores that are loaded, by id.
//
// Open addressing over pointers. Find takes no lock and writes nothing; inserts and removals are
// serialised, and publish a copy when the table is half full of entries and of gaps that removed
// ones have left.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"
#include "pemba/store/internal/reclaimer.h"

namespace pemba::store::internal {

// Entry has `const StoreId& id() const`, which never changes. The table owns its entries.
template <class Entry>
class StoreTable {
 public:
  explicit StoreTable(Reclaimer& reclaimer) : reclaimer_(reclaimer) { Rebuild(16); }
  ~StoreTable() { delete current_.load(); }

  // Null if there is none. Any thread that holds a guard of the reclaimer.
  Entry* Find(std::string_view id) const {
    const Table& table = *current_.load(std::memory_order_acquire);
    const std::uint64_t hash = HashBytes(id);
    for (std::uint64_t i = hash;; ++i) {
      const Slot& slot = table.slots[i & table.mask];
      // INVARIANT: entry is released after hash; an empty slot ends every probe.
      Entry* entry = slot.entry.load(std::memory_order_acquire);
      if (entry == nullptr) return nullptr;
      if (entry != Gone() && slot.hash == hash && entry->id().value == id) return entry;
    }
  }

  // The id must be new.
  Entry* Insert(std::unique_ptr<Entry> entry) {
    const std::lock_guard lock(mutex_);
    if ((occupied_ + 1) * 2 > current_.load()->mask + 1) Rebuild(entries_.size() * 4);
    entries_.push_back(std::move(entry));
    Place(*current_.load(), entries_.back().get());
    ++occupied_;
    return entries_.back().get();
  }

  // The entry, which nobody finds any more; who has found it before may still use it: to be
  // retired.
  std::unique_ptr<Entry> Remove(const Entry& entry) {
    const std::lock_guard lock(mutex_);
    Table& table = *current_.load();
    std::uint64_t i = HashBytes(entry.id().value);
    while (table.slots[i & table.mask].entry.load() != &entry) ++i;
    table.slots[i & table.mask].entry.store(Gone(), std::memory_order_release);
    const auto at = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const auto& each) { return each.get() == &entry; });
    PEMBA_ASSERT(at != entries_.end());
    std::swap(*at, entries_.back());
    auto removed = std::move(entries_.back());
    entries_.pop_back();
    return removed;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

  // Visits every entry that is there now; others may insert and remove meanwhile. The caller holds
  // a guard of the reclaimer.
  template <class Visit>
  void ForEach(Visit visit) const {
    std::vector<const Entry*> all;
    {
      const std::lock_guard lock(mutex_);
      all.reserve(entries_.size());
      for (const auto& entry : entries_) all.push_back(entry.get());
    }
    for (const Entry* entry : all) visit(*entry);
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::atomic<Entry*> entry{nullptr};
  };
  struct Table {
    explicit Table(std::uint64_t size) : mask(size - 1), slots(new Slot[size]) {}
    const std::uint64_t mask;
    const std::unique_ptr<Slot[]> slots;
  };

  // What stands where an entry was: probes go on behind it.
  static Entry* Gone() { return reinterpret_cast<Entry*>(std::uintptr_t{1}); }

  void Rebuild(std::uint64_t at_least) {
    std::uint64_t size = 16;
    while (size < at_least) size *= 2;
    auto table = std::make_unique<Table>(size);
    for (const auto& entry : entries_) Place(*table, entry.get());
    occupied_ = entries_.size();
    Table* const old = current_.load();
    current_.store(table.release(), std::memory_order_release);
    if (old != nullptr) reclaimer_.Retire([old] { delete old; });
  }

  static void Place(Table& table, Entry* entry) {
    const std::uint64_t hash = HashBytes(entry->id().value);
    std::uint64_t i = hash;
    while (table.slots[i & table.mask].entry.load(std::memory_order_relaxed) != nullptr) ++i;
    Slot& slot = table.slots[i & table.mask];
    slot.hash = hash;
    slot.entry.store(entry, std::memory_order_release);
  }

  Reclaimer& reclaimer_;
  std::atomic<Table*> current_{nullptr};
  mutable std::mutex mutex_;    // Serialises writers; guards what follows.
  std::uint64_t occupied_ = 0;  // Slots of the current table that are not free.
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace pemba::store::internal
