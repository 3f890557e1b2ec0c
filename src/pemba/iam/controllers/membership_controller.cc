#include <set>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/internal/sha256.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

constexpr std::string_view kMembershipLabel = "resourcemanager.miloapis.com/membership";
constexpr std::string_view kManagedByLabel = "resourcemanager.miloapis.com/managed-by";
constexpr std::string_view kManager = "organization-membership-controller";

class MembershipController final : public Controller {
 public:
  std::string_view name() const override { return "memberships"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.organization_membership;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    const auto& transaction = work.transaction;
    const auto* kind = KindOf(change);
    const auto& key = KeyOf(change);
    if (kind == kinds.organization_membership) {
      if (change.after != nullptr) keys.insert(key);
    } else if (kind == kinds.user) {
      AddKeys(transaction.FindBy(kMembershipsByUser, key.name), keys);
    } else if (kind == kinds.organization) {
      AddKeys(transaction.FindBy(kMembershipsByOrganization, key.name), keys);
    } else if (kind == kinds.role) {
      if (change.before != nullptr && change.after != nullptr) return;
      AddKeys(transaction.FindBy(kMembershipsByRole, PlaceKey(key.name_space, key.name)), keys);
    } else if (kind == kinds.policy_binding) {
      AddOwners(work, change, kinds.organization_membership, keys);
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr membership = work.transaction.Find(key);
    if (membership == nullptr || membership->deleting()) return Done{};
    const auto organization = work.Find(work.kinds().organization, "",
                                        SpecText(*membership, {"organizationRef", "name"}));
    const auto user = work.Find(work.kinds().user, "", SpecText(*membership, {"userRef", "name"}));
    if (organization == nullptr || user == nullptr) {
      return Suspend(work, membership, organization);
    }
    PEMBA_TRY(std::ignore, EnsureSelfDelete(work, membership, user));
    StatusDraft status(work.transaction, membership);
    CopyInfo(*user, *organization, status);
    PEMBA_TRY(std::ignore, ApplyRoles(work, membership, user, organization, status));
    status.Set({"Ready", Condition::Value::kTrue, "Ready"});
    return status.Save();
  }

 private:
  // Nobody to be a member, or nothing to be a member of: no roles.
  static Outcome<Done> Suspend(Work& work, const ObjectPtr& membership,
                               const ObjectPtr& organization) {
    PEMBA_TRY(std::ignore, DeleteBindings(work, *membership, {}));
    StatusDraft status(work.transaction, membership);
    status.Erase("appliedRoles");
    status.Clear("RolesApplied");
    if (organization == nullptr) {
      status.Set({"Ready", Condition::Value::kFalse, "OrganizationNotFound",
                  fmt::format("organization `{}` not found",
                              SpecText(*membership, {"organizationRef", "name"}))});
    } else {
      status.Set({"Ready", Condition::Value::kFalse, "UserNotFound",
                  fmt::format("user `{}` not found", SpecText(*membership, {"userRef", "name"}))});
    }
    return status.Save();
  }

  static std::string SelfDeleteName(std::string_view user) {
    return std::string("usermembership-self-delete-").append(user);
  }

  static Outcome<Done> EnsureSelfDelete(Work& work, const ObjectPtr& membership,
                                        const ObjectPtr& user) {
    const auto& settings = work.settings();
    PEMBA_TRY(
        std::ignore,
        Ensure(work, {.name_space = membership->key.name_space,
                      .name = SelfDeleteName(user->key.name),
                      .role = {settings.system_namespace, settings.membership_self_delete_role},
                      .subject = user,
                      .target = membership,
                      .owner = membership,
                      .owns = Owns::kAsController}));
    return Done{};
  }

  static void CopyInfo(const resource::Object& user, const resource::Object& organization,
                       StatusDraft& status) {
    json::object person;
    for (const char* const field : {"email", "givenName", "familyName"}) {
      const auto text = SpecText(user, {field});
      if (!text.empty()) person[field] = text;
    }
    const auto avatar = TextAt(user.status(), {"avatarUrl"});
    if (!avatar.empty()) person["avatarUrl"] = avatar;
    status.Put("user", std::move(person));
    status.Put("organization", json::object{{"type", SpecText(organization, {"type"})},
                                            {"displayName", DisplayName(organization)}});
  }

  static Outcome<Done> ApplyRoles(Work& work, const ObjectPtr& membership, const ObjectPtr& user,
                                  const ObjectPtr& organization, StatusDraft& status) {
    json::array applied;
    std::set<std::string> wanted{SelfDeleteName(user->key.name)};
    bool all = true;
    const auto roles = RolesOf(*membership, membership->key.name_space);
    for (const auto& role : roles) {
      json::object entry{{"name", role.key.name}, {"namespace", role.key.name_space}};
      if (work.FindRole(role.key) == nullptr) {
        entry["status"] = "Failed";
        entry["message"] = fmt::format("role `{}` not found", role.key.ToText());
        all = false;
        applied.push_back(std::move(entry));
        continue;
      }
      // Always with the namespace: a role that is given without one has this name too.
      const auto name = membership->key.name + "-" + Sha256Hex(role.key.ToText());
      wanted.insert(name);
      PEMBA_TRY(const ObjectPtr binding,
                Ensure(work, {.name_space = membership->key.name_space,
                              .name = name,
                              .role = role.key,
                              .subject = user,
                              .target = organization,
                              .owner = membership,
                              .owns = Owns::kAsController,
                              .labels = {{kMembershipLabel.data(), membership->key.name},
                                         {kManagedByLabel.data(), kManager.data()}}}));
      const bool ready = IsTrue(*binding, "Ready");
      all = all && ready;
      entry["status"] = ready ? "Applied" : "Pending";
      if (const auto* why = ready ? nullptr : FindCondition(*binding, "Ready")) {
        entry["message"] = TextAt(*why, {"message"});
      }
      entry["policyBindingRef"] = {{"name", name}, {"namespace", binding->key.name_space}};
      entry["appliedAt"] = TextAt(binding->metadata(), {"creationTimestamp"});
      applied.push_back(std::move(entry));
    }
    PEMBA_TRY(std::ignore, DeleteBindings(work, *membership, wanted));
    if (roles.empty()) {
      status.Erase("appliedRoles");
      status.Set({"RolesApplied", Condition::Value::kTrue, "NoRolesSpecified"});
    } else {
      status.Put("appliedRoles", std::move(applied));
      status.Set(all ? Condition{"RolesApplied", Condition::Value::kTrue, "AllRolesApplied"}
                     : Condition{"RolesApplied", Condition::Value::kFalse, "PartialRolesApplied",
                                 "some roles are not applied yet"});
    }
    return Done{};
  }

  // Those of the membership's own that are not wanted any more.
  static Outcome<Done> DeleteBindings(Work& work, const resource::Object& membership,
                                      const std::set<std::string>& wanted) {
    for (const auto& binding : work.transaction.OwnedBy(membership.uid())) {
      if (binding->key.kind != work.kinds().policy_binding) continue;
      if (wanted.contains(binding->key.name)) continue;
      PEMBA_TRY(std::ignore, DeleteIfThere(work, binding->key));
    }
    return Done{};
  }
};

}  // namespace

ControllerPtr NewMembershipController() { return std::make_unique<MembershipController>(); }

}  // namespace pemba::iam::internal
