// Answers of the Kubernetes API, and how a handler that may fail becomes one that does not.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>

#include "pemba/api/k8s/failures.h"
#include "pemba/resource/object.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

inline constexpr std::string_view kJsonType = "application/json";

inline void Answer(rpc::Call& call, int status, const boost::json::object& body,
                   std::string_view content_type = kJsonType) {
  call.FinishHttp(status, content_type, boost::json::serialize(body));
}

// `list` with these items after its other fields. They are not gathered in one document first: of
// ten thousand objects that would cost more than everything else.
inline void AnswerList(rpc::Call& call, const boost::json::object& list,
                       std::span<const resource::ObjectPtr> items) {
  auto text = boost::json::serialize(list);
  text.back() = ',';  // In the place of the brace.
  text += R"("items":[)";
  for (const auto& item : items) {
    if (&item != &items.front()) text += ',';
    text += boost::json::serialize(item->document);
  }
  text += "]}";
  call.FinishHttp(200, kJsonType, text);
}

inline void Fail(rpc::Call& call, const resource::Failure& failure,
                 const resource::Kind* kind = nullptr, std::string_view name = "") {
  const auto http = ToHttp(failure, kind, name);
  if (http.body.at("details").as_object().contains("retryAfterSeconds"))
    call.SetHeader("retry-after", "1");
  Answer(call, http.status, http.body);
}

}  // namespace pemba::api::k8s
