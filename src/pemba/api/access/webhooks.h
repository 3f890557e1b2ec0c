// What enforcement points ask: SubjectAccessReview webhooks of API servers, and external
// authorization of HTTP proxies (nginx auth_request, Envoy ext_authz, Traefik forwardAuth).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pemba/api/access/http_mapping.h"
#include "pemba/api/access/subject_access_review.h"
#include "pemba/api/authn/authenticator.h"
#include "pemba/api/k8s/callers.h"
#include "pemba/base/clock.h"
#include "pemba/iam/decider.h"
#include "pemba/rpc/router.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::api::access {

struct WebhookOptions {
  OnError on_error = OnError::kNoOpinion;
  std::vector<std::string> trusted_parents = {};  // Of API servers (AccessOptions).
  HttpMapping mapping = {};
  k8s::CallerOptions callers = {};
  std::chrono::milliseconds time_max{3000};
  telemetry::Registry* metrics = nullptr;  // Null: nothing is counted.
  // A binding that grants what was allowed ("namespace/name"), for the answer; may be null.
  std::function<std::string(const std::string& uid, const iam::AccessDecision&)> binding_of = {};
};

// Adds
//   POST /apis/authorization.k8s.io/v1/subjectaccessreviews, /core/v1alpha/webhook,
//        /project/v1alpha/projects/{project}/webhook
//        The status is 200 for whoever may ask (callers.h), and the review says the rest.
//   GET, HEAD, POST, PUT, PATCH, DELETE /iam/v1/authorize[/PATH]
//        May the bearer of the token make this request? The request is PATH with the call's own
//        method; without PATH, X-Original-URI (or X-Original-URL, X-Forwarded-Uri) and
//        X-Original-Method (X-Forwarded-Method). 200 yes; 401 no credential; 403 no, or nothing is
//        known of such paths; 503 or 500 if it could not be decided.
// Borrows everything, for as long as the router serves.
void AddWebhookRoutes(const iam::Decider& decider, const authn::Authenticator& authenticator,
                      const Clock& clock, WebhookOptions options, rpc::Router& router);

}  // namespace pemba::api::access
