// The field rules of the messages of pemba.reason.v1.
#pragma once

#include <span>

#include "pemba/api/field_rules.h"

namespace pemba::api::reason {

std::span<const FieldRule> FieldRulesTable();

}  // namespace pemba::api::reason
