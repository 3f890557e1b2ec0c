#include <fmt/format.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/rules/grants.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

bool IsPast(const Work& work, const resource::Object& invitation) {
  const auto text = SpecText(invitation, {"expirationDate"});
  return !text.empty() && TimeFrom(text).value_or(WallTime()) <= work.transaction.now();
}

// Pending, then accepted or declined by who is invited, once and in time.
Outcome<Done> CheckAnswer(Review& review) {
  const auto before = SpecText(*review.was(), {"state"});
  if (before == SpecText(*review.is(), {"state"})) return Done{};
  if (before != "Pending") {
    review.errors.push_back(resource::Forbidden("spec.state", "it is answered already"));
    return Done{};
  }
  if (IsPast(review.work, *review.is())) {
    review.errors.push_back(resource::Forbidden("spec.state", "the invitation has expired"));
    return Done{};
  }
  const ObjectPtr invitee = FindUserByEmail(review.work, SpecText(*review.is(), {"email"}));
  const auto& caller = review.work.transaction.caller();
  if (review.GuardsCaller() && (invitee == nullptr || invitee->key.name != caller.uid)) {
    return ForbiddenTo(review, "only who is invited can answer", "spec.state");
  }
  return Done{};
}

void CheckTimes(Review& review) {
  const auto state = SpecText(*review.is(), {"state"});
  if (state != "Pending") {
    review.errors.push_back(
        resource::Invalid("spec.state", Quoted(state), "an invitation starts as Pending"));
  }
  if (IsPast(review.work, *review.is())) {
    review.errors.push_back(resource::Invalid("spec.expirationDate",
                                              Quoted(SpecText(*review.is(), {"expirationDate"})),
                                              "must be in the future"));
  }
}

void CheckNamespaces(Review& review, const std::string& organization) {
  const auto& own = review.key().name_space;
  const auto& settings = review.work.settings();
  if (own != OrganizationNamespace(organization)) {
    review.errors.push_back(
        resource::Invalid("spec.organizationRef.name", Quoted(organization),
                          fmt::format("an invitation lies in its organization's namespace, `{}`",
                                      OrganizationNamespace(organization))));
  }
  for (const auto& role : RolesOf(*review.is(), own)) {
    const auto& name_space = role.key.name_space;
    if (name_space == own || name_space == settings.system_namespace ||
        name_space == settings.assignable_roles_namespace) {
      continue;
    }
    review.errors.push_back(resource::NotSupported(
        fmt::format("spec.roles[{}].namespace", role.index), Quoted(name_space),
        {own, settings.system_namespace, settings.assignable_roles_namespace}));
  }
}

// Nobody is invited twice at a time, nor where they are a member. An invitation that is over, being
// declined or expired, makes room for the next.
Outcome<Done> CheckOnce(Review& review, const std::string& organization) {
  auto& work = review.work;
  const auto email = SpecText(*review.is(), {"email"});
  const auto refuse = [&] {
    review.errors.push_back(resource::Duplicate("spec.email", Quoted(email)));
  };
  const ObjectPtr invitee = FindUserByEmail(work, email);
  if (invitee != nullptr && !MembershipsOf(work, organization, invitee->key.name).empty()) {
    refuse();
    return Done{};
  }
  for (const auto& other : work.transaction.FindBy(kInvitationsByEmailAndOrganization,
                                                   PairKey(FoldedEmail(email), organization))) {
    if (other->key == review.key()) continue;
    if (SpecText(*other, {"state"}) != "Declined" && !IsPast(work, *other)) {
      refuse();
      return Done{};
    }
    PEMBA_TRY(std::ignore, DeleteIfThere(work, other->key));
  }
  return Done{};
}

}  // namespace

Outcome<Done> ReviewInvitation(Review& review) {
  if (review.deletes()) return Done{};
  for (const std::string_view field : {"organizationRef", "email", "givenName", "familyName",
                                       "roles", "invitedBy", "expirationDate"}) {
    RequireUnchanged(review, {"spec", field});
  }
  if (review.updates()) return CheckAnswer(review);
  const auto organization = SpecText(*review.is(), {"organizationRef", "name"});
  CheckTimes(review);
  CheckNamespaces(review, organization);
  PEMBA_TRY(std::ignore, CheckOnce(review, organization));
  CheckRoles(review);
  if (!review.errors.empty()) return Done{};
  return CheckRoleGrants(review, organization);
}

}  // namespace pemba::iam::internal
