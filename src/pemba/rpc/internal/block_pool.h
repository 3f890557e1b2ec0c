// BlockPool: small blocks of memory for one I/O thread, given back to it and taken again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pemba::rpc::internal {

// Blocks of 64 to 2,048 bytes in powers of two, from free lists; larger ones are the heap's. A list
// keeps at most kKeptBytesMax, so a burst does not stay. Under the address sanitizer every block is
// the heap's. Not thread-safe. Outlives its blocks.
class BlockPool {
 public:
  static constexpr std::size_t kKeptBytesMax = std::size_t{512} * 1024;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  void* Allocate(std::size_t bytes);  // Never null: out of memory ends the process.
  void Free(void* block);             // Null: nothing.
  void* Reallocate(void* block, std::size_t bytes);

 private:
  static constexpr std::size_t kClasses = 6;

  struct List {
    void* first = nullptr;  // The next one stands at its beginning.
    std::size_t count = 0;
  };
  std::array<List, kClasses> free_{};
};

}  // namespace pemba::rpc::internal
