// What there is: groups, versions and kinds, as documents that clients ask for first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/resource/kind.h"

namespace pemba::api::k8s {

boost::json::object VersionInfo();                                     // /version
boost::json::object ApiVersions();                                     // /api
boost::json::object ApiGroupList(const resource::Registry& registry);  // /apis
// /apis/GROUP; nothing if there is no such group.
std::optional<boost::json::object> ApiGroup(const resource::Registry& registry,
                                            std::string_view group);
// /api/v1 and /apis/GROUP/VERSION; nothing if there is no such version.
std::optional<boost::json::object> ApiResourceList(const resource::Registry& registry,
                                                   std::string_view group,
                                                   std::string_view version);
// Everything in one document (apidiscovery.k8s.io/v2), for /api (the core group) and /apis.
enum class Groups : std::uint8_t { kCore, kNamed };
boost::json::object AggregatedDiscovery(const resource::Registry& registry, Groups groups);

}  // namespace pemba::api::k8s
