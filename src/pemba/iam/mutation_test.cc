// The random changes find bugs planted in the projector: a test that could not fail would prove
// nothing.
#include "pemba/iam/internal/mutation.h"

#include <iostream>
#include <optional>

#include <gtest/gtest.h>

#include "pemba/iam/testing/random_access.h"

namespace pemba::iam::testing {
namespace {

using internal::Mutation;

constexpr std::uint64_t kWorlds = 60;
constexpr int kSteps = 60;

// The world in which the mutation is found, and how.
std::optional<std::string> Find(Mutation mutation) {
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    RandomAccess access(seed);
    for (int step = 0; step < kSteps; ++step) {
      internal::planted_mutation = mutation;
      auto wrong = access.Step();
      internal::planted_mutation = Mutation::kNone;
      if (wrong.empty()) wrong = access.Violation();
      if (!wrong.empty()) return fmt::format("world {}, step {}: {}", seed, step, wrong);
    }
  }
  return std::nullopt;
}

TEST(Mutations, EveryPlantedBugIsFound) {
  // Those of several servers are shared_mutation_test.cc's.
  for (int mutation = 1; mutation < static_cast<int>(Mutation::kForgetFollowed); ++mutation) {
    const auto found = Find(static_cast<Mutation>(mutation));
    EXPECT_TRUE(found.has_value()) << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << ": " << found.value_or("not found") << "\n";
  }
}

}  // namespace
}  // namespace pemba::iam::testing
