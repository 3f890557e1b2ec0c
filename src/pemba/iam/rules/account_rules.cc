#include <algorithm>

#include <fmt/format.h>

#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

// Names of what is made for a user are made of its name; all of them stay within 253 bytes.
constexpr std::size_t kUserNameBytesMax = 180;

// One '@' with something on both sides, no white space: whether mail arrives is found out
// otherwise.
bool LooksLikeEmail(std::string_view text) {
  const auto at = text.find('@');
  return at != text.npos && at > 0 && at + 1 < text.size() && text.find('@', at + 1) == text.npos &&
         text.size() <= 254 && std::ranges::none_of(text, [](unsigned char c) {
           return c <= ' ' || c == 0x7f || c == ',' || c == ';' || c == '<' || c == '>';
         });
}

void CheckEmail(Review& review, const std::string& email, const char* field) {
  if (!LooksLikeEmail(email)) {
    review.errors.push_back(resource::Invalid(field, Quoted(email), "must be an email address"));
  }
}

// Null, and an error, if nobody has the name.
ObjectPtr RequireUser(Review& review, const std::string& name, const char* field) {
  const ObjectPtr user = review.work.Find(review.work.kinds().user, "", name);
  if (user == nullptr) review.errors.push_back(resource::NotFound(field, Quoted(name)));
  return user;
}

Failure AlreadyThere(const Review& review, std::string_view why) {
  return {Failure::Reason::kAlreadyExists,
          fmt::format("{} already exists: {}",
                      resource::Describe(*review.key().kind, review.key().name), why)};
}

bool HasOther(const Review& review, const std::vector<ObjectPtr>& found) {
  return std::ranges::any_of(found, [&](const auto& one) { return one->key != review.key(); });
}

// An address is changed by its user, to one that the identity provider knows the user by.
Outcome<Done> CheckEmailChange(Review& review, const std::string& email) {
  if (!review.updates() || !review.GuardsCaller()) return Done{};
  if (SpecText(*review.was(), {"email"}) == email) return Done{};
  const auto& caller = review.work.transaction.caller();
  if (caller.uid != review.key().name) {
    return ForbiddenTo(review, "an address is changed by its user only", "spec.email");
  }
  std::vector<std::string> linked;
  if (review.work.environment.linked_emails) {
    PEMBA_TRY(linked, review.work.environment.linked_emails(caller));
  }
  const bool known = std::ranges::any_of(
      linked, [&](const auto& one) { return FoldedEmail(one) == FoldedEmail(email); });
  if (known) return Done{};
  return Failure(
      Failure::Reason::kBadRequest,
      fmt::format("`{}` is not the address of an identity that is linked to the user", email),
      {resource::Forbidden("spec.email", "not a linked identity's address")});
}

}  // namespace

Outcome<Done> ReviewUser(Review& review) {
  if (review.deletes()) return Done{};
  if (review.key().name.size() > kUserNameBytesMax) {
    review.errors.push_back(resource::TooLong("metadata.name", kUserNameBytesMax));
  }
  // Users are known by name and service accounts by uid: the two must never be one principal.
  const ObjectPtr account = review.work.transaction.FindByUid(review.key().name);
  if (account != nullptr && account->key.kind == review.work.kinds().service_account) {
    review.errors.push_back(
        resource::Forbidden("metadata.name", "is the uid of a service account"));
  }
  const auto email = SpecText(*review.is(), {"email"});
  CheckEmail(review, email, "spec.email");
  if (HasOther(review, review.work.transaction.FindBy(kUsersByEmail, FoldedEmail(email)))) {
    review.errors.push_back(resource::Duplicate("spec.email", Quoted(email)));
  }
  if (!review.errors.empty()) return Done{};
  return CheckEmailChange(review, email);
}

Outcome<Done> ReviewDeactivation(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec", "userRef"});
  RequireUnchanged(review, {"spec", "deactivatedBy"});
  if (!review.creates()) return Done{};
  const auto name = SpecText(*review.is(), {"userRef", "name"});
  if (RequireUser(review, name, "spec.userRef.name") == nullptr) return Done{};
  if (HasOther(review, review.work.transaction.FindBy(kDeactivationsByUser, name))) {
    return AlreadyThere(review, fmt::format("user `{}` is deactivated already", name));
  }
  return Done{};
}

Outcome<Done> ReviewApproval(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec"});
  if (!review.creates()) return Done{};
  const auto email = SpecText(*review.is(), {"subjectRef", "email"});
  const auto name = SpecText(*review.is(), {"subjectRef", "userRef", "name"});
  if (email.empty() == name.empty()) {
    review.errors.push_back(resource::Invalid("spec.subjectRef", "null",
                                              "exactly one of email and userRef must be given"));
    return Done{};
  }
  std::string address = email;
  if (!name.empty()) {
    const ObjectPtr user = RequireUser(review, name, "spec.subjectRef.userRef.name");
    if (user == nullptr) return Done{};
    if (!RejectionsOf(review.work, name).empty()) {
      review.errors.push_back(resource::Forbidden(
          "spec.subjectRef.userRef.name", "the user is rejected; delete the rejection first"));
    }
    address = SpecText(*user, {"email"});
  } else {
    CheckEmail(review, email, "spec.subjectRef.email");
    if (FindUserByEmail(review.work, email) != nullptr) {
      review.errors.push_back(resource::Forbidden(
          "spec.subjectRef.email", "a user has this address: approve it by userRef"));
    }
  }
  if (!review.errors.empty()) return Done{};
  if (HasOther(review, ApprovalsOf(review.work, name, address))) {
    return AlreadyThere(review, "the subject is approved already");
  }
  return Done{};
}

Outcome<Done> ReviewRejection(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec"});
  if (!review.creates()) return Done{};
  const auto name = SpecText(*review.is(), {"subjectRef", "name"});
  const ObjectPtr user = RequireUser(review, name, "spec.subjectRef.name");
  if (user == nullptr) return Done{};
  if (HasOther(review, RejectionsOf(review.work, name))) {
    return AlreadyThere(review, fmt::format("user `{}` is rejected already", name));
  }
  if (!ApprovalsOf(review.work, name, SpecText(*user, {"email"})).empty()) {
    review.errors.push_back(resource::Forbidden("spec.subjectRef.name",
                                                "the user is approved; delete the approval first"));
  }
  return Done{};
}

Outcome<Done> ReviewPlatformInvitation(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec", "email"});
  RequireUnchanged(review, {"spec", "invitedBy"});
  if (!review.creates()) return Done{};
  const auto email = SpecText(*review.is(), {"email"});
  CheckEmail(review, email, "spec.email");
  if (FindUserByEmail(review.work, email) != nullptr ||
      HasOther(review,
               review.work.transaction.FindBy(kPlatformInvitationsByEmail, FoldedEmail(email)))) {
    review.errors.push_back(resource::Duplicate("spec.email", Quoted(email)));
  }
  const auto at = SpecText(*review.is(), {"scheduleAt"});
  if (!at.empty() && TimeFrom(at).value_or(WallTime()) <= review.work.transaction.now()) {
    review.errors.push_back(
        resource::Invalid("spec.scheduleAt", Quoted(at), "must be in the future"));
  }
  return Done{};
}

// The fields themselves do not change (the schema says so).
Outcome<Done> ReviewServiceAccountKey(Review& review) {
  if (!review.creates()) return Done{};
  const auto account = SpecText(*review.is(), {"serviceAccountUserName"});
  if (AccountOf(review.work, *review.is()) == nullptr) {
    review.errors.push_back(resource::NotFound("spec.serviceAccountUserName", Quoted(account)));
  }
  const auto pem = SpecText(*review.is(), {"publicKey"});
  if (pem.find("PRIVATE KEY-----") != pem.npos) {
    // Not repeated in the answer, which is logged by whoever sent it.
    review.errors.push_back(
        resource::Forbidden("spec.publicKey", "is a private key, which nobody else must have"));
  } else if (!pem.empty() && !pem.starts_with("-----BEGIN PUBLIC KEY-----\n")) {
    review.errors.push_back(resource::Invalid("spec.publicKey", Quoted(pem.substr(0, 64)),
                                              "must be a public key in PEM"));
  }
  const auto until = SpecText(*review.is(), {"expirationDate"});
  if (!until.empty() && TimeFrom(until).value_or(WallTime()) <= review.work.transaction.now()) {
    review.errors.push_back(
        resource::Invalid("spec.expirationDate", Quoted(until), "must be in the future"));
  }
  return Done{};
}

}  // namespace pemba::iam::internal
