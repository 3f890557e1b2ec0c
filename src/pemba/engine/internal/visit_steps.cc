#include "pemba/engine/internal/visit_steps.h"

#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine::internal {
namespace {

using model::DirectEntry;
using model::kNoIndex;
using model::PlanOp;
using tuple::SubjectKind;

class Builder {
 public:
  explicit Builder(const Request& request)
      : request_(request),
        plan_(request.plan()),
        subject_(request.subject()),
        steps_(request.arena()) {}

  VisitSteps Build(model::RelationIndex relation) {
    if (request_.has_contextual()) return {};
    for (const auto& leaf : plan_.LeavesOf(plan_.relations()[relation])) {
      if (request_.Reaches(leaf.owner)) AddLeaf(plan_.nodes()[leaf.node]);
    }
    if (form_ == VisitSteps::Form::kNotPlain) return {};
    return {.form = form_, .steps = steps_.begin(), .count = steps_.size()};
  }

 private:
  void AddLeaf(const model::PlanNode& leaf) {
    if (leaf.op == PlanOp::kComputed) {  // Flattening stopped here.
      form_ = VisitSteps::Form::kNotPlain;
      return;
    }
    const auto& relation = plan_.relations()[leaf.relation];
    const auto entries = plan_.EntriesOf(relation);
    const bool direct = leaf.op == PlanOp::kDirect;
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      const auto index = relation.first_entry + i;
      if (direct) AddSubject(index);
      if (direct && entries[i].userset == kNoIndex) continue;
      if (direct && i > 0 && Mutated(Mutation::kFirstUsersetOnly)) continue;
      if (entries[i].condition != kNoIndex) form_ = VisitSteps::Form::kNotPlain;
      AddHops(index, direct ? entries[i].userset : plan_.LinksOf(leaf)[i]);
    }
  }

  // Whether tuples of the entry name the subject or its wildcard; as Request::ReadDirect reads
  // them.
  bool NamesSubject(const DirectEntry& entry) const {
    if (entry.type != subject_.type) return false;
    if (entry.wildcard && Mutated(Mutation::kWildcardForUsersets)) return true;
    if (entry.userset != subject_.relation) return false;
    return entry.wildcard ? subject_.kind != SubjectKind::kUserset
                          : subject_.kind != SubjectKind::kWildcard;
  }

  void AddSubject(model::EntryIndex index) {
    const auto& entry = plan_.entries()[index];
    if (!NamesSubject(entry)) return;
    if (entry.condition != kNoIndex) form_ = VisitSteps::Form::kNotPlain;
    const auto node = entry.wildcard ? 0 : subject_.node;
    if (node >= graph::kLocalNodes) return;  // No tuple names it.
    const auto view = request_.View(index);
    if (view.EdgesMax() == 0) return;
    steps_.push_back({.kind = VisitStep::Kind::kSubject, .node = node, .view = view});
  }

  void AddHops(model::EntryIndex index, model::RelationIndex target) {
    if (target == kNoIndex || !request_.Reaches(target)) return;
    const auto view = request_.View(index);
    if (!plan_.relations()[target].terminal || subject_.kind == SubjectKind::kUserset) {
      if (view.EdgesMax() == 0) return;
      steps_.push_back({.kind = VisitStep::Kind::kHops, .target = target, .view = view});
      return;
    }
    const auto owner = plan_.LeavesOf(plan_.relations()[target])[0].owner;
    const auto& last = plan_.relations()[owner];
    for (std::uint32_t i = 0; i < last.entry_count; ++i) {
      const auto& entry = plan_.entries()[last.first_entry + i];
      if (!NamesSubject(entry)) continue;
      if (entry.condition != kNoIndex) form_ = VisitSteps::Form::kNotPlain;
      const auto node = entry.wildcard ? 0 : subject_.node;
      const auto named = request_.View(last.first_entry + i);
      if (view.EdgesMax() == 0 || named.EdgesMax() == 0 || node >= graph::kLocalNodes) continue;
      steps_.push_back({.kind = VisitStep::Kind::kMeet, .node = node, .view = view, .last = named});
    }
  }

  const Request& request_;
  const model::Plan& plan_;
  const Subject& subject_;
  ArenaVector<VisitStep> steps_;
  VisitSteps::Form form_ = VisitSteps::Form::kPlain;
};

}  // namespace

VisitSteps& VisitStepsCache::Find(const Request& request, model::RelationIndex relation) {
  const auto known = index_.FindOrAdd(relation, steps_.size());
  if (known == GoalIndex::kNew) {
    auto* const made = request.arena().New<VisitSteps>(Builder(request).Build(relation));
    made->reached = request.Reaches(relation);
    steps_.push_back(made);
  }
  last_relation_ = relation;
  last_ = known == GoalIndex::kNew ? steps_.back() : steps_[known];
  return *last_;
}

}  // namespace pemba::engine::internal
