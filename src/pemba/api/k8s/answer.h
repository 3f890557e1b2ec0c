// Answers of the Kubernetes API, and how a handler that may fail becomes one that does not.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>

#include "pemba/api/k8s/failures.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

inline constexpr std::string_view kJsonType = "application/json";

inline void Answer(rpc::Call& call, int status, const boost::json::object& body,
                   std::string_view content_type = kJsonType) {
  call.FinishHttp(status, content_type, boost::json::serialize(body));
}

inline void Fail(rpc::Call& call, const resource::Failure& failure,
                 const resource::Kind* kind = nullptr, std::string_view name = "") {
  const auto http = ToHttp(failure, kind, name);
  if (http.body.at("details").as_object().contains("retryAfterSeconds"))
    call.SetHeader("retry-after", "1");
  Answer(call, http.status, http.body);
}

}  // namespace pemba::api::k8s
