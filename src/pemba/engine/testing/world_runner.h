// Runs questions about a world through the engine.
#pragma once

#include <chrono>
#include <memory>

#include "pemba/base/arena.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/explainer.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/graph/graph.h"

namespace pemba::engine::testing {

// A graph that holds `tuples`, written in the order given.
std::unique_ptr<graph::Graph> GraphOf(const std::vector<tuple::Tuple>& tuples);

// Shows kAskedAt, for ever.
class AskedAtClock final : public Clock {
 public:
  WallTime Now() const override { return kAskedAt; }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
};

// One store with one model.
class WorldRunner {
 public:
  WorldRunner(const model::Model& model, const std::vector<tuple::Tuple>& tuples);

  Result<Decision> Check(const Oracle::Question& question);
  Result<Explanation> Explain(const Oracle::Question& question, ExplainLimits limits = {});
  std::vector<Result<Decision>> BatchCheck(const std::vector<Oracle::Question>& questions,
                                           std::uint32_t hops_max);

  const graph::Graph& graph() const { return *graph_; }
  const BoundModel& model() const { return *model_; }

 private:
  std::unique_ptr<graph::Graph> graph_;
  std::shared_ptr<const BoundModel> model_;
  AskedAtClock clock_;
  Arena arena_;
};

// Questions that take the oracle longer are left out.
inline constexpr std::uint64_t kOracleSteps = 2'000;

// "" if the engine's answer is what the oracle's verdict demands; else what is wrong. `wanted` is
// what the oracle has just said.
std::string Disagreement(Oracle& oracle, const Oracle::Question& question, const Verdict& wanted,
                         const Result<Decision>& got);

std::string ToText(const Result<Decision>& answer);

}  // namespace pemba::engine::testing
