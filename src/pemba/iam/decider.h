// Decider: whether a principal may do something, out of what is declared and committed.
//
// A question becomes *items*, each one a check of one tuple. One item that holds is an allow, so
// only items that are sound are asked:
//
//   instance      the object itself; for collections the parent, else every object of the kind
//   root          every object of the kind
//   scope-root    every object of the kind of something that the object lies in
//   scope-parent  something that the object lies in, as the request says
//
// What an object lies in is what its stored `parent` tuples say. A request may claim more (a
// ParentContext). For a named object the claim counts only if the stored parents bear it out, if
// the object is in the namespace of that organization, or if the object is kept elsewhere and who
// asks keeps each parent's objects apart (AccessOptions::trusted_parents). Kind-wide grants hold
// for everything below: a claimed parent's kind counts also if no object of the kind can be without
// such a parent.
//
// There are three outcomes, as everywhere: an error is never a denial, and a denial is only what
// every item has denied.
//
// Thread-safe. Calls block as the provider does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/iam/authority.h"
#include "pemba/iam/catalog.h"
#include "pemba/iam/parent_context.h"
#include "pemba/provider/provider.h"
#include "pemba/resource/resource_store.h"
#include "pemba/store/store.h"

namespace pemba::iam {

// What the answer is owed to. Append, never reorder: the texts of ToText are on the wire.
enum class AccessReason : std::uint8_t {
  // Allowed.
  kGranted,
  kOwnAccount,  // Everybody may see their own User.
  // Denied.
  kNoGrant,
  kParentNotVerified,   // And the request claimed a parent that the object is not known to lie in.
  kAccountDeactivated,  // The principal may do nothing.
  kAccountNotApproved,
  // Not decided.
  kNoSubject,
  kNamespaceMismatch,  // Not the namespace of the organization that the request is made in.
  kNamespaceMissing,
  kNotRegistered,  // No kind has this permission.
  kProviderError,
};
std::string_view ToText(AccessReason reason);  // "granted", "no_grant", ...

enum class ItemKind : std::uint8_t { kInstance, kRoot, kScopeRoot, kScopeParent };
std::string_view ToText(ItemKind kind);  // "instance", "scope-parent", ...

struct AccessItem {
  ItemKind kind = ItemKind::kInstance;
  std::string object;  // As in tuples.
};

struct AccessDecision {
  enum class Answer : std::uint8_t { kDenied, kAllowed, kUndecided } answer = Answer::kDenied;
  AccessReason reason = AccessReason::kNoGrant;
  std::string message;  // For people; says which part of the question was not understood.
  std::string permission;
  std::vector<AccessItem> items;        // What was asked.
  std::optional<std::size_t> deciding;  // Index into items; of kGranted.
  // Of kProviderError: what the provider said.
  std::optional<Error> error;

  bool allowed() const { return answer == Answer::kAllowed; }
};

struct AccessOptions {
  provider::ReadOptions read = {};
  // Types (`resourcemanager.miloapis.com/Project`) whose claims count: the enforcement point keeps
  // the objects of each such parent apart, and sets the claim itself.
  std::span<const std::string> trusted_parents = {};
};

// What is asked about, as an API server sees a request.
struct AccessReview {
  std::string uid;  // Of a User its name, of a ServiceAccount its uid.
  std::string verb, api_group, resource, subresource, name_space, name;
  std::optional<ParentContext> parent = {};
  Extra extra = {};
};

// A permission on an object, or (no name) on the objects of a kind: those in the parent or in the
// organization's namespace, or else every one.
struct AccessQuestion {
  std::string uid;
  std::string permission;
  Target target;
  std::optional<ParentContext> parent = {};
};

// `pods/exec` -> the action `exec` on pods. Subresources that are not listed are judged as their
// resource is.
struct SubresourceAction {
  std::string resource, subresource, action;
};

struct DeciderOptions {
  // Principals with a User that is not approved may see that User and nothing else.
  enum class Approval : std::uint8_t { kNotNeeded, kNeeded } approval = Approval::kNotNeeded;
  std::vector<SubresourceAction> subresources = {};
};

class Decider final : public Authority {
 public:
  // Borrows everything. `ledger` is the store that `resources` lie in; `catalog` answers the
  // registered kinds as of the newest commit, from any thread.
  Decider(const store::Store& ledger, const resource::ResourceStore& resources,
          provider::Provider& provider, std::function<CatalogPtr()> catalog,
          DeciderOptions options = {});

  AccessDecision Review(const AccessReview& review, const AccessOptions& options) const;
  AccessDecision Decide(const AccessQuestion& question, const AccessOptions& options) const;
  // As Decide for each, in as few requests to the provider as it takes.
  std::vector<AccessDecision> DecideAll(std::span<const AccessQuestion> questions,
                                        const AccessOptions& options) const;

  Result<std::optional<std::string>> Lacks(const resource::Caller& caller,
                                           std::span<const std::string> permissions,
                                           const Target& target) override;

  // Denied, if the principal may do nothing whatever it was granted.
  std::optional<AccessReason> AccountProblem(std::string_view uid, const Extra& extra) const;
  // What the object lies in, nearest first, by stored parents and its namespace. Errors:
  // kTooComplex (absurdly many).
  Result<std::vector<std::string>> AncestorsOf(const std::string& object,
                                               const Target& target) const;
  CatalogPtr catalog() const { return catalog_(); }

 private:
  struct Planned;
  Planned Plan(const AccessQuestion& question, const AccessOptions& options) const;
  Planned PlanCollection(const AccessQuestion& question, Planned planned) const;
  static Planned Failed(Planned planned, const Error& error);
  static void AddRootsAbove(const Catalog& catalog, std::string_view permission,
                            std::span<const std::string> ancestors, std::vector<AccessItem>& items);
  void JudgeAccount(const AccessQuestion& question, const Extra& extra, Planned& planned) const;
  std::string ActionOf(const AccessReview& review, const KindEntry& kind) const;
  std::optional<AccessDecision> CheckNamespace(const AccessReview& review) const;
  bool IsKeptHere(std::string_view type) const;  // Its objects are among ours.
  bool IsOwnUser(const AccessQuestion& question) const;
  // Until what is declared is here as of the revision that is asked for.
  std::optional<Error> Await(const provider::ReadOptions& options) const;
  std::vector<AccessDecision> Run(std::vector<Planned> planned, const AccessOptions& options) const;

  const store::Store& ledger_;
  const resource::ResourceStore& resources_;
  provider::Provider& provider_;
  const std::function<CatalogPtr()> catalog_;
  const DeciderOptions options_;
};

// The organization whose namespace this is; empty: none's.
std::string_view OrganizationOfNamespace(std::string_view name_space);

}  // namespace pemba::iam
