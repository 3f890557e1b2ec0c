// IdList: the things that one thing is connected to, in eight bytes while they are at most two.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/cow_array.h"
#include "pemba/reason/thing.h"

namespace pemba::reason::internal {

// An unordered list of persisted things. Up to two are kept in the word itself; up to kBlockMax in
// one block that copies of the list share; more in a CowArray, so that changing a list of a million
// copies a page and not the list.
//
// Thread-safety: as CowArray.
class IdList {
 public:
  static constexpr std::uint32_t kBlockMax = 512;

  IdList() = default;
  IdList(const IdList& other) : word_(other.word_) { Acquire(); }
  IdList(IdList&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  IdList& operator=(IdList other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~IdList() { Release(); }

  std::uint32_t size() const {
    switch (tag()) {
      case kInline:
        return word_ == 0 ? 0 : ((word_ >> 33) == 0 ? 1 : 2);
      case kBlock:
        return block()->size;
      default:
        return large()->size;
    }
  }
  bool empty() const { return word_ == 0; }

  ThingId operator[](std::uint32_t index) const {
    switch (tag()) {
      case kInline:
        return static_cast<ThingId>((word_ >> (index == 0 ? 2 : 33)) & 0x7FFFFFFF) - 1;
      case kBlock:
        return block()->items()[index];
      default:
        return large()->items[index];
    }
  }

  bool Contains(ThingId id) const {
    for (std::uint32_t i = 0, n = size(); i < n; ++i) {
      if ((*this)[i] == id) return true;
    }
    return false;
  }

  // O(1) amortised.
  void Add(ThingId id) {
    PEMBA_ASSERT(id < kThingMax);
    const std::uint32_t count = size();
    if (count < 2) {
      word_ |= static_cast<std::uint64_t>(id + 1) << (count == 0 ? 2 : 33);
      return;
    }
    if (count == kBlockMax && tag() == kBlock) {
      Enlarge();
    } else if (tag() == kInline) {
      Reblock(4);
    } else if (tag() == kBlock && (count == block()->capacity || !Unique(block()))) {
      Reblock(count < block()->capacity ? block()->capacity : count * 2);
    }
    if (tag() == kBlock) {
      block()->items()[block()->size++] = id;
      return;
    }
    Large* mine = OwnLarge();
    mine->items.Mutable(mine->size++) = id;
  }

  // Takes one occurrence out; the last one takes its place. O(size).
  void Remove(ThingId id) {
    const std::uint32_t count = size();
    std::uint32_t at = 0;
    while (at < count && (*this)[at] != id) ++at;
    if (at == count) return;
    switch (tag()) {
      case kInline: {
        const ThingId other = count == 2 ? (*this)[1 - at] : 0;
        word_ = count == 2 ? static_cast<std::uint64_t>(other + 1) << 2 : 0;
        return;
      }
      case kBlock: {
        if (count == 3) {  // Back into the word.
          const ThingId a = (*this)[at == 0 ? 1 : 0], b = (*this)[at == 2 ? 1 : 2];
          Release();
          word_ = static_cast<std::uint64_t>(a + 1) << 2 | static_cast<std::uint64_t>(b + 1) << 33;
          return;
        }
        if (!Unique(block())) Reblock(block()->capacity);
        block()->items()[at] = block()->items()[count - 1];
        --block()->size;
        return;
      }
      default: {
        Large* mine = OwnLarge();
        mine->items.Mutable(at) = mine->items[count - 1];
        if (--mine->size == kBlockMax / 2) Shrink();
      }
    }
  }

  std::size_t heap_bytes() const {
    switch (tag()) {
      case kInline:
        return 0;
      case kBlock:
        return sizeof(Block) + block()->capacity * sizeof(ThingId);
      default:
        return sizeof(Large) + large()->items.bytes();
    }
  }

 private:
  // The two low bits say what the word is; a pointer has none of them set but those of its tag.
  enum Tag : std::uint64_t { kInline = 0, kBlock = 1, kLarge = 2 };
  struct Block {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
    ThingId* items() { return reinterpret_cast<ThingId*>(this + 1); }
  };
  struct Large {
    std::atomic<std::uint32_t> references{1};
    std::uint32_t size = 0;
    CowArray<ThingId> items;
  };

  Tag tag() const { return static_cast<Tag>(word_ & 3); }
  Block* block() const { return reinterpret_cast<Block*>(word_ & ~std::uint64_t{3}); }
  Large* large() const { return reinterpret_cast<Large*>(word_ & ~std::uint64_t{3}); }
  template <class Shared>
  static bool Unique(const Shared* shared) {
    return shared->references.load(std::memory_order_acquire) == 1;
  }

  void Acquire() {
    if (tag() == kBlock) block()->references.fetch_add(1, std::memory_order_relaxed);
    if (tag() == kLarge) large()->references.fetch_add(1, std::memory_order_relaxed);
  }
  void Release() {
    if (tag() == kBlock && block()->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      ::operator delete(block());
    }
    if (tag() == kLarge && large()->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete large();
    }
    word_ = 0;
  }
  void Reblock(std::uint32_t capacity) {
    void* memory = ::operator new(sizeof(Block) + capacity * sizeof(ThingId));
    Block* fresh = new (memory) Block;
    fresh->capacity = capacity;
    for (std::uint32_t i = 0, n = size(); i < n; ++i) fresh->items()[fresh->size++] = (*this)[i];
    Release();
    word_ = reinterpret_cast<std::uint64_t>(fresh) | kBlock;
  }
  void Enlarge() {
    Large* fresh = new Large;
    for (std::uint32_t i = 0, n = size(); i < n; ++i)
      fresh->items.Mutable(fresh->size++) = (*this)[i];
    Release();
    word_ = reinterpret_cast<std::uint64_t>(fresh) | kLarge;
  }
  void Shrink() { Reblock(kBlockMax); }
  Large* OwnLarge() {
    if (!Unique(large())) {
      Large* copy = new Large;
      copy->size = large()->size;
      copy->items = large()->items;
      Release();
      word_ = reinterpret_cast<std::uint64_t>(copy) | kLarge;
    }
    return large();
  }

  // 0: empty. kInline: two fields of 31 bits with id + 1, so that the first one is never 0.
  std::uint64_t word_ = 0;
};

}  // namespace pemba::reason::internal
