#include "pemba/api/k8s/callers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pemba/api/call_text.h"
#include "pemba/iam/parent_context.h"

namespace pemba::api::k8s {
namespace {

using resource::Caller;
using resource::Failure;
using resource::Outcome;

constexpr std::string_view kExtraHeader = "impersonate-extra-";

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// What the headers ask for.
struct Wanted {
  std::string user, uid;
  std::vector<std::string> groups;
  iam::Extra extra;
  bool any = false;
};

Wanted WantedOf(const rpc::Call& call) {
  Wanted wanted;
  for (const auto& header : call.headers()) {
    if (!header.name.starts_with("impersonate-")) continue;
    wanted.any = true;
    if (header.name == "impersonate-user") {
      wanted.user = header.value;
    } else if (header.name == "impersonate-uid") {
      wanted.uid = header.value;
    } else if (header.name == "impersonate-group") {
      wanted.groups.emplace_back(header.value);
    } else if (header.name.starts_with(kExtraHeader)) {
      auto key = PercentDecoded(header.name.substr(kExtraHeader.size()));
      if (key.starts_with(iam::kParentExtraPrefix)) continue;
      wanted.extra[std::move(key)].emplace_back(header.value);
    }
  }
  return wanted;
}

}  // namespace

Caller CallerOf(const authn::Caller& authenticated, const CallerOptions& options) {
  Caller caller;
  if (const auto* bearer = authenticated.bearer(); bearer != nullptr && !bearer->subject.empty()) {
    caller.uid = bearer->subject;
    caller.name = bearer->name;
    caller.groups = bearer->groups;
  } else {
    caller.name = caller.uid = authenticated.client_id();
  }
  if (!caller.uid.empty()) {
    if (Contains(options.admins, caller.uid)) caller.groups.emplace_back(kMastersGroup);
    caller.groups.emplace_back(kAuthenticatedGroup);
    return caller;
  }
  // A token that says nothing about its bearer is not the operator's key.
  if (authenticated.bearer() != nullptr) {
    return {kAnonymousUser, "", {kAuthenticatedGroup}, {}};
  }
  if (options.nameless == Nameless::kAdmin) {
    return {"admin", "admin", {kMastersGroup, kAuthenticatedGroup}, {}};
  }
  return {kAnonymousUser, "", {kMastersGroup, kUnauthenticatedGroup}, {}};
}

bool IsMaster(const Caller& caller) { return Contains(caller.groups, kMastersGroup); }

Outcome<Caller> Impersonated(Caller caller, const rpc::Call& call) {
  auto wanted = WantedOf(call);
  if (!wanted.any) return caller;
  if (wanted.user.empty()) {
    return Failure(
        Failure::Reason::kBadRequest,
        "Impersonate-Uid, Impersonate-Group and Impersonate-Extra need Impersonate-User");
  }
  if (!IsMaster(caller)) {
    return Failure(Failure::Reason::kForbidden,
                   fmt::format("users \"{}\" is forbidden: User \"{}\" cannot impersonate resource "
                               "\"users\" in API group \"\" at the cluster scope",
                               wanted.user, caller.name));
  }
  Caller other;
  other.name = wanted.user;
  other.uid = wanted.uid.empty() ? wanted.user : wanted.uid;
  other.groups = std::move(wanted.groups);
  other.extra = std::move(wanted.extra);
  if (other.name != kAnonymousUser && !Contains(other.groups, kAuthenticatedGroup) &&
      !Contains(other.groups, kUnauthenticatedGroup)) {
    other.groups.emplace_back(kAuthenticatedGroup);
  }
  return other;
}

}  // namespace pemba::api::k8s
