// The random worlds find planted bugs: a test that could not fail would prove nothing.
#include "pemba/engine/internal/mutation.h"

#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/testing/list_runner.h"
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
  const int count = static_cast<int>(internal::kFirstOfBatches);
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

TEST(Mutations, EveryBugPlantedInBatchesIsFound) {
  std::map<int, std::uint64_t> found_in;
  const int first = static_cast<int>(internal::kFirstOfBatches);
  const int count = static_cast<int>(internal::kFirstOfLists);
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    if (static_cast<int>(found_in.size()) == count - first) break;
    const auto world = OneSubjectWorld(seed);
    const auto hops_max = world.questions[0].hops_max;
    WorldRunner runner(world.model, world.tuples);
    for (int mutation = first; mutation < count; ++mutation) {
      if (found_in.count(mutation) != 0) continue;
      internal::planted_mutation = static_cast<Mutation>(mutation);
      const auto answers = runner.BatchCheck(world.questions, hops_max);
      internal::planted_mutation = Mutation::kNone;
      for (std::size_t i = 0; i < answers.size(); ++i) {
        if (ToText(answers[i]) != ToText(runner.Check(world.questions[i]))) {
          found_in[mutation] = seed;
        }
      }
    }
  }
  for (int mutation = first; mutation < count; ++mutation) {
    EXPECT_EQ(found_in.count(mutation), 1u) << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << " found in world " << found_in[mutation] << "\n";
  }
}

// A list under a planted bug: whether it is what Check, without the bug, says it should be.
bool IsRight(WorldRunner& runner, const World& world, const Oracle::Question& question,
             const std::optional<UserKind>& kind, Mutation mutation) {
  ListRunner lists(runner);
  const auto ask = [&](const ListOptions& options) {
    internal::planted_mutation = mutation;
    auto got = kind ? lists.Users(question, *kind, options) : lists.Objects(question, options);
    internal::planted_mutation = Mutation::kNone;
    return got;
  };
  const auto got = ask({});
  if (!got.ok()) return true;
  const auto wrong = kind ? WrongUsers(runner, world.tuples, question, *kind, *got)
                          : WrongObjects(runner, world.tuples, question, *got);
  if (!wrong.empty()) return false;
  if (got->ids.empty()) return true;
  const auto rest = ask({.after = got->ids[0]});
  return rest.ok() && rest->ids.size() == got->ids.size() - 1;
}

TEST(Mutations, EveryBugPlantedInListsIsFound) {
  std::map<int, std::uint64_t> found_in;
  const int first = static_cast<int>(internal::kFirstOfLists);
  const int count = static_cast<int>(Mutation::kCount);
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    if (static_cast<int>(found_in.size()) == count - first) break;
    const auto world = RandomWorld(seed);
    WorldRunner runner(world.model, world.tuples);
    for (auto question : world.questions) {
      question.hops_max = 0;
      for (int mutation = first; mutation < count; ++mutation) {
        if (found_in.count(mutation) != 0) continue;
        const auto planted = static_cast<Mutation>(mutation);
        for (const auto& kind : {std::optional<UserKind>(), std::optional(UserKind{"user", ""})}) {
          if (!IsRight(runner, world, question, kind, planted)) found_in[mutation] = seed;
        }
      }
    }
  }
  for (int mutation = first; mutation < count; ++mutation) {
    EXPECT_EQ(found_in.count(mutation), 1u) << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << " found in world " << found_in[mutation] << "\n";
  }
}

}  // namespace
}  // namespace pemba::engine::testing
