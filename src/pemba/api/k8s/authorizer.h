// Authorizer: whether a caller may make a request on objects. A seam: the control plane decides
// (api/iam), tests pretend.
#pragma once

#include <optional>
#include <string_view>

#include "pemba/iam/parent_context.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/kind.h"
#include "pemba/resource/transaction.h"

namespace pemba::api::k8s {

// As a SubjectAccessReview has it. Views are valid for the call.
struct ObjectRequest {
  const resource::Caller& caller;
  std::string_view verb;  // get list watch create update patch delete deletecollection
  const resource::Kind& kind;
  std::string_view name_space, name;  // Empty: all, the collection.
  std::string_view subresource;
  // Inside which control plane, as the path says. Of a request on a collection: only if the answer
  // has nothing that lies elsewhere.
  std::optional<iam::ParentContext> parent;
};

// As ObjectRequest, of a kind that is served elsewhere.
struct ForeignRequest {
  const resource::Caller& caller;
  std::string_view verb, api_group, resource, subresource, name_space, name;
  std::optional<iam::ParentContext> parent;
};

// Thread-safe; may block.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // Errors: kForbidden in the words of the Kubernetes API, kStorage if it could not be decided.
  virtual resource::Outcome<Done> Authorize(const ObjectRequest& request) = 0;
  // The same of what others serve: who enforces it asks in its own way, this is for those who want
  // to know. Errors: kForbidden (why, for people), kStorage, kKindNotFound (nothing is known of
  // such requests).
  virtual resource::Outcome<Done> AuthorizeElsewhere(const ForeignRequest& request) = 0;
};

// `roles.iam.miloapis.com "x" is forbidden: User "mira" cannot get resource "roles" in API group
// "iam.miloapis.com" in the namespace "north"`, and `: why` if there is a reason.
resource::Failure Forbidden(const ObjectRequest& request, std::string_view why);

}  // namespace pemba::api::k8s
