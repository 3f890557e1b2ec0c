// Syntax trees to TypeQL text, in one layout. Parsing the text gives an equal tree.
#pragma once

#include <string>

#include "pemba/reason/syntax.h"

namespace pemba::reason {

std::string ToText(const syntax::Query& query);
std::string ToText(const syntax::RuleDefinition& rule);  // Ends with `;`.
std::string ToText(const syntax::Pattern& pattern);      // Ends with `;`.
std::string ToText(const syntax::ThingStatement& statement);
std::string ToText(const syntax::TypeStatement& statement);
std::string ToText(const syntax::Expression& expression);

}  // namespace pemba::reason
