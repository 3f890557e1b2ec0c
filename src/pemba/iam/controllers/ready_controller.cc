#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"

namespace pemba::iam::internal {
namespace {

class ReadyController final : public Controller {
 public:
  std::string_view name() const override { return "ready"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return !ReasonFor(kinds, kind).empty();
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    if (change.after != nullptr && Keeps(work.kinds(), KindOf(change))) {
      keys.insert(KeyOf(change));
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr object = work.transaction.Find(key);
    if (object == nullptr) return Done{};
    StatusDraft status(work.transaction, object);
    status.Set({"Ready", Condition::Value::kTrue, ReasonFor(work.kinds(), key.kind)});
    if (key.kind == work.kinds().service_account) {
      const auto* state = object->spec().if_contains("state");
      status.Put("state", state == nullptr ? boost::json::value("Active") : *state);
      status.PutText("email", work.settings().ServiceAccountEmail(key.name));
    }
    return status.Save();
  }

 private:
  // Empty: not one of ours.
  static std::string_view ReasonFor(const Kinds& kinds, const resource::Kind* kind) {
    for (const auto* one : {kinds.group, kinds.user_preference, kinds.service_account,
                            kinds.platform_access_approval, kinds.platform_access_rejection}) {
      if (kind == one) return "Reconciled";
    }
    return "";
  }
};

}  // namespace

ControllerPtr NewReadyController() { return std::make_unique<ReadyController>(); }

}  // namespace pemba::iam::internal
