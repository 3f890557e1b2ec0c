#include "pemba/api/access/webhooks.h"

#include <memory>
#include <utility>

#include <boost/json/serialize.hpp>

#include "pemba/api/access/callers.h"
#include "pemba/api/access/review_metrics.h"
#include "pemba/api/k8s/answer.h"
#include "pemba/api/k8s/failures.h"

namespace pemba::api::access {
namespace {

using iam::AccessDecision;
using iam::AccessReason;
using Answer = iam::AccessDecision::Answer;

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kAuthorizePath = "/iam/v1/authorize";

// What the handlers share. Lives as long as the routes.
struct Front {
  Front(const iam::Decider& d, const authn::Authenticator& a, const Clock& c, WebhookOptions o)
      : decider(d), authenticator(a), clock(c), options(std::move(o)), metrics(options.metrics) {
    mapped_parents = options.mapping.parent_types();
  }

  const iam::Decider& decider;
  const authn::Authenticator& authenticator;
  const Clock& clock;
  const WebhookOptions options;
  ReviewMetrics metrics;
  std::vector<std::string> mapped_parents;

  provider::ReadOptions read() const {
    return {.at_least = {}, .deadline = clock.Steady() + options.time_max};
  }
  std::string BindingOf(const std::string& uid, const AccessDecision& decision) const {
    const bool wanted = options.binding_of && decision.reason == AccessReason::kGranted;
    return wanted ? options.binding_of(uid, decision) : std::string();
  }
};

// ---- SubjectAccessReview ----

// Who asks must be known, and may learn of everybody's access.
bool Admit(const Front& front, rpc::Call& call) {
  const auto authenticated = front.authenticator.Authenticate(call);
  if (!authenticated.ok()) {
    k8s::Answer(call, 401, k8s::Unauthorized());
    return false;
  }
  const auto caller = k8s::CallerOf(*authenticated, front.options.callers);
  const auto permitted = MayAsk(front.decider, caller, nullptr, {.read = front.read()});
  if (permitted.ok()) return true;
  using resource::Failure;
  const auto& error = permitted.error();
  const auto refused = Failure(Failure::Reason::kForbidden,
                               "subjectaccessreviews.authorization.k8s.io is forbidden: User \"" +
                                   caller.name + "\": " + error.message);
  k8s::Fail(call, error.code == ErrorCode::kForbidden ? refused : Failure(error));
  return false;
}

// `project`: of the path that is always about the project itself.
void Review(Front& front, rpc::Call& call, std::string_view project) {
  if (!Admit(front, call)) return;
  const auto start = front.clock.Steady();
  const auto answer = [&](const std::string& body) { call.FinishHttp(200, kJsonType, body); };
  const auto type = call.header("content-type").value_or("");
  ReadReview read;
  if (type == kJsonType) {
    read = ParseSubjectAccessReview(call.body());
  } else {
    read.problem = "contentType=" + std::string(type) + ", expected application/json";
  }
  const auto parsed = front.clock.Steady();
  front.metrics.Step("build_context", parsed - start);
  if (!read.review) {
    front.metrics.Unread(parsed - start);
    return answer(AnswerUnread(read, front.options.on_error));
  }
  if (!project.empty()) {
    read.review->parent = {"resourcemanager.miloapis.com", "Project", std::string(project)};
    read.review->name.clear();
  }
  const auto decision = front.decider.Review(
      *read.review, {.read = front.read(), .trusted_parents = front.options.trusted_parents});
  const auto end = front.clock.Steady();
  front.metrics.Step("openfga_batch_check", end - parsed);
  const auto binding = front.BindingOf(read.review->uid, decision);
  front.metrics.Decided(decision, *read.review, *front.decider.catalog(), end - start);
  answer(AnswerSubjectAccessReview(decision, binding, front.options.on_error));
}

// ---- External authorization ----

// The request that a proxy asks about.
struct ProxiedRequest {
  std::string method, path, query;
};

std::optional<std::string_view> FirstHeader(const rpc::Call& call,
                                            std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (const auto value = call.header(name); value && !value->empty()) return value;
  }
  return std::nullopt;
}

ProxiedRequest ProxiedRequestOf(const rpc::Call& call) {
  const auto rest = call.path().substr(std::min(kAuthorizePath.size(), call.path().size()));
  if (!rest.empty()) {
    return {std::string(call.http_method()), std::string(rest), std::string(call.query())};
  }
  auto uri = FirstHeader(call, {"x-original-uri", "x-original-url", "x-forwarded-uri"});
  const auto method = FirstHeader(call, {"x-original-method", "x-forwarded-method"});
  if (!uri) return {};
  // A URL has its scheme and host before the path.
  if (const auto scheme = uri->find("://"); scheme != uri->npos && scheme < uri->find('/')) {
    const auto slash = uri->find('/', scheme + 3);
    uri = slash == uri->npos ? std::string_view("/") : uri->substr(slash);
  }
  const auto mark = uri->find('?');
  return {std::string(method.value_or(call.http_method())), std::string(uri->substr(0, mark)),
          mark == uri->npos ? std::string() : std::string(uri->substr(mark + 1))};
}

void Say(rpc::Call& call, int status, std::string_view reason, std::string_view message) {
  call.SetHeader("pemba-reason", reason);
  if (status == 401) call.SetHeader("www-authenticate", "Bearer");
  if (status == 503) call.SetHeader("retry-after", "1");
  const boost::json::object body{
      {"allowed", status == 200}, {"reason", reason}, {"message", message}};
  call.FinishHttp(status, kJsonType, boost::json::serialize(body));
}

// An error is never a 2xx, nor a 403: proxies let nobody through on either.
int StatusOf(const AccessDecision& decision) {
  switch (decision.answer) {
    case Answer::kAllowed:
      return 200;
    case Answer::kDenied:
      return 403;
    case Answer::kUndecided:
      break;
  }
  if (decision.reason == AccessReason::kNoSubject) return 401;
  if (decision.reason == AccessReason::kNamespaceMismatch ||
      decision.reason == AccessReason::kNamespaceMissing) {
    return 403;
  }
  return decision.reason == AccessReason::kProviderError ? 503 : 500;
}

AccessDecision Decide(const Front& front, const resource::Caller& caller, MappedRequest& mapped) {
  if (mapped.kind == MappedRequest::Kind::kReview) {
    mapped.review.uid = caller.uid;
    mapped.review.extra = caller.extra;
    return front.decider.Review(
        mapped.review, {.read = front.read(), .trusted_parents = front.options.trusted_parents});
  }
  mapped.question.uid = caller.uid;
  return front.decider.Decide(mapped.question,
                              {.read = front.read(), .trusted_parents = front.mapped_parents});
}

void Authorize(const Front& front, rpc::Call& call) {
  const auto authenticated = front.authenticator.Authenticate(call);
  if (!authenticated.ok()) {
    const bool later = authenticated.error().code == ErrorCode::kUnavailable;
    return Say(call, later ? 503 : 401, "unauthenticated", authenticated.error().message);
  }
  const auto caller = k8s::Impersonated(k8s::CallerOf(*authenticated, front.options.callers), call);
  if (!caller.ok()) return Say(call, 403, "impersonation", caller.error().message);
  const auto request = ProxiedRequestOf(call);
  auto mapped = front.options.mapping.Map(request.method, request.path, request.query);
  if (mapped.kind == MappedRequest::Kind::kUnknown) {
    return Say(call, 403, "not_mapped", "nothing is known of this request");
  }
  call.SetHeader("pemba-principal", caller->uid);
  if (mapped.kind == MappedRequest::Kind::kOpen) return Say(call, 200, "open", "");
  if (k8s::IsMaster(*caller)) return Say(call, 200, "masters", "");
  const auto decision = Decide(front, *caller, mapped);
  Say(call, StatusOf(decision), ReasonText(decision, front.BindingOf(caller->uid, decision)),
      decision.message);
}

}  // namespace

void AddWebhookRoutes(const iam::Decider& decider, const authn::Authenticator& authenticator,
                      const Clock& clock, WebhookOptions options, rpc::Router& router) {
  const auto front = std::make_shared<Front>(decider, authenticator, clock, std::move(options));
  const auto add = [&](const char* method, std::string pattern, rpc::Handler handler) {
    rpc::Route route;
    route.http_method = method;
    route.http_pattern = std::move(pattern);
    route.execution = rpc::Execution::kWorker;  // A remote provider is waited for.
    route.admission = rpc::Admission::kWithin;
    route.handler = std::move(handler);
    router.Add(std::move(route));
  };
  const auto review = [front](rpc::Call& call) {
    Review(*front, call, call.path_parameter("project"));
  };
  add("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review);
  add("POST", "/core/v1alpha/webhook", review);
  add("POST", "/project/v1alpha/projects/{project}/webhook", review);
  for (const char* const method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    const auto authorize = [front](rpc::Call& call) { Authorize(*front, call); };
    add(method, std::string(kAuthorizePath), authorize);
    add(method, std::string(kAuthorizePath) + "/{rest...}", authorize);
  }
}

}  // namespace pemba::api::access
