#include <algorithm>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

class UserController final : public Controller {
 public:
  std::string_view name() const override { return "users"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.user;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    const auto* kind = KindOf(change);
    if (kind == kinds.user) {
      if (change.after != nullptr) keys.insert(KeyOf(change));
    } else if (kind == kinds.policy_binding || kind == kinds.user_preference) {
      AddOwners(work, change, kinds.user, keys);
    } else if (kind == kinds.user_deactivation || kind == kinds.platform_access_approval ||
               kind == kinds.platform_access_rejection) {
      ForEachState(change, [&](const resource::Object& object) {
        for (const auto& name :
             {SpecText(object, {"userRef", "name"}), SpecText(object, {"subjectRef", "name"}),
              SpecText(object, {"subjectRef", "userRef", "name"})}) {
          if (!name.empty()) keys.insert({kinds.user, "", name});
        }
        const ObjectPtr user = FindUserByEmail(work, SpecText(object, {"subjectRef", "email"}));
        if (user != nullptr) keys.insert(user->key);
      });
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr user = work.transaction.Find(key);
    if (user == nullptr || user->deleting()) return Done{};
    PEMBA_TRY(std::ignore, EnsureOwnThings(work, user));
    StatusDraft status(work.transaction, user);
    status.PutText("registrationApproval", Approval(work, *user));
    status.Put("state", IsDeactivated(work, *user) ? "Inactive" : "Active");
    status.Set({"Ready", Condition::Value::kTrue, "Reconciled"});
    return status.Save();
  }

 private:
  // What users may do to themselves, and how they like it.
  static Outcome<Done> EnsureOwnThings(Work& work, const ObjectPtr& user) {
    const auto& settings = work.settings();
    const auto& system = settings.system_namespace;
    const auto binding = [&](const std::string& name, const std::string& role,
                             const ObjectPtr& target) {
      return Ensure(work, {.name_space = system,
                           .name = name,
                           .role = {system, role},
                           .subject = user,
                           .target = target,
                           .owner = user});
    };
    const auto& name = user->key.name;
    PEMBA_TRY(std::ignore,
              binding("user-self-manage-" + name, settings.user_self_manage_role, user));
    PEMBA_TRY(const ObjectPtr preference, EnsurePreference(work, *user));
    PEMBA_TRY(std::ignore, binding("userpreference-self-manage-" + name,
                                   settings.user_preferences_role, preference));
    return Done{};
  }

  static Outcome<ObjectPtr> EnsurePreference(Work& work, const resource::Object& user) {
    const ObjectKey key{work.kinds().user_preference, "", "userpreference-" + user.key.name};
    if (work.transaction.Find(key) != nullptr) {
      PEMBA_TRY(std::ignore, EnsureOwner(work, key, user, Owns::kShared));
      return work.transaction.Find(key);
    }
    return work.transaction.Create(
        *key.kind, "",
        {{"metadata",
          {{"name", key.name},
           {"ownerReferences", json::array{OwnerReferenceTo(user, Owns::kShared)}}}},
         {"spec", {{"userRef", {{"name", user.key.name}}}, {"theme", "system"}}}});
  }

  static std::string_view Approval(const Work& work, const resource::Object& user) {
    if (!ApprovalsOf(work, user.key.name, SpecText(user, {"email"})).empty()) return "Approved";
    return RejectionsOf(work, user.key.name).empty() ? "Pending" : "Rejected";
  }

  static bool IsDeactivated(const Work& work, const resource::Object& user) {
    const auto all = work.transaction.FindBy(kDeactivationsByUser, user.key.name);
    return std::ranges::any_of(all, [](const ObjectPtr& one) { return IsTrue(*one, "Ready"); });
  }
};

}  // namespace

ControllerPtr NewUserController() { return std::make_unique<UserController>(); }

}  // namespace pemba::iam::internal
