// What a refusal by the rules of the wire means to a control plane.
#pragma once

#include "pemba/base/result.h"

namespace pemba::provider::internal {

// The wire says kValidation both of what is malformed and of what this model lacks; the contract's
// texts tell which. Of the latter: kTypeNotFound or kRelationNotFound, with the same text.
Error WithCause(Error error);

}  // namespace pemba::provider::internal
