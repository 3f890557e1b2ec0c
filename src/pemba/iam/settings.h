// What the control plane is set up with: the names that its rules and controllers work by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::iam {

struct Settings {
  // Where what the system makes for users lies, and the roles that it makes it with.
  std::string system_namespace = "milo-system";
  // Whose roles anybody may assign who holds what they grant.
  std::string assignable_roles_namespace = "datum-cloud";

  // Names of roles in system_namespace.
  std::string organization_owner_role = "resourcemanager.miloapis.com-organizationowner";
  std::string project_owner_role = "resourcemanager.miloapis.com-projectowner";
  std::string get_invitation_role = "iam.miloapis.com-getinvitation";
  std::string accept_invitation_role = "iam.miloapis.com-acceptinvitation";
  std::string membership_self_delete_role = "organizationmembership-self-delete";
  std::string user_self_manage_role = "iam-user-self-manage";
  std::string user_preferences_role = "iam-user-preferences-manager";

  // Where the two owner roles lie; empty: in system_namespace.
  std::string owner_roles_namespace;

  // What stands after the @ in the address of a service account (status.email).
  std::string service_account_domain = "serviceaccounts.pemba.dev";

  // Who says that a deactivated login is really blocked (UserDeactivation's Ready). The decider
  // denies a deactivated user everything either way, from when this has been said.
  enum class Deactivation : std::uint8_t {
    kAtOnce,         // The control plane, in the commit of the deactivation.
    kWhenConfirmed,  // The identity provider's integration, through the object's status.
  } deactivation = Deactivation::kAtOnce;

  // When a binding's grant is said to be Ready.
  enum class Grants : std::uint8_t {
    kAtCommit,      // With its tuples: they are in the same commit.
    kWhenProvided,  // When a remote provider has them (ControlPlane::Provided).
  } grants = Grants::kAtCommit;

  std::string ServiceAccountEmail(std::string_view name) const {
    return std::string(name) + "@" + service_account_domain;
  }
  const std::string& OwnerRolesNamespace() const {
    return owner_roles_namespace.empty() ? system_namespace : owner_roles_namespace;
  }
};

// Errors (kInvalidArgument): the first name that is empty or that no object may have. A rule that
// works by an absent name would be off without anybody noticing.
Status Validate(const Settings& settings);

// Whose members may do everything: the rules against passing on more than one holds step aside for
// them; rules that keep the objects consistent do not.
inline constexpr std::string_view kMasters = "system:masters";

}  // namespace pemba::iam
