// Service: questions about access, for every transport (pemba.iam.v1.AccessService).
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <pemba/iam/v1/access_service.pb.h>

#include "pemba/api/k8s/callers.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/result.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/grants.h"
#include "pemba/provider/provider.h"
#include "pemba/resource/resource_store.h"

namespace pemba::api::access {

namespace wire = ::pemba::iam::v1;
using openfga::RequestContext;

struct ServiceOptions {
  k8s::CallerOptions callers = {};
  std::string assignable_roles_namespace = "datum-cloud";
  std::size_t list_max = 1'000;  // Of one list; what is more is cut, and the answer says so.
};

// Thread-safe; every call may block.
//
// Errors of every call: kUnauthenticated, kForbidden (about others, without the permission to ask),
// kInvalidArgument (a permission or a kind that is not registered, a principal that is missing),
// kUnavailable and the provider's.
class Service {
 public:
  // Borrows all but the options.
  Service(const iam::Decider& decider, const iam::Grants& grants,
          const resource::ResourceStore& resources, provider::Provider& provider,
          ServiceOptions options);

  Status CheckAccess(RequestContext&, const wire::CheckAccessRequest&, wire::CheckAccessResponse&);
  Status BatchCheckAccess(RequestContext&, const wire::BatchCheckAccessRequest&,
                          wire::BatchCheckAccessResponse&);
  Status TestIamPermissions(RequestContext&, const wire::TestIamPermissionsRequest&,
                            wire::TestIamPermissionsResponse&);
  Status ListAccessible(RequestContext&, const wire::ListAccessibleRequest&,
                        wire::ListAccessibleResponse&);
  Status ListPrincipals(RequestContext&, const wire::ListPrincipalsRequest&,
                        wire::ListPrincipalsResponse&);
  Status ListGrantableRoles(RequestContext&, const wire::ListGrantableRolesRequest&,
                            wire::ListGrantableRolesResponse&);
  Status ExplainAccess(RequestContext&, const wire::ExplainAccessRequest&,
                       wire::ExplainAccessResponse&);

 private:
  // Who asks, about whom.
  struct Asked {
    resource::Caller caller;
    std::string principal;  // Not empty.
  };
  Result<Asked> Admit(const RequestContext& context, const std::string& principal,
                      const iam::Target* target) const;
  Result<resource::Caller> CallerOf(const RequestContext& context) const;
  // Whether the objects here are as new as the call wants them; for answers that nobody decides.
  Status Reached(const RequestContext& context) const;
  iam::AccessOptions OptionsOf(RequestContext& context) const;

  const iam::Decider& decider_;
  const iam::Grants& grants_;
  const resource::ResourceStore& resources_;
  provider::Provider& provider_;
  const ServiceOptions options_;
};

}  // namespace pemba::api::access
