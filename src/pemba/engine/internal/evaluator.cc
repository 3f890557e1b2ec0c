#include "pemba/engine/internal/evaluator.h"

#include <algorithm>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/union_search.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;

}  // namespace

Outcome Evaluator::Run(model::RelationIndex relation, graph::NodeId object) {
  pass_ = 0;
  Ask(relation, object, 0);
  return Drive().outcome;
}

// For questions that stay undecided, the definition's union of an error and a cycle is the error,
// its intersection of both is the cycle. Over undecided questions alone these are "or" and "and",
// so the least fixpoint by repeated passes is exact. Mostly two passes.
Outcome Evaluator::Settle(model::RelationIndex relation, graph::NodeId object) {
  PEMBA_ASSERT(request_.hops_max() == 0);
  Outcome outcome;
  do {
    ++pass_;
    changed_ = false;
    Ask(relation, object, 0);
    outcome = Drive().outcome;
  } while (changed_ && request_.stopped() == nullptr);
  pass_ = 0;
  return outcome;
}

Evaluator::Answer Evaluator::Drive() {
  while (!frames_.empty()) {
    if (!request_.Step()) {
      frames_.clear();
      answered_ = false;
      return {Outcome::Failed(request_.stopped()), kNone};
    }
    if (answered_) {
      answered_ = false;
      Absorb(answer_);
    } else {
      Advance();
    }
  }
  answered_ = false;
  return answer_;
}

// Rules 1 to 4 of the definition, in their order; then what is known; then the rewrite.
void Evaluator::Ask(model::RelationIndex relation, graph::NodeId object, std::uint32_t depth) {
  const auto hops_max = request_.hops_max();
  if (hops_max != 0 && depth == hops_max) return Reply(Outcome::Failed(request_.TooDeep()));
  const auto index = GoalOf(relation, object, hops_max == 0 ? 0 : depth);
  Goal& goal = goals_[index];
  if (pass_ != 0 && depth < goal.nearest) {
    goal.nearest = depth;
    changed_ = true;
  }
  const auto active = nodes_[goal.path_node].active;
  if (active != kNone) {
    if (pass_ != 0 && goal.prevails != nullptr) return Reply(Outcome::Failed(goal.prevails));
    return Reply(Outcome::Cycle(), active);
  }
  if (request_.IsSubject(relation, object)) return Reply(Outcome::True());
  if (!request_.Reaches(relation)) return Reply(Outcome::False());
  if (Recall(goal)) return;
  if (plan_.relations()[relation].unions_only) {
    goal.outcome = SearchRelation(request_, relation, object, depth, /*want_cycles=*/true);
    goal.state = State::kFinal;
    return Reply(goal.outcome);
  }
  goal.state = State::kActive;
  goal.pass = pass_;
  goal.order = open_.size();
  nodes_[goal.path_node].active = goal.order;
  open_.push_back(index);
  Frame frame{};
  frame.kind = FrameKind::kGoal;
  frame.goal = index;
  frame.relation = relation;
  frame.object = object;
  frame.depth = pass_ == 0 ? depth : goal.nearest;
  frames_.push_back(frame);
}

// Answers from what is known about the goal, if anything is.
bool Evaluator::Recall(Goal& goal) {
  if (goal.state == State::kProvisional) {
    Reply(Outcome::Cycle(), FirstActive(goal));
    return true;
  }
  if (goal.state != State::kFinal) return false;
  if (goal.outcome.truth == Truth::kCycle && pass_ != 0) {
    const bool constant = plan_.relations()[goal.relation].unions_only;
    if (!constant && goal.pass != pass_) return false;  // This pass visits it again.
    if (goal.prevails != nullptr) {
      Reply(Outcome::Failed(goal.prevails));
      return true;
    }
  }
  Reply(goal.outcome);
  return true;
}

std::uint32_t Evaluator::GoalOf(model::RelationIndex relation, graph::NodeId object,
                                std::uint32_t depth) {
  auto node = index_.FindOrAdd(std::uint64_t{relation} << 32 | object, nodes_.size());
  if (node == GoalIndex::kNew) {
    node = nodes_.size();
    nodes_.push_back({});
  }
  for (auto i = nodes_[node].first_goal; i != kNone; i = goals_[i].next_goal) {
    if (goals_[i].depth == depth) return i;
  }
  Goal goal{};
  goal.relation = relation;
  goal.object = object;
  goal.depth = depth;
  goal.path_node = node;
  goal.next_goal = nodes_[node].first_goal;
  goals_.push_back(goal);
  return nodes_[node].first_goal = goals_.size() - 1;
}

void Evaluator::StartNode(const model::PlanNode& node, const Frame& parent) {
  switch (node.op) {
    case PlanOp::kComputed:
      return Ask(node.relation, parent.object, parent.depth);
    case PlanOp::kDirect:
    case PlanOp::kTupleToUserset:
      return StartLeaf(node, parent);
    case PlanOp::kUnion:
    case PlanOp::kIntersection:
    case PlanOp::kDifference: {
      Frame frame{};
      frame.kind = FrameKind::kOperator;
      frame.node = &node;
      frame.relation = parent.relation;
      frame.object = parent.object;
      frame.depth = parent.depth;
      frames_.push_back(frame);
      return;
    }
  }
}

// A leaf is a union of what its tuples lead to. All that leads to unions only is one search.
void Evaluator::StartLeaf(const model::PlanNode& node, const Frame& parent) {
  Frame frame{};
  frame.kind = FrameKind::kLeaf;
  frame.node = &node;
  frame.relation = parent.relation;
  frame.object = parent.object;
  frame.depth = parent.depth;
  const auto found =
      SearchLeaf(request_, node, frame.relation, frame.object, frame.depth, frame.set);
  if (found.truth == Truth::kTrue) return Reply(found);
  Note(found);
  frame.cycle = found.truth == Truth::kCycle;
  frame.failure = found.failure;
  const bool deepest = frame.depth + 1 == request_.hops_max();
  frame.cursor = request_.arena().New<HopCursor>(request_, node, frame.object,
                                                 HopCursor::Part::kOtherTargets, deepest);
  frames_.push_back(frame);
}

void Evaluator::Advance() {
  Frame& frame = frames_.back();
  if (frame.kind == FrameKind::kGoal) {
    const Frame parent = frame;
    return StartNode(plan_.nodes()[plan_.relations()[parent.relation].root], parent);
  }
  if (frame.kind == FrameKind::kOperator) {
    if (frame.child == frame.node->count) return Finish(EndOf(frame));
    const Frame parent = frame;
    const auto child = plan_.LinksOf(*frame.node)[frame.child++];
    return StartNode(plan_.nodes()[child], parent);
  }
  HopCursor::Hop hop;
  if (!frame.cursor->Next(request_, frame.set, hop)) {
    frame.failure = Least(frame.failure, frame.set.Error());
    return Finish(EndOf(frame));
  }
  Ask(hop.target, hop.node, frame.depth + 1);
}

void Evaluator::Absorb(const Answer& answer) {
  Frame& frame = frames_.back();
  if (frame.kind == FrameKind::kGoal) return Finish(Complete(frame.goal, answer));
  if (AbsorbOperand(frame, answer)) return;
  // Not decided: remember what there was.
  if (answer.outcome.truth == Truth::kCycle) {
    frame.cycle = true;
    frame.low = std::min(frame.low, answer.low);
  }
  if (answer.outcome.truth != Truth::kFailed) return;
  const bool difference =
      frame.kind == FrameKind::kOperator && frame.node->op == PlanOp::kDifference;
  // The base's error comes first.
  frame.failure = difference && frame.failure != nullptr
                      ? frame.failure
                      : Least(frame.failure, answer.outcome.failure);
}

// Finishes the frame if this operand decides it.
bool Evaluator::AbsorbOperand(Frame& frame, const Answer& answer) {
  const auto truth = answer.outcome.truth;
  const auto op = frame.kind == FrameKind::kLeaf ? PlanOp::kUnion : frame.node->op;
  if (op == PlanOp::kUnion && truth == Truth::kTrue) {
    Finish({Outcome::True(), kNone});
    return true;
  }
  const bool error = truth == Truth::kFailed;
  if ((op == PlanOp::kUnion && error && Mutated(Mutation::kUnionErrorHidesTrue)) ||
      (op == PlanOp::kIntersection && error && Mutated(Mutation::kIntersectionErrorFirst))) {
    Finish(answer);
    return true;
  }
  const bool subtract = op == PlanOp::kDifference && frame.child == 2;
  if (subtract && error && Mutated(Mutation::kDifferenceErrorIsFalse)) return true;
  if (subtract && truth == Truth::kCycle && Mutated(Mutation::kCycleIsFalse)) return true;
  if (op != PlanOp::kUnion && truth == (subtract ? Truth::kTrue : Truth::kFalse)) {
    Finish({Outcome::False(), kNone});
    return true;
  }
  return false;
}

Evaluator::Answer Evaluator::EndOf(const Frame& frame) {
  const bool is_union = frame.kind == FrameKind::kLeaf || frame.node->op == PlanOp::kUnion;
  if (frame.cycle && frame.failure != nullptr && is_union) {
    // Undecided: were the cycle to turn out true, so would the union. See Settle().
    errors_met_ = true;
    if (pass_ != 0) return {Outcome::Failed(frame.failure), kNone};
  }
  if (frame.cycle) return {Outcome::Cycle(), frame.low};
  if (frame.failure != nullptr) return {Outcome::Failed(frame.failure), kNone};
  return {is_union ? Outcome::False() : Outcome::True(), kNone};
}

std::uint32_t Evaluator::FarthestUndecided() const {
  std::uint32_t farthest = 0;
  for (const auto& goal : goals_) {
    const bool undecided = goal.state == State::kFinal && goal.outcome.truth == Truth::kCycle;
    if (undecided && goal.nearest != kNone) farthest = std::max(farthest, goal.nearest);
  }
  return farthest;
}

void Evaluator::Reply(const Outcome& outcome, std::uint32_t low) {
  Note(outcome);
  answer_ = {outcome, low};
  answered_ = true;
}

void Evaluator::Finish(const Answer& answer) {
  frames_.pop_back();
  answer_ = answer;
  answered_ = true;
}

// INVARIANT: a provisional goal is "cycle" given the final answers and "cycle" for every goal in
// open_ that its rewrite asks for. Hence
//   - a goal that turns out decided takes back all that was opened after it: some of it may have
//     assumed otherwise. Every such event makes one more goal final, so the work is polynomial;
//   - a goal that stays undecided and hangs on nothing opened before it closes a component: all
//     in it are undecided together, which is their least fixpoint.
Evaluator::Answer Evaluator::Complete(std::uint32_t index, const Answer& answer) {
  Goal& goal = goals_[index];
  if (pass_ != 0) {
    // The goal is final already; only which of cycle and error prevails is in question.
    nodes_[goal.path_node].active = kNone;
    open_.truncate(goal.order);
    goal.state = State::kFinal;
    const auto truth = answer.outcome.truth;
    PEMBA_ASSERT(truth == Truth::kCycle || truth == Truth::kFailed);
    if (truth == Truth::kTrue || truth == Truth::kFalse) return {goal.outcome = answer.outcome};
    goal.outcome = Outcome::Cycle();
    const auto* least = Least(goal.prevails, answer.outcome.failure);
    changed_ = changed_ || least != goal.prevails;
    goal.prevails = least;
    return {least == nullptr ? Outcome::Cycle() : Outcome::Failed(least), kNone};
  }
  if (answer.outcome.truth == Truth::kCycle && answer.low < goal.order) {
    nodes_[goal.path_node].active = kNone;
    goal.state = State::kProvisional;
    goal.low = answer.low;
    if (Mutated(Mutation::kKeepCycleAnswers)) {
      goal.state = State::kFinal;
      goal.outcome = Outcome::False();
      open_.truncate(goal.order);
    }
    return answer;
  }
  if (answer.outcome.truth == Truth::kCycle) {
    CloseAbove(goal);
  } else {
    for (auto i = goal.order + 1; i < open_.size(); ++i) goals_[open_[i]].state = State::kNew;
  }
  open_.truncate(goal.order);
  nodes_[goal.path_node].active = kNone;
  goal.state = State::kFinal;
  goal.outcome = answer.outcome;
  return {answer.outcome, kNone};
}

void Evaluator::CloseAbove(const Goal& goal) {
  for (auto i = goal.order + 1; i < open_.size(); ++i) {
    Goal& member = goals_[open_[i]];
    // A short-circuited branch may have left something here that hangs on older goals.
    const bool closed = FirstActive(member) >= goal.order;
    member.low = FirstActive(member);
    member.state = State::kProvisional;
    member.outcome = closed ? Outcome::Cycle() : Outcome::False();
  }
  for (auto i = goal.order + 1; i < open_.size(); ++i) {
    Goal& member = goals_[open_[i]];
    member.state = member.outcome.truth == Truth::kCycle ? State::kFinal : State::kNew;
  }
}

std::uint32_t Evaluator::FirstActive(const Goal& goal) const {
  auto low = goal.low;
  while (goals_[open_[low]].state == State::kProvisional) low = goals_[open_[low]].low;
  return low;
}

}  // namespace pemba::engine::internal
