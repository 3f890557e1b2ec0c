// Arena: memory that lives and dies with one request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pemba/base/assert.h"

namespace pemba {

// A bump allocator. Nothing is freed before Reset() or the destructor, and no destructor of an
// allocated object runs: only trivially destructible types may live here.
//
// Reset() keeps the largest block, so an arena that is reused request after request stops touching
// the heap once it has seen a request of the usual size. Not thread-safe: one arena, one request.
class Arena {
 public:
  static constexpr std::size_t kFirstBlockBytes = 4096;
  static constexpr std::size_t kBlockBytesMax = std::size_t{1} << 20;

  Arena() = default;
  // For data of a known size that is there to stay: as much and no more is taken at once.
  explicit Arena(std::size_t first_block_bytes) : first_block_bytes_(first_block_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised bytes; `align` is a power of two. O(1) but for the occasional new block.
  void* Allocate(std::size_t bytes, std::size_t align = alignof(std::max_align_t)) {
    auto at = (position_ + align - 1) & ~(static_cast<std::uintptr_t>(align) - 1);
    if (at + bytes > end_ || position_ == 0) {
      AddBlock(bytes + align);
      at = (position_ + align - 1) & ~(static_cast<std::uintptr_t>(align) - 1);
    }
    position_ = at + bytes;
    used_bytes_ += bytes;
    return reinterpret_cast<void*>(at);
  }

  template <class T, class... Args>
  T* New(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    return new (Allocate(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
  }

  // `count` value-initialised Ts.
  template <class T>
  std::span<T> NewArray(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    T* first = static_cast<T*>(Allocate(sizeof(T) * count, alignof(T)));
    for (std::size_t i = 0; i < count; ++i) new (first + i) T{};
    return {first, count};
  }

  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* bytes = static_cast<char*>(Allocate(text.size(), 1));
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
  }

  // Forgets everything that was allocated; keeps the largest block for the next request.
  void Reset() {
    if (blocks_.size() > 1) {
      blocks_.front() = std::move(blocks_.back());
      blocks_.resize(1);
    }
    used_bytes_ = 0;
    if (!blocks_.empty()) Enter(blocks_.front());
  }

  std::size_t used_bytes() const { return used_bytes_; }

 private:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };

  void Enter(const Block& block) {
    position_ = reinterpret_cast<std::uintptr_t>(block.bytes.get());
    end_ = position_ + block.size;
  }

  void AddBlock(std::size_t at_least) {
    std::size_t size = blocks_.empty() ? first_block_bytes_ : blocks_.back().size * 2;
    if (size > kBlockBytesMax) size = kBlockBytesMax;
    if (size < at_least) size = at_least;
    blocks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[size]), size});
    Enter(blocks_.back());
  }

  std::vector<Block> blocks_;  // INVARIANT: the last one is the one in use.
  std::size_t first_block_bytes_ = kFirstBlockBytes;
  std::uintptr_t position_ = 0;
  std::uintptr_t end_ = 0;
  std::size_t used_bytes_ = 0;
};

// std allocator over an Arena, for containers of trivially destructible elements.
template <class T>
class ArenaAllocator {
 public:
  using value_type = T;
  explicit ArenaAllocator(Arena& arena) : arena_(&arena) {}
  template <class U>  // Implicit: containers rebind.
  // NOLINTNEXTLINE(google-explicit-constructor)
  ArenaAllocator(const ArenaAllocator<U>& other) : arena_(other.arena()) {}
  T* allocate(std::size_t count) {
    return static_cast<T*>(arena_->Allocate(sizeof(T) * count, alignof(T)));
  }
  void deallocate(T*, std::size_t) {}
  Arena* arena() const { return arena_; }
  friend bool operator==(const ArenaAllocator& a, const ArenaAllocator& b) {
    return a.arena_ == b.arena_;
  }

 private:
  Arena* arena_;
};

}  // namespace pemba
