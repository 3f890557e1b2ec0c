#include "pemba/api/access/object_authorizer.h"

#include <algorithm>

#include "pemba/api/k8s/callers.h"

namespace pemba::api::access {
namespace {

using Answer = iam::AccessDecision::Answer;

constexpr std::chrono::seconds kPatience{3};

bool IsPlatformGroup(std::string_view group) {
  return group == "iam.miloapis.com" || group == "resourcemanager.miloapis.com" ||
         group == "identity.miloapis.com" || group == "iam.pemba.dev";
}

bool IsRead(std::string_view verb) { return verb == "get" || verb == "list" || verb == "watch"; }

bool IsLoggedIn(const resource::Caller& caller) {
  return std::ranges::find(caller.groups, k8s::kAuthenticatedGroup) != caller.groups.end();
}

iam::AccessReview ReviewOf(const k8s::ForeignRequest& request) {
  return {request.caller.uid,
          std::string(request.verb),
          std::string(request.api_group),
          std::string(request.resource),
          std::string(request.subresource),
          std::string(request.name_space),
          std::string(request.name),
          request.parent,
          request.caller.extra};
}

}  // namespace

resource::Outcome<Done> ObjectAuthorizer::Authorize(const k8s::ObjectRequest& request) {
  const auto& caller = request.caller;
  if (k8s::IsMaster(caller)) return Done{};
  const auto& kind = request.kind;
  if (!request.subresource.empty() && !IsRead(request.verb) && IsPlatformGroup(kind.group)) {
    return Forbidden(request, "statuses are written by controllers");
  }
  const bool assignable = kind.group == "iam.miloapis.com" && kind.plural == "roles" &&
                          request.name_space == assignable_ && !assignable_.empty();
  if (assignable && IsRead(request.verb) && IsLoggedIn(caller) &&
      !decider_.AccountProblem(caller.uid, caller.extra)) {
    return Done{};
  }
  const auto review = ReviewOf({.caller = caller,
                                .verb = request.verb,
                                .api_group = kind.group,
                                .resource = kind.plural,
                                .subresource = request.subresource,
                                .name_space = request.name_space,
                                .name = request.name,
                                .parent = request.parent});
  const auto decision =
      decider_.Review(review, {.read = {.at_least = {}, .deadline = clock_.Steady() + kPatience}});
  if (decision.allowed()) return Done{};
  if (decision.error) return resource::Failure(*decision.error);
  const auto why = decision.reason == iam::AccessReason::kNoGrant ? std::string()
                   : decision.answer == Answer::kUndecided
                       ? decision.message
                       : std::string(iam::ToText(decision.reason));
  return Forbidden(request, why);
}

resource::Outcome<Done> ObjectAuthorizer::AuthorizeElsewhere(const k8s::ForeignRequest& request) {
  const auto& caller = request.caller;
  if (k8s::IsMaster(caller)) return Done{};
  const auto decision = decider_.Review(
      ReviewOf(request), {.read = {.at_least = {}, .deadline = clock_.Steady() + kPatience},
                          .trusted_parents = trusted_parents_});
  if (decision.allowed()) return Done{};
  if (decision.error) return resource::Failure(*decision.error);
  using Reason = resource::Failure::Reason;
  const bool undecided = decision.answer == Answer::kUndecided;
  auto why = undecided ? decision.message : std::string(iam::ToText(decision.reason));
  return resource::Failure(undecided ? Reason::kKindNotFound : Reason::kForbidden, std::move(why));
}

}  // namespace pemba::api::access
