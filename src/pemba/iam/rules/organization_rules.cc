#include <algorithm>

#include <fmt/format.h>

#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/names.h"
#include "pemba/iam/rules/grants.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

constexpr std::size_t kOrganizationNameBytesMax = 50;
constexpr std::size_t kProjectNameBytesMax = 55;
// Bindings of a membership are called after it, a hyphen and 64 digits.
constexpr std::size_t kMembershipNameBytesMax = 253 - 65;

void CheckName(Review& review, std::size_t bytes_max) {
  if (review.key().name.size() > bytes_max) {
    review.errors.push_back(resource::TooLong("metadata.name", bytes_max));
  }
}

// An organization keeps an owner whose user is there; unless the organization or the user goes,
// too.
Outcome<Done> CheckLastOwner(Review& review) {
  auto& work = review.work;
  const auto& was = *review.was();
  if (!IsOwnerMembership(work, was)) return Done{};
  if (review.is() != nullptr && IsOwnerMembership(work, *review.is())) return Done{};
  const auto gone = [](const ObjectPtr& object) { return object == nullptr || object->deleting(); };
  const auto organization = SpecText(was, {"organizationRef", "name"});
  if (gone(work.Find(work.kinds().organization, "", organization))) return Done{};
  if (gone(work.Find(work.kinds().name_space, "", was.key.name_space))) return Done{};
  const auto user_of = [&](const resource::Object& membership) {
    return work.Find(work.kinds().user, "", SpecText(membership, {"userRef", "name"}));
  };
  if (review.deletes() && gone(user_of(was))) return Done{};
  for (const auto& other : work.transaction.FindBy(kMembershipsByOrganization, organization)) {
    if (other->key != was.key && !other->deleting() && IsOwnerMembership(work, *other) &&
        !gone(user_of(*other))) {
      return Done{};
    }
  }
  return ForbiddenTo(review,
                     fmt::format("organization `{}` would be left without an owner", organization),
                     review.deletes() ? "" : "spec.roles");
}

// A new organization has a namespace, and whoever made it for themselves as its owner.
Outcome<Done> Found(Review& review) {
  auto& work = review.work;
  PEMBA_TRY(std::ignore, EnsureNamespace(work, *review.is()));
  if (!review.GuardsCaller()) return Done{};  // Made for somebody else, who is added by its maker.
  const ObjectPtr user = FindCaller(work);
  if (user == nullptr) {
    return ForbiddenTo(review, "the caller is no user, so the organization would have no owner");
  }
  const auto& settings = work.settings();
  PEMBA_TRY(std::ignore,
            work.transaction.Create(
                *work.kinds().organization_membership, OrganizationNamespace(review.key().name),
                {{"metadata",
                  {{"name", "member-" + user->key.name},
                   {"ownerReferences", json::array{OwnerReferenceTo(*user, Owns::kShared)}}}},
                 {"spec",
                  {{"organizationRef", {{"name", review.key().name}}},
                   {"userRef", {{"name", user->key.name}}},
                   {"roles",
                    json::array{json::object{{"name", settings.organization_owner_role},
                                             {"namespace", settings.OwnerRolesNamespace()}}}}}}}));
  return Done{};
}

// Whoever makes a project has it.
Outcome<Done> BindProjectOwner(Review& review, const std::string& organization) {
  auto& work = review.work;
  const ObjectPtr user = FindCaller(work);
  if (review.operation.derived || user == nullptr) return Done{};
  const auto& settings = work.settings();
  const DerivedBinding binding{
      .name_space = OrganizationNamespace(organization),
      // As with a generated name: another project of that name may have left one.
      .name =
          fmt::format("project-{}-owner-{}", review.key().name, review.is()->uid().substr(0, 8)),
      .role = {settings.OwnerRolesNamespace(), settings.project_owner_role},
      .subject = user,
      .target = review.operation.now,
      .owner = review.operation.now};
  PEMBA_TRY(std::ignore, Ensure(work, binding));
  return Done{};
}

}  // namespace

Outcome<Done> ReviewOrganization(Review& review) {
  if (review.deletes()) return Done{};
  CheckName(review, kOrganizationNameBytesMax);
  RequireUnchanged(review, {"spec", "type"});
  if (!review.creates() || !review.errors.empty()) return Done{};
  return Found(review);
}

Outcome<Done> ReviewMembership(Review& review) {
  if (!review.creates()) {
    PEMBA_TRY(std::ignore, CheckLastOwner(review));
  }
  if (review.deletes()) return Done{};
  if (review.updates() && review.was()->spec() == review.is()->spec()) return Done{};
  CheckName(review, kMembershipNameBytesMax);
  RequireUnchanged(review, {"spec", "organizationRef"});
  RequireUnchanged(review, {"spec", "userRef"});
  const auto organization = SpecText(*review.is(), {"organizationRef", "name"});
  const auto user = SpecText(*review.is(), {"userRef", "name"});
  if (review.key().name_space != OrganizationNamespace(organization)) {
    review.errors.push_back(
        resource::Invalid("spec.organizationRef.name", Quoted(organization),
                          fmt::format("a membership lies in its organization's namespace, `{}`",
                                      OrganizationNamespace(organization))));
  }
  for (const auto& other : MembershipsOf(review.work, organization, user)) {
    if (other->key == review.key()) continue;
    review.errors.push_back(resource::Duplicate("spec.userRef.name", Quoted(user)));
    break;
  }
  CheckRoles(review);
  if (!review.errors.empty()) return Done{};
  return CheckRoleGrants(review, organization);
}

Outcome<Done> ReviewFolderOrProject(Review& review) {
  if (review.deletes()) return Done{};
  auto& work = review.work;
  if (review.key().kind == work.kinds().project) CheckName(review, kProjectNameBytesMax);
  if (review.updates() && review.was()->spec() == review.is()->spec()) return Done{};
  const auto owner_name = SpecText(*review.is(), {"ownerRef", "name"});
  const ObjectPtr owner = FindOwner(work, *review.is());
  if (owner == nullptr || owner->deleting()) {
    review.errors.push_back(resource::NotFound("spec.ownerRef.name", Quoted(owner_name)));
    return Done{};
  }
  // Up to the organization; whoever comes back to where it started is in none.
  const auto organizations = OrganizationsOf(work, review.operation.now);
  if (organizations.empty()) {
    review.errors.push_back(resource::Invalid("spec.ownerRef.name", Quoted(owner_name),
                                              "a folder cannot lie in itself"));
    return Done{};
  }
  if (review.updates()) {
    const auto label = Label(*review.was(), kProjectOrganizationLabel);
    if (!label.empty() && !organizations.contains(label)) {
      review.errors.push_back(resource::Invalid("spec.ownerRef.name", Quoted(owner_name),
                                                "it cannot be moved to another organization"));
    }
    return Done{};
  }
  if (review.key().kind != work.kinds().project || !review.errors.empty()) return Done{};
  return BindProjectOwner(review, *organizations.begin());
}

// The namespaces that the control plane works in are its own.
Outcome<Done> ReviewNamespace(Review& review) {
  auto& work = review.work;
  const auto& name = review.key().name;
  const auto organization = OrganizationOfNamespace(name);
  if (review.operation.derived) return Done{};
  if (review.creates() && !organization.empty()) {
    return ForbiddenTo(review, "namespaces of this name are made with their organization",
                       "metadata.name");
  }
  if (!review.deletes()) return Done{};
  const ObjectPtr owner = work.Find(work.kinds().organization, "", organization);
  if (owner != nullptr && !owner->deleting()) {
    return ForbiddenTo(review, fmt::format("it goes with organization `{}`", organization));
  }
  if (name == work.settings().system_namespace || name == work.settings().OwnerRolesNamespace() ||
      name == work.settings().assignable_roles_namespace || name == "default") {
    return ForbiddenTo(review, "the control plane works in it");
  }
  return Done{};
}

}  // namespace pemba::iam::internal
