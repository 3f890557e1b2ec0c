// The paths of control planes within this one: an API server's paths again, behind the name of what
// they are about.
//
//   /apis/resourcemanager.miloapis.com/v1alpha1/organizations/NAME/control-plane/...
//   /apis/resourcemanager.miloapis.com/v1alpha1/projects/NAME/control-plane/...
//   /apis/iam.miloapis.com/v1alpha1/users/NAME/control-plane/...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pemba/iam/parent_context.h"

namespace pemba::api::k8s {

struct ScopedPath {
  std::optional<iam::ParentContext> parent;
  std::string_view path;  // What is asked for there, from its slash on; points into the argument.
};

// Of several control planes one behind the other, a project counts before everything else, then
// the last one. O(length).
ScopedPath SplitScope(std::string_view path);

}  // namespace pemba::api::k8s
