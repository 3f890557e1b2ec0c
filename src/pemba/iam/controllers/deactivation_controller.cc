#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {
namespace {

class DeactivationController final : public Controller {
 public:
  std::string_view name() const override { return "deactivations"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.user_deactivation;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    if (KindOf(change) == work.kinds().user_deactivation && change.after != nullptr) {
      keys.insert(KeyOf(change));
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr before = work.transaction.Find(key);
    if (before == nullptr || before->deleting()) return Done{};
    const ObjectPtr user = work.Find(work.kinds().user, "", SpecText(*before, {"userRef", "name"}));
    if (user == nullptr) return Done{};
    PEMBA_TRY(std::ignore, EnsureOwner(work, key, *user, Owns::kShared));
    const ObjectPtr deactivation = work.transaction.Find(key);
    StatusDraft status(work.transaction, deactivation);
    if (work.settings().deactivation == Settings::Deactivation::kAtOnce) {
      status.Set({"Ready", Condition::Value::kTrue, "Reconciled"});
    } else if (FindCondition(*deactivation, "Ready") == nullptr) {
      status.Set({"Ready", Condition::Value::kUnknown, "Unknown",
                  "the identity provider is yet to confirm that the login is blocked"});
    }
    return status.Save();
  }
};

}  // namespace

ControllerPtr NewDeactivationController() { return std::make_unique<DeactivationController>(); }

}  // namespace pemba::iam::internal
