// EngineWorld: a scenario's tuples in a graph, and questions put to the engine in process.
#pragma once

#include <cstdint>
#include <memory>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/bench/scenario.h"
#include "pemba/engine/bound_model.h"
#include "pemba/graph/graph.h"

namespace pemba::bench {

// Immutable once made; any number of Askers in any number of threads.
class EngineWorld {
 public:
  // Errors: kInternal (the scenario's model or tuples are not valid: our bug), kResourceExhausted.
  static Result<std::unique_ptr<EngineWorld>> Make(const Scenario& scenario);

  const graph::Graph& graph() const { return graph_; }
  const engine::BoundModel& model() const { return *model_; }
  std::uint64_t tuples() const { return graph_.statistics().tuples; }

 private:
  EngineWorld() = default;

  graph::Graph graph_;
  std::shared_ptr<const engine::BoundModel> model_;
};

// A question with all that asking it needs, made before the time is taken. What a check needs lies
// in one cache line: fetching the questions is not what is measured.
class alignas(64) Prepared {
 public:
  // Errors: kInternal (a context that is not JSON: our bug).
  static Result<Prepared> Make(Question question);

  const Question& question() const { return question_; }
  // Of the tuple that is asked about, as one text: what the floor looks up.
  const std::string& text() const { return text_; }
  // The same bytes in parts: engine and floor read the same memory to know what is asked.
  tuple::TupleView tuple() const {
    const std::string_view text = text_;
    return {text.substr(0, object_bytes_), text.substr(object_bytes_ + 1, relation_bytes_),
            text.substr(object_bytes_ + relation_bytes_ + 2)};
  }

 private:
  friend class Asker;
  std::string text_;
  std::uint32_t object_bytes_ = 0, relation_bytes_ = 0;
  std::unique_ptr<boost::json::object> context_;
  bench::Ask ask_ = bench::Ask::kCheck;  // The question's, as its answer.
  Decision answer_ = Decision::kDenied;
  Question question_;
  std::vector<Prepared> batch_;
  // Views of the batch. INVARIANT: they point into batch_'s heap memory, so moving is safe.
  std::vector<engine::CheckQuery> queries_;
};

// One thread's: a pinned snapshot and an arena.
class Asker {
 public:
  // `hops`: at most 25 is what the reference answers; beyond it there is no limit.
  Asker(const EngineWorld& world, std::uint32_t hops);

  enum class Answer : std::uint8_t { kRight, kWrong };
  Answer Ask(const Prepared& prepared);
  // Ids or answers that the last question had.
  std::uint64_t answers() const { return answers_; }
  // For messages, about a question that was answered wrongly.
  std::string Describe(const Prepared& prepared);

 private:
  Result<engine::Decision> Check(const Prepared& prepared);
  Result<Done> AskAndVerify(const Prepared& prepared);
  Result<Done> ListAndVerify(const Prepared& prepared);

  const EngineWorld& world_;
  SystemClock clock_;
  engine::CheckLimits limits_;
  graph::Snapshot snapshot_;
  Arena arena_;
  std::uint64_t answers_ = 0;
};

}  // namespace pemba::bench
