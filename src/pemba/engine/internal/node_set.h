// NodeSet and GrowingSet: sets of the dense ids of one type.
//
// Small ones are sorted runs, dense ones are bitmaps. Ids are *slots*: a stored node is its own
// slot; names that only the request knows follow after the stored ones (see ListScope).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "pemba/base/arena.h"
#include "pemba/engine/internal/arena_vector.h"

namespace pemba::engine::internal {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xFFFF'FFFF;

// Immutable; borrows from the request's arena.
class NodeSet {
 public:
  NodeSet() = default;
  explicit NodeSet(std::span<const Slot> sorted) : sorted_(sorted), size_(sorted.size()) {}
  NodeSet(std::span<const std::uint64_t> words, std::size_t size) : words_(words), size_(size) {}

  std::size_t size() const { return size_; }
  bool dense() const { return !words_.empty(); }
  std::span<const Slot> sorted() const { return sorted_; }         // Unless dense().
  std::span<const std::uint64_t> words() const { return words_; }  // If dense().

  bool Contains(Slot slot) const {
    if (dense()) return (words_[slot / 64] >> (slot % 64) & 1) != 0;
    return std::binary_search(sorted_.begin(), sorted_.end(), slot);
  }

  // The first member that is at least `slot`; kNoSlot: none.
  Slot Next(Slot slot) const;

  // Calls `visit(slot)` in ascending order until it returns false; returns whether it never did.
  template <class Visit>
  bool ForEach(const Visit& visit) const {
    for (const auto slot : sorted_) {
      if (!visit(slot)) return false;
    }
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (auto word = words_[i]; word != 0; word &= word - 1) {
        if (!visit(static_cast<Slot>(64 * i + __builtin_ctzll(word)))) return false;
      }
    }
    return true;
  }

 private:
  std::span<const Slot> sorted_;
  std::span<const std::uint64_t> words_;
  std::size_t size_ = 0;
};

// A set that grows and remembers the order in which it did: a visited set with its frontier.
class GrowingSet {
 public:
  // Slots are below `slots`.
  GrowingSet(Arena& arena, Slot slots)
      : arena_(&arena), slots_(slots), members_(arena), index_(arena) {
    if (slots_ <= kAlwaysDense) MakeDense();
  }

  bool Insert(Slot slot) {  // False: it was there.
    if (words_.empty()) {
      if (index_.FindOrAdd(slot, 0) != GoalIndex::kNew) return false;
      members_.push_back(slot);
      if (members_.size() > slots_ / kSlotsPerHashed) MakeDense();
      return true;
    }
    auto& word = words_[slot / 64];
    const auto bit = std::uint64_t{1} << (slot % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    members_.push_back(slot);
    return true;
  }
  bool Contains(Slot slot) const {
    if (words_.empty()) return index_.Contains(slot);
    return (words_[slot / 64] >> (slot % 64) & 1) != 0;
  }

  std::uint32_t size() const { return members_.size(); }
  Slot operator[](std::uint32_t i) const { return members_[i]; }  // In order of insertion.

  // What it is now. It may not grow any more: the members are sorted in place.
  NodeSet Finish();

 private:
  static constexpr Slot kAlwaysDense = 4'096;
  static constexpr Slot kSlotsPerHashed = 512;  // A bitmap is no larger than the hash from there.

  void MakeDense();

  Arena* arena_;
  Slot slots_;
  ArenaVector<Slot> members_;
  GoalIndex index_;                 // While small.
  std::span<std::uint64_t> words_;  // Once dense.
};

}  // namespace pemba::engine::internal
