#include "pemba/graph/internal/leaf.h"

#include <vector>

#include <gtest/gtest.h>

namespace pemba::graph::internal {
namespace {

// Runs of every length around where the ways to search change, at every place, with what is in
// them, beside them and between them.
TEST(FindNodeIn, FindsWhatIsThereAndNothingElse) {
  constexpr std::uint32_t kLengthMax = 40, kBegin = 3;
  for (std::uint32_t length = 0; length <= kLengthMax; ++length) {
    SCOPED_TRACE(length);
    const std::uint32_t end = kBegin + length;
    // Ends with the run, so that a sanitizer sees who reads on; what is before it is no part of it.
    std::vector<NodeId> nodes(end);
    for (std::uint32_t i = 0; i < end; ++i) nodes[i] = 10 * i + 5;
    for (std::uint32_t i = 0; i < end; ++i) {
      EXPECT_EQ(FindNodeIn(nodes.data(), kBegin, end, nodes[i]), i < kBegin ? end : i);
      EXPECT_EQ(FindNodeIn(nodes.data(), kBegin, end, nodes[i] + 1), end);
    }
    EXPECT_EQ(FindNodeIn(nodes.data(), kBegin, end, 0), end);
    EXPECT_EQ(FindNodeIn(nodes.data(), kBegin, end, kNoNode), end);
  }
}

}  // namespace
}  // namespace pemba::graph::internal
