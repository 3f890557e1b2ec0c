// What can be wrong with a query, a schema or a rule: one name per kind of problem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::reason {

// Where in a text something stands; both count from 1, columns in code points. 0: nowhere.
//
// All positions are equal: two trees that say the same are the same, wherever they were written.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend bool operator==(Position, Position) { return true; }
};

// Each has a name for people and programs (`type-not-found`) and, where TypeQL 2.x servers have
// one, their code (`TYR03`).
enum class Problem : std::uint8_t {
  // The text.
  kSyntax,
  kVariableOutOfScope,
  kUnboundedNestedPattern,
  kRedundantNestedNegation,
  kVariableInDefinition,
  kVariableKindConflict,
  kNoNamedVariable,
  kDuplicateModifier,
  // A pattern and a schema.
  kTypeNotFound,
  kRoleNotFound,
  kKindMismatch,
  kIncoherentPattern,
  kIncomparable,
  kInvalidPattern,
  // Schema.
  kRootImmutable,
  kCyclicHierarchy,
  kValueTypeMissing,
  kValueTypeChanged,
  kValueTypeConflict,
  kSupertypeNotAbstract,
  kAbstractAttributeOwned,
  kAbstractRolePlayed,
  kAbstractRoleRelated,
  kRelationWithoutRoles,
  kRoleAlreadyInherited,
  kBadOverride,
  kOwnershipRedeclared,
  kPlaysRedeclared,
  kKeyMissingInData,
  kKeySeveralInData,
  kUniqueTakenInData,
  kAnnotationValueType,
  kTypeHasSubtypes,
  kTypeHasInstances,
  kTypeInRule,
  kCapabilityInUse,
  kCapabilityInherited,
  kCapabilityMissing,
  kRegexNotString,
  kRegexInvalid,
  kRegexInData,
  kAbstractHasInstances,
  kLabelTaken,
  // Data.
  kAbstractWrite,
  kCannotOwn,
  kKeySecond,
  kKeyTaken,
  kKeyMissing,
  kUniqueTaken,
  kCannotPlay,
  kRoleNotRelated,
  kRelationWithoutPlayers,
  kRoleAmbiguous,
  kRoleMissing,
  kRegexViolation,
  kValueTypeWrong,
  kAttributeWithoutValue,
  kAttributeWithSeveralValues,
  kMissingIsa,
  kReinsertWithOtherType,
  kIidInsert,
  kIsInsert,
  kDeleteTypeMismatch,
  kDeleteMissingOwnership,
  kDeleteMissingPlayer,
  kInvalidInsert,
  kInvalidDelete,
  // Answers.
  kSortNotComparable,
  kAggregateNotNumeric,
  // Transactions.
  kWriteInReadTransaction,
  kSchemaWriteInReadTransaction,
  kSchemaWriteInDataSession,
  kDataWriteInSchemaSession,
  kTransactionClosed,
  kTransactionConflict,
  // Rules.
  kRuleNotFound,
  kRuleEmpty,
  kRuleNestedNegation,
  kRuleConclusionNotSingle,
  kRuleConclusionUnbound,
  kRuleConclusionRoleMissing,
  kRuleConclusionRelationVariable,
  kRuleConclusionTypesVariable,
  kRuleConclusionInvalid,
  kRuleBodyIncoherent,
  kRuleConclusionNotInsertable,
  kRuleConclusionAbstract,
  kRuleConclusionBadValue,
  kNegationCycle,
  kNonTermination,
  kTooComplex,
};

std::string_view Name(Problem problem);  // `type-not-found`.
std::string_view Code(Problem problem);  // `TYR03`; empty if no server ever had a code for it.

// The error that reports a problem. Its message reads
// `[TYR03] type-not-found at 1:10: the type `robot` is not defined`; without the place if `at` is
// nowhere, and without the brackets if there is no code.
Error MakeError(Problem problem, Position at, std::string_view text);

// The problem that an error of MakeError reports; nothing for other errors.
std::optional<Problem> ProblemOf(const Error& error);

}  // namespace pemba::reason
