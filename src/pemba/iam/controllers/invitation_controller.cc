#include <algorithm>
#include <set>

#include <boost/json/array.hpp>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

// An invitation waits for its user to exist, then for the user's answer, and ends accepted (a
// membership takes its place), declined or expired.
class InvitationController final : public Controller {
 public:
  std::string_view name() const override { return "invitations"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.user_invitation;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    const auto* kind = KindOf(change);
    if (kind == kinds.user_invitation) {
      if (change.after != nullptr) keys.insert(KeyOf(change));
    } else if (kind == kinds.user) {
      ForEachState(change, [&](const resource::Object& user) {
        AddKeys(
            work.transaction.FindBy(kInvitationsByEmail, FoldedEmail(SpecText(user, {"email"}))),
            keys);
      });
    } else if (kind == kinds.policy_binding) {
      AddOwners(work, change, kinds.user_invitation, keys);
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr invitation = work.transaction.Find(key);
    if (invitation == nullptr || invitation->deleting()) return Done{};
    StatusDraft status(work.transaction, invitation);
    // Objects start with a condition of this type, by the schema of old.
    status.Clear("Unknown");
    const ObjectPtr invitee = FindUserByEmail(work, SpecText(*invitation, {"email"}));
    SayWho(work, *invitation, invitee, status);
    const bool over = IsTrue(*invitation, "Ready") || IsTrue(*invitation, "Expired");
    if (!over && HasExpired(work, *invitation)) {
      PEMBA_TRY(std::ignore,
                DeleteBinding(work, *invitation, work.settings().accept_invitation_role));
      status.Set({"Expired", Condition::Value::kTrue, "Expired"});
      status.Clear("Pending");
    } else if (!over) {
      PEMBA_TRY(const auto left, GoOn(work, invitation, invitee, status));
      if (left == nullptr) return Done{};
    }
    return status.Save();
  }

 private:
  // Answers the invitation, or null if a membership has taken its place.
  static Outcome<ObjectPtr> GoOn(Work& work, const ObjectPtr& invitation, const ObjectPtr& invitee,
                                 StatusDraft& status) {
    if (const auto until = ExpiryOf(*invitation); until && work.environment.alarms != nullptr) {
      work.environment.alarms->WakeAt(*until, invitation->key);
    }
    // Once: who is turned away later stays so, whatever happens to the invitation.
    if (!IsTrue(*invitation, "PlatformAccessGranted")) {
      PEMBA_TRY(std::ignore, GrantPlatformAccess(work, *invitation, invitee));
      status.Set({"PlatformAccessGranted", Condition::Value::kTrue, "Invited"});
    }
    if (invitee == nullptr) {
      status.Set({"Pending", Condition::Value::kTrue, "Pending",
                  "nobody has registered with the address yet"});
      return invitation;
    }
    const auto state = SpecText(*invitation, {"state"});
    if (state == "Accepted") {
      PEMBA_TRY(std::ignore, Accept(work, *invitation, *invitee));
      PEMBA_TRY(std::ignore, DeleteIfThere(work, invitation->key));
      return work.transaction.Find(invitation->key);
    }
    if (state == "Declined") {
      PEMBA_TRY(std::ignore,
                DeleteBinding(work, *invitation, work.settings().accept_invitation_role));
      status.Clear("Pending");
      status.Set({"Ready", Condition::Value::kTrue, "Declined"});
      return invitation;
    }
    for (const auto& role :
         {work.settings().get_invitation_role, work.settings().accept_invitation_role}) {
      PEMBA_TRY(std::ignore, Ensure(work, {.name_space = work.settings().system_namespace,
                                           .name = BindingName(*invitation, role),
                                           .role = {work.settings().system_namespace, role},
                                           .subject = invitee,
                                           .target = invitation,
                                           .owner = invitation}));
    }
    status.Set({"Pending", Condition::Value::kTrue, "Pending"});
    return invitation;
  }

  static std::optional<WallTime> ExpiryOf(const resource::Object& invitation) {
    const auto text = SpecText(invitation, {"expirationDate"});
    return text.empty() ? std::nullopt : TimeFrom(text);
  }
  static bool HasExpired(const Work& work, const resource::Object& invitation) {
    const auto until = ExpiryOf(invitation);
    return until && *until <= work.transaction.now();
  }

  static void SayWho(const Work& work, const resource::Object& invitation, const ObjectPtr& invitee,
                     StatusDraft& status) {
    if (invitee != nullptr) {
      status.Put("inviteeUser", json::object{{"name", invitee->key.name}});
      status.Set({"InviteeUserStatusUpdate", Condition::Value::kTrue, "InvitedUserRegistered"});
    } else {
      status.Erase("inviteeUser");
      status.Set({"InviteeUserStatusUpdate", Condition::Value::kFalse, "InvitedUserNotRegistered"});
    }
    const auto organization =
        work.Find(work.kinds().organization, "", SpecText(invitation, {"organizationRef", "name"}));
    if (organization != nullptr) {
      status.Put("organization", json::object{{"displayName", DisplayName(*organization)}});
    }
    const auto inviter =
        work.Find(work.kinds().user, "", SpecText(invitation, {"invitedBy", "name"}));
    if (inviter == nullptr) return;
    auto name = SpecText(*inviter, {"givenName"});
    const auto family = SpecText(*inviter, {"familyName"});
    if (!name.empty() && !family.empty()) name += " ";
    name += family;
    status.Put("inviterUser", json::object{{"displayName", name.empty() ? inviter->key.name : name},
                                           {"emailAddress", SpecText(*inviter, {"email"})}});
  }

  // Whoever is invited may use the platform, even if that was refused before.
  static Outcome<Done> GrantPlatformAccess(Work& work, const resource::Object& invitation,
                                           const ObjectPtr& invitee) {
    const auto email = SpecText(invitation, {"email"});
    const auto user = invitee == nullptr ? std::string() : invitee->key.name;
    if (invitee != nullptr) {
      for (const auto& rejection : RejectionsOf(work, user)) {
        PEMBA_TRY(std::ignore, DeleteIfThere(work, rejection->key));
      }
    }
    if (!ApprovalsOf(work, user, email).empty()) return Done{};
    json::object subject;
    if (invitee == nullptr) {
      subject["email"] = email;
    } else {
      subject["userRef"] = {{"name", user}};
    }
    const auto approver = SpecText(invitation, {"invitedBy", "name"});
    PEMBA_TRY(std::ignore,
              work.transaction.Create(
                  *work.kinds().platform_access_approval, "",
                  {{"metadata", {{"name", std::string("invitation-").append(invitation.uid())}}},
                   {"spec",
                    {{"subjectRef", std::move(subject)},
                     {"approverRef", {{"name", approver.empty() ? "system" : approver}}}}}}));
    return Done{};
  }

  static std::string BindingName(const resource::Object& invitation, std::string_view role) {
    return std::string(invitation.uid()).append("-").append(role);
  }
  static Outcome<Done> DeleteBinding(Work& work, const resource::Object& invitation,
                                     std::string_view role) {
    return DeleteIfThere(work, {work.kinds().policy_binding, work.settings().system_namespace,
                                BindingName(invitation, role)});
  }

  // The invited roles come to those that a member has already.
  static Outcome<Done> Accept(Work& work, const resource::Object& invitation,
                              const resource::Object& user) {
    const auto organization = SpecText(invitation, {"organizationRef", "name"});
    const auto memberships = MembershipsOf(work, organization, user.key.name);
    json::array roles;
    std::set<RoleKey> has;
    if (!memberships.empty()) {
      roles = ListAt(memberships.front()->spec(), {"roles"});
      for (const auto& role : RolesOf(*memberships.front(), memberships.front()->key.name_space)) {
        has.insert(role.key);
      }
    }
    for (const auto& role : RolesOf(invitation, invitation.key.name_space)) {
      // One that was deleted meanwhile grants nothing, and no membership may list it.
      if (work.FindRole(role.key) == nullptr || !has.insert(role.key).second) continue;
      roles.push_back({{"name", role.key.name}, {"namespace", role.key.name_space}});
    }
    if (!memberships.empty()) {
      json::object document = memberships.front()->document;
      document["spec"].get_object()["roles"] = std::move(roles);
      PEMBA_TRY(std::ignore,
                work.transaction.Update(memberships.front()->key, std::move(document)));
      return Done{};
    }
    PEMBA_TRY(std::ignore,
              work.transaction.Create(
                  *work.kinds().organization_membership, OrganizationNamespace(organization),
                  {{"metadata",
                    {{"name", "member-" + user.key.name},
                     {"ownerReferences", json::array{OwnerReferenceTo(user, Owns::kShared)}}}},
                   {"spec",
                    {{"organizationRef", {{"name", organization}}},
                     {"userRef", {{"name", user.key.name}}},
                     {"roles", std::move(roles)}}}}));
    return Done{};
  }
};

}  // namespace

ControllerPtr NewInvitationController() { return std::make_unique<InvitationController>(); }

}  // namespace pemba::iam::internal
