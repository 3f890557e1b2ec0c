#include "pemba/rpc/internal/block_pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "pemba/base/assert.h"

namespace pemba::rpc::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

// Stands before each block and keeps it aligned.
struct alignas(std::max_align_t) Head {
  std::size_t bytes;  // That the block can hold.
};

constexpr std::size_t kSmallest = 64;

std::size_t ClassOf(std::size_t bytes) {
  return bytes <= kSmallest ? 0 : static_cast<std::size_t>(std::bit_width(bytes - 1)) - 6;
}
Head* HeadOf(void* block) { return static_cast<Head*>(block) - 1; }

}  // namespace

BlockPool::~BlockPool() {
  for (auto& list : free_) {
    while (list.first != nullptr) {
      void* const block = list.first;
      std::memcpy(&list.first, block, sizeof(void*));
      std::free(HeadOf(block));
    }
  }
}

void* BlockPool::Allocate(std::size_t bytes) {
  const auto size_class = ClassOf(bytes);
  const bool small = kPooled && size_class < kClasses;
  if (small && free_[size_class].first != nullptr) {
    auto& list = free_[size_class];
    void* const block = list.first;
    std::memcpy(&list.first, block, sizeof(void*));
    --list.count;
    return block;
  }
  const auto size = small ? kSmallest << size_class : bytes;
  auto* const head = static_cast<Head*>(std::malloc(sizeof(Head) + size));
  PEMBA_CHECK(head != nullptr);
  head->bytes = size;
  return head + 1;
}

void BlockPool::Free(void* block) {
  if (block == nullptr) return;
  const auto bytes = HeadOf(block)->bytes;
  const auto size_class = ClassOf(bytes);
  if (!kPooled || size_class >= kClasses || free_[size_class].count * bytes >= kKeptBytesMax) {
    return std::free(HeadOf(block));
  }
  auto& list = free_[size_class];
  std::memcpy(block, &list.first, sizeof(void*));
  list.first = block;
  ++list.count;
}

void* BlockPool::Reallocate(void* block, std::size_t bytes) {
  if (block == nullptr) return Allocate(bytes);
  const auto had = HeadOf(block)->bytes;
  if (kPooled && bytes <= had) return block;
  void* const larger = Allocate(bytes);
  std::memcpy(larger, block, std::min(had, bytes));
  Free(block);
  return larger;
}

}  // namespace pemba::rpc::internal
