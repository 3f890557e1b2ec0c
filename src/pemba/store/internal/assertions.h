// Assertions as storage keeps them: a JSON text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

std::string EncodeAssertions(std::span<const Assertion> assertions);
// Errors: kDataLoss for what EncodeAssertions does not make.
Result<std::vector<Assertion>> DecodeAssertions(std::string_view text);

}  // namespace pemba::store::internal
