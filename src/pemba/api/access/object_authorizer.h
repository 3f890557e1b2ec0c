// ObjectAuthorizer: the decider as the one who admits requests on declared objects.
#pragma once

#include <string>
#include <vector>

#include "pemba/api/k8s/authorizer.h"
#include "pemba/base/clock.h"
#include "pemba/iam/decider.h"

namespace pemba::api::access {

// system:masters may do everything. Nobody else writes the status of identities and access, which
// is where controllers say who is blocked and what is granted; everybody who is logged in may read
// the roles in the namespace of assignable ones. For the rest the decider answers.
class ObjectAuthorizer final : public k8s::Authorizer {
 public:
  // Borrows decider and clock. `trusted_parents`: of API servers (AccessOptions).
  ObjectAuthorizer(const iam::Decider& decider, const Clock& clock,
                   std::string assignable_roles_namespace,
                   std::vector<std::string> trusted_parents = {})
      : decider_(decider),
        clock_(clock),
        assignable_(std::move(assignable_roles_namespace)),
        trusted_parents_(std::move(trusted_parents)) {}

  resource::Outcome<Done> Authorize(const k8s::ObjectRequest& request) override;
  resource::Outcome<Done> AuthorizeElsewhere(const k8s::ForeignRequest& request) override;

 private:
  const iam::Decider& decider_;
  const Clock& clock_;
  const std::string assignable_;
  const std::vector<std::string> trusted_parents_;
};

}  // namespace pemba::api::access
