#include <fmt/format.h>

#include "pemba/base/hash.h"
#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/binding_parts.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

constexpr std::string_view kReconciling = "Reconciling";

class BindingController final : public Controller {
 public:
  std::string_view name() const override { return "bindings"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.policy_binding;
  }

  // Whatever a binding is made of may appear, go, or be replaced by another of its name.
  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& transaction = work.transaction;
    const auto* kind = KindOf(change);
    const auto& key = KeyOf(change);
    if (kind == work.kinds().policy_binding && change.after != nullptr) keys.insert(key);
    if (kind == work.kinds().protected_resource || kind == work.kinds().service) {
      ForEachState(change, [&](const resource::Object& object) {
        for (const auto& entry : KindEntriesOf(object)) {
          AddKeys(transaction.FindBy(kBindingsByTargetType, entry.type), keys);
        }
      });
    }
    const bool remains = change.before != nullptr && change.after != nullptr &&
                         change.before != change.after && !IsGone(change);
    if (kind == work.kinds().role && (!remains || GrantsLater(work))) {
      AddKeys(transaction.FindBy(kBindingsByRole, PlaceKey(key.name_space, key.name)), keys);
    }
    if (remains) return;
    ForEachState(change, [&](const resource::Object& object) {
      AddKeys(transaction.FindBy(kBindingsByTarget, ObjectText(object)), keys);
    });
    if (kind == work.kinds().user || kind == work.kinds().group ||
        kind == work.kinds().service_account) {
      AddKeys(transaction.FindBy(kBindingsBySubject,
                                 SubjectIndexKey(kind->name, key.name_space, key.name)),
              keys);
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr binding = work.transaction.Find(key);
    if (binding == nullptr) return Done{};
    const auto target = JudgeTarget(work, *binding);
    const auto subjects = JudgeSubjects(work, *binding);
    const auto role = JudgeBoundRole(work, *binding);
    StatusDraft status(work.transaction, binding);
    status.Set(target);
    status.Set(subjects);
    status.Set(role);
    Condition ready{"Ready", Condition::Value::kTrue, "ReconciliationSuccessful"};
    if (target.value == Condition::Value::kFalse) {
      ready = {"Ready", target.value, "ResourceSelectorValidationFailed", target.message};
    } else if (subjects.value == Condition::Value::kFalse) {
      ready = {"Ready", subjects.value, "SubjectValidationFailed", subjects.message};
    } else if (role.value == Condition::Value::kFalse) {
      ready = {"Ready", role.value, "RoleNotFoundForBinding", role.message};
    }
    if (GrantsLater(work)) {
      const auto grant =
          ready.value == Condition::Value::kTrue ? GrantHash(work, *binding) : std::string();
      const bool same = TextAt(binding->status(), {"grantHash"}) == grant;
      if (!grant.empty() && !(same && IsTrue(*binding, "Ready"))) {
        ready = {"Ready", Condition::Value::kFalse, kReconciling,
                 "the provider is yet to confirm the grant"};
      }
      status.PutText("grantHash", grant);
    }
    status.Set(ready);
    return status.Save();
  }

 private:
  static bool GrantsLater(const Work& work) {
    return work.settings().grants == Settings::Grants::kWhenProvided;
  }

  // Stands for what the provider has to know of the grant. A binding whose grant is another than
  // the one that was confirmed waits again.
  static std::string GrantHash(const Work& work, const resource::Object& binding) {
    std::string text = ObjectText(binding);
    const auto add = [&](std::string_view part) { text.append(part).push_back('\n'); };
    const auto target = TargetOf(binding);
    for (const auto* part : {&target.type, &target.name_space, &target.name, &target.uid}) {
      add(*part);
    }
    for (const auto& subject : SubjectsOf(binding)) {
      for (const auto* part : {&subject.kind, &subject.name, &subject.uid}) add(*part);
    }
    const ObjectPtr role = work.FindRole(RoleOfBinding(binding));
    if (role != nullptr) {
      for (const auto& permission : ListAt(role->status(), {"effectivePermissions"})) {
        if (permission.is_string()) add(permission.get_string());
      }
    }
    return fmt::format("{:016x}", HashBytes(text));
  }
};

}  // namespace

ControllerPtr NewBindingController() { return std::make_unique<BindingController>(); }

}  // namespace pemba::iam::internal
