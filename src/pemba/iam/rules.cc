#include "pemba/iam/rules.h"

#include <utility>

#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/kinds_in.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam {

using internal::Review;
using internal::Work;
using resource::Outcome;

namespace {

using Rule = Outcome<Done> (*)(Review&);

Rule RuleFor(const resource::Kind* kind, const internal::Kinds& kinds) {
  const std::pair<const resource::Kind*, Rule> rules[] = {
      {kinds.policy_binding, internal::ReviewBinding},
      {kinds.user, internal::ReviewUser},
      {kinds.organization_membership, internal::ReviewMembership},
      {kinds.group_membership, internal::ReviewGroupMembership},
      {kinds.role, internal::ReviewRole},
      {kinds.protected_resource, internal::ReviewKind},
      {kinds.service, internal::ReviewKind},
      {kinds.organization, internal::ReviewOrganization},
      {kinds.project, internal::ReviewFolderOrProject},
      {kinds.folder, internal::ReviewFolderOrProject},
      {kinds.name_space, internal::ReviewNamespace},
      {kinds.user_invitation, internal::ReviewInvitation},
      {kinds.user_deactivation, internal::ReviewDeactivation},
      {kinds.platform_access_approval, internal::ReviewApproval},
      {kinds.platform_access_rejection, internal::ReviewRejection},
      {kinds.platform_invitation, internal::ReviewPlatformInvitation},
      {kinds.service_account_key, internal::ReviewServiceAccountKey},
  };
  for (const auto& [of, rule] : rules) {
    if (of == kind) return rule;
  }
  return nullptr;
}

}  // namespace

Rules::Rules(const internal::Environment& environment)
    : environment_(environment),
      scheduler_(std::make_unique<internal::Scheduler>(internal::AllControllers())) {}

Rules::~Rules() = default;

const Catalog& Rules::CatalogIn(const resource::Transaction& transaction) {
  if (concluded_ != nullptr) {
    current_ = concluded_;
  } else if (touched_) {
    current_ = std::make_shared<const Catalog>(
        Catalog::Build(internal::KindsIn(transaction, environment_.kinds)));
  } else {
    current_ = committed_;
  }
  return *current_;
}

void Rules::Start(const resource::Transaction& transaction) {
  touched_ = true;
  concluded_.reset();
  (void)CatalogIn(transaction);
  committed_ = current_;
  touched_ = false;
}

Outcome<Done> Rules::Mutate(resource::Transaction& transaction, resource::Operation& operation) {
  static const Catalog kNone;  // What is filled in does not depend on the kinds.
  Work work{transaction, environment_, kNone};
  return internal::FillIn(work, operation);
}

Outcome<Done> Rules::Admit(resource::Transaction& transaction,
                           const resource::Operation& operation) {
  const auto& kinds = environment_.kinds;
  if (operation.part != resource::Part::kMain) return Done{};
  if (operation.kind == kinds.protected_resource || operation.kind == kinds.service) {
    touched_ = true;
    concluded_.reset();
  }
  const auto rule = RuleFor(operation.kind, kinds);
  if (rule == nullptr) return Done{};
  Work work{transaction, environment_, CatalogIn(transaction)};
  Review review{work, operation};
  PEMBA_TRY(std::ignore, rule(review));
  if (!review.errors.empty()) return internal::InvalidOf(review);
  return Done{};
}

Outcome<Done> Rules::Conclude(resource::Transaction& transaction) {
  const auto due = std::exchange(due_, {});
  concluded_.reset();
  const auto catalog = [&]() -> const Catalog& {
    const auto& current = CatalogIn(transaction);
    if (touched_) concluded_ = current_;
    return current;
  };
  auto done = scheduler_->Run(transaction, environment_, catalog, due);
  if (!done.ok()) concluded_.reset();
  return done;
}

void Rules::Followed(std::span<const resource::ObjectKey> changed) {
  const auto& kinds = environment_.kinds;
  for (const auto& key : changed) {
    if (key.kind != kinds.protected_resource && key.kind != kinds.service) continue;
    touched_ = true;
    concluded_.reset();
  }
}

void Rules::Committed() {
  if (concluded_ == nullptr) return;
  committed_ = std::exchange(concluded_, nullptr);
  touched_ = false;
}

}  // namespace pemba::iam
