#include "pemba/rpc/internal/block_pool.h"

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pemba::rpc::internal {
namespace {

struct Held {
  char* bytes;
  std::size_t size;
  char fill;
};

void ExpectIntact(const Held& held) {
  for (std::size_t i = 0; i < held.size; ++i) ASSERT_EQ(held.bytes[i], held.fill);
}

TEST(BlockPool, BlocksNeverOverlapWhateverIsTakenAndGivenBack) {
  BlockPool pool;
  std::mt19937 random(1);
  std::vector<Held> all;
  for (int i = 0; i < 20'000; ++i) {
    const auto what = random() % 3;
    if (what == 0 || all.empty()) {
      const std::size_t size = random() % 3'000;
      all.push_back({static_cast<char*>(pool.Allocate(size)), size, static_cast<char>(i)});
      std::memset(all.back().bytes, all.back().fill, size);
    } else {
      auto& held = all[random() % all.size()];
      ASSERT_NO_FATAL_FAILURE(ExpectIntact(held));
      if (what == 1) {
        pool.Free(held.bytes);
        held = all.back();
        all.pop_back();
      } else {
        const std::size_t size = random() % 5'000;
        held.bytes = static_cast<char*>(pool.Reallocate(held.bytes, size));
        held.size = std::min(held.size, size);
        ASSERT_NO_FATAL_FAILURE(ExpectIntact(held));
        held.size = size;
        std::memset(held.bytes, held.fill, size);
      }
    }
  }
  for (const auto& held : all) {
    ExpectIntact(held);
    pool.Free(held.bytes);
  }
}

TEST(BlockPool, NothingIsNothing) {
  BlockPool pool;
  pool.Free(nullptr);
  void* const block = pool.Reallocate(nullptr, 10);
  ASSERT_NE(block, nullptr);
  pool.Free(block);
}

}  // namespace
}  // namespace pemba::rpc::internal
