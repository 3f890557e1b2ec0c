// Roles and those that inherit from them, as a transaction sees them.
#pragma once

#include "pemba/iam/controllers/controller.h"
#include "pemba/iam/roles.h"

namespace pemba::iam::internal {

// Good while the transaction's roles stay as they are. Each role is read once.
RoleLookup LookupIn(const Work& work);

// Every role that inherits from this one, directly or not. O(roles found).
void AddInheritors(const Work& work, const RoleKey& role, Keys& keys);

}  // namespace pemba::iam::internal
