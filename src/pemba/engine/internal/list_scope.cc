#include "pemba/engine/internal/list_scope.h"

#include <algorithm>

namespace pemba::engine::internal {

bool ListScope::Holds(model::EntryIndex entry, graph::NodeId object, graph::NodeId subject,
                      graph::ContextId context, const ContextualEdge* contextual) {
  const auto condition = plan().entries()[entry].condition;
  if (condition == model::kNoIndex) return true;
  // A condition knows nothing of its tuple but the context.
  const auto key = std::uint64_t{condition} << 32 | context;
  if (contextual == nullptr) {
    if (const auto* known = conditions_.Find(key)) return *known != 0;
  }
  const auto held = request_.Holds(entry, object, subject, context, contextual);
  if (held.truth == Truth::kFailed) {
    Fail(held.failure);
    return false;
  }
  const bool met = held.truth == Truth::kTrue;
  if (contextual == nullptr) conditions_.FindOrAdd(key, met ? 1 : 0);
  return met;
}

std::span<const ContextualEdge> ListScope::Contextual(model::EntryIndex entry) const {
  const auto all = request_.contextual();
  const auto first = std::lower_bound(all.begin(), all.end(), entry,
                                      [](const auto& edge, auto e) { return edge.entry < e; });
  const auto last = std::upper_bound(first, all.end(), entry,
                                     [](auto e, const auto& edge) { return e < edge.entry; });
  return {first, last};
}

const Failure* ListScope::failure() const {
  if (failure_ != nullptr) return failure_;
  const auto* stopped = request_.stopped();
  return stopped == nullptr || stopped->code == ErrorCode::kDeadlineExceeded ? nullptr : stopped;
}

}  // namespace pemba::engine::internal
