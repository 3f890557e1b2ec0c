#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/role_tree.h"

namespace pemba::iam::internal {
namespace {

class RoleController final : public Controller {
 public:
  std::string_view name() const override { return "roles"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.role;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto* kind = KindOf(change);
    if (kind == work.kinds().role) {
      if (change.after != nullptr) keys.insert(KeyOf(change));
      if (SaysTheSame(change)) return;
      AddInheritors(work, {KeyOf(change).name_space, KeyOf(change).name}, keys);
    } else if (kind == work.kinds().protected_resource || kind == work.kinds().service) {
      if (SaysTheSame(change)) return;
      ForEachState(change, [&](const resource::Object& object) {
        for (const auto& entry : KindEntriesOf(object)) {
          const auto plural = entry.service + "/" + entry.plural;
          for (const auto& role : work.transaction.FindBy(kRolesByPlural, plural)) {
            keys.insert(role->key);
            AddInheritors(work, {role->key.name_space, role->key.name}, keys);
          }
        }
      });
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr object = work.transaction.Find(key);
    if (object == nullptr) return Done{};
    const auto role = RoleEntryOf(*object);
    const auto effective = EffectivePermissions(role, LookupIn(work));
    const auto verdicts = JudgeRole(role, effective, work.catalog);
    boost::json::array permissions;
    for (const auto& permission : effective.permissions) permissions.emplace_back(permission);
    StatusDraft status(work.transaction, object);
    status.Put("effectivePermissions", std::move(permissions));
    status.Set(ConditionFrom("PermissionsValid", verdicts.permissions_valid));
    status.Set(ConditionFrom("Ready", verdicts.ready));
    return status.Save();
  }

 private:
  static bool SaysTheSame(const Change& change) {
    return change.before != nullptr && change.after != nullptr && change.before != change.after &&
           change.before->spec() == change.after->spec();
  }

  static Condition ConditionFrom(std::string_view type, const Verdict& verdict) {
    const auto value =
        verdict.value == Verdict::Value::kTrue ? Condition::Value::kTrue : Condition::Value::kFalse;
    return {type, value, verdict.reason, verdict.message};
  }
};

}  // namespace

ControllerPtr NewRoleController() { return std::make_unique<RoleController>(); }

}  // namespace pemba::iam::internal
