#include "pemba/iam/decider.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pemba/iam/internal/fields.h"
#include "pemba/iam/internal/parents.h"
#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using internal::TextIn;
using provider::Decision;
using Answer = AccessDecision::Answer;

// Of who names no deadline.
constexpr std::chrono::seconds kPatience{5};

constexpr std::string_view kApprovalExtra = "iam.miloapis.com/registrationApproval";

AccessDecision Undecided(AccessReason reason, std::string message, std::string permission = {}) {
  AccessDecision decision;
  decision.answer = Answer::kUndecided;
  decision.reason = reason;
  decision.message = std::move(message);
  decision.permission = std::move(permission);
  return decision;
}

AccessDecision NotRegistered(std::string permission) {
  auto message = fmt::format("permission '{}' not registered", permission);
  return Undecided(AccessReason::kNotRegistered, std::move(message), std::move(permission));
}

std::string ServiceOf(std::string_view api_group) {
  return std::string(api_group.empty() ? kCoreService : api_group);
}

void AddItem(std::vector<AccessItem>& items, ItemKind kind, std::string object) {
  const bool there =
      std::ranges::any_of(items, [&](const auto& item) { return item.object == object; });
  if (!there) items.push_back({kind, std::move(object)});
}

bool IsCollectionVerb(std::string_view verb) {
  return verb == "list" || verb == "create" || verb == "watch" || verb == "deletecollection";
}

}  // namespace

std::string_view ToText(AccessReason reason) {
  switch (reason) {
    case AccessReason::kGranted:
      return "granted";
    case AccessReason::kOwnAccount:
      return "own_account";
    case AccessReason::kNoGrant:
      return "no_grant";
    case AccessReason::kParentNotVerified:
      return "parent_not_verified";
    case AccessReason::kAccountDeactivated:
      return "account_deactivated";
    case AccessReason::kAccountNotApproved:
      return "account_not_approved";
    case AccessReason::kNoSubject:
      return "no_subject";
    case AccessReason::kNamespaceMismatch:
      return "namespace_mismatch";
    case AccessReason::kNamespaceMissing:
      return "namespace_missing";
    case AccessReason::kNotRegistered:
      return "not_registered";
    case AccessReason::kProviderError:
      return "provider_error";
  }
  return "";
}

std::string_view ToText(ItemKind kind) {
  switch (kind) {
    case ItemKind::kInstance:
      return "instance";
    case ItemKind::kRoot:
      return "root";
    case ItemKind::kScopeRoot:
      return "scope-root";
    case ItemKind::kScopeParent:
      return "scope-parent";
  }
  return "";
}

std::string_view OrganizationOfNamespace(std::string_view name_space) {
  if (!name_space.starts_with(kOrganizationNamespacePrefix)) return {};
  return name_space.substr(kOrganizationNamespacePrefix.size());
}

// A question with its items, or its answer if it needs none.
struct Decider::Planned {
  AccessDecision decision;
  bool decided = false;
  bool claim_ignored = false;  // A claimed parent that could have been an item.
  std::string subject, relation;
};

Decider::Decider(const store::Store& ledger, const resource::ResourceStore& resources,
                 provider::Provider& provider, std::function<CatalogPtr()> catalog,
                 DeciderOptions options)
    : ledger_(ledger),
      resources_(resources),
      provider_(provider),
      catalog_(std::move(catalog)),
      options_(std::move(options)) {}

std::optional<AccessReason> Decider::AccountProblem(std::string_view uid,
                                                    const Extra& extra) const {
  const auto* const users = resources_.registry().FindKind(kIamGroup, "User");
  const auto user =
      users == nullptr ? nullptr : internal::FindObject(resources_, {users, "", std::string(uid)});
  std::string approval;
  if (user != nullptr) {
    if (TextIn(user->status(), "state") == "Inactive") return AccessReason::kAccountDeactivated;
    approval = TextIn(user->status(), "registrationApproval");
  } else if (const auto account = internal::FindServiceAccount(resources_, uid)) {
    if (TextIn(account->spec(), "state") == "Inactive") return AccessReason::kAccountDeactivated;
  }
  if (options_.approval == DeciderOptions::Approval::kNotNeeded) return std::nullopt;
  if (const auto told = extra.find(kApprovalExtra); told != extra.end() && user == nullptr) {
    approval = told->second.empty() ? "" : told->second.front();
    return approval == "Approved" ? std::nullopt : std::optional(AccessReason::kAccountNotApproved);
  }
  if (user == nullptr || approval == "Approved") return std::nullopt;
  return AccessReason::kAccountNotApproved;
}

Result<std::vector<std::string>> Decider::AncestorsOf(const std::string& object,
                                                      const Target& target) const {
  std::vector<std::string> first;
  if (const auto organization = OrganizationOfNamespace(target.name_space); !organization.empty()) {
    first.push_back(ObjectText(kOrganizationType, "", organization));
  }
  return internal::StoredAncestors(ledger_.Pin().snapshot(), object, std::move(first));
}

bool Decider::IsKeptHere(std::string_view type) const {
  const auto slash = type.find('/');
  return slash != type.npos &&
         resources_.registry().FindKind(type.substr(0, slash), type.substr(slash + 1)) != nullptr;
}

bool Decider::IsOwnUser(const AccessQuestion& question) const {
  return question.target.type == kUserKindType && question.target.name == question.uid &&
         question.permission == fmt::format("{}/users.get", kIamGroup);
}

// INVARIANT: every item is sound by itself.
Decider::Planned Decider::Plan(const AccessQuestion& question, const AccessOptions& options) const {
  Planned planned;
  planned.decision.permission = question.permission;
  const auto decided = [&](AccessDecision decision) {
    planned.decision = std::move(decision);
    planned.decided = true;
    return std::move(planned);
  };
  if (question.uid.empty()) {
    return decided(Undecided(AccessReason::kNoSubject, "user UID is required"));
  }
  const auto catalog = catalog_();
  if (!catalog->Knows(question.permission)) return decided(NotRegistered(question.permission));
  planned.subject = UserSubject(question.uid);
  planned.relation = PermissionRelation(question.permission);

  const auto& type = question.target.type;
  const auto applies = [&](std::string_view of) {
    return catalog->Applies(of, question.permission);
  };
  auto& items = planned.decision.items;
  if (question.target.name.empty()) return PlanCollection(question, std::move(planned));
  const auto object = ObjectText(type, question.target.name_space, question.target.name);
  if (applies(type)) AddItem(items, ItemKind::kInstance, object);
  AddItem(items, ItemKind::kRoot, KindRootObject(type));

  const auto ancestors = AncestorsOf(object, question.target);
  if (!ancestors.ok()) return Failed(std::move(planned), ancestors.error());
  AddRootsAbove(*catalog, question.permission, *ancestors, items);
  // The namespace's organization is no stored parent of what is kept elsewhere.
  if (const auto organization = OrganizationOfNamespace(question.target.name_space);
      !organization.empty() && applies(kOrganizationType)) {
    AddItem(items, ItemKind::kScopeParent, ObjectText(kOrganizationType, "", organization));
  }

  if (!question.parent) return planned;
  const auto& parent = *question.parent;
  const auto parent_type = parent.type();
  const auto parent_object = ObjectText(parent_type, "", parent.name);
  if (parent_object == object || !applies(parent_type)) return planned;
  // Of what is kept here the stored parents are the whole truth: nobody needs to be trusted.
  const bool lies_in =
      std::ranges::find(*ancestors, parent_object) != ancestors->end() ||
      (!IsKeptHere(type) &&
       std::ranges::find(options.trusted_parents, parent_type) != options.trusted_parents.end());
  if (lies_in || internal::AlwaysBelow(*catalog, type, parent_type)) {
    AddItem(items, ItemKind::kScopeRoot, KindRootObject(parent_type));
  }
  if (lies_in) {
    AddItem(items, ItemKind::kScopeParent, parent_object);
  } else {
    planned.claim_ignored = true;
  }
  return planned;
}

std::vector<AccessDecision> Decider::Run(std::vector<Planned> planned,
                                         const AccessOptions& options) const {
  std::vector<tuple::Tuple> questions;
  for (const auto& one : planned) {
    if (one.decided) continue;
    for (const auto& item : one.decision.items) {
      questions.push_back({item.object, one.relation, one.subject, std::nullopt});
    }
  }
  const auto answers = questions.empty() ? std::vector<Result<Decision>>()
                                         : provider_.Check(questions, options.read);
  std::size_t next = 0;
  std::vector<AccessDecision> decisions;
  for (auto& one : planned) {
    auto& decision = one.decision;
    for (std::size_t i = 0; !one.decided && i < decision.items.size(); ++i) {
      const auto& answer = answers[next++];
      if (decision.allowed()) continue;
      if (!answer.ok()) {
        decision.answer = Answer::kUndecided;
        decision.reason = AccessReason::kProviderError;
        decision.message = answer.error().message;
        decision.error = answer.error();
      } else if (*answer == Decision::kAllowed) {
        decision.answer = Answer::kAllowed;
        decision.reason = AccessReason::kGranted;
        decision.deciding = i;
        decision.error.reset();
        decision.message.clear();
      }
    }
    if (decision.answer == Answer::kDenied && decision.reason == AccessReason::kNoGrant &&
        one.claim_ignored) {
      decision.reason = AccessReason::kParentNotVerified;
    }
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

std::vector<AccessDecision> Decider::DecideAll(std::span<const AccessQuestion> questions,
                                               const AccessOptions& options) const {
  if (const auto behind = Await(options.read)) {
    return std::vector<AccessDecision>(questions.size(), Failed({}, *behind).decision);
  }
  std::vector<Planned> planned;
  for (const auto& question : questions) {
    planned.push_back(Plan(question, options));
    JudgeAccount(question, {}, planned.back());
  }
  return Run(std::move(planned), options);
}

// Tuples, models and objects of a commit are seen together by who asks for its revision.
std::optional<Error> Decider::Await(const provider::ReadOptions& options) const {
  if (!options.at_least) return std::nullopt;
  const auto deadline = options.deadline.value_or(std::chrono::steady_clock::now() + kPatience);
  const auto here = resources_.AwaitRevision(*options.at_least, deadline);
  if (here.ok()) return std::nullopt;
  return here.error().error;
}

AccessDecision Decider::Decide(const AccessQuestion& question, const AccessOptions& options) const {
  return std::move(DecideAll({&question, 1}, options).front());
}

// ---- As an API server asks ----

std::string Decider::ActionOf(const AccessReview& review, const KindEntry& kind) const {
  for (const auto& mapped : options_.subresources) {
    if (mapped.resource == review.resource && mapped.subresource == review.subresource) {
      return mapped.action;
    }
  }
  const bool own = std::ranges::find(kind.actions, review.verb) != kind.actions.end();
  return review.verb == "deletecollection" && !own ? "delete" : review.verb;
}

// Judged before everything about the kind: who is in an organization stays in its namespace.
std::optional<AccessDecision> Decider::CheckNamespace(const AccessReview& review) const {
  if (!review.parent || review.parent->type() != kOrganizationType) return std::nullopt;
  const auto want = std::string(kOrganizationNamespacePrefix) + review.parent->name;
  if (!review.name_space.empty()) {
    if (review.name_space == want) return std::nullopt;
    return Undecided(AccessReason::kNamespaceMismatch,
                     fmt::format("namespace '{}' does not belong to organization '{}'",
                                 review.name_space, review.parent->name));
  }
  for (const auto& kind : resources_.registry().kinds()) {
    if (kind->group != review.api_group || kind->plural != review.resource) continue;
    if (kind->scope != resource::Scope::kNamespaced) return std::nullopt;
    return Undecided(AccessReason::kNamespaceMissing,
                     "cross-namespace queries are not allowed in the context of an organization");
  }
  return std::nullopt;
}

void Decider::AddRootsAbove(const Catalog& catalog, std::string_view permission,
                            std::span<const std::string> ancestors,
                            std::vector<AccessItem>& items) {
  for (const auto& ancestor : ancestors) {
    const auto type = std::string(tuple::SplitObject(ancestor).type);
    if (catalog.Applies(type, permission)) {
      AddItem(items, ItemKind::kScopeRoot, KindRootObject(type));
    }
  }
}

// What is listed or made lies in the parent: keeping it there is the enforcement point's task.
Decider::Planned Decider::PlanCollection(const AccessQuestion& question, Planned planned) const {
  auto& decision = planned.decision;
  const auto& type = question.target.type;
  auto parent = question.parent;
  if (const auto organization = OrganizationOfNamespace(question.target.name_space);
      !parent && !organization.empty()) {
    const auto slash = kOrganizationType.find('/');
    parent =
        ParentContext{std::string(kOrganizationType.substr(0, slash)),
                      std::string(kOrganizationType.substr(slash + 1)), std::string(organization)};
  }
  const auto catalog = catalog_();
  if (parent && catalog->Applies(parent->type(), decision.permission)) {
    const auto object = ObjectText(parent->type(), "", parent->name);
    AddItem(decision.items, ItemKind::kInstance, object);
    AddItem(decision.items, ItemKind::kRoot, KindRootObject(type));
    AddItem(decision.items, ItemKind::kScopeRoot, KindRootObject(parent->type()));
    const auto ancestors = AncestorsOf(object, {parent->type(), "", parent->name});
    if (!ancestors.ok()) return Failed(std::move(planned), ancestors.error());
    AddRootsAbove(*catalog, decision.permission, *ancestors, decision.items);
    return planned;
  }
  AddItem(decision.items, ItemKind::kInstance, KindRootObject(type));
  return planned;
}

Decider::Planned Decider::Failed(Planned planned, const Error& error) {
  planned.decision = Undecided(AccessReason::kProviderError, error.message,
                               std::move(planned.decision.permission));
  planned.decision.error = error;
  planned.decided = true;
  return planned;
}

// An account's state comes before what it was granted, after what nobody could decide.
void Decider::JudgeAccount(const AccessQuestion& question, const Extra& extra,
                           Planned& planned) const {
  if (planned.decided) return;
  const auto problem = AccountProblem(question.uid, extra);
  if (!problem) return;
  const bool own = *problem == AccessReason::kAccountNotApproved && IsOwnUser(question);
  planned.decision.reason = own ? AccessReason::kOwnAccount : *problem;
  planned.decision.answer = own ? Answer::kAllowed : Answer::kDenied;
  planned.decision.items.clear();
  planned.decided = true;
}

AccessDecision Decider::Review(const AccessReview& review, const AccessOptions& options) const {
  if (review.uid.empty()) return Undecided(AccessReason::kNoSubject, "user UID is required");
  if (auto refused = CheckNamespace(review)) return *std::move(refused);
  if (const auto behind = Await(options.read)) return Failed({}, *behind).decision;
  const auto service = ServiceOf(review.api_group);
  const auto catalog = catalog_();
  const auto* const kind = catalog->FindPlural(service, review.resource);
  const auto action = kind == nullptr ? review.verb : ActionOf(review, *kind);
  auto permission = fmt::format("{}/{}.{}", service, review.resource, action);
  if (kind == nullptr || !catalog->Knows(permission)) return NotRegistered(std::move(permission));

  const bool collection = IsCollectionVerb(review.verb) || review.name.empty();
  const AccessQuestion question{
      review.uid,
      std::move(permission),
      {kind->type, review.name_space, collection ? std::string() : review.name},
      review.parent};
  std::vector<Planned> planned;
  planned.push_back(Plan(question, options));
  JudgeAccount(question, review.extra, planned.front());
  return std::move(Run(std::move(planned), options).front());
}

// ---- As rules ask ----

Result<std::optional<std::string>> Decider::Lacks(const resource::Caller& caller,
                                                  std::span<const std::string> permissions,
                                                  const Target& target) {
  std::vector<AccessQuestion> questions;
  for (const auto& permission : permissions) {
    questions.push_back({caller.uid, permission, target, std::nullopt});
  }
  const auto decisions = DecideAll(questions, {});
  for (const auto& decision : decisions) {
    // What no kind has registered, nobody holds.
    if (decision.reason == AccessReason::kNotRegistered) return std::optional(decision.permission);
    if (decision.answer == Answer::kUndecided) {
      return decision.error.value_or(Error{ErrorCode::kInvalidArgument, decision.message});
    }
    if (!decision.allowed()) return std::optional(decision.permission);
  }
  return std::optional<std::string>();
}

}  // namespace pemba::iam
