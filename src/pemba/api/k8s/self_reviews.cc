#include "pemba/api/k8s/self_reviews.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/api/k8s/callers.h"
#include "pemba/api/k8s/scope_limits.h"
#include "pemba/resource/members.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Failure;
using resource::Kind;
using resource::ObjectOf;
using resource::Outcome;
using resource::TextOf;

constexpr std::string_view kAuthentication = "authentication.k8s.io";
constexpr std::string_view kAuthorization = "authorization.k8s.io";
constexpr std::string_view kWhoAmI = "selfsubjectreviews";
constexpr std::string_view kMayI = "selfsubjectaccessreviews";
constexpr std::string_view kWhatMayI = "selfsubjectrulesreviews";

// What is open to everybody who is let in.
constexpr std::string_view kOpenPaths[] = {"/api",   "/apis",    "/healthz",
                                           "/livez", "/openapi", "/version"};

json::array Texts(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

bool MayDoEverything(const SelfAsker& asker) {
  return asker.authorizer == nullptr || IsMaster(asker.caller);
}

// ---- Who am I ----

json::object UserInfo(const resource::Caller& caller) {
  json::object user{{"username", caller.name}};
  if (!caller.uid.empty()) user["uid"] = caller.uid;
  user["groups"] = Texts(caller.groups);
  json::object extra;
  for (const auto& [key, values] : caller.extra) extra[key] = Texts(values);
  if (!extra.empty()) user["extra"] = std::move(extra);
  return user;
}

// ---- May I ----

Outcome<Done> Ask(const SelfAsker& asker, const Kind& kind, std::string_view verb,
                  std::string_view name_space, std::string_view name,
                  std::string_view subresource) {
  if (MayDoEverything(asker)) return Done{};
  const bool one = !name.empty() && verb != "create";
  const bool within = asker.parent && (one || CollectionWithin(*asker.parent, kind, name_space,
                                                               verb) == Within::kYes);
  return asker.authorizer->Authorize({.caller = asker.caller,
                                      .verb = verb,
                                      .kind = kind,
                                      .name_space = name_space,
                                      .name = one ? name : std::string_view(),
                                      .subresource = subresource,
                                      .parent = within ? asker.parent : std::nullopt});
}

const Kind* FindKind(const resource::Registry& registry, std::string_view group,
                     std::string_view plural) {
  for (const auto& kind : registry.kinds()) {
    if (kind->group == group && kind->plural == plural) return kind.get();
  }
  return nullptr;
}

Outcome<Done> AskAttributes(const SelfAsker& asker, const json::object& what) {
  const auto verb = TextOf(what, "verb"), subresource = TextOf(what, "subresource"),
             name_space = TextOf(what, "namespace"), name = TextOf(what, "name");
  auto group = TextOf(what, "group"), plural = TextOf(what, "resource");
  // `books.library.example.org`: so kubectl passes on what it does not find in discovery.
  if (const auto dot = plural.find('.'); group.empty() && dot != std::string::npos) {
    group = plural.substr(dot + 1);
    plural.resize(dot);
  }
  if (const auto* kind = FindKind(asker.registry, group, plural)) {
    const bool namespaced = kind->scope == resource::Scope::kNamespaced;
    return Ask(asker, *kind, verb, namespaced ? name_space : "", name, subresource);
  }
  if (MayDoEverything(asker)) return Done{};
  return asker.authorizer->AuthorizeElsewhere({.caller = asker.caller,
                                               .verb = verb,
                                               .api_group = group,
                                               .resource = plural,
                                               .subresource = subresource,
                                               .name_space = name_space,
                                               .name = name,
                                               .parent = asker.parent});
}

Outcome<Done> AskPath(const SelfAsker& asker, const json::object& what) {
  if (MayDoEverything(asker)) return Done{};
  const auto path = TextOf(what, "path");
  const bool open = std::ranges::any_of(kOpenPaths, [&](std::string_view one) {
    return path == one || path.starts_with(std::string(one) + "/");
  });
  if (open && TextOf(what, "verb") == "get") return Done{};
  return Failure(Failure::Reason::kForbidden, "no_grant");
}

json::object StatusOf(const Outcome<Done>& answer) {
  json::object status{{"allowed", answer.ok()}};
  if (answer.ok()) return status;
  const auto& failure = answer.error();
  const bool decided = failure.reason == Failure::Reason::kForbidden;
  status[decided ? "reason" : "evaluationError"] = failure.message;
  return status;
}

Outcome<json::object> MayI(const SelfAsker& asker, const json::object& spec) {
  const auto* attributes = ObjectOf(spec, "resourceAttributes");
  const auto* path = ObjectOf(spec, "nonResourceAttributes");
  if ((attributes == nullptr) == (path == nullptr)) {
    return Failure(Failure::Reason::kBadRequest,
                   "exactly one of spec.resourceAttributes and spec.nonResourceAttributes is "
                   "needed");
  }
  return StatusOf(attributes != nullptr ? AskAttributes(asker, *attributes)
                                        : AskPath(asker, *path));
}

// ---- What may I ----

json::object Rule(json::array verbs, json::array groups, json::array resources) {
  return {{"verbs", std::move(verbs)},
          {"apiGroups", std::move(groups)},
          {"resources", std::move(resources)}};
}

json::object WhatMayI(const SelfAsker& asker, const std::string& name_space) {
  if (MayDoEverything(asker)) {
    return {{"resourceRules", json::array{Rule({"*"}, {"*"}, {"*"})}},
            {"nonResourceRules", json::array{json::object{{"verbs", json::array{"*"}},
                                                          {"nonResourceURLs", json::array{"*"}}}}},
            {"incomplete", false}};
  }
  json::array rules;
  for (const auto& kind : asker.registry.kinds()) {
    json::array verbs;
    const bool namespaced = kind->scope == resource::Scope::kNamespaced;
    for (const std::string_view verb :
         {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}) {
      if (Ask(asker, *kind, verb, namespaced ? name_space : "", "", "").ok()) {
        verbs.emplace_back(verb);
      }
    }
    if (verbs.empty()) continue;
    rules.push_back(
        Rule(std::move(verbs), {json::value(kind->group)}, {json::value(kind->plural)}));
  }
  json::array paths;
  for (const auto path : kOpenPaths) {
    paths.emplace_back(path);
    paths.emplace_back(std::string(path) + "/*");
  }
  return {{"resourceRules", std::move(rules)},
          {"nonResourceRules", json::array{json::object{{"verbs", json::array{"get"}},
                                                        {"nonResourceURLs", std::move(paths)}}}},
          {"incomplete", true},
          {"evaluationError",
           "what may be done with single objects and with other services is not listed"}};
}

std::string_view KindOf(std::string_view resource) {
  if (resource == kWhoAmI) return "SelfSubjectReview";
  return resource == kMayI ? "SelfSubjectAccessReview" : "SelfSubjectRulesReview";
}

}  // namespace

bool IsSelfReview(std::string_view group, std::string_view version, std::string_view resource) {
  if (version != "v1") return false;
  if (group == kAuthentication) return resource == kWhoAmI;
  return group == kAuthorization && (resource == kMayI || resource == kWhatMayI);
}

Outcome<json::object> AnswerSelfReview(const SelfAsker& asker, std::string_view resource,
                                       json::object review) {
  const auto kind = TextOf(review, "kind");
  if (!kind.empty() && kind != KindOf(resource)) {
    return Failure(Failure::Reason::kBadRequest,
                   fmt::format("the kind in the data ({}) does not match the one expected by the "
                               "endpoint ({})",
                               kind, KindOf(resource)));
  }
  review["kind"] = KindOf(resource);
  review["apiVersion"] =
      fmt::format("{}/v1", resource == kWhoAmI ? kAuthentication : kAuthorization);
  const auto* given = ObjectOf(review, "spec");
  const auto spec = given == nullptr ? json::object() : *given;
  if (resource == kWhoAmI) {
    review["status"] = json::object{{"userInfo", UserInfo(asker.caller)}};
  } else if (resource == kMayI) {
    PEMBA_TRY(review["status"], MayI(asker, spec));
  } else {
    review["status"] = WhatMayI(asker, TextOf(spec, "namespace"));
  }
  return review;
}

}  // namespace pemba::api::k8s
