// IndexTable: which objects are under a key. Keys are kept as hashes of 64 bits, so whoever looks
// up looks at what an object's keys are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/resource/internal/packed.h"

namespace pemba::resource::internal {

// Not thread-safe. Borrows the objects. Some 25 bytes for a key with one object; 8 for each further
// one.
class IndexTable {
 public:
  IndexTable() = default;
  IndexTable(IndexTable&&) noexcept = default;
  IndexTable& operator=(IndexTable&&) noexcept = default;
  ~IndexTable();

  // An object is under a key once. O(log objects of the key), and O(them) to make room.
  void Add(std::string_view key, const Packed* object);
  void Remove(std::string_view key, const Packed* object);
  // In order of place, of one kind; with some that have another key of the same hash, rarely.
  std::vector<const Packed*> Find(std::string_view key) const;

 private:
  using Many = std::vector<const Packed*>;  // In order of place.
  // A pointer to an object, or, if the lowest bit is set, to a Many that is owned.
  using Entry = std::uintptr_t;
  static Many* ManyOf(Entry entry) { return reinterpret_cast<Many*>(entry - 1); }

  boost::unordered_flat_map<std::uint64_t, Entry> entries_;
};

}  // namespace pemba::resource::internal
