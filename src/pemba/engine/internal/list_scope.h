// ListScope: what both lists need beyond a Request: slots, conditions met on the way, and when to
// end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/node_set.h"
#include "pemba/engine/internal/outcome.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine::internal {

// Of several contextual tuples with the same object and subject the first counts, and no stored one
// does. `edges` share one end; calls `visit(edge)` for the first of each that has another `end`.
template <class Visit>
void ForEachFirst(ArenaVector<const ContextualEdge*>& edges, graph::NodeId ContextualEdge::*end,
                  const Visit& visit) {
  std::sort(edges.begin(), edges.end(), [&](const auto* a, const auto* b) {
    return std::pair(a->*end, a->position) < std::pair(b->*end, b->position);
  });
  for (std::uint32_t i = 0; i < edges.size(); ++i) {
    if (i == 0 || edges[i - 1]->*end != edges[i]->*end) visit(*edges[i]);
  }
}

class ListScope {
 public:
  // The request has named everything that it will name.
  explicit ListScope(Request& request)
      : request_(request),
        nodes_max_(request.arena().NewArray<graph::NodeId>(request.plan().types().size())),
        conditions_(request.arena()) {}

  Request& request() const { return request_; }
  const model::Plan& plan() const { return request_.plan(); }
  Arena& arena() const { return request_.arena(); }

  // Slots of a type: its stored nodes, then the request's own names (some belong to other types).
  Slot SlotsOf(model::TypeIndex type) { return NodesMax(type) + request_.local_names(); }
  Slot SlotOf(model::TypeIndex type, graph::NodeId node) {
    return node < graph::kLocalNodes ? node : NodesMax(type) + (node - graph::kLocalNodes);
  }
  graph::NodeId NodeAt(model::TypeIndex type, Slot slot) {
    const auto nodes_max = NodesMax(type);
    return slot < nodes_max ? slot : graph::kLocalNodes + (slot - nodes_max);
  }

  // Whether a tuple that was met holds. One that cannot be evaluated ends the list.
  bool Holds(model::EntryIndex entry, graph::NodeId object, graph::NodeId subject,
             graph::ContextId context, const ContextualEdge* contextual);

  // All contextual tuples of an entry, by object.
  std::span<const ContextualEdge> Contextual(model::EntryIndex entry) const;

  // Whether tuples of the entry may turn out to be impossible to evaluate.
  bool MayFail(model::EntryIndex entry) const {
    const auto condition = plan().entries()[entry].condition;
    return condition != model::kNoIndex && condition != model::kExpiresOnly &&
           (request_.View(entry).EdgesMax() != 0 || request_.has_contextual());
  }

  // Counts work; false once the list has to end.
  bool Work(std::uint32_t count = 1) { return request_.Steps(count) && failure_ == nullptr; }
  bool ended() const { return failure_ != nullptr || request_.stopped() != nullptr; }

  // Ends the list; of several failures, the least is reported.
  void Fail(const Failure* failure) { failure_ = Least(failure_, failure); }
  // Why it ended; null: it did not, or the time is up.
  const Failure* failure() const;

 private:
  graph::NodeId NodesMax(model::TypeIndex type) {
    // One more than the number, so that 0 is "not asked for yet". It may grow while we look.
    auto& known = nodes_max_[type];
    if (known == 0) known = request_.NodesMax(type) + 1;
    return known - 1;
  }

  Request& request_;
  std::span<graph::NodeId> nodes_max_;  // By type.
  GoalIndex conditions_;                // (condition, context) -> whether it is met.
  const Failure* failure_ = nullptr;
};

}  // namespace pemba::engine::internal
