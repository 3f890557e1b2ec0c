// Failures in the form of the Kubernetes API: `Status` objects.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/resource/failure.h"
#include "pemba/resource/kind.h"

namespace pemba::api::k8s {

struct HttpFailure {
  int status = 500;
  boost::json::object body;
};

// `kind` and `name` say what was asked for; null and empty where nothing was.
HttpFailure ToHttp(const resource::Failure& failure, const resource::Kind* kind = nullptr,
                   std::string_view name = "");

// The answer to who shows no credential, or none that is good.
boost::json::object Unauthorized();

// The answer to a deletion that has left nothing.
boost::json::object Deleted(const resource::Kind& kind, std::string_view name,
                            std::string_view uid);

}  // namespace pemba::api::k8s
