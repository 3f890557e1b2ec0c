// StoreTable: the stores that are loaded, by id. Only grows.
//
// Open addressing over pointers. Find takes no lock and writes nothing; inserts are serialised and
// publish a larger copy when the table is half full. Replaced tables are kept until the end: all of
// them together are smaller than the last one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"

namespace pemba::store::internal {

// Entry has `const StoreId& id() const`, which never changes. The table owns its entries.
template <class Entry>
class StoreTable {
 public:
  StoreTable() { Grow(16); }

  // Null if there is none. Any thread.
  Entry* Find(std::string_view id) const {
    const Table& table = *current_.load(std::memory_order_acquire);
    const std::uint64_t hash = HashBytes(id);
    for (std::uint64_t i = hash;; ++i) {
      const Slot& slot = table.slots[i & table.mask];
      // INVARIANT: entry is released after hash; an empty slot ends every probe.
      Entry* entry = slot.entry.load(std::memory_order_acquire);
      if (entry == nullptr) return nullptr;
      if (slot.hash == hash && entry->id().value == id) return entry;
    }
  }

  // The id must be new.
  Entry* Insert(std::unique_ptr<Entry> entry) {
    const std::lock_guard lock(mutex_);
    if ((entries_.size() + 1) * 2 > current_.load()->mask + 1) Grow(entries_.size() * 4);
    entries_.push_back(std::move(entry));
    Place(*tables_.back(), entries_.back().get());
    return entries_.back().get();
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

  // Every entry there is now. They stay.
  std::vector<Entry*> All() const {
    const std::lock_guard lock(mutex_);
    std::vector<Entry*> all;
    all.reserve(entries_.size());
    for (const auto& entry : entries_) all.push_back(entry.get());
    return all;
  }

  // Visits every entry that is there now; others may insert meanwhile.
  template <class Visit>
  void ForEach(Visit visit) const {
    for (const Entry* entry : All()) visit(*entry);
  }

  // Every entry; not while others insert.
  const std::vector<std::unique_ptr<Entry>>& entries() const { return entries_; }

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

  void Grow(std::uint64_t at_least) {
    std::uint64_t size = 16;
    while (size < at_least) size *= 2;
    auto table = std::make_unique<Table>(size);
    for (const auto& entry : entries_) Place(*table, entry.get());
    current_.store(table.get(), std::memory_order_release);
    tables_.push_back(std::move(table));
  }

  static void Place(Table& table, Entry* entry) {
    const std::uint64_t hash = HashBytes(entry->id().value);
    std::uint64_t i = hash;
    while (table.slots[i & table.mask].entry.load(std::memory_order_relaxed) != nullptr) ++i;
    Slot& slot = table.slots[i & table.mask];
    slot.hash = hash;
    slot.entry.store(entry, std::memory_order_release);
  }

  std::atomic<const Table*> current_{nullptr};
  mutable std::mutex mutex_;  // Serialises writers; guards what follows.
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace pemba::store::internal
