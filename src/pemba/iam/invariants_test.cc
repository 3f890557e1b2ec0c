// After every change of what is declared, whatever it is: the store's tuples and model are what all
// of it comes to, and every projection decides by the definition.
#include <gtest/gtest.h>

#include "pemba/iam/testing/random_access.h"

namespace pemba::iam::testing {
namespace {

constexpr std::uint64_t kWorlds = 25;
constexpr int kSteps = 60;

TEST(Invariants, HoldAfterEveryRandomChange) {
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    RandomAccess access(seed);
    for (int step = 0; step < kSteps; ++step) {
      const auto went = access.Step();
      ASSERT_EQ(went, "") << "seed " << seed << ", step " << step;
      const auto violation = access.Violation();
      ASSERT_EQ(violation, "") << "seed " << seed << ", step " << step;
    }
    ASSERT_EQ(access.Rebuild(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace pemba::iam::testing
