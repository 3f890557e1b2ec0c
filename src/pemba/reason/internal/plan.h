// Plans: the order in which the parts of a conjunction are matched, and how.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "pemba/reason/internal/closure_walk.h"
#include "pemba/reason/internal/comparison.h"
#include "pemba/reason/internal/facts.h"
#include "pemba/reason/internal/predicate.h"
#include "pemba/reason/pattern.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

struct Plan;

// Which predicates rules can make facts of, in this version of the facts; nothing if there is no
// inference.
struct Derivable {
  const PredicateIndex* index = nullptr;
  std::vector<std::uint8_t> possible;    // By predicate.
  std::vector<const Closure*> closures;  // By predicate; null: more than a closure.
  bool IsPossible(PredicateId predicate) const { return possible[predicate] != 0; }
};

// Whether a step asks the reasoner to complete what it reads, or takes what is there. The second is
// for the part of a rule that was matched before (reasoner.h).
enum class Demand : std::uint8_t { kRaise, kTakeWhatIsThere };

// Binds a thing variable to each instance of its types.
struct ScanStep {
  VariableId variable = 0;
  std::vector<TypeId> types;
  std::vector<PredicateId> relations;   // That can add instances.
  std::vector<PredicateId> attributes;  // Whose ownerships can add attributes.
};
// Keeps a bound thing (or type) variable whose type is one of these.
struct TypeCheckStep {
  VariableId variable = 0;
  VariableKind kind = VariableKind::kThing;
  TypeSet types;
};
// Binds a thing variable to the attributes of its types with this value.
struct LookupStep {
  VariableId variable = 0;
  std::vector<TypeId> types;
  std::variant<Value, VariableId> value;
  std::vector<PredicateId> predicates;  // That can make such attributes.
  bool must_exist = true;  // False if another atom of the conjunction says that somebody owns it.
};
// Binds a thing variable to the attributes of its types with values in a range.
struct RangeStep {
  VariableId variable = 0;
  std::vector<TypeId> types;
  syntax::Comparator comparator = syntax::Comparator::kLess;
  Value value;
};
struct RelationStep {
  struct Entry {
    VariableId player = 0;
    bool player_bound = false;  // Before this step, or by an earlier entry of it.
    bool player_given = false;  // Before this step.
    TypeSet player_types;
    std::optional<VariableId> role;
    bool role_bound = false;
    TypeSet role_types;  // What the role variable can be bound to.
    TypeSet roles;
    std::vector<TypeId> role_list;  // The same.
  };
  VariableId relation = 0;
  bool relation_bound = false;
  TypeSet types;
  std::vector<TypeId> type_list;  // The same.
  std::vector<Entry> entries;
  std::vector<PredicateId> predicates;  // That can make such relations.
  Demand demand = Demand::kRaise;
};
// The pairs of a closure, each once: what a RelationStep would match, where nobody asks which
// relation connects the two. Walks, and so needs no inferred facts; one end at most is bound.
struct ClosureStep {
  const Closure* closure = nullptr;
  VariableId above = 0, below = 0;
  bool above_bound = false, below_bound = false;
  TypeSet above_types, below_types;
  std::vector<TypeId> below_list;  // The same.
};
struct HasStep {
  VariableId owner = 0, attribute = 0;
  bool owner_bound = false, attribute_bound = false;
  TypeSet owner_types, attribute_types;
  std::vector<TypeId> owner_list, attribute_list;  // The same.
  std::vector<PredicateId> predicates;             // That can make such ownerships.
  Demand demand = Demand::kRaise;
};
struct IsaStep {  // The thing is bound.
  VariableId thing = 0, type = 0;
  bool type_bound = false;
  TypeSet types;  // Of the type variable.
  syntax::Exactness exactness = syntax::Exactness::kSubtypesToo;
};
struct CompareStep {  // All variables are bound.
  VariableId left = 0;
  std::optional<Comparison> literal;
  VariableId right = 0;  // If there is no literal.
  syntax::Comparator comparator = syntax::Comparator::kEqual;
};
struct IsStep {
  VariableId left = 0, right = 0;  // `left` is bound.
  bool right_bound = false;
  VariableKind kind = VariableKind::kThing;
  TypeSet types;  // Of `right`.
};
struct IidStep {
  VariableId thing = 0;
  bool bound = false;
  TypeSet types;
  std::uint64_t iid = 0;
};
struct AssignStep {
  VariableId variable = 0;
  bool bound = false;
  const syntax::Expression* expression = nullptr;
};
struct TypesStep {  // Binds a type variable to each type of its domain.
  VariableId variable = 0;
  std::vector<TypeId> types;
};
struct TypeAtomStep {  // Sub, relates, plays, owns: all variables are bound.
  Atom atom;
};
struct NegationStep {
  std::unique_ptr<Plan> body;
};
struct DisjunctionStep {
  std::vector<std::unique_ptr<Plan>> branches;
};
// Matches the goals that were asked of a rule; see reasoner.h.
struct GoalStep {
  std::uint32_t adornment = 0;          // The shape of the goals.
  std::vector<std::uint8_t> positions;  // Which value of a goal ...
  std::vector<VariableId> variables;    // ... is which variable; values without one match all.
  std::vector<std::uint8_t> bound;      // By variable in `variables`.
};

using Step = std::variant<ScanStep, TypeCheckStep, LookupStep, RangeStep, RelationStep, ClosureStep,
                          HasStep, IsaStep, CompareStep, IsStep, IidStep, AssignStep, TypesStep,
                          TypeAtomStep, NegationStep, DisjunctionStep, GoalStep>;

struct Plan {
  std::vector<Step> steps;
  std::vector<std::vector<VariableId>> binds;  // By step: what it binds.
  std::vector<int> parts;  // By step: which part of the conjunction it matches; see plan.cc.
  double cost = 0;         // Estimated number of partial matches.
  // A part could not be matched because nothing binds its variables (`$x is $y` alone). Such a plan
  // must not be run: it would answer as if the part held.
  bool incomplete = false;
  const ResolvedPattern* pattern = nullptr;
};

// A set of variables.
using VariableMask = std::vector<std::uint8_t>;

class Planner {
 public:
  // All are borrowed; `derivable` may be null.
  Planner(const Schema& schema, const Facts& facts, const Derivable* derivable)
      : schema_(schema), facts_(facts), derivable_(derivable) {}

  // Matches everything in `conjunction`, which is of `pattern`, starting with `bound`.
  //
  // Greedy: always the part with the smallest estimated number of matches, given what is bound.
  // O(parts^2).
  Plan Make(const ResolvedPattern& pattern, const Conjunction& conjunction, VariableMask bound,
            const std::vector<ValueConstraint>& outer = {}) const;
  // The same for a whole query, of whose matches only `wanted` is looked at.
  Plan MakeForAnswers(const ResolvedPattern& pattern, const std::vector<VariableId>& wanted) const;

  // For a fact that is new to a rule, read by atom `delta` of the body; `sip` is the plan of the
  // same rule for goals of one shape. Matches the new fact, then, in any order, what `sip` matches
  // before `delta`, without demands on `component`, and the goal; then what it matches after, in
  // the same order.
  Plan MakeDelta(const ResolvedPattern& pattern, const Conjunction& conjunction, const Plan& sip,
                 int delta, const GoalStep& goal, VariableMask preset,
                 const std::vector<PredicateId>& component) const;

 private:
  friend class PlanBuilder;
  const Schema& schema_;
  const Facts& facts_;
  const Derivable* derivable_;
};

// The comparisons with literals that hold for every match of the conjunction.
void CollectConstraints(const Conjunction& conjunction, std::vector<ValueConstraint>& into);

}  // namespace pemba::reason::internal
