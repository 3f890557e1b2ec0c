#include "pemba/engine/checker.h"

#include <algorithm>
#include <optional>
#include <string>

#include "pemba/engine/internal/direct_check.h"
#include "pemba/engine/internal/evaluator.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/request.h"
#include "pemba/engine/internal/search_memo.h"
#include "pemba/engine/internal/union_search.h"

namespace pemba::engine {
namespace {

using internal::Evaluator;
using internal::Mutated;
using internal::Mutation;
using internal::Outcome;
using internal::Request;
using internal::Truth;

// Neither true nor false within the limit of hops: is it the limit, an error of a condition, or a
// cycle? `outcome` is what `own` has just found, asked for nothing before.
Outcome Weigh(Request& request, Evaluator& own, const Outcome& outcome) {
  const bool limit_matters = own.limit_met() && own.cycle_met();
  if (!limit_matters && (outcome.truth != Truth::kCycle || !own.errors_met())) return outcome;
  // With both, the definition asks for the longest simple way. Ours: if the question is decided
  // without the limit, the limit is what hides the answer. If it is not, it hangs on a cycle; then
  // shortest ways are held against the limit, and errors are weighed against the cycle.
  const auto hops_max = request.hops_max();
  request.LiftHopsLimit();
  Evaluator unlimited(request);
  const auto decided = unlimited.Run(request.relation(), request.object());
  if (decided.truth != Truth::kCycle) {
    return outcome.truth == Truth::kFailed ? outcome : Outcome::Failed(request.TooDeep());
  }
  const auto settled = unlimited.Settle(request.relation(), request.object());
  if (limit_matters && unlimited.FarthestUndecided() >= hops_max) {
    return Outcome::Failed(request.TooDeep());
  }
  return settled;
}

// `shared` has what earlier questions found out, if any.
Outcome Decide(Request& request, Evaluator& shared) {
  const auto relation = request.relation();
  const auto object = request.object();
  if (request.IsSubject(relation, object)) return Outcome::True();
  if (!request.Reaches(relation)) return Outcome::False();
  if (request.plan().relations()[relation].unions_only) {
    return internal::SearchRelation(request, relation, object, 0, /*want_cycles=*/false);
  }
  const bool used = shared.used();
  const auto outcome = shared.Run(relation, object);
  if (outcome.truth == Truth::kTrue || outcome.truth == Truth::kFalse) return outcome;
  if (!used) return Weigh(request, shared, outcome);
  // What others met on their way must not weigh in.
  Evaluator own(request);
  const auto again = own.Run(relation, object);
  return Weigh(request, own, again);
}

Result<Decision> Answer(Request& request, Evaluator& evaluator) {
  const auto outcome = Decide(request, evaluator);
  if (const auto* stopped = request.stopped()) {
    return Error{stopped->code, std::string(stopped->message)};
  }
  switch (outcome.truth) {
    case Truth::kTrue:
      return Decision::kAllowed;
    case Truth::kFalse:
    case Truth::kCycle:
      return Decision::kDenied;
    case Truth::kFailed:
      return Error{outcome.failure->code, std::string(outcome.failure->message)};
  }
  return Error{ErrorCode::kInternal, "no outcome"};
}

bool SameContext(const boost::json::object* a, const boost::json::object* b) {
  static const boost::json::object kEmpty;
  if (a == b) return true;
  if (Mutated(Mutation::kForgetContextValues) && a != nullptr && b != nullptr) {
    return a->size() == b->size();
  }
  return (a == nullptr ? kEmpty : *a) == (b == nullptr ? kEmpty : *b);
}

// Whether two questions differ in object and relation at most. Compared by value, never by text
// made of several values: ["a,b"] is not ["a","b"].
bool SameSubject(const CheckQuery& a, const CheckQuery& b) {
  const auto same = [](const tuple::Tuple& one, const tuple::Tuple& other) {
    return one == other ||
           (Mutated(Mutation::kForgetContextualConditions) && one.view() == other.view());
  };
  return a.tuple.subject == b.tuple.subject && a.deadline == b.deadline &&
         std::equal(a.contextual_tuples.begin(), a.contextual_tuples.end(),
                    b.contextual_tuples.begin(), b.contextual_tuples.end(), same) &&
         SameContext(a.context, b.context);
}

}  // namespace

Result<Decision> Checker::Check(const graph::Snapshot& snapshot, const BoundModel& model,
                                const CheckQuery& query, Arena& arena) const {
  if (const auto decision = internal::DecideDirectly(snapshot, model, query)) return *decision;
  Request request(limits_, clock_, snapshot, model, query, arena);
  PEMBA_TRY(std::ignore, request.Resolve());
  Evaluator evaluator(request);
  return Answer(request, evaluator);
}

std::vector<Result<Decision>> Checker::BatchCheck(const graph::Snapshot& snapshot,
                                                  const BoundModel& model,
                                                  std::span<const CheckQuery> queries,
                                                  Arena& arena) const {
  std::vector<Result<Decision>> answers(queries.size(), Decision::kDenied);
  const auto grouped = arena.NewArray<bool>(queries.size());
  for (std::uint32_t first = 0; first < queries.size(); ++first) {
    if (grouped[first]) continue;
    // This question and all later ones of the same subject share what is found out.
    internal::ArenaVector<std::uint32_t> group(arena);
    for (auto i = first; i < queries.size(); ++i) {
      if (grouped[i] || (i != first && !SameSubject(queries[first], queries[i]))) continue;
      grouped[i] = true;
      group.push_back(i);
    }
    if (group.size() == 1) {
      answers[first] = Check(snapshot, model, queries[first], arena);
    } else {
      AnswerGroup(snapshot, model, queries, {group.begin(), group.end()}, arena, answers);
    }
  }
  return answers;
}

void Checker::AnswerGroup(const graph::Snapshot& snapshot, const BoundModel& model,
                          std::span<const CheckQuery> queries, std::span<const std::uint32_t> group,
                          Arena& arena, std::span<Result<Decision>> answers) const {
  Request request(limits_, clock_, snapshot, model, queries[group[0]], arena);
  if (const auto resolved = request.ResolveSubject(); !resolved.ok()) {
    for (const auto i : group) answers[i] = resolved.error();
    return;
  }
  internal::SearchMemo memo(arena);
  request.ShareSearches(&memo);
  std::optional<Evaluator> evaluator(std::in_place, request);
  internal::GoalIndex asked(arena);  // Where the same question came first.
  const auto targets = request.FindTargets(queries, group);
  for (std::size_t at = 0; at < group.size(); ++at) {
    const auto& target = targets[at];
    const auto i = group[at];
    if (target.relation == model::kNoIndex) {
      answers[i] = request.ResolveTarget(queries[i]).error();
      continue;
    }
    const auto same = asked.FindOrAdd(std::uint64_t{target.relation} << 32 | target.object, i);
    if (same != internal::GoalIndex::kNew) {
      answers[i] = answers[same];
      continue;
    }
    request.TurnTo(queries[i], target);
    answers[i] = Answer(request, *evaluator);
    // What was cut off in the middle is not built upon.
    if (request.stopped() != nullptr) evaluator.emplace(request);
  }
}

}  // namespace pemba::engine
