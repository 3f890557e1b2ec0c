#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

// A key counts while its account is there and active, until it expires. It goes with the account:
// whoever gets the account's name next has other keys.
class ServiceAccountKeyController final : public Controller {
 public:
  std::string_view name() const override { return "service account keys"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.service_account_key;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    if (KindOf(change) == kinds.service_account_key && change.after != nullptr) {
      keys.insert(KeyOf(change));
    } else if (KindOf(change) == kinds.service_account) {
      AddKeys(work.transaction.FindBy(
                  kKeysByServiceAccount,
                  FoldedEmail(work.settings().ServiceAccountEmail(KeyOf(change).name))),
              keys);
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr before = work.transaction.Find(key);
    if (before == nullptr || before->deleting()) return Done{};
    const ObjectPtr account = AccountOf(work, *before);
    if (account != nullptr) {
      PEMBA_TRY(std::ignore, EnsureOwner(work, key, *account, Owns::kShared));
    }
    const ObjectPtr now = work.transaction.Find(key);
    StatusDraft status(work.transaction, now);
    status.Set(Judge(work, *now, account.get()));
    return status.Save();
  }

 private:
  static Condition Judge(Work& work, const resource::Object& key, const resource::Object* account) {
    const auto no = [](std::string_view reason, std::string message) {
      return Condition{"Ready", Condition::Value::kFalse, reason, std::move(message)};
    };
    if (account == nullptr) return no("ServiceAccountNotFound", "there is no such service account");
    if (SpecText(*account, {"state"}) == "Inactive") {
      return no("ServiceAccountInactive", "the service account is not active");
    }
    if (SpecText(key, {"publicKey"}).empty()) {
      return no("PublicKeyMissing", "there is nothing to prove by: spec.publicKey is empty");
    }
    const auto until = TimeFrom(SpecText(key, {"expirationDate"}));
    if (until && *until <= work.transaction.now()) return no("Expired", "the key has expired");
    if (until && work.environment.alarms != nullptr) {
      work.environment.alarms->WakeAt(*until, key.key);
    }
    return {"Ready", Condition::Value::kTrue, "Reconciled"};
  }
};

}  // namespace

ControllerPtr NewServiceAccountKeyController() {
  return std::make_unique<ServiceAccountKeyController>();
}

}  // namespace pemba::iam::internal
