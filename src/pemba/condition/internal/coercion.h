// Coercion: from the JSON values of a context to the values of parameters.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/condition/internal/type.h"
#include "pemba/condition/internal/value.h"
#include "pemba/condition/types.h"

namespace pemba::condition::internal {

// The static type of a parameter.
// Errors (kInvalidModel): a list or map without exactly one element type, another type with one,
// an unknown type.
Result<const Type*> StaticType(const ParameterType& type, Arena& arena);

// Converts `json` to the parameter's type, which StaticType has accepted. The value is an error
// value if it does not convert; its text is the cause as the wire shows it. Everything lives in
// `arena`. JSON numbers count as doubles whatever their spelling, for so they travel on the wire.
Value Coerce(const boost::json::value& json, const ParameterType& type, Arena& arena);

}  // namespace pemba::condition::internal
