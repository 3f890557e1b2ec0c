#include "pemba/iam/internal/people.h"

#include <algorithm>

#include "pemba/iam/internal/documents.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {

ObjectPtr FindUserByEmail(const Work& work, std::string_view email) {
  if (email.empty()) return nullptr;
  const auto found = work.transaction.FindBy(kUsersByEmail, FoldedEmail(email));
  return found.empty() ? nullptr : found.front();
}

ObjectPtr FindCaller(const Work& work) {
  const auto& uid = work.transaction.caller().uid;
  return uid.empty() ? nullptr : work.Find(work.kinds().user, "", uid);
}

ObjectPtr AccountOf(const Work& work, const resource::Object& key) {
  const auto email = FoldedEmail(SpecText(key, {"serviceAccountUserName"}));
  const auto name = email.substr(0, email.find('@'));
  if (FoldedEmail(work.settings().ServiceAccountEmail(name)) != email) return nullptr;
  return work.Find(work.kinds().service_account, "", name);
}

bool IsMaster(const resource::Caller& caller) {
  return std::ranges::find(caller.groups, kMasters) != caller.groups.end();
}

std::vector<ObjectPtr> ApprovalsOf(const Work& work, std::string_view user_name,
                                   std::string_view email) {
  std::vector<ObjectPtr> all;
  if (!user_name.empty()) all = work.transaction.FindBy(kApprovalsByUser, user_name);
  if (!email.empty()) {
    for (auto& one : work.transaction.FindBy(kApprovalsByEmail, FoldedEmail(email))) {
      all.push_back(std::move(one));
    }
  }
  return all;
}

std::vector<ObjectPtr> RejectionsOf(const Work& work, std::string_view user_name) {
  return work.transaction.FindBy(kRejectionsByUser, user_name);
}

std::string OrganizationNamespace(std::string_view organization) {
  return std::string(kOrganizationNamespacePrefix).append(organization);
}

std::string_view OrganizationOfNamespace(std::string_view name_space) {
  if (!name_space.starts_with(kOrganizationNamespacePrefix)) return {};
  return name_space.substr(kOrganizationNamespacePrefix.size());
}

std::vector<ObjectPtr> MembershipsOf(const Work& work, std::string_view organization,
                                     std::string_view user) {
  return work.transaction.FindBy(kMembershipsByUserAndOrganization, PairKey(user, organization));
}

bool IsOwnerMembership(const Work& work, const resource::Object& membership) {
  const RoleKey owner{work.settings().OwnerRolesNamespace(),
                      work.settings().organization_owner_role};
  const auto roles = RolesOf(membership, membership.key.name_space);
  return std::ranges::any_of(roles, [&](const auto& role) { return role.key == owner; });
}

}  // namespace pemba::iam::internal
