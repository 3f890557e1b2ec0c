// Field rules of pemba.iam.v1.AccessService.
#pragma once

#include <span>

#include "pemba/api/field_rules.h"

namespace pemba::api::access {

std::span<const FieldRule> FieldRulesTable();

}  // namespace pemba::api::access
