// The field rules of the AuthZEN messages.
#pragma once

#include <span>

#include "pemba/api/field_rules.h"

namespace pemba::api::authzen {

std::span<const FieldRule> FieldRulesTable();

}  // namespace pemba::api::authzen
