// The engine agrees with the definition of rules and patterns on random worlds.
#include "pemba/reason/testing/agreement.h"

#include <cstdlib>
#include <iostream>
#include <string_view>

#include <gtest/gtest.h>

namespace pemba::reason::testing {
namespace {

std::uint64_t first_seed = 1;
std::uint64_t agreements_wanted = 100'000;
constexpr int kQueriesPerWorld = 60;

TEST(Agreement, EngineAnswersAsDefined) {
  AgreementResult total;
  std::uint64_t worlds = 0;
  for (std::uint64_t seed = first_seed; total.agreements < agreements_wanted; ++seed, ++worlds) {
    const AgreementResult one = CompareOnWorld(seed, kQueriesPerWorld);
    ASSERT_EQ(one.disagreement, "") << "seed " << seed;
    total.agreements += one.agreements;
    total.nonempty += one.nonempty;
    total.inferred += one.inferred;
    total.refused += one.refused;
    total.proofs += one.proofs;
    total.explanations += one.explanations;
  }
  std::cout << total.agreements << " agreements (" << total.nonempty << " with answers) in "
            << worlds << " worlds with " << total.inferred << " inferred facts; " << total.proofs
            << " proofs verified, " << total.explanations << " explanations counted; "
            << total.refused << " queries refused\n";
  // A run that asks nothing proves nothing.
  EXPECT_GT(total.nonempty, total.agreements / 5);
  EXPECT_GT(total.inferred, worlds);
  EXPECT_GT(total.proofs, worlds / 2);
  EXPECT_GT(total.explanations, worlds / 2);
}

}  // namespace
}  // namespace pemba::reason::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--seed=")) {
      pemba::reason::testing::first_seed = std::strtoull(argv[i] + 7, nullptr, 10);
    } else if (argument.starts_with("--agreements=")) {
      pemba::reason::testing::agreements_wanted = std::strtoull(argv[i] + 13, nullptr, 10);
    } else {
      std::cerr << "unknown argument " << argument << "\n";
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
