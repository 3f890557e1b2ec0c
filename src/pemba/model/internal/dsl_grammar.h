// The grammar of the DSL.
#pragma once

#include "pemba/model/internal/syntax_grammar.h"

namespace pemba::model::internal {

enum DslRule : RuleId {
  kFile,
  kModelHead,
  kModuleHead,
  kTypes,
  kTypeDefinition,
  kRelationDeclaration,
  kRelationName,
  kRelationDefinition,
  kUndirectDefinition,  // A definition without a list of types.
  kTail,                // The second and further operands.
  kGrouping,            // A rewrite where a group could stand, too.
  kGroup,
  kUndirectGroup,
  kDirect,
  kRewrite,
  kRestriction,
  kRestrictionBase,
  kConditions,
  kConditionDefinition,
  kConditionName,
  kParameter,
  kParameterName,
  kParameterType,
  kExpression,
  kComments,
  kIdent,
  kName,
};

// Made on first use; thread-safe.
const Grammar& DslGrammar();

}  // namespace pemba::model::internal
