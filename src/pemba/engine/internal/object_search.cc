#include "pemba/engine/internal/object_search.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/component_search.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/operands.h"
#include "pemba/engine/internal/union_search.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;
using tuple::SubjectKind;

// More rows than this are united at once instead of being walked side by side.
constexpr std::size_t kRowsSideBySide = 256;

}  // namespace

ObjectSearch::ObjectSearch(ListScope& scope, model::RelationIndex root)
    : scope_(scope),
      request_(scope.request()),
      plan_(scope.plan()),
      root_(root),
      relations_(scope.arena().NewArray<RelationState>(plan_.relations().size())),
      nodes_(scope.arena().NewArray<NodeState>(plan_.nodes().size())),
      needed_(scope.arena()),
      probe_(scope) {}

WindowProgram* ObjectSearch::Prepare() {
  FindNeeded();
  const auto count = needed_.size();
  for (std::uint32_t first = 0, last = 0; first < count; first = last) {
    const auto group = plan_.relations()[needed_[first]].group;
    while (last < count && plan_.relations()[needed_[last]].group == group) ++last;
    if (!Settle({needed_.begin() + first, needed_.begin() + last})) return nullptr;
  }
  return CompileRelation(root_);
}

template <class Visit>
void ObjectSearch::ForEachNext(const model::PlanNode& node, const Visit& visit) const {
  if (node.op == PlanOp::kComputed) {
    if (request_.Reaches(node.relation)) visit(node.relation, false);
  } else if (!IsOperator(node.op)) {
    ForEachHop(node, [&](const HopSource& hop) { visit(hop.target, true); });
  }
}

void ObjectSearch::FindNeeded() {
  if (!request_.Reaches(root_)) return;
  relations_[root_].needed = true;
  needed_.push_back(root_);
  for (std::uint32_t i = 0; i < needed_.size(); ++i) {
    const auto& relation = plan_.relations()[needed_[i]];
    for (const auto index : PostOrder(relation.root, Operands::kAll)) {
      ForEachNext(plan_.nodes()[index], [&](model::RelationIndex next, bool hop) {
        auto& state = relations_[next];
        state.hop_source = state.hop_source || hop;
        if (!state.needed) needed_.push_back(next);
        state.needed = true;
      });
    }
  }
  std::sort(needed_.begin(), needed_.end(), [this](auto a, auto b) {
    const auto key = [this](auto r) { return std::pair(plan_.relations()[r].group, r); };
    return key(a) < key(b);
  });
}

ArenaVector<model::PlanNodeIndex> ObjectSearch::PostOrder(model::PlanNodeIndex root,
                                                          Operands operands) const {
  return OperandsFirst(plan_, scope_.arena(), root, [&](const model::PlanNode& node) {
    const auto all = plan_.LinksOf(node);
    const bool base_only = operands == Operands::kSubtractable && node.op == PlanOp::kDifference &&
                           !nodes_[all[1]].exact;
    return base_only ? all.first(1) : all;
  });
}

bool ObjectSearch::Settle(std::span<const model::RelationIndex> component) {
  Analyse(component);
  const auto first = component.front();
  if (plan_.relations()[first].recursive) {
    ComponentSearch(*this, component).Run();
    if (scope_.ended()) return false;
  }
  for (const auto relation : component) {
    auto& state = relations_[relation];
    if (!state.hop_source) continue;
    if (state.found == nullptr) state.found = Collect(*CompileRelation(relation));
    if (!state.exact) state.found = Confirmed(relation, *state.found);
    if (scope_.ended()) return false;
    state.exact = true;
  }
  return true;
}

// Learns, callees first, what sets tell of the relations of a component.
void ObjectSearch::Analyse(std::span<const model::RelationIndex> component) {
  bool probed = plan_.relations()[component.front()].unions_only;
  for (const auto relation : component) {
    relations_[relation].decided = !plan_.relations()[relation].recursive;
    relations_[relation].probed = probed || relations_[relation].decided;
  }
  for (const auto relation : component) {
    const auto root = plan_.relations()[relation].root;
    for (const auto index : PostOrder(root, Operands::kAll)) {
      nodes_[index] = AnalyseNode(plan_.nodes()[index]);
    }
    relations_[relation].exact = nodes_[root].exact;
    probed = probed && nodes_[root].probed;
  }
  for (const auto relation : component) {
    auto& state = relations_[relation];
    state.decided = state.decided && nodes_[plan_.relations()[relation].root].decided;
    state.probed = state.decided || probed;
  }
}

ObjectSearch::NodeState ObjectSearch::AnalyseNode(const model::PlanNode& node) const {
  if (node.op == PlanOp::kComputed) {
    const auto& other = relations_[node.relation];
    if (!other.needed) return {};
    return {other.exact, other.decided, other.probed};
  }
  if (!IsOperator(node.op)) return AnalyseLeaf(node);
  NodeState state;
  for (const auto child : plan_.LinksOf(node)) {
    state.exact = state.exact && nodes_[child].exact;
    state.decided = state.decided && nodes_[child].decided;
    state.probed = state.probed && nodes_[child].probed;
  }
  state.probed = state.decided || (state.probed && node.op == PlanOp::kUnion);
  if (node.op == PlanOp::kDifference && !Mutated(Mutation::kListTrustSubtract)) {
    state.exact = state.exact && nodes_[plan_.LinksOf(node)[1]].probed;
  }
  return state;
}

// Tuples that lead on are looked at by Check even where the list, coming from the other side, never
// meets them: their conditions may fail, and what they lead to may be undecided.
ObjectSearch::NodeState ObjectSearch::AnalyseLeaf(const model::PlanNode& leaf) const {
  NodeState state;
  const auto& relation = plan_.relations()[leaf.relation];
  for (std::uint32_t i = 0; i < relation.entry_count; ++i) {
    const auto entry = relation.first_entry + i;
    const bool leads_on = leaf.op != PlanOp::kDirect || plan_.entries()[entry].userset != kNoIndex;
    state.probed = state.probed && !(leads_on && scope_.MayFail(entry));
  }
  ForEachHop(leaf, [&](const HopSource& hop) {
    state.decided = state.decided && relations_[hop.target].decided;
    state.probed = state.probed && relations_[hop.target].probed;
  });
  state.decided = state.decided && state.probed;
  return state;
}

WindowProgram* ObjectSearch::CompileRelation(model::RelationIndex relation) {
  const auto& planned = plan_.relations()[relation];
  const auto& state = relations_[relation];
  if (state.needed && state.found == nullptr) {
    auto* program = Compile(planned.root, planned.type);
    const auto& subject = request_.subject();
    if (subject.relation == relation) program->Add(scope_.SlotOf(planned.type, subject.node));
    return program;
  }
  auto* program = scope_.arena().New<WindowProgram>(scope_, planned.type);
  EmitComputed(relation, *program);
  return program;
}

WindowProgram* ObjectSearch::Compile(model::PlanNodeIndex node, model::TypeIndex type) {
  auto* program = scope_.arena().New<WindowProgram>(scope_, type);
  NameInlined(node, *program);
  Emit(node, *program);
  return program;
}

// Relations of the same object that are not worked out whole are evaluated in the same windows,
// each once, callees first.
void ObjectSearch::NameInlined(model::PlanNodeIndex node, WindowProgram& program) {
  ArenaVector<model::RelationIndex> inlined(scope_.arena());
  const auto add_next = [&](model::PlanNodeIndex root) {
    for (const auto index : PostOrder(root, Operands::kSubtractable)) {
      const auto& part = plan_.nodes()[index];
      if (part.op != PlanOp::kComputed) continue;
      auto& other = relations_[part.relation];
      if (!other.needed || other.found != nullptr || other.named) continue;
      other.named = true;
      inlined.push_back(part.relation);
    }
  };
  add_next(node);
  for (std::uint32_t i = 0; i < inlined.size(); ++i) {
    add_next(plan_.relations()[inlined[i]].root);
  }
  std::sort(inlined.begin(), inlined.end(), [this](auto a, auto b) {
    return plan_.relations()[a].group < plan_.relations()[b].group;
  });
  const auto& subject = request_.subject();
  for (const auto relation : inlined) {
    const auto& planned = plan_.relations()[relation];
    Emit(planned.root, program);
    if (subject.relation == relation) program.Add(scope_.SlotOf(planned.type, subject.node));
    relations_[relation].name = program.Store();
  }
  for (const auto relation : inlined) relations_[relation].named = false;
}

void ObjectSearch::Emit(model::PlanNodeIndex root, WindowProgram& program) {
  for (const auto index : PostOrder(root, Operands::kSubtractable)) {
    const auto& node = plan_.nodes()[index];
    if (node.op == PlanOp::kComputed) {
      EmitComputed(node.relation, program);
    } else if (!IsOperator(node.op)) {
      program.Leaf(MakeLeaf(node, kNoIndex));
    } else if (node.op != PlanOp::kDifference || nodes_[plan_.LinksOf(node)[1]].exact) {
      program.Combine(node.op, node.count);
      if (node.op != PlanOp::kDifference || Mutated(Mutation::kListTrustSubtract)) continue;
      const auto subtracted = plan_.LinksOf(node)[1];
      if (!nodes_[subtracted].probed) continue;
      ForEachProbed(subtracted, [&](const auto& leaf) { program.DropCycles(probe_, leaf); });
    }
  }
}

void ObjectSearch::EmitComputed(model::RelationIndex relation, WindowProgram& program) {
  const auto& state = relations_[relation];
  if (!state.needed) return program.Empty();
  if (state.found == nullptr) return program.Load(state.name);
  auto* leaf = scope_.arena().New<WindowLeaf>(scope_, plan_.relations()[relation].type);
  leaf->UseSet(*state.found);
  program.Leaf(leaf);
}

WindowLeaf* ObjectSearch::MakeLeaf(const model::PlanNode& node, std::uint32_t without) {
  const auto type = plan_.relations()[node.relation].type;
  auto* leaf = scope_.arena().New<WindowLeaf>(scope_, type);
  if (node.op == PlanOp::kDirect) AddDirect(node.relation, *leaf);
  ArenaVector<HopSource> hops(scope_.arena());
  ForEachHop(node, [&](const HopSource& hop) {
    if (plan_.relations()[hop.target].group != without) hops.push_back(hop);
  });
  AddHops({hops.begin(), hops.end()}, type, *leaf);
  return leaf;
}

// Tuples that name the subject itself. A userset is found by way of itself: see AddHops.
bool ObjectSearch::IsExactKind(const model::DirectEntry& entry) const {
  const auto& subject = request_.subject();
  return subject.kind == SubjectKind::kObject && entry.type == subject.type && !entry.wildcard &&
         entry.userset == kNoIndex;
}

void ObjectSearch::AddDirect(model::RelationIndex relation, WindowLeaf& leaf) {
  const auto& planned = plan_.relations()[relation];
  const auto& subject = request_.subject();
  for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
    const auto index = planned.first_entry + i;
    const auto& entry = plan_.entries()[index];
    if (IsExactKind(entry)) leaf.AddRow(index, subject.node, WindowLeaf::Kind::kExact);
    const bool wildcard = entry.wildcard && entry.type == subject.type;
    if (!wildcard || subject.kind == SubjectKind::kUserset) continue;
    if (Mutated(Mutation::kListForgetWildcards)) continue;
    leaf.AddRow(index, 0, WindowLeaf::Kind::kOther);
    for (const auto& edge : scope_.Contextual(index)) {
      if (scope_.Holds(index, edge.object, 0, 0, &edge)) {
        leaf.AddSlot(scope_.SlotOf(planned.type, edge.object));
      }
    }
  }
  if (request_.has_contextual()) AddExactContextual(relation, leaf);
}

void ObjectSearch::AddExactContextual(model::RelationIndex relation, WindowLeaf& leaf) {
  const auto& planned = plan_.relations()[relation];
  ArenaVector<const ContextualEdge*> edges(scope_.arena());
  for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
    if (!IsExactKind(plan_.entries()[planned.first_entry + i])) continue;
    for (const auto& edge : scope_.Contextual(planned.first_entry + i)) {
      if (edge.subject == request_.subject().node) edges.push_back(&edge);
    }
  }
  ForEachFirst(edges, &ContextualEdge::object, [&](const ContextualEdge& edge) {
    const auto slot = scope_.SlotOf(planned.type, edge.object);
    leaf.Shadow(slot);
    if (scope_.Holds(edge.entry, edge.object, edge.subject, 0, &edge)) leaf.AddSlot(slot);
  });
}

void ObjectSearch::AddHops(std::span<const HopSource> hops, model::TypeIndex type,
                           WindowLeaf& leaf) {
  std::size_t rows = 0;
  for (const auto& hop : hops) {
    const auto& members = *relations_[hop.target].found;
    rows += members.size();
    const auto member_type = plan_.relations()[hop.target].type;
    for (const auto& edge : scope_.Contextual(hop.entry)) {
      if (!members.Contains(scope_.SlotOf(member_type, edge.subject))) continue;
      if (scope_.Holds(hop.entry, edge.object, edge.subject, 0, &edge)) {
        leaf.AddSlot(scope_.SlotOf(type, edge.object));
      }
    }
  }
  if (rows > kRowsSideBySide) return leaf.UseSet(UniteRows(hops, type));
  for (const auto& hop : hops) {
    const auto member_type = plan_.relations()[hop.target].type;
    relations_[hop.target].found->ForEach([&](Slot slot) {
      leaf.AddRow(hop.entry, scope_.NodeAt(member_type, slot), WindowLeaf::Kind::kOther);
      return scope_.Work();
    });
  }
}

NodeSet ObjectSearch::UniteRows(std::span<const HopSource> hops, model::TypeIndex type) {
  GrowingSet objects(scope_.arena(), scope_.SlotsOf(type));
  for (const auto& hop : hops) {
    const auto view = request_.View(hop.entry);
    if (view.EdgesMax() == 0) continue;
    const auto member_type = plan_.relations()[hop.target].type;
    const bool conditional = plan_.entries()[hop.entry].condition != kNoIndex;
    relations_[hop.target].found->ForEach([&](Slot slot) {
      const auto subject = scope_.NodeAt(member_type, slot);
      for (auto row = view.Objects(subject); !row.done();) {
        if (conditional) {
          const auto object = row.node();
          if (scope_.Holds(hop.entry, object, subject, row.context(), nullptr)) {
            objects.Insert(object);
          }
          row.Next();
          if (!scope_.Work()) return false;
        } else {
          const auto run = row.TakeRun();
          for (const auto object : run) objects.Insert(object);
          if (!scope_.Work(static_cast<std::uint32_t>(run.size()) / 16)) return false;
        }
      }
      return scope_.Work();
    });
  }
  return objects.Finish();
}

const NodeSet* ObjectSearch::Collect(WindowProgram& program) {
  GrowingSet all(scope_.arena(), scope_.SlotsOf(program.type()));
  program.Start(0);
  for (auto base = program.Next(0); base != kNoSlot && !scope_.ended();) {
    const auto words = program.Run(base);
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (auto word = words[i]; word != 0; word &= word - 1) {
        all.Insert(base + static_cast<Slot>(64 * i + __builtin_ctzll(word)));
      }
    }
    scope_.Work();
    base = program.Next(base + static_cast<Slot>(64 * words.size()));
  }
  return scope_.arena().New<NodeSet>(all.Finish());
}

const NodeSet* ObjectSearch::Confirmed(model::RelationIndex relation, const NodeSet& candidates) {
  GrowingSet all(scope_.arena(), scope_.SlotsOf(plan_.relations()[relation].type));
  candidates.ForEach([&](Slot slot) {
    if (Confirm(relation, slot)) all.Insert(slot);
    return !scope_.ended();
  });
  return scope_.arena().New<NodeSet>(all.Finish());
}

bool ObjectSearch::Confirm(model::RelationIndex relation, Slot slot) {
  if (!scope_.Work()) return false;
  if (confirmer_ == nullptr || ++confirmed_ % kConfirmedAtOnce == 0) {
    confirmer_ = std::make_unique<Confirmer>(request_);
  }
  const auto node = scope_.NodeAt(plan_.relations()[relation].type, slot);
  const auto outcome = Decide(relation, node);
  if (confirmer_->request.stopped() != nullptr) {
    request_.Stop(*confirmer_->request.stopped());
    return false;
  }
  if (outcome.truth == Truth::kFailed) {
    const auto& failure = *outcome.failure;
    scope_.Fail(request_.MakeFailure(failure.code, failure.message));
  }
  return outcome.truth == Truth::kTrue;
}

// As Checker does, but that there is no limit of hops.
Outcome ObjectSearch::Decide(model::RelationIndex relation, graph::NodeId node) {
  auto& request = confirmer_->request;
  if (request.IsSubject(relation, node)) return Outcome::True();
  if (!request.Reaches(relation)) return Outcome::False();
  if (plan_.relations()[relation].unions_only) {
    return SearchRelation(request, relation, node, 0, /*want_cycles=*/false);
  }
  const auto outcome = confirmer_->evaluator.Run(relation, node);
  if (outcome.truth != Truth::kCycle || !confirmer_->evaluator.errors_met()) return outcome;
  // What other candidates met on their way must not weigh in.
  Evaluator own(request);
  const auto again = own.Run(relation, node);
  if (again.truth != Truth::kCycle || !own.errors_met()) return again;
  return own.Settle(relation, node);
}

}  // namespace pemba::engine::internal
