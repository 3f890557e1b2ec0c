// The Kubernetes API over the resource store: discovery, OpenAPI, and objects of every registered
// kind. `kubectl` and client libraries work on it unchanged.
#pragma once

#include <memory>
#include <string>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/k8s/authorizer.h"
#include "pemba/api/k8s/callers.h"
#include "pemba/base/clock.h"
#include "pemba/resource/resource_store.h"
#include "pemba/rpc/router.h"

namespace pemba::api::k8s {

struct ServiceOptions {
  // A watch without timeoutSeconds ends after so long; clients begin another.
  std::chrono::seconds watch_timeout{1800};
  std::chrono::seconds bookmark_interval{60};
  CallerOptions callers = {};
  Authorizer* authorizer = nullptr;  // Borrowed; null: whoever is let in may do everything.
};

// Adds /pemba/v1/apply (batch.h), /api, /apis, /openapi and /version to the router, and the same
// behind the paths of control planes (scope_path.h). Borrows everything, for as long as the router
// serves.
void AddRoutes(resource::ResourceStore& resources, const Clock& clock,
               const authn::Authenticator& authenticator, rpc::Router& router,
               ServiceOptions options = {});

}  // namespace pemba::api::k8s
