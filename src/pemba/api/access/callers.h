// Who may ask about whose access.
#pragma once

#include <optional>

#include "pemba/api/k8s/callers.h"
#include "pemba/iam/decider.h"

namespace pemba::api::access {

// The permission that asking about others takes. Register it as the action `check` of a kind with
// the plural `access` (samples/control-plane/platform), below the kinds that it should be granted
// on.
inline constexpr const char* kCheckPermission = "iam.miloapis.com/access.check";

// Whether `caller` may ask about the access of others to `target`: it is in system:masters, or
// holds kCheckPermission on the target or on something that the target lies in; without a target
// (or without its name), on all objects. Errors: kForbidden; those of the decider.
Status MayAsk(const iam::Decider& decider, const resource::Caller& caller,
              const iam::Target* target, const iam::AccessOptions& options);

}  // namespace pemba::api::access
