#include "pemba/engine/testing/world_runner.h"

#include "pemba/base/assert.h"
#include "pemba/tuple/context.h"

namespace pemba::engine::testing {

std::unique_ptr<graph::Graph> GraphOf(const std::vector<tuple::Tuple>& tuples) {
  auto graph = std::make_unique<graph::Graph>();
  graph::Revision revision = 0;
  for (const auto& tuple : tuples) {
    graph::Change change;
    change.tuple = tuple.view();
    change.expires_at = tuple.expires_at;
    std::string context;
    if (tuple.condition) {
      change.condition = tuple.condition->name;
      if (!tuple.condition->context.empty()) {
        context = tuple::CanonicalText(tuple.condition->context);
      }
      change.context = context;
    }
    const auto status = graph->Apply(++revision, WallTime{}, {&change, 1});
    PEMBA_CHECK(status.ok());
  }
  graph->Publish(revision);
  return graph;
}

WorldRunner::WorldRunner(const model::Model& model, const std::vector<tuple::Tuple>& tuples)
    : graph_(GraphOf(tuples)) {
  auto plan = model::Plan::Compile(model, MayExpireIn(*graph_));
  PEMBA_CHECK(plan.ok());
  model_ = BoundModel::Bind(*std::move(plan), *graph_);
}

Result<Decision> WorldRunner::Check(const Oracle::Question& question) {
  arena_.Reset();
  const Checker checker({.resolve_node_limit = question.hops_max}, clock_);
  return checker.Check(graph_->Pin(), *model_,
                       {question.tuple.view(), question.contextual_tuples, &question.context, {}},
                       arena_);
}

Result<Explanation> WorldRunner::Explain(const Oracle::Question& question, ExplainLimits limits) {
  arena_.Reset();
  limits.check.resolve_node_limit = question.hops_max;
  const Explainer explainer(limits, clock_);
  return explainer.Explain(
      graph_->Pin(), *model_,
      {question.tuple.view(), question.contextual_tuples, &question.context, {}}, arena_);
}

std::vector<Result<Decision>> WorldRunner::BatchCheck(
    const std::vector<Oracle::Question>& questions, std::uint32_t hops_max) {
  arena_.Reset();
  const Checker checker({.resolve_node_limit = hops_max}, clock_);
  std::vector<CheckQuery> queries;
  for (const auto& question : questions) {
    queries.push_back({question.tuple.view(), question.contextual_tuples, &question.context, {}});
  }
  return checker.BatchCheck(graph_->Pin(), *model_, queries, arena_);
}

std::string ToText(const Result<Decision>& answer) {
  if (answer.ok()) return *answer == Decision::kAllowed ? "allowed" : "denied";
  return "error: " + answer.error().message;
}

std::string Disagreement(Oracle& oracle, const Oracle::Question& question, const Verdict& wanted,
                         const Result<Decision>& got) {
  const bool failed = wanted.truth == Truth::kFailed;
  const auto decision = wanted.truth == Truth::kTrue ? Decision::kAllowed : Decision::kDenied;
  bool agree =
      failed ? !got.ok() && got.error().code == wanted.error->code : got.ok() && *got == decision;
  // Which of several errors around a cycle is reported is not defined.
  if (agree && failed && !oracle.met_cycle() && wanted.error->code == ErrorCode::kValidation) {
    agree = got.error().message == wanted.error->message;
  }
  if (agree) return "";
  // Where a question hangs on a cycle and ways around it exceed the limit, the definition asks for
  // the longest simple way; the engine then denies or reports an error, by its own rule.
  const bool undecided = wanted.truth != Truth::kTrue && !(got.ok() && *got == Decision::kAllowed);
  if (undecided && oracle.met_limit()) {
    auto unlimited = question;
    unlimited.hops_max = 0;
    const bool found_out = oracle.Check(unlimited, kOracleSteps).has_value();
    if (!found_out || oracle.met_cycle()) return "";
  }
  return "wanted " +
         (failed ? "error: " + wanted.error->message
                 : std::string(decision == Decision::kAllowed ? "allowed" : "denied")) +
         ", got " + ToText(got);
}

}  // namespace pemba::engine::testing
