// Evaluator: decides questions from which an intersection or a difference can be reached.
//
// The definition copies the path into every branch, so that an answer could depend on the way to
// it; done literally that takes exponential time. docs/decisions/0003-check-evaluation.md shows
// that it need not be: what the definition calls true or false (not: false for a cycle) is the same
// on every path, namely the least fixpoint over {unknown, true, false, failed} in which a cycle is
// "unknown". So such answers are kept for the rest of the request, wherever they were found. An
// answer "cycle" hangs on questions that are still open and is kept only as long as they are: see
// Complete(). What is left to find out for an undecided question, and only for it, is whether an
// error or the cycle prevails: Settle().
//
// A depth-first search over goals in the manner of Tarjan's, with its own stack: the depth of the
// data costs arena memory only.
#pragma once

#include <cstdint>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/outcome.h"
#include "pemba/engine/internal/request.h"

namespace pemba::engine::internal {

// Serves one request; several questions of it in turn share what has been found out.
class Evaluator {
 public:
  explicit Evaluator(Request& request)
      : request_(request),
        plan_(request.plan()),
        index_(request.arena()),
        nodes_(request.arena()),
        goals_(request.arena()),
        frames_(request.arena()),
        open_(request.arena()) {}

  // kTrue and kFalse are the definition's, whatever was asked before. kCycle: undecided because of
  // a cycle, which the caller reads as "no" unless errors_met().
  Outcome Run(model::RelationIndex relation, graph::NodeId object);

  bool used() const { return !goals_.empty(); }

  // An error and a cycle met in one union since the beginning, so that Run's kCycle may stand for
  // an error.
  bool errors_met() const { return errors_met_; }

  bool cycle_met() const { return cycle_met_; }
  bool limit_met() const { return limit_met_; }

  // After a Run that ended in kCycle, without a limit of hops: kCycle or kFailed, exactly.
  Outcome Settle(model::RelationIndex relation, graph::NodeId object);

  // After Settle: how many hops the shortest way to the farthest undecided goal has.
  std::uint32_t FarthestUndecided() const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  // A node of the path: object#relation. Goals are its occurrences at different depths; without a
  // limit of hops there is but one.
  struct PathNode {
    std::uint32_t active = kNone;  // Position in open_ if it is on the current path.
    std::uint32_t first_goal = kNone;
  };
  enum class State : std::uint8_t {
    kNew,          // Nothing known.
    kActive,       // On the current path.
    kProvisional,  // A cycle, as far as the open questions are open.
    kFinal,        // Known for good; kCycle: undecided for good.
  };
  struct Goal {
    model::RelationIndex relation;
    graph::NodeId object;
    std::uint32_t depth;
    std::uint32_t path_node;
    std::uint32_t next_goal;  // Of the same path node.
    State state = State::kNew;
    Outcome outcome;                // kFinal.
    std::uint32_t order = kNone;    // kActive, kProvisional: position in open_.
    std::uint32_t low = kNone;      // kProvisional: the first open goal it was found to hang on.
    std::uint32_t pass = 0;         // Settle(): the last pass that visited it.
    std::uint32_t nearest = kNone;  // Settle(): hops of the shortest way here.
    const Failure* prevails = nullptr;  // Settle(): the error that prevails over the cycle.
  };
  enum class FrameKind : std::uint8_t { kGoal, kOperator, kLeaf };
  struct Frame {
    FrameKind kind;
    std::uint32_t goal;             // kGoal.
    const model::PlanNode* node;    // kOperator, kLeaf.
    model::RelationIndex relation;  // Whose rewrite this is a part of.
    graph::NodeId object;
    std::uint32_t depth;
    std::uint32_t child = 0;      // Next to start.
    HopCursor* cursor = nullptr;  // kLeaf.
    HopCursor::Set set;
    // What the branches so far came to, but for those that decide.
    bool cycle = false;
    std::uint32_t low = kNone;
    const Failure* failure = nullptr;
  };
  struct Answer {
    Outcome outcome;
    std::uint32_t low = kNone;  // kCycle: the first open goal it hangs on; kNone: on none.
  };

  Answer Drive();
  void Ask(model::RelationIndex relation, graph::NodeId object, std::uint32_t depth);
  bool Recall(Goal& goal);
  void StartNode(const model::PlanNode& node, const Frame& parent);
  void StartLeaf(const model::PlanNode& node, const Frame& parent);
  void Advance();
  void Absorb(const Answer& answer);
  bool AbsorbOperand(Frame& frame, const Answer& answer);
  Answer EndOf(const Frame& frame);
  void Reply(const Outcome& outcome, std::uint32_t low = kNone);
  void Finish(const Answer& answer);
  void Note(const Outcome& outcome) {
    cycle_met_ = cycle_met_ || outcome.truth == Truth::kCycle;
    limit_met_ = limit_met_ || (outcome.truth == Truth::kFailed &&
                                outcome.failure->code == ErrorCode::kTooComplex);
  }
  Answer Complete(std::uint32_t goal, const Answer& answer);
  void CloseAbove(const Goal& goal);
  std::uint32_t FirstActive(const Goal& goal) const;
  std::uint32_t GoalOf(model::RelationIndex relation, graph::NodeId object, std::uint32_t depth);

  Request& request_;
  const model::Plan& plan_;
  GoalIndex index_;  // (relation, object) -> position in nodes_.
  ArenaVector<PathNode> nodes_;
  ArenaVector<Goal> goals_;
  ArenaVector<Frame> frames_;
  ArenaVector<std::uint32_t> open_;  // Goals that are active or provisional, oldest first.
  Answer answer_;
  bool answered_ = false;
  bool errors_met_ = false, cycle_met_ = false, limit_met_ = false;
  std::uint32_t pass_ = 0;  // 0: Run; else the pass of Settle.
  bool changed_ = false;    // In this pass.
};

}  // namespace pemba::engine::internal
