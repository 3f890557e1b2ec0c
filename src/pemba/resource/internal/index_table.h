// IndexTable: which objects are under a key. Keys are kept as hashes of 64 bits, so whoever looks
// up looks at what an object's keys are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/resource/internal/packed.h"

namespace pemba::resource::internal {

// Not thread-safe. Borrows the objects. Some 25 bytes for a key with one object; 8 for each further
// one, and 48 when there are hundreds.
class IndexTable {
 public:
  IndexTable() = default;
  IndexTable(IndexTable&&) noexcept = default;
  IndexTable& operator=(IndexTable&&) noexcept = default;
  ~IndexTable();

  // An object is under a key once. O(log objects of the key).
  void Add(std::string_view key, const Packed* object);
  void Remove(std::string_view key, const Packed* object);
  // In order of place, of one kind; with some that have another key of the same hash, rarely.
  std::vector<const Packed*> Find(std::string_view key) const;

 private:
  // In order of kind and place.
  struct Before {
    bool operator()(const Packed* a, const Packed* b) const;
  };
  // All are in `few`, or, from when there are too many to make room among, in `many`.
  struct Many {
    std::vector<const Packed*> few;
    std::set<const Packed*, Before> many;
  };
  // A pointer to an object, or, if the lowest bit is set, to a Many that is owned.
  using Entry = std::uintptr_t;
  static Many* ManyOf(Entry entry) { return reinterpret_cast<Many*>(entry - 1); }

  boost::unordered_flat_map<std::uint64_t, Entry> entries_;
};

}  // namespace pemba::resource::internal
