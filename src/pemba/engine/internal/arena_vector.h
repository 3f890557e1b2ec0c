// ArenaVector: a growing array in a request's arena, and GoalIndex: a hash from keys to positions.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "pemba/base/arena.h"

namespace pemba::engine::internal {

// What std::vector would be over an ArenaAllocator, but with elements that are copied as bytes and
// nothing to destroy. What it outgrows stays behind in the arena: at most as much again.
template <class T>
class ArenaVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  explicit ArenaVector(Arena& arena) : arena_(&arena) {}

  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::uint32_t i) { return data_[i]; }
  const T& operator[](std::uint32_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  T& push_back(const T& value) {
    if (size_ == capacity_) Grow();
    return *new (data_ + size_++) T(value);
  }
  void pop_back() { --size_; }
  void truncate(std::uint32_t size) { size_ = size; }
  void clear() { size_ = 0; }

 private:
  void Grow() {
    const std::uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    T* data = static_cast<T*>(arena_->Allocate(sizeof(T) * std::size_t{capacity}, alignof(T)));
    if (size_ > 0) std::memcpy(static_cast<void*>(data), data_, sizeof(T) * size_);
    data_ = data;
    capacity_ = capacity;
  }

  Arena* arena_;
  T* data_ = nullptr;
  std::uint32_t size_ = 0, capacity_ = 0;
};

// Open addressing, linear probes, at most half full. Keys are 64 bits and never all ones.
class GoalIndex {
 public:
  explicit GoalIndex(Arena& arena) : arena_(&arena) {}

  static constexpr std::uint32_t kNew = 0xFFFF'FFFF;

  // The value of `key`; if it is new, `value` becomes it and kNew is returned.
  std::uint32_t FindOrAdd(std::uint64_t key, std::uint32_t value) {
    if (2 * (size_ + 1) > capacity_) Grow();
    for (auto at = Home(key);; at = (at + 1) & (capacity_ - 1)) {
      Slot& slot = slots_[at];
      if (slot.key == key) return slot.value;
      if (slot.key != kEmpty) continue;
      slot = {key, value};
      ++size_;
      return kNew;
    }
  }

  bool Contains(std::uint64_t key) const { return Find(key) != nullptr; }
  // The value of `key`; null: it is not there.
  const std::uint32_t* Find(std::uint64_t key) const {
    if (capacity_ == 0) return nullptr;
    for (auto at = Home(key);; at = (at + 1) & (capacity_ - 1)) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == kEmpty) return nullptr;
    }
  }

 private:
  struct Slot {
    std::uint64_t key;
    std::uint32_t value;
  };
  static constexpr std::uint64_t kEmpty = ~0ull;

  std::uint32_t Home(std::uint64_t key) const {
    // Fibonacci hashing; the high bits are the good ones.
    return static_cast<std::uint32_t>(((key ^ key >> 32) * 0x9E37'79B9'7F4A'7C15ull) >> 32) &
           (capacity_ - 1);
  }

  void Grow() {
    const std::uint32_t old_capacity = capacity_;
    Slot* const old = slots_;
    capacity_ = capacity_ == 0 ? 32 : capacity_ * 2;
    const auto bytes = sizeof(Slot) * std::size_t{capacity_};
    slots_ = static_cast<Slot*>(arena_->Allocate(bytes, alignof(Slot)));
    std::memset(static_cast<void*>(slots_), 0xFF, bytes);  // Every key is kEmpty.
    for (std::uint32_t i = 0; i < old_capacity; ++i) {
      if (old[i].key == kEmpty) continue;
      auto at = Home(old[i].key);
      while (slots_[at].key != kEmpty) at = (at + 1) & (capacity_ - 1);
      slots_[at] = old[i];
    }
  }

  Arena* arena_;
  Slot* slots_ = nullptr;
  std::uint32_t size_ = 0, capacity_ = 0;
};

}  // namespace pemba::engine::internal
