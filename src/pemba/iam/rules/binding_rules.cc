#include <algorithm>

#include <fmt/format.h>

#include "pemba/iam/internal/binding_parts.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/names.h"
#include "pemba/iam/rules/grants.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

constexpr const char* kSelector = "spec.resourceSelector";

void CheckForm(Review& review) {
  switch (TargetOf(*review.is()).form) {
    case TargetRef::Form::kNone:
      review.errors.push_back(
          resource::Required(kSelector, "exactly one of resourceRef and resourceKind"));
      break;
    case TargetRef::Form::kBoth:
      review.errors.push_back(resource::Forbidden(
          kSelector, "exactly one of resourceRef and resourceKind may be given"));
      break;
    case TargetRef::Form::kObject:
    case TargetRef::Form::kKind:
      break;
  }
  std::size_t index = 0;
  for (const auto& subject : SubjectsOf(*review.is())) {
    const auto field = fmt::format("spec.subjects[{}]", index++);
    if (!subject.IsSystemGroup() && subject.uid.empty()) {
      review.errors.push_back(resource::Required(field + ".uid", "nobody of that name is there"));
    }
    if (subject.IsSystemGroup() && subject.name != kAuthenticatedGroup) {
      review.work.transaction.Warn(
          fmt::format("{}.name: nobody is ever a member of `{}`; everybody "
                      "who is authenticated is of `{}`",
                      field, subject.name, kAuthenticatedGroup));
    }
  }
  const auto target = TargetOf(*review.is());
  if (target.form == TargetRef::Form::kObject && target.uid.empty() &&
      DeclaredKind(review.work.transaction.registry(), target.type) != nullptr) {
    review.errors.push_back(resource::Required("spec.resourceSelector.resourceRef.uid",
                                               "no object of that name is there"));
  }
}

// A role that is on its way out may be bound, one that is out may not.
void CheckStage(Review& review) {
  const auto key = RoleOfBinding(*review.is());
  const ObjectPtr role = review.work.FindRole(key);
  if (role == nullptr || !review.creates()) return;
  const auto stage = RoleEntryOf(*role).stage;
  if (stage == LaunchStage::kDeprecated) {
    review.work.transaction.Warn(fmt::format("role `{}` is deprecated", key.ToText()));
  } else if (stage == LaunchStage::kDisabled) {
    review.errors.push_back(resource::Invalid("spec.roleRef", Quoted(key.ToText()),
                                              "the role is disabled: it grants nothing"));
  }
}

// What is stored in an organization's namespace is about that organization and what lies in it.
// Elsewhere lie the platform's own bindings.
Outcome<Done> CheckScope(Review& review, const TargetRef& target) {
  const auto organization = OrganizationOfNamespace(review.key().name_space);
  if (organization.empty() || !review.GuardsCaller()) return Done{};
  if (target.form == TargetRef::Form::kKind) {
    return ForbiddenTo(review,
                       "only bindings of the platform's namespaces are on all objects of a kind",
                       "spec.resourceSelector.resourceKind");
  }
  const ObjectPtr object = FindTarget(review.work, target);
  if (object != nullptr &&
      OrganizationsOf(review.work, object).contains(std::string(organization))) {
    return Done{};
  }
  // Nobody learns here what there is in other organizations.
  return ForbiddenTo(
      review, fmt::format("the target is not known to lie in organization `{}`", organization),
      "spec.resourceSelector.resourceRef");
}

bool GrantsMore(const Review& review) {
  if (review.creates()) return true;
  const auto old = SubjectsOf(*review.was());
  const auto now = SubjectsOf(*review.is());
  return std::ranges::any_of(
      now, [&](const auto& one) { return std::ranges::find(old, one) == old.end(); });
}

}  // namespace

Outcome<Done> ReviewBinding(Review& review) {
  if (review.deletes()) return Done{};
  if (review.updates() && review.was()->spec() == review.is()->spec()) return Done{};
  RequireUnchanged(review, {"spec", "roleRef"});
  RequireUnchanged(review, {"spec", "resourceSelector"});
  CheckForm(review);
  CheckStage(review);
  if (!review.errors.empty() || !GrantsMore(review)) return Done{};
  const auto target = TargetOf(*review.is());
  PEMBA_TRY(std::ignore, CheckScope(review, target));
  return CheckGrant(review, {.role = RoleOfBinding(*review.is()),
                             .role_field = "spec.roleRef",
                             .target = {target.type, target.name_space, target.name}});
}

}  // namespace pemba::iam::internal
