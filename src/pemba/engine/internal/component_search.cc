#include "pemba/engine/internal/component_search.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/operands.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;

}  // namespace

ComponentSearch::ComponentSearch(ObjectSearch& search,
                                 std::span<const model::RelationIndex> component)
    : search_(search),
      scope_(search.scope_),
      plan_(search.plan_),
      component_(component),
      group_(plan_.relations()[component.front()].group),
      parts_(scope_.arena().NewArray<Part>(plan_.nodes().size())),
      members_(scope_.arena().NewArray<GrowingSet*>(plan_.relations().size())),
      first_consumer_(scope_.arena().NewArray<std::uint32_t>(plan_.relations().size())),
      links_(scope_.arena()) {
  std::fill(first_consumer_.begin(), first_consumer_.end(), kNoIndex);
}

void ComponentSearch::Run() {
  for (const auto relation : component_) {
    const auto slots = scope_.SlotsOf(plan_.relations()[relation].type);
    members_[relation] = scope_.arena().New<GrowingSet>(scope_.arena(), slots);
    FindParts(relation);
  }
  const auto& subject = search_.request_.subject();
  for (const auto relation : component_) {
    const auto& planned = plan_.relations()[relation];
    if (subject.relation == relation) {
      members_[relation]->Insert(scope_.SlotOf(planned.type, subject.node));
    }
    Seed(planned.root);
  }
  // Members that arrive while others are followed are followed in their turn.
  auto followed = scope_.arena().NewArray<std::uint32_t>(component_.size());
  for (bool more = true; more && !scope_.ended();) {
    more = false;
    for (std::size_t i = 0; i < component_.size(); ++i) {
      const auto& members = *members_[component_[i]];
      const auto until = members.size();
      more = more || followed[i] < until;
      for (; followed[i] < until && scope_.Work(); ++followed[i]) {
        Follow(component_[i], members[followed[i]]);
      }
    }
    if (Mutated(Mutation::kListForgetFrontier)) break;
  }
  for (const auto relation : component_) {
    auto& state = search_.relations_[relation];
    state.found = scope_.arena().New<NodeSet>(members_[relation]->Finish());
    state.exact = exact_;
  }
}

// Learns, operands first, what is dynamic; makes the sets that stand beside dynamic operands.
void ComponentSearch::FindParts(model::RelationIndex relation) {
  const auto root = plan_.relations()[relation].root;
  for (const auto index : search_.PostOrder(root, ObjectSearch::Operands::kAll)) {
    auto& part = parts_[index];
    const auto& node = plan_.nodes()[index];
    part.owner = relation;
    if (node.op == PlanOp::kComputed) {
      part.dynamic = InComponent(node.relation);
    } else if (!IsOperator(node.op)) {
      search_.ForEachHop(node, [&](const ObjectSearch::HopSource& hop) {
        part.dynamic = part.dynamic || InComponent(hop.target);
      });
    }
    if (part.dynamic && !IsOperator(node.op)) FindConsumers(index);
    if (!IsOperator(node.op)) continue;
    const auto children = plan_.LinksOf(node);
    for (const auto child : children) part.dynamic = part.dynamic || parts_[child].dynamic;
    for (std::uint32_t i = 0; i < children.size(); ++i) {
      parts_[children[i]].parent = index;
      if (part.dynamic) Tie(index, children[i], i);
    }
  }
}

// Prepares what a dynamic operator needs of its `position`th operand.
void ComponentSearch::Tie(model::PlanNodeIndex parent, model::PlanNodeIndex child,
                          std::uint32_t position) {
  const auto op = plan_.nodes()[parent].op;
  auto& part = parts_[child];
  const bool subtract = op == PlanOp::kDifference && position == 1;
  if (part.dynamic) {
    exact_ = exact_ && !subtract;
    if (op == PlanOp::kIntersection) {
      const auto slots = scope_.SlotsOf(plan_.relations()[part.owner].type);
      part.arrived = scope_.arena().New<GrowingSet>(scope_.arena(), slots);
    }
    return;
  }
  const auto& state = search_.nodes_[child];
  exact_ = exact_ && state.exact && (!subtract || state.probed);
  if (subtract && Mutated(Mutation::kListTrustSubtract)) exact_ = true;
  const bool tested = op == PlanOp::kIntersection || (subtract && state.exact);
  if (tested) part.set = StaticSet(child);
}

const NodeSet* ComponentSearch::StaticSet(model::PlanNodeIndex index) {
  const auto type = plan_.relations()[parts_[index].owner].type;
  return search_.Collect(*search_.Compile(index, type));
}

void ComponentSearch::FindConsumers(model::PlanNodeIndex leaf) {
  const auto add = [&](model::RelationIndex relation, model::EntryIndex entry) {
    links_.push_back({{leaf, entry}, first_consumer_[relation]});
    first_consumer_[relation] = links_.size() - 1;
  };
  const auto& node = plan_.nodes()[leaf];
  if (node.op == PlanOp::kComputed) return add(node.relation, kNoIndex);
  search_.ForEachHop(node, [&](const ObjectSearch::HopSource& hop) {
    if (InComponent(hop.target)) add(hop.target, hop.entry);
  });
}

// Lets everything arrive that does not depend on the component.
void ComponentSearch::Seed(model::PlanNodeIndex root) {
  ArenaVector<model::PlanNodeIndex> open(scope_.arena());
  open.push_back(root);
  while (!open.empty() && scope_.Work()) {
    const auto index = open.back();
    open.pop_back();
    const auto& node = plan_.nodes()[index];
    const auto& part = parts_[index];
    const auto type = plan_.relations()[part.owner].type;
    if (!part.dynamic) {
      // What an intersection tests does not arrive besides; nor does what is subtracted.
      SeedProgram(index, *search_.Compile(index, type));
    } else if (!IsOperator(node.op)) {
      if (node.op == PlanOp::kComputed) continue;
      auto* program = scope_.arena().New<WindowProgram>(scope_, type);
      program->Leaf(search_.MakeLeaf(node, group_));
      SeedProgram(index, *program);
    } else {
      auto children = plan_.LinksOf(node);
      if (node.op == PlanOp::kDifference) children = children.first(1);
      for (const auto child : children) {
        if (node.op == PlanOp::kIntersection && !parts_[child].dynamic) continue;
        open.push_back(child);
      }
    }
  }
}

void ComponentSearch::SeedProgram(model::PlanNodeIndex at, WindowProgram& program) {
  search_.Collect(program)->ForEach([&](Slot slot) {
    Arrive(at, slot);
    return scope_.Work();
  });
}

void ComponentSearch::Follow(model::RelationIndex relation, Slot slot) {
  for (auto i = first_consumer_[relation]; i != kNoIndex; i = links_[i].next) {
    const auto consumer = links_[i].consumer;
    if (consumer.entry == kNoIndex) {
      Arrive(consumer.part, slot);
    } else {
      FollowTuples(consumer, relation, slot);
    }
  }
}

void ComponentSearch::FollowTuples(const Consumer& consumer, model::RelationIndex relation,
                                   Slot slot) {
  const auto type = plan_.relations()[parts_[consumer.part].owner].type;
  const auto subject = scope_.NodeAt(plan_.relations()[relation].type, slot);
  for (const auto& edge : scope_.Contextual(consumer.entry)) {
    if (edge.subject != subject) continue;
    if (scope_.Holds(edge.entry, edge.object, subject, 0, &edge)) {
      Arrive(consumer.part, scope_.SlotOf(type, edge.object));
    }
  }
  if (subject >= graph::kLocalNodes) return;
  const bool conditional = plan_.entries()[consumer.entry].condition != kNoIndex;
  for (auto row = scope_.request().View(consumer.entry).Objects(subject); !row.done(); row.Next()) {
    if (!scope_.Work()) return;
    const auto object = row.node();
    if (!conditional || scope_.Holds(consumer.entry, object, subject, row.context(), nullptr)) {
      Arrive(consumer.part, object);
    }
  }
}

void ComponentSearch::Arrive(model::PlanNodeIndex at, Slot slot) {
  while (parts_[at].parent != kNoIndex) {
    const auto parent = parts_[at].parent;
    if (!Passes(parent, at, slot)) return;
    at = parent;
  }
  members_[parts_[at].owner]->Insert(slot);
}

// Whether what is subtracted is undecided there, as far as a probe can tell.
bool ComponentSearch::LeadsToCycle(model::PlanNodeIndex subtracted, Slot slot) {
  if (parts_[subtracted].dynamic || !search_.nodes_[subtracted].probed) return false;
  if (Mutated(Mutation::kListTrustSubtract)) return false;
  const auto node = scope_.NodeAt(plan_.relations()[parts_[subtracted].owner].type, slot);
  bool found = false;
  search_.ForEachProbed(subtracted, [&](const auto& leaf) {
    found = found || search_.probe_.LeadsToCycle(leaf, node);
  });
  return found;
}

bool ComponentSearch::Passes(model::PlanNodeIndex parent, model::PlanNodeIndex child, Slot slot) {
  const auto& node = plan_.nodes()[parent];
  const auto children = plan_.LinksOf(node);
  if (node.op == PlanOp::kUnion) return true;
  if (node.op == PlanOp::kDifference) {
    if (child == children[1]) return false;
    const auto* subtract = parts_[children[1]].set;
    if (subtract != nullptr && subtract->Contains(slot)) return false;
    return !LeadsToCycle(children[1], slot);
  }
  if (!parts_[child].arrived->Insert(slot)) return false;
  return std::all_of(children.begin(), children.end(), [&](auto other) {
    const auto& part = parts_[other];
    return part.dynamic ? part.arrived->Contains(slot) : part.set->Contains(slot);
  });
}

}  // namespace pemba::engine::internal
