// Bodies as protocol buffers: what typed clients of the Kubernetes API send by default for kinds
// that come with every API server.
//
// An envelope (`runtime.Unknown`, behind the bytes "k8s\0") names the kind of the message in it.
// Read are Namespace, DeleteOptions and the self reviews (self_reviews.h), into the JSON that they
// are otherwise sent as, without what a server sets by itself. Declared kinds are never sent so.
// Numbers of fields: the generated.proto files of https://github.com/kubernetes/api and
// https://github.com/kubernetes/apimachinery.
#pragma once

#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/resource/failure.h"

namespace pemba::api::k8s {

inline constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

// Errors: kUnsupported (another kind), kBadRequest (no such message). O(bytes).
resource::Outcome<boost::json::object> ReadProtobuf(std::string_view bytes);

}  // namespace pemba::api::k8s
