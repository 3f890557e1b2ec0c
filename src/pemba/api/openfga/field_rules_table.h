// The field rules of openfga.v1, one row per rule.
#pragma once

#include <span>

#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/field_rules.h"

namespace pemba::api::openfga {

std::span<const FieldRule> FieldRulesTable();

// Whether a request without contextual tuples passes, found without reflection. What this passes,
// the table passes; what it does not pass may still be valid, and the table has the words.
enum class QuickVerdict : std::uint8_t { kPasses, kAskTheTable };
QuickVerdict CheckFieldsQuickly(const ::openfga::v1::CheckRequest& request);

}  // namespace pemba::api::openfga
