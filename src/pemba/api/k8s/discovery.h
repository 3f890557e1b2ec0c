// What there is: groups, versions and kinds, as documents that clients ask for first.
//
// In a control plane within this one, kinds are shown whose definition says so: the annotation
// `discovery.miloapis.com/parent-contexts` lists the kinds of parents. It hides, and forbids
// nothing: what a caller may do is the authorizer's to say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/iam/parent_context.h"
#include "pemba/resource/kind.h"

namespace pemba::api::k8s {

struct Shown {
  const resource::Registry& registry;
  const std::optional<iam::ParentContext>& parent;  // Nothing: everything is shown.
};

boost::json::object VersionInfo();                     // /version
boost::json::object ApiVersions();                     // /api
boost::json::object ApiGroupList(const Shown& shown);  // /apis
// /apis/GROUP; nothing if there is no such group.
std::optional<boost::json::object> ApiGroup(const Shown& shown, std::string_view group);
// /api/v1 and /apis/GROUP/VERSION; nothing if there is no such version.
std::optional<boost::json::object> ApiResourceList(const Shown& shown, std::string_view group,
                                                   std::string_view version);
// Everything in one document (apidiscovery.k8s.io/v2), for /api (the core group) and /apis.
enum class Groups : std::uint8_t { kCore, kNamed };
boost::json::object AggregatedDiscovery(const Shown& shown, Groups groups);

}  // namespace pemba::api::k8s
