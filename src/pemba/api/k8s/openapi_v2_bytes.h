// /openapi/v2 as a protocol buffer: kubectl asks for it in this form only, of kinds that it does
// not find in /openapi/v3 and, in older versions, of all of them.
//
// The message is `openapi.v2.Document` of https://github.com/google/gnostic-models; fields that
// neither kubectl nor OpenApiV2 know are left out. Values of any type are YAML texts in it, and
// JSON is YAML.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace pemba::api::k8s {

inline constexpr std::string_view kOpenApiV2BytesType =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

// `document` as OpenApiV2 makes it. O(size).
std::string OpenApiV2Bytes(const boost::json::object& document);

}  // namespace pemba::api::k8s
