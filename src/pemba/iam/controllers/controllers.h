// Every controller, each in a file of its own.
#pragma once

#include <memory>
#include <vector>

#include "pemba/iam/controllers/controller.h"
#include "pemba/iam/controllers/scheduler.h"

namespace pemba::iam::internal {

// Whether kinds are registered as they should be.
ControllerPtr NewKindController();
// What roles come to.
ControllerPtr NewRoleController();
// The namespace of an organization.
ControllerPtr NewOrganizationController();
// What lies below organizations: folders and projects.
ControllerPtr NewProjectController();
// A user's own bindings and preference, its approval, whether it is active.
ControllerPtr NewUserController();
// What goes with a user, group, service account or role that is no more.
ControllerPtr NewDepartureController();
ControllerPtr NewGroupMembershipController();
// The roles that members have in an organization.
ControllerPtr NewMembershipController();
// From invitation to membership, or not.
ControllerPtr NewInvitationController();
ControllerPtr NewPlatformInvitationController();
ControllerPtr NewDeactivationController();
// Whether a binding holds, and why not.
ControllerPtr NewBindingController();
// Whether a key of a service account counts.
ControllerPtr NewServiceAccountKeyController();
// Kinds that are Ready as soon as they are there.
ControllerPtr NewReadyController();

// All of them, causes before what follows from them.
std::vector<ControllerPtr> AllControllers();

}  // namespace pemba::iam::internal
