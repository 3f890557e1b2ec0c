#include "pemba/iam/settings.h"

#include <algorithm>

namespace pemba::iam {

Status Validate(const Settings& settings) {
  const struct {
    std::string_view name;
    const std::string& value;
  } all[] = {
      {"system_namespace", settings.system_namespace},
      {"assignable_roles_namespace", settings.assignable_roles_namespace},
      {"organization_owner_role", settings.organization_owner_role},
      {"project_owner_role", settings.project_owner_role},
      {"get_invitation_role", settings.get_invitation_role},
      {"accept_invitation_role", settings.accept_invitation_role},
      {"membership_self_delete_role", settings.membership_self_delete_role},
      {"user_self_manage_role", settings.user_self_manage_role},
      {"user_preferences_role", settings.user_preferences_role},
      {"owner_roles_namespace", settings.OwnerRolesNamespace()},
      {"service_account_domain", settings.service_account_domain},
  };
  for (const auto& [name, value] : all) {
    const bool good =
        !value.empty() && value.size() <= 200 && std::ranges::all_of(value, [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        });
    if (good) continue;
    return Error{ErrorCode::kInvalidArgument,
                 std::string(name) + " must be the name of an object, not `" + value + "`"};
  }
  return Done{};
}

}  // namespace pemba::iam
