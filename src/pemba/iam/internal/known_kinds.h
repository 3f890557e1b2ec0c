// The kinds that rules and controllers know, as the registry has them.
#pragma once

#include "pemba/base/result.h"
#include "pemba/resource/kind.h"

namespace pemba::iam::internal {

struct Kinds {
  using Kind = const resource::Kind*;
  Kind name_space = nullptr;
  Kind protected_resource = nullptr, service = nullptr, role = nullptr, policy_binding = nullptr;
  Kind user = nullptr, user_deactivation = nullptr;
  Kind service_account = nullptr, service_account_key = nullptr;
  Kind user_preference = nullptr, user_invitation = nullptr;
  Kind platform_invitation = nullptr, platform_access_approval = nullptr;
  Kind platform_access_rejection = nullptr;
  Kind group = nullptr, group_membership = nullptr;
  Kind organization = nullptr, organization_membership = nullptr;
  Kind folder = nullptr, project = nullptr;

  // Errors (kInvalidArgument): one is missing.
  static Result<Kinds> In(const resource::Registry& registry);
};

}  // namespace pemba::iam::internal
