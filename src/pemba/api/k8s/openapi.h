// OpenAPI: the schemas of all kinds, for `kubectl explain`, editors and client-side validation.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/resource/kind.h"

namespace pemba::api::k8s {

boost::json::object OpenApiV2(const resource::Registry& registry);  // /openapi/v2
// /openapi/v3: where the document of each version is.
boost::json::object OpenApiV3Index(const resource::Registry& registry);
// /openapi/v3/api/v1, /openapi/v3/apis/GROUP/VERSION; nothing if there is no such version.
std::optional<boost::json::object> OpenApiV3(const resource::Registry& registry,
                                             std::string_view group, std::string_view version);

}  // namespace pemba::api::k8s
