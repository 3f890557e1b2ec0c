// Objects that controllers make on behalf of others.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/iam/controllers/controller.h"
#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {

// A binding that follows from its owner, and goes with it.
struct DerivedBinding {
  std::string name_space, name;
  RoleKey role;
  ObjectPtr subject;  // A user.
  ObjectPtr target;
  ObjectPtr owner;
  Owns owns = Owns::kShared;
  boost::json::object labels = {};
};

// The binding is there as described; one that says something else is replaced. Answers it.
Outcome<ObjectPtr> Ensure(Work& work, const DerivedBinding& binding);
// Nothing happens if it is not there, or being deleted already.
Outcome<Done> DeleteIfThere(Work& work, const ObjectKey& key);
// `owner` is among the object's owners.
Outcome<Done> EnsureOwner(Work& work, const ObjectKey& key, const resource::Object& owner,
                          Owns owns);

// Objects of `kind` that own what changed: who made it looks after it.
void AddOwners(const Work& work, const Change& change, const resource::Kind* kind, Keys& keys);

}  // namespace pemba::iam::internal
