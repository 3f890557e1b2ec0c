#include "pemba/graph/internal/slabs.h"

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pemba::graph::internal {
namespace {

struct Block {
  unsigned char* at;
  std::size_t bytes;
  unsigned char mark;
};

// Live blocks hold a mark of their own: blocks that overlap would show.
class Heap {
 public:
  explicit Heap(std::uint64_t seed) : random_(seed) {}

  void Add(std::size_t bytes) {
    auto* const at = static_cast<unsigned char*>(slabs.Allocate(bytes));
    const auto mark = static_cast<unsigned char>(random_());
    std::memset(at, mark, bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % (bytes % 64 == 0 ? 64 : 16), 0u) << bytes;
    blocks_.push_back({at, bytes, mark});
    live_bytes += bytes;
  }
  void RemoveAny() {
    std::swap(blocks_[random_() % blocks_.size()], blocks_.back());
    const Block block = blocks_.back();
    blocks_.pop_back();
    for (std::size_t i = 0; i < block.bytes; ++i) ASSERT_EQ(block.at[i], block.mark);
    EXPECT_EQ(slabs.Free(block.at, block.bytes), Slabs::Freed::kYes);
    live_bytes -= block.bytes;
  }
  bool empty() const { return blocks_.empty(); }
  std::mt19937_64& random() { return random_; }

  Slabs slabs;
  std::size_t live_bytes = 0;

 private:
  std::mt19937_64 random_;
  std::vector<Block> blocks_;
};

TEST(Slabs, BlocksOfEverySizeAreApart) {
  Heap heap(1);
  for (std::size_t bytes = 1; bytes <= 5'000; ++bytes) heap.Add(bytes);
  for (std::size_t bytes = 5'000; bytes <= Slabs::kBlockMax; bytes += 997) heap.Add(bytes);
  heap.Add(Slabs::kBlockMax);
  while (!heap.empty()) heap.RemoveAny();
}

TEST(Slabs, SurviveARandomHistory) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Heap heap(seed);
    for (int i = 0; i < 60'000; ++i) {
      const bool grow = heap.random()() % 100 < (i / 10'000 % 2 == 0 ? 70 : 35);
      if (grow || heap.empty()) {
        const bool large = heap.random()() % 20 == 0;
        heap.Add(1 + heap.random()() % (large ? 60'000 : 3'000));
      } else {
        heap.RemoveAny();
      }
    }
    while (!heap.empty()) heap.RemoveAny();
  }
}

TEST(Slabs, KnowWhatIsNotTheirs) {
  Slabs slabs;
  int other = 0;
  EXPECT_EQ(slabs.Free(&other, sizeof(other)), Slabs::Freed::kNotMine);
  EXPECT_NE(slabs.Allocate(100), nullptr);
  EXPECT_EQ(slabs.Free(&other, sizeof(other)), Slabs::Freed::kNotMine);
}

// What rows do while a store is loaded: all blocks grow through all sizes, one after the other.
TEST(Slabs, MemoryOfOneSizeServesTheNext) {
  Slabs slabs;
  constexpr std::size_t kBlocks = 4'000;
  std::vector<void*> blocks(kBlocks);
  std::size_t bytes = 64;
  for (auto& block : blocks) block = slabs.Allocate(bytes);
  for (; bytes < 3'000; bytes = bytes * 9 / 8) {
    for (auto& block : blocks) {
      void* const larger = slabs.Allocate(bytes * 9 / 8);
      EXPECT_EQ(slabs.Free(block, bytes), Slabs::Freed::kYes);
      block = larger;
    }
  }
  EXPECT_LT(slabs.mapped_bytes(), kBlocks * bytes * 3 / 2);
}

TEST(Slabs, TrimmedMemoryServesAgain) {
  Heap heap(5);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 400; ++i) heap.Add(40'000);
    const auto mapped = heap.slabs.mapped_bytes();
    while (!heap.empty()) heap.RemoveAny();
    heap.slabs.Trim();
    EXPECT_EQ(heap.slabs.mapped_bytes(), mapped);
    EXPECT_LT(mapped, 40'960u * 400 * 3 / 2);
  }
}

}  // namespace
}  // namespace pemba::graph::internal
