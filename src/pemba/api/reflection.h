// gRPC server reflection, v1 and v1alpha: tools learn services and messages from the server.
#pragma once

#include <string>
#include <vector>

#include "pemba/rpc/router.h"

namespace pemba::api {

// `services` are listed by full name beside the two of reflection itself; all must be compiled in.
void AddReflectionRoutes(std::vector<std::string> services, rpc::Router& router);

}  // namespace pemba::api
