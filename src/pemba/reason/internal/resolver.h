// Syntax patterns to resolved patterns.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/reason/internal/type_problem.h"
#include "pemba/reason/pattern.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

// What variables that a conjunction shares with its surroundings can be.
using Scope = std::map<VariableId, TypeSet>;

// The type problem of one conjunction, and which of its nodes stand for variables.
struct ConjunctionProblem {
  explicit ConjunctionProblem(const Schema& schema) : problem(schema) {}
  TypeProblem problem;
  std::map<VariableId, Node> nodes;
};

// One pattern. Used once.
class Resolver {
 public:
  explicit Resolver(const Schema& schema) : schema_(schema), trunk_problem_(schema) {}

  // As reason::Resolve.
  Result<ResolvedPattern> Run(const syntax::Patterns& patterns);

  // Of the trunk, at its fixed point, without abstract types; for the checks of rules.
  const ConjunctionProblem& trunk_problem() const { return trunk_problem_; }

 private:
  friend class ConjunctionBuilder;
  // Numbers all variables of the patterns and finds out which kind each is of.
  Status Collect(const syntax::Patterns& patterns);
  Result<Conjunction> ResolveConjunction(const syntax::Patterns& patterns, const Scope& around,
                                         ConjunctionProblem& out);
  VariableId Fresh(Position at);

  const Schema& schema_;
  ResolvedPattern result_;
  StringMap<VariableId> ids_;
  ConjunctionProblem trunk_problem_;
};

}  // namespace pemba::reason::internal
