// Program: the rules of a schema, made ready to be evaluated.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "pemba/reason/internal/closure_walk.h"
#include "pemba/reason/internal/plan.h"
#include "pemba/reason/internal/predicate.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

// What an instance concludes: one predicate each.
struct Head {
  PredicateId predicate = 0;
  TypeId type = 0;                                     // Of the relation or the attribute.
  std::vector<std::pair<TypeId, VariableId>> players;  // Of a relation.
  VariableId owner = 0;                                // Of an ownership.
  struct Bound {
    VariableId attribute;
  };
  struct Computed {
    VariableId value;
  };
  std::variant<Bound, Value, Computed> attribute = Bound{0};  // Of an ownership.

  bool is_relation() const { return !players.empty(); }
};

// One way in which a rule can apply: one branch of each disjunction, one type for each type and
// role variable of its conclusion.
struct Instance {
  const Rule* rule = nullptr;
  ResolvedPattern pattern;  // Without disjunctions outside negations.
  std::vector<std::pair<VariableId, TypeId>> presets;
  Head head;
  struct Occurrence {  // An atom that conclusions can match.
    int atom = 0;
    std::vector<PredicateId> predicates;
  };
  std::vector<Occurrence> occurrences;
  std::vector<PredicateId> others;  // Created attributes that are scanned for, whoever owns them.
  std::vector<PredicateId> negated;
  std::optional<Closure> closure;

  const Conjunction& body() const { return pattern.trunk; }
  VariableMask PresetMask() const;
};

// Immutable; readable from any thread.
class Program {
 public:
  // Cost: the product of branches and types per rule. The schema is kept alive.
  explicit Program(std::shared_ptr<const Schema> schema);

  const PredicateIndex& index() const { return index_; }
  const std::vector<Instance>& instances() const { return instances_; }
  const Schema& schema() const { return *schema_; }

 private:
  void Expand(const Rule& rule);
  void ExpandTypes(const Rule& rule, const Conjunction& body, std::vector<VariableId> variables,
                   std::vector<std::pair<VariableId, TypeId>> presets);
  void AddInstances(const Rule& rule, Conjunction body,
                    std::vector<std::pair<VariableId, TypeId>> presets);
  void FindOccurrences(Instance& instance) const;
  void FindNegated(const Conjunction& body, const std::vector<ValueConstraint>& constraints,
                   std::vector<PredicateId>& into) const;
  std::optional<Closure> FindClosure(const Instance& instance) const;

  std::shared_ptr<const Schema> schema_;
  PredicateIndex index_;
  std::vector<Instance> instances_;
};

}  // namespace pemba::reason::internal
