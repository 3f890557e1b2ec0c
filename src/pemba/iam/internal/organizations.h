// Organizations and what lies below them.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

inline constexpr std::string_view kOrganizationLabel = "resourcemanager.miloapis.com/organization";
inline constexpr std::string_view kTypeLabel = "resourcemanager.miloapis.com/type";
inline constexpr std::string_view kProjectOrganizationLabel =
    "resourcemanager.miloapis.com/organization-name";

// The organization's namespace is there, with its labels, and goes with the organization.
Outcome<Done> EnsureNamespace(Work& work, const resource::Object& organization);

// The organizations that an object is in: by its namespace, or by whom it belongs to, over as many
// levels as there are. One, unless it has several owners. O(owners).
std::set<std::string> OrganizationsOf(const Work& work, const ObjectPtr& object);

// Whom a folder or a project belongs to; null if that is not there.
ObjectPtr FindOwner(const Work& work, const resource::Object& folder_or_project);

}  // namespace pemba::iam::internal
