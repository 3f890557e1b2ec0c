// Looking up people, and what has been decided about them.
#pragma once

#include <string>
#include <string_view>

#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

// Null if nobody has the address; its case does not matter.
ObjectPtr FindUserByEmail(const Work& work, std::string_view email);
// The user that the caller is; null if it is none.
ObjectPtr FindCaller(const Work& work);
// The service account that a key is of; null if there is none.
ObjectPtr AccountOf(const Work& work, const resource::Object& key);
bool IsMaster(const resource::Caller& caller);

// Approvals and rejections that count for a user: by name, or by its address.
std::vector<ObjectPtr> ApprovalsOf(const Work& work, std::string_view user_name,
                                   std::string_view email);
std::vector<ObjectPtr> RejectionsOf(const Work& work, std::string_view user_name);

// "organization-<name>"
std::string OrganizationNamespace(std::string_view organization);
// The organization whose namespace this would be; empty: none's.
std::string_view OrganizationOfNamespace(std::string_view name_space);

// Memberships of the user in the organization.
std::vector<ObjectPtr> MembershipsOf(const Work& work, std::string_view organization,
                                     std::string_view user);
// Whether a membership makes its user an owner of the organization.
bool IsOwnerMembership(const Work& work, const resource::Object& membership);

}  // namespace pemba::iam::internal
