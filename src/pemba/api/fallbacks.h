// What callers get who ask for nothing that exists, or more than is allowed.
#pragma once

#include "pemba/rpc/router.h"

namespace pemba::api {

// Unknown path: 404 `undefined_endpoint`. Wrong method: 404 `unimplemented`. Unknown gRPC method:
// UNIMPLEMENTED. What the transport refuses (body too large, queue full): the error table's form.
rpc::Fallbacks WireFallbacks();

}  // namespace pemba::api
