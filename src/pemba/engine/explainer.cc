#include "pemba/engine/explainer.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "pemba/engine/internal/evidence.h"
#include "pemba/engine/internal/near_misses.h"
#include "pemba/engine/internal/proof_search.h"
#include "pemba/engine/internal/proof_writer.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine {
namespace {

using internal::ProofSearch;
using internal::Request;
using internal::VertexKind;

constexpr std::size_t kFailuresMax = 20;

Error Stopped(const Request& request) {
  return {request.stopped()->code, std::string(request.stopped()->message)};
}

Status Prove(Request& request, const ExplainLimits& limits, Explanation& explanation) {
  ProofSearch search(request, ProofSearch::Extent::kUntilSettled, limits.questions_max);
  switch (search.Run()) {
    case ProofSearch::End::kStopped:
      return Stopped(request);
    case ProofSearch::End::kTooMany:
      return Error{ErrorCode::kTooComplex,
                   "allowed, but the explanation needs more work than is allowed"};
    case ProofSearch::End::kDone:
      break;
  }
  const auto& root = search.vertex(search.root());
  if (!root.settled || root.decision != Decision::kAllowed) {
    return Error{ErrorCode::kInternal, "the check allows what has no proof"};
  }
  explanation.proof = internal::WriteProof(request, search, limits);
  return Done{};
}

Status FindWhatIsMissing(Request& request, const ExplainLimits& limits, Explanation& explanation) {
  ProofSearch search(request, ProofSearch::Extent::kEverything, limits.near_questions_max);
  const auto end = search.Run();
  if (end == ProofSearch::End::kStopped) return Stopped(request);
  explanation.complete = end == ProofSearch::End::kDone;
  explanation.near_misses = internal::FindNearMisses(request, search, limits);
  return Done{};
}

// Every set of tuples in which something failed and nothing was satisfied, and every question that
// was too far away.
Status CollectFailures(Request& request, const ExplainLimits& limits, Explanation& explanation) {
  ProofSearch search(request, ProofSearch::Extent::kUntilSettled, limits.near_questions_max);
  const auto end = search.Run();
  if (end == ProofSearch::End::kStopped) return Stopped(request);
  explanation.complete = end == ProofSearch::End::kDone;
  auto& failures = explanation.failures;
  const auto add = [&](const internal::Vertex& vertex, std::optional<Evidence> evidence,
                       std::string_view message) {
    failures.push_back({ObjectText(request, vertex), RelationText(request, vertex),
                        std::move(evidence), std::string(message)});
  };
  for (const auto& vertex : search.vertices()) {
    if (vertex.kind == VertexKind::kTooDeep) add(vertex, {}, request.TooDeep()->message);
    if (!vertex.failed || vertex.settled) continue;
    for (const auto& edge : vertex.edges) {
      const auto& read = search.tuple(edge.tuple);
      if (read.held.truth != internal::Truth::kFailed) continue;
      add(vertex, EvidenceOf(request, read), read.held.failure->message);
    }
  }
  return Done{};
}

// The leaves that Check reports come first, each leaf once.
Status FindFailures(Request& request, const ExplainLimits& limits, Explanation& explanation) {
  auto& failures = explanation.failures;
  const auto& message = explanation.outcome.error().message;
  const auto is_reported = [&](const FailedLeaf& leaf) { return leaf.message == message; };
  PEMBA_TRY(std::ignore, CollectFailures(request, limits, explanation));
  if (std::none_of(failures.begin(), failures.end(), is_reported)) {
    // With a limit and a cycle, Check weighs what lies beyond the limit.
    request.LiftHopsLimit();
    PEMBA_TRY(std::ignore, CollectFailures(request, limits, explanation));
  }
  const auto order = [&](const FailedLeaf& leaf) {
    return std::tuple(!is_reported(leaf), leaf.object, leaf.relation, leaf.message,
                      leaf.evidence ? tuple::ToText(leaf.evidence->tuple.view()) : "");
  };
  std::sort(failures.begin(), failures.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  failures.erase(std::unique(failures.begin(), failures.end(),
                             [&](const auto& a, const auto& b) { return order(a) == order(b); }),
                 failures.end());
  if (failures.size() > kFailuresMax) failures.resize(kFailuresMax);
  return Done{};
}

}  // namespace

Result<Explanation> Explainer::Explain(const graph::Snapshot& snapshot, const BoundModel& model,
                                       const CheckQuery& query, Arena& arena) const {
  const CheckLimits limits{.resolve_node_limit = limits_.check.resolve_node_limit, .steps_max = 0};
  Request request(limits, clock_, snapshot, model, query, arena);
  PEMBA_TRY(std::ignore, request.ResolveSubject());
  PEMBA_TRY(std::ignore, request.ResolveTarget(query));
  Explanation explanation;
  explanation.outcome = checker_.Check(snapshot, model, query, arena);
  if (!explanation.outcome.ok()) {
    if (explanation.outcome.error().code == ErrorCode::kDeadlineExceeded) {
      return explanation.outcome.error();
    }
    PEMBA_TRY(std::ignore, FindFailures(request, limits_, explanation));
  } else if (*explanation.outcome == Decision::kAllowed) {
    PEMBA_TRY(std::ignore, Prove(request, limits_, explanation));
  } else {
    PEMBA_TRY(std::ignore, FindWhatIsMissing(request, limits_, explanation));
  }
  return explanation;
}

}  // namespace pemba::engine
