#include "pemba/iam/internal/known_kinds.h"

#include <string>
#include <string_view>

namespace pemba::iam::internal {

Result<Kinds> Kinds::In(const resource::Registry& registry) {
  constexpr std::string_view kIam = "iam.miloapis.com";
  constexpr std::string_view kResources = "resourcemanager.miloapis.com";
  constexpr std::string_view kOurs = "iam.pemba.dev";
  Kinds kinds;
  const struct {
    Kind Kinds::*member;
    std::string_view group, name;
  } all[] = {
      {&Kinds::name_space, "", "Namespace"},
      {&Kinds::protected_resource, kIam, "ProtectedResource"},
      {&Kinds::service, kOurs, "Service"},
      {&Kinds::role, kIam, "Role"},
      {&Kinds::policy_binding, kIam, "PolicyBinding"},
      {&Kinds::user, kIam, "User"},
      {&Kinds::service_account, kIam, "ServiceAccount"},
      {&Kinds::service_account_key, "identity.miloapis.com", "ServiceAccountKey"},
      {&Kinds::user_deactivation, kIam, "UserDeactivation"},
      {&Kinds::user_preference, kIam, "UserPreference"},
      {&Kinds::user_invitation, kIam, "UserInvitation"},
      {&Kinds::platform_invitation, kIam, "PlatformInvitation"},
      {&Kinds::platform_access_approval, kIam, "PlatformAccessApproval"},
      {&Kinds::platform_access_rejection, kIam, "PlatformAccessRejection"},
      {&Kinds::group, kIam, "Group"},
      {&Kinds::group_membership, kIam, "GroupMembership"},
      {&Kinds::organization, kResources, "Organization"},
      {&Kinds::organization_membership, kResources, "OrganizationMembership"},
      {&Kinds::folder, kOurs, "Folder"},
      {&Kinds::project, kResources, "Project"},
  };
  for (const auto& [member, group, name] : all) {
    kinds.*member = registry.FindKind(group, name);
    if (kinds.*member == nullptr) {
      return Error{
          ErrorCode::kInvalidArgument,
          "no kind `" + std::string(name) + "` is declared in group `" + std::string(group) + "`"};
    }
  }
  return kinds;
}

}  // namespace pemba::iam::internal
