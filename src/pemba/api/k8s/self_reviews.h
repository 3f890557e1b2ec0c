// What callers ask about themselves: `kubectl auth whoami`, `kubectl auth can-i [--list]`.
//
//   authentication.k8s.io/v1  SelfSubjectReview        who am I
//   authorization.k8s.io/v1   SelfSubjectAccessReview  may I do this
//                             SelfSubjectRulesReview   what may I do in this namespace
//
// Answered by whoever admits requests, and so with what would become of the request itself.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/api/k8s/authorizer.h"

namespace pemba::api::k8s {

struct SelfAsker {
  const resource::Registry& registry;
  Authorizer* authorizer;  // Null: whoever is let in may do everything.
  const resource::Caller& caller;
  const std::optional<iam::ParentContext>& parent;  // Inside which control plane.
};

bool IsSelfReview(std::string_view group, std::string_view version, std::string_view resource);

// `review` with its status. Errors: kBadRequest (it is not a review of that kind).
resource::Outcome<boost::json::object> AnswerSelfReview(const SelfAsker& asker,
                                                        std::string_view resource,
                                                        boost::json::object review);

}  // namespace pemba::api::k8s
