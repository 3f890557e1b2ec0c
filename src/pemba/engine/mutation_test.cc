// The random worlds find planted bugs: a test that could not fail would prove nothing.
#include "pemba/engine/internal/mutation.h"

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/engine/testing/world_runner.h"

namespace pemba::engine::testing {
namespace {

using internal::Mutation;

constexpr std::uint64_t kWorlds = 2'500;  // Fewer than the agreement test runs.

TEST(Mutations, EveryPlantedBugIsFound) {
  // 0: of another kind than single questions that are well-formed; tests/advisories finds them.
  std::map<int, std::uint64_t> found_in{
      {static_cast<int>(Mutation::kAnyContextualCondition), 0},
      {static_cast<int>(Mutation::kForgetContextualConditions), 0},
      {static_cast<int>(Mutation::kForgetContextValues), 0},
  };
  const int count = static_cast<int>(internal::kFirstOfLists);
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    if (static_cast<int>(found_in.size()) == count - 1) break;
    const auto world = RandomWorld(seed);
    Oracle oracle(world.model, world.tuples);
    std::vector<std::unique_ptr<WorldRunner>> runners(count);
    for (int mutation = 1; mutation < count; ++mutation) {
      if (found_in.count(mutation) != 0) continue;
      internal::planted_mutation = static_cast<Mutation>(mutation);
      runners[mutation] = std::make_unique<WorldRunner>(world.model, world.tuples);
      internal::planted_mutation = Mutation::kNone;
    }
    for (const auto& question : world.questions) {
      const auto wanted = oracle.Check(question, kOracleSteps);
      if (!wanted) continue;
      for (int mutation = 1; mutation < count; ++mutation) {
        if (found_in.count(mutation) != 0) continue;
        internal::planted_mutation = static_cast<Mutation>(mutation);
        const auto got = runners[mutation]->Check(question);
        internal::planted_mutation = Mutation::kNone;
        if (!Disagreement(oracle, question, *wanted, got).empty()) found_in[mutation] = seed;
      }
    }
  }
  for (int mutation = 1; mutation < count; ++mutation) {
    EXPECT_EQ(found_in.count(mutation), 1u) << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << " found in world " << found_in[mutation] << "\n";
  }
}

}  // namespace
}  // namespace pemba::engine::testing
