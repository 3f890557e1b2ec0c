// How lists walk the rewrite of a relation.
#pragma once

#include <algorithm>
#include <span>

#include "pemba/base/arena.h"
#include "pemba/engine/internal/arena_vector.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

inline bool IsOperator(model::PlanOp op) {
  return op == model::PlanOp::kUnion || op == model::PlanOp::kIntersection ||
         op == model::PlanOp::kDifference;
}

// The nodes under `root`, operands before their operators and in their order. `operands_of(node)`
// is which ones of an operator are walked: a front part of its links.
template <class OperandsOf>
ArenaVector<model::PlanNodeIndex> OperandsFirst(const model::Plan& plan, Arena& arena,
                                                model::PlanNodeIndex root,
                                                const OperandsOf& operands_of) {
  ArenaVector<model::PlanNodeIndex> order(arena), open(arena);
  open.push_back(root);
  while (!open.empty()) {
    const auto index = open.back();
    open.pop_back();
    order.push_back(index);
    const auto& node = plan.nodes()[index];
    if (!IsOperator(node.op)) continue;
    for (const auto child : operands_of(node)) open.push_back(child);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace pemba::engine::internal
