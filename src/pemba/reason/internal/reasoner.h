// Reasoner: makes the inferred facts that somebody asks for, and no others.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/reason/internal/closure_walk.h"
#include "pemba/reason/internal/execution.h"
#include "pemba/reason/internal/inferred.h"
#include "pemba/reason/internal/plan.h"
#include "pemba/reason/internal/program.h"

namespace pemba::reason::internal {

// Demand-driven, semi-naive evaluation of rules over one snapshot.
//
// A *goal* asks for the facts of one predicate with some values given: permissions of this subject,
// ownerships of this owner. Steps of plans raise goals before they read what rules could add. A
// goal runs every rule that concludes its predicate, with the given values bound from the start;
// the plan of the rule raises goals in turn. This is the magic-sets method (Bancilhon, Maier, Sagiv
// and Ullman, PODS 1986; Beeri and Ramakrishnan, "On the power of magic", 1991) done at run time,
// goal by goal, as in tabling, instead of by rewriting rules.
//
// Predicates that depend on each other form a component. Goals of other components are complete
// when Demand returns. Inside a component a goal is only noted, and every new fact is joined with
// what is there (semi-naive): the rule's plan is cut at the atom that the fact matches; what the
// plan does before it is matched without raising goals, because those were raised when the plan
// first went there, and what it does after it is done in the same order. So whichever of a goal and
// the facts of one derivation comes last finds the others.
//
// Negation: a negated pattern reads only components below (pemba::reason::Stratify), and those are
// complete when it is evaluated. Closures: see closure_walk.h.
//
// Terminates: conclusions are made of things and values that are there, except where relations are
// players of relations or values are computed; `facts_max` bounds those.
//
// Not thread-safe: one transaction, one thread. After the budget failed, what was inferred is not
// complete and the reasoner must not be used again.
class Reasoner {
 public:
  struct Limits {
    std::uint32_t facts_max = 0;
    std::size_t memory_bytes_max = 0;  // 0: no bound.
  };

  // Borrows all but `program`. `world` is completed with this and `inferred`.
  Reasoner(std::shared_ptr<const Program> program, World& world, Inferred& inferred);
  Reasoner(const Reasoner&) = delete;

  void set_limits(const Limits& limits) { limits_ = limits; }
  const Program& program() const { return *program_; }
  const Derivable& derivable() const { return derivable_; }
  const Predicate& GetPredicate(PredicateId id) const { return program_->index().predicates[id]; }
  const std::vector<std::uint32_t>& InstancesOf(PredicateId id) const {
    return states_[id].instances;
  }

  // All facts of the predicate that match; the edges are of different roles. Cheap if they were
  // asked for before.
  void DemandRelations(PredicateId predicate, std::span<const RoleEdge> edges);
  // kNoThing: any.
  void DemandOwnerships(PredicateId predicate, ThingId owner, ThingId attribute);

  // The next goal of the step's shape that fits the frame, from number `cursor` on; binds it.
  bool NextGoal(const GoalStep& step, Frame& frame, std::uint32_t& cursor);

 private:
  // The shape of a goal: what is given. Roles of relations; of ownerships kOwner and kAttribute.
  static constexpr TypeId kOwner = 0xFFFFFFFE, kAttribute = 0xFFFFFFFF;
  struct Adornment {
    PredicateId predicate = 0;
    std::vector<TypeId> keys;          // At most two; ascending.
    std::vector<std::uint64_t> goals;  // The values, the second one in the high half.
    boost::unordered_flat_set<std::uint64_t> known;
  };
  struct Compiled {
    Plan plan;
    std::vector<std::uint8_t> positions;  // Values of the goal ...
    std::vector<VariableId> variables;    // ... and the variables that they are bound to.
    int resume_after = -1;                // The last step that binds what is concluded; -1: none.
  };
  struct Delta {  // A place where a new fact can matter.
    std::uint32_t instance = 0;
    int atom = 0;
  };
  struct State {  // Of a predicate.
    std::uint32_t component = 0;
    std::vector<std::uint32_t> instances;  // Those that can apply.
    std::vector<std::uint32_t> adornments;
    std::vector<Delta> deltas;             // In its own component.
    bool complete = false;                 // Everything was asked for.
    std::unique_ptr<ClosureWalk> closure;  // Null: its rules are run.
    boost::unordered_flat_set<ThingId> searched_above, searched_below;
  };
  struct Goal {
    std::uint32_t adornment = 0;
    std::uint64_t values = 0;
  };
  struct NewFact {
    PredicateId predicate = 0;
    ThingId thing = 0;  // The relation or the owner.
    ThingId attribute = 0;
  };
  struct Component {
    std::vector<PredicateId> predicates;
    bool active = false;
    std::deque<Goal> goals;
    std::deque<NewFact> facts;
  };

  // ---- Set-up ----
  void FindPossible();
  bool IsPossible(const Instance& instance) const;
  bool MayRepeat(TypeId type, TypeId role) const;
  void FindComponents();
  void FindClosures();

  // ---- Goals ----
  struct GivenValue {
    TypeId key;
    ThingId value;
  };
  void Demand(PredicateId predicate, std::span<GivenValue> given);
  std::uint32_t AdornmentFor(PredicateId predicate, std::span<const GivenValue> given);
  void Evaluate(Component& component);
  void RunGoal(const Goal& goal);
  void RunDelta(const NewFact& fact, const Delta& delta);
  void Run(const Instance& instance, const Compiled& compiled, Frame& frame);
  const Compiled& PlanForGoals(std::uint32_t instance, std::uint32_t adornment);
  const Compiled& PlanForDelta(const Delta& delta, std::uint32_t adornment);
  void MapHead(const Instance& instance, const Adornment& adornment, Compiled& compiled) const;
  void FindResume(const Instance& instance, Compiled& compiled) const;

  // ---- Conclusions ----
  void Conclude(const Instance& instance, const Frame& frame);
  void ConcludeRelation(PredicateId predicate, TypeId type, std::vector<RoleEdge>& edges);
  void ConcludeOwnership(const Instance& instance, const Frame& frame);
  bool IsPersisted(TypeId type, std::span<const RoleEdge> edges) const;
  void Note(PredicateId predicate, ThingId thing, ThingId attribute);
  bool WithinLimits();

  // ---- Closures ----
  void DemandClosure(PredicateId predicate, std::span<const GivenValue> given);
  void Search(PredicateId predicate, ThingId start, ClosureWalk::Direction direction);

  std::shared_ptr<const Program> program_;
  World& world_;
  Inferred& inferred_;
  Limits limits_;
  Derivable derivable_;
  Planner planner_;
  std::vector<State> states_;  // By predicate.
  std::vector<Component> components_;
  std::vector<Adornment> adornments_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Compiled>> plans_;
  std::vector<RoleEdge> edges_;  // Of the conclusion that is being made.
};

}  // namespace pemba::reason::internal
