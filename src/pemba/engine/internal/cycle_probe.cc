#include "pemba/engine/internal/cycle_probe.h"

namespace pemba::engine::internal {

using model::kNoIndex;
using model::PlanOp;

CycleProbe::CycleProbe(ListScope& scope)
    : scope_(scope),
      plan_(scope.plan()),
      visited_(scope.arena().NewArray<Visited>(plan_.relations().size())),
      targets_(scope.arena()),
      frames_(scope.arena()) {}

bool CycleProbe::LeadsToCycle(const model::PlanNode& leaf, graph::NodeId object) {
  targets_.clear();
  AddTargets(leaf, object);
  bool found = false;
  for (std::uint32_t i = 0, count = targets_.size(); i < count && !scope_.ended(); ++i) {
    found = Search(targets_[i]) || found;
  }
  return found;
}

// Depth first, without recursion: data may be deep.
bool CycleProbe::Search(const Goal& root) {
  if (!Enter(root)) return !IsClear(root);
  while (scope_.Work()) {
    auto& frame = frames_.back();
    if (frame.next_target < frame.end) {
      const auto target = targets_[frame.next_target++];
      if (!Enter(target)) frame.meets_cycle = frame.meets_cycle || !IsClear(target);
      continue;
    }
    const auto done = frame;
    frames_.pop_back();
    targets_.truncate(done.first_target);
    if (!done.meets_cycle) VisitedOf(done.goal.relation).clear->Insert(SlotOf(done.goal));
    if (frames_.empty()) return done.meets_cycle;
    frames_.back().meets_cycle = frames_.back().meets_cycle || done.meets_cycle;
  }
  return true;
}

bool CycleProbe::Enter(const Goal& goal) {
  if (!VisitedOf(goal.relation).entered->Insert(SlotOf(goal))) return false;
  const auto first = targets_.size();
  for (const auto& leaf : plan_.LeavesOf(plan_.relations()[goal.relation])) {
    if (scope_.request().Reaches(leaf.owner)) AddTargets(plan_.nodes()[leaf.node], goal.node);
  }
  frames_.push_back({goal, first, first, targets_.size(), false});
  return true;
}

bool CycleProbe::IsClear(const Goal& goal) {
  return VisitedOf(goal.relation).clear->Contains(SlotOf(goal));
}

// A terminal relation leads nowhere.
void CycleProbe::AddTargets(const model::PlanNode& leaf, graph::NodeId object) {
  auto& request = scope_.request();
  const auto leads_on = [&](model::RelationIndex target) {
    return target != kNoIndex && !plan_.relations()[target].terminal && request.Reaches(target);
  };
  if (leaf.op == PlanOp::kComputed) {
    if (leads_on(leaf.relation)) targets_.push_back({leaf.relation, object});
    return;
  }
  const auto& relation = plan_.relations()[leaf.relation];
  const auto entries = plan_.EntriesOf(relation);
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const auto target = leaf.op == PlanOp::kDirect ? entries[i].userset : plan_.LinksOf(leaf)[i];
    if (!leads_on(target)) continue;
    const auto entry = relation.first_entry + i;
    for (const auto& edge : request.Contextual(entry, object)) {
      targets_.push_back({target, edge.subject});
    }
    const auto view = request.View(entry);
    if (view.EdgesMax() == 0) continue;
    for (auto row = view.Subjects(object); !row.done() && scope_.Work(); row.Next()) {
      targets_.push_back({target, row.node()});
    }
  }
}

CycleProbe::Visited& CycleProbe::VisitedOf(model::RelationIndex relation) {
  auto& visited = visited_[relation];
  if (visited.entered == nullptr) {
    auto& arena = scope_.arena();
    const auto slots = scope_.SlotsOf(plan_.relations()[relation].type);
    visited = {arena.New<GrowingSet>(arena, slots), arena.New<GrowingSet>(arena, slots)};
  }
  return visited;
}

}  // namespace pemba::engine::internal
