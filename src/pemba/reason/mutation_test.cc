// The random worlds find planted bugs: a test that could not fail would prove nothing.
#include "pemba/reason/internal/mutation.h"

#include <iostream>
#include <map>

#include <gtest/gtest.h>

#include "pemba/reason/testing/agreement.h"

namespace pemba::reason::testing {
namespace {

using internal::Mutation;

constexpr std::uint64_t kWorlds = 1'500;  // About as many as the agreement test runs.
constexpr int kQueriesPerWorld = 40;

TEST(Mutations, EveryPlantedBugIsFound) {
  const int count = static_cast<int>(Mutation::kCount);
  for (int mutation = 1; mutation < count; ++mutation) {
    internal::planted_mutation = static_cast<Mutation>(mutation);
    std::uint64_t found_in = 0;
    for (std::uint64_t seed = 1; seed <= kWorlds && found_in == 0; ++seed) {
      if (!CompareOnWorld(seed, kQueriesPerWorld).disagreement.empty()) found_in = seed;
    }
    internal::planted_mutation = Mutation::kNone;
    EXPECT_NE(found_in, 0U) << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << " found in world " << found_in << "\n";
  }
}

}  // namespace
}  // namespace pemba::reason::testing
