// Every "allowed" has a proof that holds without the engine, on random worlds; every explanation
// answers as Check does.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/engine/explainer.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/proof_verifier.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/engine/testing/world_runner.h"

namespace pemba::engine::testing {
namespace {

constexpr std::uint64_t kWorlds = 20'000;
constexpr std::uint64_t kFirstSeed = 7'000'000;
constexpr WorldShape kShape{.questions = 6};

bool SameOutcome(const Result<Decision>& a, const Result<Decision>& b) {
  if (a.ok() != b.ok()) return false;
  return a.ok() ? *a == *b : a.error() == b.error();
}

bool HasDifference(const model::Model& model) {
  const auto has = [](const auto& self, const model::Rewrite& rewrite) -> bool {
    return rewrite.kind == model::RewriteKind::kDifference ||
           std::any_of(rewrite.children.begin(), rewrite.children.end(),
                       [&](const auto& child) { return self(self, child); });
  };
  for (const auto& type : model.types) {
    for (const auto& [name, rewrite] : type.relations) {
      if (has(has, rewrite)) return true;
    }
  }
  return false;
}

// Whether the near miss is only of tuples that could be written as they are.
bool OnlyPlainTuples(const NearMiss& miss) {
  return std::all_of(miss.obstacles.begin(), miss.obstacles.end(), [](const auto& obstacle) {
    return obstacle.kind == Obstacle::Kind::kMissingTuple && !obstacle.tuple.condition;
  });
}

class Proof : public ::testing::Test {
 protected:
  void Judge(const World& world, const Oracle::Question& question, const Explanation& explained,
             WorldRunner& runner) {
    if (!explained.outcome.ok()) {
      ++failed_;
      EXPECT_TRUE(explained.proof.empty() && explained.near_misses.empty());
      JudgeFailures(explained);
    } else if (*explained.outcome == Decision::kAllowed) {
      ++allowed_;
      JudgeProof(world, question, explained.proof);
    } else {
      ++denied_;
      EXPECT_TRUE(explained.proof.empty());
      JudgeNearMisses(world, question, explained, runner);
    }
  }

  void JudgeProof(const World& world, const Oracle::Question& question,
                  const std::vector<ProofNode>& proof) {
    EXPECT_EQ(VerifyProof(world.model, world.tuples, question, proof), "");
    nodes_ += proof.size();
    // The named tuples are the whole truth: with nothing else stored, the answer stays.
    const auto named = NamedTuples(proof);
    EXPECT_EQ(VerifyProof(world.model, named, question, proof), "");
    Oracle oracle(world.model, named);
    const auto verdict = oracle.Check(question, kOracleSteps);
    EXPECT_TRUE(!verdict || verdict->truth == Truth::kTrue);
    for (const auto& node : proof) negative_ += node.decision == Decision::kDenied ? 1 : 0;
  }

  // The leaf that Check reports is among those named.
  void JudgeFailures(const Explanation& explained) {
    ASSERT_FALSE(explained.failures.empty());
    EXPECT_EQ(explained.failures[0].message, explained.outcome.error().message);
  }

  // Whoever writes what is missing is allowed, as long as nothing can be excluded.
  void JudgeNearMisses(const World& world, const Oracle::Question& question,
                       const Explanation& explained, WorldRunner& runner) {
    std::uint32_t last = 0;
    for (const auto& miss : explained.near_misses) {
      EXPECT_FALSE(miss.obstacles.empty());
      EXPECT_GE(miss.cost, last);
      last = miss.cost;
      if (!OnlyPlainTuples(miss) || HasDifference(world.model)) continue;
      auto asked = question;
      for (const auto& obstacle : miss.obstacles) asked.contextual_tuples.push_back(obstacle.tuple);
      const auto got = runner.Check(asked);
      EXPECT_TRUE(got.ok() && *got == Decision::kAllowed);
      ++remedies_;
    }
  }

  std::uint64_t allowed_ = 0, denied_ = 0, failed_ = 0, nodes_ = 0, negative_ = 0, remedies_ = 0;
};

TEST_F(Proof, HoldsOnRandomWorlds) {
  for (auto seed = kFirstSeed; seed < kFirstSeed + kWorlds && !HasFailure(); ++seed) {
    const auto world = RandomWorld(seed, kShape);
    WorldRunner runner(world.model, world.tuples);
    for (const auto& question : world.questions) {
      SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(world, question));
      const auto checked = runner.Check(question);
      const auto explained = runner.Explain(question);
      if (!explained.ok()) {
        // Only what no check could be asked about.
        EXPECT_TRUE(!checked.ok() && checked.error() == explained.error());
        continue;
      }
      EXPECT_TRUE(SameOutcome(checked, explained->outcome));
      Judge(world, question, *explained, runner);
      if (HasFailure()) break;
    }
  }
  std::cout << allowed_ << " allowed with " << nodes_ << " nodes (" << negative_
            << " of what does not hold), " << denied_ << " denied (" << remedies_
            << " remedies tried), " << failed_ << " failed\n";
  EXPECT_GT(allowed_, 10'000U);
  EXPECT_GT(denied_, 10'000U);
  EXPECT_GT(failed_, 1'000U);
  EXPECT_GT(negative_, 1'000U);
  EXPECT_GT(remedies_, 1'000U);
}

// A verifier that accepts everything would be no use: what makes a proof is needed, each part.
TEST_F(Proof, FailsWhenAnythingInItIsChanged) {
  std::uint64_t tried = 0;
  for (auto seed = kFirstSeed; seed < kFirstSeed + 1'000 && !HasFailure(); ++seed) {
    const auto world = RandomWorld(seed, kShape);
    WorldRunner runner(world.model, world.tuples);
    for (const auto& question : world.questions) {
      const auto explained = runner.Explain(question);
      if (!explained.ok() || explained->proof.empty()) continue;
      const auto& proof = explained->proof;
      const auto refuted = [&](const std::vector<ProofNode>& changed) {
        ++tried;
        return !VerifyProof(world.model, world.tuples, question, changed).empty();
      };
      SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(world, question));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        const bool allowed = proof[i].decision == Decision::kAllowed;
        auto turned = proof;
        turned[i].decision = allowed ? Decision::kDenied : Decision::kAllowed;
        EXPECT_TRUE(refuted(turned)) << "node " << i << " turned around";
        auto cut = proof;
        cut[i].rule = ProofRule::kCut;
        EXPECT_TRUE(!allowed || refuted(cut)) << "node " << i << " cut";
        for (std::size_t j = 0; j < proof[i].steps.size(); ++j) {
          auto shorter = proof;
          shorter[i].steps.erase(shorter[i].steps.begin() + static_cast<std::ptrdiff_t>(j));
          EXPECT_TRUE(!allowed || refuted(shorter)) << "node " << i << " without step " << j;
          if (!proof[i].steps[j].evidence) continue;
          auto forged = proof;
          forged[i].steps[j].evidence->tuple.object += "0";
          EXPECT_TRUE(refuted(forged)) << "node " << i << ", step " << j << " forged";
        }
      }
      if (HasFailure()) break;
    }
  }
  EXPECT_GT(tried, 10'000U);
}

TEST_F(Proof, CutsOnlyWhatDoesNotHold) {
  std::uint64_t cut = 0;
  for (auto seed = kFirstSeed; seed < kFirstSeed + 2'000 && !HasFailure(); ++seed) {
    const auto world = RandomWorld(seed, kShape);
    WorldRunner runner(world.model, world.tuples);
    for (const auto& question : world.questions) {
      const auto explained =
          runner.Explain(question, {.proof_nodes_max = 2, .steps_per_node_max = 1});
      if (!explained.ok() || explained->proof.empty()) continue;
      SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(world, question));
      EXPECT_EQ(VerifyProof(world.model, world.tuples, question, explained->proof), "");
      for (const auto& node : explained->proof) {
        if (node.rule != ProofRule::kCut && node.steps_cut == 0) continue;
        EXPECT_EQ(node.decision, Decision::kDenied);
        ++cut;
      }
    }
  }
  EXPECT_GT(cut, 100U);
}

}  // namespace
}  // namespace pemba::engine::testing
