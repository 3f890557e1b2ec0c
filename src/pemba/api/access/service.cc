#include "pemba/api/access/service.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "pemba/api/access/callers.h"
#include "pemba/api/access/convert.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"

namespace pemba::api::access {

using iam::AccessDecision;
using iam::AccessQuestion;
using iam::AccessReason;
using iam::Target;
using Answer = iam::AccessDecision::Answer;

namespace {

// An undecided question as a call's error.
Error ErrorOf(const AccessDecision& decision) {
  if (decision.error) return *decision.error;
  return {ErrorCode::kInvalidArgument, decision.message};
}

Error NotRegistered(const std::string& what) {
  return {ErrorCode::kInvalidArgument, what + " is not registered"};
}

// Every way to hold a permission on a target without being named on it: on all objects of its kind
// and of what it lies in.
std::vector<std::string> RootsOf(const iam::Catalog& catalog, std::string_view permission,
                                 const Target& target, const std::vector<std::string>& ancestors) {
  std::vector<std::string> types{target.type};
  for (const auto& ancestor : ancestors) {
    types.emplace_back(tuple::SplitObject(ancestor).type);
  }
  std::vector<std::string> roots;
  for (const auto& type : types) {
    auto root = iam::KindRootObject(type);
    const bool known = std::ranges::find(roots, root) != roots.end();
    if (!known && catalog.Applies(type, permission)) roots.push_back(std::move(root));
  }
  return roots;
}

}  // namespace

Service::Service(const iam::Decider& decider, const iam::Grants& grants,
                 const resource::ResourceStore& resources, provider::Provider& provider,
                 ServiceOptions options)
    : decider_(decider),
      grants_(grants),
      resources_(resources),
      provider_(provider),
      options_(std::move(options)) {}

// ---- Who asks ----

Result<resource::Caller> Service::CallerOf(const RequestContext& context) const {
  if (!context.caller.admitted()) return Error{ErrorCode::kUnauthenticated, "unauthenticated"};
  return k8s::CallerOf(context.caller, options_.callers);
}

iam::AccessOptions Service::OptionsOf(RequestContext& context) const {
  // Whether it is here in time, who decides or lists says.
  if (context.at_least) {
    (void)resources_.AwaitRevision(
        *context.at_least,
        context.deadline.value_or(std::chrono::steady_clock::now() + std::chrono::seconds(5)));
  }
  context.revision = resources_.revision();
  return {.read = {.at_least = context.at_least, .deadline = context.deadline},
          .trusted_parents = {}};
}

Status Service::Reached(const RequestContext& context) const {
  const auto revision = resources_.revision();
  if (!context.at_least || *context.at_least <= revision) return Done{};
  return Error{ErrorCode::kUnavailable, fmt::format("revision {} is not there yet: this is {}",
                                                    *context.at_least, revision)};
}

Result<Service::Asked> Service::Admit(const RequestContext& context, const std::string& principal,
                                      const Target* target) const {
  PEMBA_TRY(auto caller, CallerOf(context));
  auto whom = principal.empty() ? caller.uid : principal;
  if (whom.empty()) {
    return Error{ErrorCode::kInvalidArgument, "principal: the caller has no name; give one"};
  }
  if (whom != caller.uid) {
    const iam::AccessOptions options{
        .read = {.at_least = context.at_least, .deadline = context.deadline}};
    PEMBA_TRY(std::ignore, MayAsk(decider_, caller, target, options));
  }
  return Asked{std::move(caller), std::move(whom)};
}

// ---- Checks ----

namespace {

void Fill(const iam::Grants& grants, const std::string& uid, const AccessDecision& decision,
          wire::CheckAccessResponse& response) {
  response.set_allowed(decision.allowed());
  response.set_reason(std::string(iam::ToText(decision.reason)));
  if (!decision.deciding) return;
  response.set_granted_on(decision.items[*decision.deciding].object);
  response.set_binding(grants.BindingOf(uid, decision));
}

}  // namespace

Status Service::CheckAccess(RequestContext& context, const wire::CheckAccessRequest& request,
                            wire::CheckAccessResponse& response) {
  const auto target = TargetOf(request.resource());
  PEMBA_TRY(const auto asked, Admit(context, request.principal(), &target));
  const auto decision =
      decider_.Decide({asked.principal, request.permission(), target, {}}, OptionsOf(context));
  if (decision.answer == Answer::kUndecided) return ErrorOf(decision);
  Fill(grants_, asked.principal, decision, response);
  return Done{};
}

Status Service::BatchCheckAccess(RequestContext& context,
                                 const wire::BatchCheckAccessRequest& request,
                                 wire::BatchCheckAccessResponse& response) {
  std::vector<AccessQuestion> questions;
  std::vector<std::optional<Error>> refused;
  for (const auto& check : request.checks()) {
    auto target = TargetOf(check.resource());
    const auto asked = Admit(context, check.principal(), &target);
    refused.push_back(asked.ok() ? std::optional<Error>() : asked.error());
    if (asked.ok()) {
      questions.push_back({asked->principal, check.permission(), std::move(target), {}});
    }
  }
  const auto decisions = decider_.DecideAll(questions, OptionsOf(context));
  std::size_t next = 0;
  for (const auto& error : refused) {
    auto& outcome = *response.add_outcomes();
    if (error) {
      if (error->code == ErrorCode::kUnauthenticated) return *error;
      const bool forbidden = error->code == ErrorCode::kForbidden;
      outcome.mutable_problem()->set_reason(forbidden ? "forbidden" : "no_subject");
      outcome.mutable_problem()->set_message(error->message);
      continue;
    }
    const auto& decision = decisions[next];
    const auto& uid = questions[next++].uid;
    if (decision.answer == Answer::kUndecided) {
      outcome.mutable_problem()->set_reason(std::string(iam::ToText(decision.reason)));
      outcome.mutable_problem()->set_message(ErrorOf(decision).message);
    } else {
      Fill(grants_, uid, decision, *outcome.mutable_result());
    }
  }
  return Done{};
}

Status Service::TestIamPermissions(RequestContext& context,
                                   const wire::TestIamPermissionsRequest& request,
                                   wire::TestIamPermissionsResponse& response) {
  PEMBA_TRY(const auto caller, CallerOf(context));
  const auto target = TargetOf(request.resource());
  std::vector<AccessQuestion> questions;
  for (const auto& permission : request.permissions()) {
    if (permission.find('*') != std::string::npos) {
      return Error{ErrorCode::kInvalidArgument, "permissions: `" + permission + "` is a wildcard"};
    }
    questions.push_back({caller.uid, permission, target, {}});
  }
  const auto options = OptionsOf(context);
  PEMBA_TRY(std::ignore, Reached(context));
  const auto catalog = decider_.catalog();
  if (catalog->FindType(target.type) == nullptr || !Exists(resources_, target)) return Done{};
  if (k8s::IsMaster(caller)) {
    for (const auto& permission : request.permissions()) {
      if (catalog->Applies(target.type, permission)) response.add_permissions(permission);
    }
    return Done{};
  }
  for (const auto& decision : decider_.DecideAll(questions, options)) {
    if (decision.error) return *decision.error;
    if (decision.allowed()) response.add_permissions(decision.permission);
  }
  return Done{};
}

// ---- Lists ----

Status Service::ListAccessible(RequestContext& context, const wire::ListAccessibleRequest& request,
                               wire::ListAccessibleResponse& response) {
  PEMBA_TRY(const auto asked, Admit(context, request.principal(), nullptr));
  const auto catalog = decider_.catalog();
  const auto type = iam::TypeId(request.api_group(), request.kind());
  if (catalog->FindType(type) == nullptr) return NotRegistered("the kind " + type);
  if (!catalog->Knows(request.permission())) return NotRegistered(request.permission());
  const auto options = OptionsOf(context);
  if (decider_.AccountProblem(asked.principal, {})) return Done{};

  const auto on_all =
      decider_.Decide({asked.principal, request.permission(), {type, "", ""}, {}}, options);
  if (on_all.answer == Answer::kUndecided) return ErrorOf(on_all);
  response.set_all(on_all.allowed());
  PEMBA_TRY(auto names, provider_.ListObjects(type, iam::PermissionRelation(request.permission()),
                                              iam::UserSubject(asked.principal), options.read,
                                              options_.list_max));
  response.set_truncated(!names.complete);
  std::set<std::string> found(names.names.begin(), names.names.end());

  // Kind-wide access to something above reaches what is declared below it.
  std::set<std::string> above;
  for (const auto& ancestor : catalog->Ancestors(type)) {
    if (!catalog->Applies(ancestor, request.permission())) continue;
    const auto decision =
        decider_.Decide({asked.principal, request.permission(), {ancestor, "", ""}, {}}, options);
    if (decision.answer == Answer::kUndecided) return ErrorOf(decision);
    if (decision.allowed()) above.insert(ancestor);
  }
  const auto* const kind = KindOf(resources_.registry(), type);
  if (kind != nullptr && !above.empty()) {
    PEMBA_TRY(const auto all, ObjectsOf(resources_, *kind));
    for (const auto& object : all) {
      const auto text = iam::ObjectText(*object);
      PEMBA_TRY(const auto ancestors,
                decider_.AncestorsOf(text, {type, object->key.name_space, object->key.name}));
      if (std::ranges::any_of(ancestors, [&](const auto& ancestor) {
            return above.contains(std::string(tuple::SplitObject(ancestor).type));
          })) {
        found.insert(text);
      }
    }
  }
  for (const auto& object : found) {
    if (static_cast<std::size_t>(response.resources_size()) >= options_.list_max) {
      response.set_truncated(true);
      break;
    }
    ToWire(object, kind, *response.add_resources());
  }
  return Done{};
}

Status Service::ListPrincipals(RequestContext& context, const wire::ListPrincipalsRequest& request,
                               wire::ListPrincipalsResponse& response) {
  const auto target = TargetOf(request.resource());
  PEMBA_TRY(const auto caller, CallerOf(context));
  const auto options = OptionsOf(context);
  PEMBA_TRY(std::ignore, MayAsk(decider_, caller, &target, options));
  const auto catalog = decider_.catalog();
  if (catalog->FindType(target.type) == nullptr) return NotRegistered("the kind " + target.type);
  if (!catalog->Knows(request.permission())) return NotRegistered(request.permission());

  const auto relation = iam::PermissionRelation(request.permission());
  std::vector<std::string> objects;
  std::vector<std::string> ancestors;
  if (!target.name.empty()) {
    const auto object = iam::ObjectText(target.type, target.name_space, target.name);
    if (catalog->Applies(target.type, request.permission())) objects.push_back(object);
    PEMBA_TRY(ancestors, decider_.AncestorsOf(object, target));
  }
  const auto roots = RootsOf(*catalog, request.permission(), target, ancestors);
  objects.insert(objects.end(), roots.begin(), roots.end());

  const std::vector<std::string> types{std::string(iam::kUserType),
                                       std::string(iam::kGroupType) + "#member"};
  std::set<std::string> users, groups;
  for (const auto& object : objects) {
    PEMBA_TRY(const auto names, provider_.ListUsers(object, relation, types, options.read));
    if (!names.complete) response.set_truncated(true);
    for (const auto& name : names.names) {
      (name.ends_with("#member") ? groups : users).insert(name);
    }
  }
  AddPrincipals(grants_, resources_, users, groups, options_.list_max, response);
  return Done{};
}

Status Service::ListGrantableRoles(RequestContext& context,
                                   const wire::ListGrantableRolesRequest& request,
                                   wire::ListGrantableRolesResponse& response) {
  PEMBA_TRY(const auto caller, CallerOf(context));
  const auto target = TargetOf(request.resource());
  const auto options = OptionsOf(context);
  PEMBA_TRY(std::ignore, Reached(context));
  const auto catalog = decider_.catalog();
  if (catalog->FindType(target.type) == nullptr) return NotRegistered("the kind " + target.type);
  const auto* const kind = resources_.registry().FindKind(iam::kIamGroup, "Role");
  if (kind == nullptr) return Done{};
  const bool master = k8s::IsMaster(caller);

  // What the caller holds, each permission asked once.
  std::map<std::string, bool, std::less<>> held;
  const auto holds_all = [&](const std::vector<std::string>& permissions) -> Result<Answer> {
    std::vector<AccessQuestion> questions;
    for (const auto& permission : permissions) {
      if (!held.contains(permission)) questions.push_back({caller.uid, permission, target, {}});
    }
    for (const auto& decision : decider_.DecideAll(questions, options)) {
      if (decision.answer == Answer::kUndecided) return ErrorOf(decision);
      held[decision.permission] = decision.allowed();
    }
    const bool all = std::ranges::all_of(permissions, [&](const auto& p) { return held[p]; });
    return all ? Answer::kAllowed : Answer::kDenied;
  };
  PEMBA_TRY(const auto roles, ObjectsOf(resources_, *kind));
  for (const auto& role : roles) {
    auto permissions = PermissionsOf(*role, *catalog, target.type);
    const auto entry = iam::RoleEntryOf(*role);
    if (permissions.empty() || entry.stage == iam::LaunchStage::kDisabled) continue;
    if (!master) {
      const auto organization = iam::OrganizationOfNamespace(target.name_space);
      const bool near = entry.key.name_space == options_.assignable_roles_namespace ||
                        (!organization.empty() && entry.key.name_space == target.name_space) ||
                        (target.type == iam::kOrganizationType &&
                         iam::OrganizationOfNamespace(entry.key.name_space) == target.name);
      if (!near) {
        const auto use =
            decider_.Decide({caller.uid,
                             "iam.miloapis.com/roles.use",
                             {"iam.miloapis.com/Role", entry.key.name_space, entry.key.name},
                             {}},
                            options);
        if (use.error) return *use.error;
        if (!use.allowed()) continue;
      }
      PEMBA_TRY(const auto all, holds_all(permissions));
      if (all != Answer::kAllowed) continue;
    }
    Fill(*role, entry, permissions, *response.add_roles());
  }
  return Done{};
}

// ---- Explanations ----

Status Service::ExplainAccess(RequestContext& context, const wire::ExplainAccessRequest& request,
                              wire::ExplainAccessResponse& response) {
  const auto target = TargetOf(request.resource());
  PEMBA_TRY(const auto asked, Admit(context, request.principal(), &target));
  const AccessQuestion question{asked.principal, request.permission(), target, {}};
  const auto decision = decider_.Decide(question, OptionsOf(context));
  if (decision.answer == Answer::kUndecided) return ErrorOf(decision);
  response.set_revision(resources_.revision());
  Fill(grants_, asked.principal, decision, *response.mutable_decision());
  if (decision.reason == AccessReason::kGranted) {
    PEMBA_TRY(const auto paths, grants_.Find(question));
    for (const auto& path : paths) ToWire(path, *response.add_grants());
  } else if (!decision.allowed()) {
    PEMBA_TRY(const auto misses, grants_.FindNearMisses(question));
    for (const auto& miss : misses) ToWire(miss, *response.add_near_misses());
  }
  return Done{};
}

}  // namespace pemba::api::access
