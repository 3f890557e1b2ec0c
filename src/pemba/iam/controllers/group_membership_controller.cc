#include <fmt/format.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/groups.h"

namespace pemba::iam::internal {
namespace {

Condition Judge(std::string_view type, const ObjectPtr& found, const std::string& what) {
  if (found != nullptr) return {type, Condition::Value::kTrue, "ValidationSuccessful"};
  return {type, Condition::Value::kFalse, "ValidationFailed", what + " not found"};
}

class GroupMembershipController final : public Controller {
 public:
  std::string_view name() const override { return "group memberships"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.group_membership;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    const auto* kind = KindOf(change);
    const auto& key = KeyOf(change);
    if (kind == kinds.group_membership && change.after != nullptr) keys.insert(key);
    if (change.before != nullptr && change.after != nullptr && !IsGone(change)) return;
    if (kind == kinds.user || kind == kinds.group || kind == kinds.service_account) {
      AddKeys(work.transaction.FindBy(kGroupMembershipsByMember,
                                      SubjectIndexKey(kind->name, key.name_space, key.name)),
              keys);
    }
    if (kind == kinds.group) {
      AddKeys(work.transaction.FindBy(kGroupMembershipsByGroup, PlaceKey(key.name_space, key.name)),
              keys);
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr membership = work.transaction.Find(key);
    if (membership == nullptr) return Done{};
    const auto member = MemberOf(*membership);
    const auto group = GroupOf(*membership);
    const auto user_valid = Judge("UserRefValid", FindSubject(work, member),
                                  fmt::format("{} `{}`", member.kind, member.name));
    const auto group_valid =
        Judge("GroupRefValid", work.Find(work.kinds().group, group.name_space, group.name),
              fmt::format("group `{}/{}`", group.name_space, group.name));
    StatusDraft status(work.transaction, membership);
    status.Set(user_valid);
    status.Set(group_valid);
    if (user_valid.value == Condition::Value::kTrue &&
        group_valid.value == Condition::Value::kTrue) {
      status.Set({"Ready", Condition::Value::kTrue, "Reconciled"});
    } else {
      const auto& reason = user_valid.message.empty() ? group_valid.message : user_valid.message;
      status.Set({"Ready", Condition::Value::kFalse, "ReferenceInvalid", reason});
    }
    return status.Save();
  }
};

}  // namespace

ControllerPtr NewGroupMembershipController() {
  return std::make_unique<GroupMembershipController>();
}

}  // namespace pemba::iam::internal
