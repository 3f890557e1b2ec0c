// The indexes of the control plane: how its rules, controllers and projections find objects.
//
// A key is made here, by the functions below or as the comment says, for whoever looks up and for
// whoever is found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/resource/index.h"
#include "pemba/resource/kind.h"

namespace pemba::iam {

// In the order of MakeIndexes.
enum : resource::IndexId {
  kBindingsByRole,              // `namespace/name` of the role.
  kBindingsByTarget,            // `type:id` as in tuples; of all objects of a kind, its root.
  kBindingsByTargetType,        // `service/Kind` of the target, be it one object or all.
  kBindingsByTargetAndSubject,  // TargetAndSubjectKey.
  kBindingsBySubject,           // SubjectIndexKey: as a binding names it, whatever the uid.
  kBindingsByGrantee,           // The subject as in tuples.
  kBindingsByReason,            // The reason of its condition Ready, while that is not true.

  kRolesByInheritedRole,  // `namespace/name` of a role that it inherits itself.
  kRolesByPlural,         // `service/plural` of a permission that it includes itself.

  kKindsByType,       // ProtectedResources by `service/Kind`,
  kKindsByPlural,     // by `service/plural`,
  kKindsByParent,     // and by the type of a declared parent.
  kServicesByType,    // Services by the same.
  kServicesByPlural,  //
  kServicesByParent,  //

  kUsersByEmail,  // FoldedEmail, here and below.

  kMembershipsByUser,                 // Name of the user.
  kMembershipsByOrganization,         // Name of the organization.
  kMembershipsByUserAndOrganization,  // PairKey(user, organization).
  kMembershipsByRole,                 // `namespace/name` of a role that it grants.

  kGroupMembershipsByGroup,           // `namespace/name` of the group.
  kGroupMembershipsByUser,            // Name of the member, if it is a user.
  kGroupMembershipsByMember,          // SubjectIndexKey of the member, whatever it is.
  kGroupMembershipsByGroupAndMember,  // PairKey(`namespace/name`, SubjectIndexKey).

  kDeactivationsByUser,         // Name of the user.
  kApprovalsByUser,             // Name of the user.
  kApprovalsByEmail,            //
  kRejectionsByUser,            // Name of the user.
  kPreferencesByUser,           // Name of the user.
  kPlatformInvitationsByEmail,  //

  kInvitationsByEmail,                 //
  kInvitationsByEmailAndOrganization,  // PairKey(FoldedEmail, organization).
  kInvitationsByOrganization,          // Name of the organization.
  kInvitationsByRole,                  // `namespace/name` of a role that it offers.

  kProjectsByOwner,  // OwnerKey of the Organization or Folder that it lies in.
  kFoldersByOwner,   //

  kKeysByServiceAccount,  // FoldedEmail of the account.

  kIndexCount,
};

// Of all kinds of kinds.h. `registry` outlives them.
std::vector<resource::Index> MakeIndexes(const resource::Registry& registry);

// `namespace/name`.
std::string PlaceKey(std::string_view name_space, std::string_view name);
// Of a User, ServiceAccount or Group. The namespace is a group's; system groups have none.
std::string SubjectIndexKey(std::string_view kind, std::string_view name_space,
                            std::string_view name);
// Both as in tuples: `type:id`, and the subject.
std::string TargetAndSubjectKey(std::string_view target, std::string_view subject);
std::string OwnerKey(std::string_view kind, std::string_view name);
std::string PairKey(std::string_view first, std::string_view second);
// Addresses that differ in the case of ASCII letters are one.
std::string FoldedEmail(std::string_view email);

}  // namespace pemba::iam
