#include "pemba/engine/internal/sorted_runs.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pemba::engine::internal {
namespace {

using Ids = std::vector<graph::NodeId>;

Ids RandomRun(std::mt19937& random, std::size_t size, graph::NodeId below) {
  Ids ids;
  for (std::size_t i = 0; i < size; ++i) ids.push_back(random() % below);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

TEST(SortedRuns, MeetAsTheirIntersectionSays) {
  std::mt19937 random(1);
  int met = 0;
  constexpr int kRuns = 20'000;
  for (int i = 0; i < kRuns; ++i) {
    const graph::NodeId below = i % 3 == 0 ? 60 : 100'000;
    const auto a = RandomRun(random, random() % 40, below);
    const auto b = RandomRun(random, random() % (i % 2 == 0 ? 40 : 3'000), below);
    Ids common;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
    const auto want = common.empty() ? RunsMeet::kNo : RunsMeet::kYes;
    met += common.empty() ? 0 : 1;
    ASSERT_EQ(Meet(a, b), want) << "run " << i;
    ASSERT_EQ(Meet(b, a), want) << "run " << i;
  }
  EXPECT_GT(met, kRuns / 10);
  EXPECT_LT(met, kRuns * 9 / 10);
}

TEST(SortedRuns, OneCommonElementIsFoundWhereverItLies) {
  for (const std::size_t odd_size : {1, 2, 3, 4, 5, 7, 8, 9, 30, 1'000}) {
    Ids odd, even;
    for (graph::NodeId i = 0; i < odd_size; ++i) odd.push_back(2 * i + 1);
    for (graph::NodeId i = 0; i < 500; ++i) even.push_back(2 * i);
    ASSERT_EQ(Meet(odd, even), RunsMeet::kNo);
    for (auto& element : even) {
      const auto before = element++;  // Odd now.
      const bool common = std::binary_search(odd.begin(), odd.end(), element);
      ASSERT_EQ(Meet(odd, even) == RunsMeet::kYes, common) << odd_size << " " << before;
      element = before;
    }
  }
}

}  // namespace
}  // namespace pemba::engine::internal
