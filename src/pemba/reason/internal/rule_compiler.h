// Rules against a schema: the condition resolved, the conclusion resolved and proved insertable.
#pragma once

#include <memory>

#include "pemba/base/result.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

// Errors: those of Resolve for unknown labels, kRuleBodyIncoherent, kRuleConclusionAbstract,
// kRuleConclusionBadValue, kRoleNotFound, and kRuleConclusionNotInsertable if the condition allows
// a combination of types for which the conclusion would not be legal to insert.
Result<Rule> CompileRule(std::shared_ptr<const syntax::RuleDefinition> definition,
                         const Schema& schema);

// Whether the rule names a type or one of its roles, by label.
enum class Mention : std::uint8_t { kNone, kNamed };
Mention MentionOf(const Rule& rule, TypeId type, const Schema& schema);

}  // namespace pemba::reason::internal
