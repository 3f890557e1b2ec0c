// Review: one operation under judgement, and how rules answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

// A rule adds to `errors` what is wrong with the object itself, or refuses by its answer.
struct Review {
  Work& work;
  const resource::Operation& operation;
  std::vector<FieldError> errors = {};

  using Type = resource::Operation::Type;
  // What it was and what it is going to be; null where there is none.
  const resource::Object* was() const { return operation.old.get(); }
  const resource::Object* is() const { return operation.now.get(); }
  const ObjectKey& key() const { return (is() != nullptr ? is() : was())->key; }
  bool creates() const { return operation.type == Type::kCreate; }
  bool updates() const { return operation.type == Type::kUpdate; }
  bool deletes() const { return operation.type == Type::kDelete; }
  // Whether the caller must be allowed to do this: it asked for it, and is not above such rules.
  bool GuardsCaller() const;
};

// `rolebindings.iam.miloapis.com "b1" is forbidden: <why>`, about one field.
Failure ForbiddenTo(const Review& review, std::string_view why, std::string field = {});
// The object is in a state in which this cannot be done.
Failure ConflictOf(const Review& review, std::string_view why);
// kInvalid with review.errors.
Failure InvalidOf(const Review& review);
std::string Quoted(std::string_view text);

// The field never changes once it is set.
void RequireUnchanged(Review& review, std::initializer_list<std::string_view> path);

// The rules of each kind. Each is called for the creation, update and deletion of the kind's
// objects, not for their status.
Outcome<Done> ReviewKind(Review& review);          // ProtectedResource, Service
Outcome<Done> ReviewRole(Review& review);          // Role
Outcome<Done> ReviewBinding(Review& review);       // PolicyBinding
Outcome<Done> ReviewUser(Review& review);          // User
Outcome<Done> ReviewDeactivation(Review& review);  // UserDeactivation
Outcome<Done> ReviewApproval(Review& review);      // PlatformAccessApproval
Outcome<Done> ReviewRejection(Review& review);     // PlatformAccessRejection
Outcome<Done> ReviewPlatformInvitation(Review& review);
Outcome<Done> ReviewServiceAccountKey(Review& review);
Outcome<Done> ReviewGroupMembership(Review& review);
Outcome<Done> ReviewOrganization(Review& review);
Outcome<Done> ReviewMembership(Review& review);  // OrganizationMembership
Outcome<Done> ReviewInvitation(Review& review);  // UserInvitation
Outcome<Done> ReviewFolderOrProject(Review& review);
Outcome<Done> ReviewNamespace(Review& review);

// What is filled in and overwritten before the schema is applied.
Outcome<Done> FillIn(Work& work, resource::Operation& operation);

}  // namespace pemba::iam::internal
