#include "pemba/reason/problem.h"

#include <array>

#include "pemba/base/assert.h"

namespace pemba::reason {
namespace {

struct Row {
  Problem problem;
  std::string_view name;
  std::string_view code;
  ErrorCode error = ErrorCode::kValidation;
};

constexpr auto kText = ErrorCode::kInvalidArgument;

// In the order of the enumeration.
constexpr Row kRows[] = {
    {Problem::kSyntax, "syntax", "TQL03", kText},
    {Problem::kVariableOutOfScope, "variable-out-of-scope", "TQL16", kText},
    {Problem::kUnboundedNestedPattern, "unbounded-nested-pattern", "TQL11", kText},
    {Problem::kRedundantNestedNegation, "redundant-nested-negation", "TQL36", kText},
    {Problem::kVariableInDefinition, "variable-in-definition", "TQL27", kText},
    {Problem::kVariableKindConflict, "variable-kind-conflict", "QRY07", kText},
    {Problem::kNoNamedVariable, "no-named-variable", "", kText},
    {Problem::kDuplicateModifier, "duplicate-modifier", "", kText},
    {Problem::kTypeNotFound, "type-not-found", "TYR03"},
    {Problem::kRoleNotFound, "role-not-found", "TYR04"},
    {Problem::kKindMismatch, "kind-mismatch", ""},
    {Problem::kIncoherentPattern, "incoherent-pattern", "QRY16"},
    {Problem::kIncomparable, "incomparable", "QRY18"},
    {Problem::kInvalidPattern, "invalid-pattern", ""},
    {Problem::kRootImmutable, "root-immutable", "TYW01"},
    {Problem::kCyclicHierarchy, "cyclic-hierarchy", "TYW08"},
    {Problem::kValueTypeMissing, "value-type-missing", "TYW15"},
    {Problem::kValueTypeChanged, "value-type-changed", "TYW16"},
    {Problem::kValueTypeConflict, "value-type-conflict", "TYW14"},
    {Problem::kSupertypeNotAbstract, "supertype-not-abstract", "TYW19"},
    {Problem::kAbstractAttributeOwned, "abstract-attribute-owned", "TYW09"},
    {Problem::kAbstractRolePlayed, "abstract-role-played", "TYW36"},
    {Problem::kAbstractRoleRelated, "abstract-role-related", "TYW38"},
    {Problem::kRelationWithoutRoles, "relation-without-roles", "TYW37"},
    {Problem::kRoleAlreadyInherited, "role-already-inherited", "TYW39"},
    {Problem::kBadOverride, "bad-override", "TYW40"},
    {Problem::kOwnershipRedeclared, "ownership-redeclared", "TYW25"},
    {Problem::kPlaysRedeclared, "plays-redeclared", "TYW62"},
    {Problem::kKeyMissingInData, "key-missing-in-data", "TYW30"},
    {Problem::kKeySeveralInData, "key-several-in-data", "TYW31"},
    {Problem::kUniqueTakenInData, "unique-taken-in-data", "TYW33"},
    {Problem::kAnnotationValueType, "annotation-value-type", "TYW26"},
    {Problem::kTypeHasSubtypes, "type-has-subtypes", "TYW02"},
    {Problem::kTypeHasInstances, "type-has-instances", "TYW04"},
    {Problem::kTypeInRule, "type-in-rule", "TYW07"},
    {Problem::kCapabilityInUse, "capability-in-use", "TYW49"},
    {Problem::kCapabilityInherited, "capability-inherited", "TYW52"},
    {Problem::kCapabilityMissing, "capability-missing", ""},
    {Problem::kRegexNotString, "regex-not-string", ""},
    {Problem::kRegexInvalid, "regex-invalid", ""},
    {Problem::kRegexInData, "regex-in-data", "TYW20"},
    {Problem::kAbstractHasInstances, "abstract-has-instances", ""},
    {Problem::kLabelTaken, "label-taken", ""},
    {Problem::kAbstractWrite, "abstract-write", "THW01"},
    {Problem::kCannotOwn, "cannot-own", "THW03"},
    {Problem::kKeySecond, "key-second", "THW04"},
    {Problem::kKeyTaken, "key-taken", "THW05"},
    {Problem::kKeyMissing, "key-missing", "THW06"},
    {Problem::kUniqueTaken, "unique-taken", "THW07"},
    {Problem::kCannotPlay, "cannot-play", "THW08"},
    {Problem::kRoleNotRelated, "role-not-related", "THW09"},
    {Problem::kRelationWithoutPlayers, "relation-without-players", "THW10"},
    {Problem::kRoleAmbiguous, "role-ambiguous", "THW26"},
    {Problem::kRoleMissing, "role-missing", "THW27"},
    {Problem::kRegexViolation, "regex-violation", "THW11"},
    {Problem::kValueTypeWrong, "value-type-wrong", ""},
    {Problem::kAttributeWithoutValue, "attribute-without-value", "THW24"},
    {Problem::kAttributeWithSeveralValues, "attribute-with-several-values", "THW23"},
    {Problem::kMissingIsa, "missing-isa", "THW15"},
    {Problem::kReinsertWithOtherType, "reinsert-with-other-type", "THW14"},
    {Problem::kIidInsert, "iid-insert", "THW12"},
    {Problem::kIsInsert, "is-insert", "THW22"},
    {Problem::kDeleteTypeMismatch, "delete-type-mismatch", "THW18"},
    {Problem::kDeleteMissingOwnership, "delete-missing-ownership", "THW20"},
    {Problem::kDeleteMissingPlayer, "delete-missing-player", "THW33"},
    {Problem::kInvalidInsert, "invalid-insert", ""},
    {Problem::kInvalidDelete, "invalid-delete", ""},
    {Problem::kSortNotComparable, "sort-not-comparable", "THR07"},
    {Problem::kAggregateNotNumeric, "aggregate-not-numeric", "THR10"},
    {Problem::kWriteInReadTransaction, "write-in-read-transaction", "TXN08",
     ErrorCode::kFailedPrecondition},
    {Problem::kSchemaWriteInReadTransaction, "schema-write-in-read-transaction", "TXN07",
     ErrorCode::kFailedPrecondition},
    {Problem::kSchemaWriteInDataSession, "schema-write-in-data-session", "TXN12",
     ErrorCode::kFailedPrecondition},
    {Problem::kDataWriteInSchemaSession, "data-write-in-schema-session", "TXN13",
     ErrorCode::kFailedPrecondition},
    {Problem::kTransactionClosed, "transaction-closed", "", ErrorCode::kFailedPrecondition},
    {Problem::kTransactionConflict, "transaction-conflict", "", ErrorCode::kConflict},
    {Problem::kRuleNotFound, "rule-not-found", ""},
    {Problem::kRuleEmpty, "rule-empty", "TQL29", kText},
    {Problem::kRuleNestedNegation, "rule-nested-negation", "TQL30", kText},
    {Problem::kRuleConclusionNotSingle, "rule-conclusion-not-single", "TQL31", kText},
    {Problem::kRuleConclusionUnbound, "rule-conclusion-unbound", "TQL33", kText},
    {Problem::kRuleConclusionRoleMissing, "rule-conclusion-role-missing", "TQL34", kText},
    {Problem::kRuleConclusionRelationVariable, "rule-conclusion-relation-variable", "TQL35", kText},
    {Problem::kRuleConclusionTypesVariable, "rule-conclusion-types-variable", "TQL32", kText},
    {Problem::kRuleConclusionInvalid, "rule-conclusion-invalid", "", kText},
    {Problem::kRuleBodyIncoherent, "rule-body-incoherent", "RUW04"},
    {Problem::kRuleConclusionNotInsertable, "rule-conclusion-not-insertable", "RUW07"},
    {Problem::kRuleConclusionAbstract, "rule-conclusion-abstract", "RUW08"},
    {Problem::kRuleConclusionBadValue, "rule-conclusion-bad-value", "RUW09"},
    {Problem::kNegationCycle, "negation-cycle", "RUW02"},
    {Problem::kNonTermination, "non-termination", ""},
    {Problem::kTooComplex, "too-complex", "", ErrorCode::kTooComplex},
};

const Row& RowOf(Problem problem) {
  const Row& row = kRows[static_cast<std::size_t>(problem)];
  PEMBA_ASSERT(row.problem == problem);
  return row;
}

}  // namespace

std::string_view Name(Problem problem) { return RowOf(problem).name; }
std::string_view Code(Problem problem) { return RowOf(problem).code; }

Error MakeError(Problem problem, Position at, std::string_view text) {
  const Row& row = RowOf(problem);
  std::string message;
  if (!row.code.empty()) message.append("[").append(row.code).append("] ");
  message.append(row.name);
  if (at.line != 0) {
    message.append(" at ").append(std::to_string(at.line));
    message.append(":").append(std::to_string(at.column));
  }
  message.append(": ").append(text);
  return Error{row.error, std::move(message)};
}

std::optional<Problem> ProblemOf(const Error& error) {
  std::string_view text = error.message;
  if (text.starts_with("[")) {
    const std::size_t end = text.find("] ");
    if (end == text.npos) return std::nullopt;
    text.remove_prefix(end + 2);
  }
  const std::string_view name = text.substr(0, text.find_first_of(": "));
  for (const Row& row : kRows) {
    if (row.name == name) return row.problem;
  }
  return std::nullopt;
}

}  // namespace pemba::reason
