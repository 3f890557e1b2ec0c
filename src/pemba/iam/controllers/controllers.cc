#include "pemba/iam/controllers/controllers.h"

namespace pemba::iam::internal {

std::vector<ControllerPtr> AllControllers() {
  std::vector<ControllerPtr> all;
  all.push_back(NewKindController());
  all.push_back(NewRoleController());
  all.push_back(NewDepartureController());
  all.push_back(NewOrganizationController());
  all.push_back(NewProjectController());
  all.push_back(NewDeactivationController());
  all.push_back(NewPlatformInvitationController());
  all.push_back(NewUserController());
  all.push_back(NewInvitationController());
  all.push_back(NewGroupMembershipController());
  all.push_back(NewMembershipController());
  all.push_back(NewReadyController());
  all.push_back(NewServiceAccountKeyController());
  all.push_back(NewBindingController());
  return all;
}

}  // namespace pemba::iam::internal
