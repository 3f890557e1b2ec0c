// The engine agrees with the definition on random worlds.
//
// --worlds=N and --seed=S run another set; a disagreement prints its seed and a minimised world.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/engine/testing/world_runner.h"

namespace pemba::engine::testing {
namespace {

std::uint64_t worlds = 3'000;
std::uint64_t first_seed = 1;

std::string Disagreement(const World& world, const Oracle::Question& question) {
  Oracle oracle(world.model, world.tuples);
  const auto wanted = oracle.Check(question, kOracleSteps);
  if (!wanted) return "";
  WorldRunner runner(world.model, world.tuples);
  return Disagreement(oracle, question, *wanted, runner.Check(question));
}

// Drops tuples for as long as the engine and the definition still disagree.
void Minimise(World& world, Oracle::Question& question) {
  const auto shrink = [&](auto& list) {
    for (std::size_t i = list.size(); i-- > 0;) {
      const auto dropped = list[i];
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
      if (Disagreement(world, question).empty()) {
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(i), dropped);
      }
    }
  };
  for (int round = 0; round < 2; ++round) {
    shrink(world.tuples);
    shrink(question.contextual_tuples);
  }
}

struct Counts {
  std::uint64_t checks = 0, allowed = 0, denied = 0, cycles = 0, conditions = 0, limits = 0,
                skipped = 0;
};

TEST(Agreement, EngineAndDefinition) {
  Counts counts;
  int failures = 0;
  for (auto seed = first_seed; seed < first_seed + worlds && failures < 5; ++seed) {
    const auto world = RandomWorld(seed);
    Oracle oracle(world.model, world.tuples);
    WorldRunner runner(world.model, world.tuples);
    for (const auto& question : world.questions) {
      const auto wanted = oracle.Check(question, kOracleSteps);
      if (!wanted) {
        ++counts.skipped;
        continue;
      }
      ++counts.checks;
      switch (wanted->truth) {
        case Truth::kTrue:
          ++counts.allowed;
          break;
        case Truth::kFalse:
          ++counts.denied;
          break;
        case Truth::kCycle:
          ++counts.cycles;
          break;
        case Truth::kFailed:
          ++(wanted->error->code == ErrorCode::kTooComplex ? counts.limits : counts.conditions);
      }
      const auto wrong = Disagreement(oracle, question, *wanted, runner.Check(question));
      if (wrong.empty()) continue;
      auto small = world;
      auto asked = question;
      Minimise(small, asked);
      ADD_FAILURE() << "seed " << seed << ": " << wrong
                    << "\nminimised: " << Disagreement(small, asked) << "\n"
                    << Describe(small, asked);
      if (++failures == 5) break;
    }
  }
  std::cout << counts.checks << " checks: " << counts.allowed << " allowed, " << counts.denied
            << " denied, " << counts.cycles << " denied by a cycle, " << counts.conditions
            << " condition errors, " << counts.limits << " limit errors; " << counts.skipped
            << " left out as too long for the definition\n";
  // Every kind of outcome was really there.
  if (failures > 0 || worlds < 1'000) return;
  EXPECT_GT(counts.allowed, counts.checks / 20);
  EXPECT_GT(counts.cycles, counts.checks / 1'000);
  EXPECT_GT(counts.conditions, counts.checks / 100);
  EXPECT_GT(counts.limits, counts.checks / 1'000);
  EXPECT_LT(counts.skipped, counts.checks / 20);
}

}  // namespace
}  // namespace pemba::engine::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--worlds=", 0) == 0) {
      pemba::engine::testing::worlds = std::strtoull(argument.c_str() + 9, nullptr, 10);
    } else if (argument.rfind("--seed=", 0) == 0) {
      pemba::engine::testing::first_seed = std::strtoull(argument.c_str() + 7, nullptr, 10);
    }
  }
  return RUN_ALL_TESTS();
}
