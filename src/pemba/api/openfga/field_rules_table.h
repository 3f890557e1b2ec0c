// The field rules of openfga.v1, one row per rule.
#pragma once

#include <span>

#include "pemba/api/field_rules.h"

namespace pemba::api::openfga {

std::span<const FieldRule> FieldRulesTable();

}  // namespace pemba::api::openfga
