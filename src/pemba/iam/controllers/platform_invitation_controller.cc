#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

class PlatformInvitationController final : public Controller {
 public:
  std::string_view name() const override { return "platform invitations"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.platform_invitation;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    if (KindOf(change) == work.kinds().platform_invitation && change.after != nullptr) {
      keys.insert(KeyOf(change));
    }
  }

  // Ready once is ready for good: the approval that it led to may be taken back.
  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr invitation = work.transaction.Find(key);
    if (invitation == nullptr || invitation->deleting() || IsTrue(*invitation, "Ready")) {
      return Done{};
    }
    StatusDraft status(work.transaction, invitation);
    const auto due = TimeFrom(SpecText(*invitation, {"scheduleAt"}));
    if (due && *due > work.transaction.now()) {
      if (work.environment.alarms != nullptr) work.environment.alarms->WakeAt(*due, key);
      status.Set({"Ready", Condition::Value::kFalse, "Scheduled"});
      return status.Save();
    }
    const auto email = SpecText(*invitation, {"email"});
    if (FindUserByEmail(work, email) == nullptr && ApprovalsOf(work, "", email).empty()) {
      const auto approver = SpecText(*invitation, {"invitedBy", "name"});
      PEMBA_TRY(std::ignore,
                work.transaction.Create(
                    *work.kinds().platform_access_approval, "",
                    {{"metadata", {{"name", std::string("invitation-").append(invitation->uid())}}},
                     {"spec",
                      {{"subjectRef", {{"email", email}}},
                       {"approverRef", {{"name", approver.empty() ? "system" : approver}}}}}}));
    }
    status.Set({"Ready", Condition::Value::kTrue, "Reconciled"});
    return status.Save();
  }
};

}  // namespace

ControllerPtr NewPlatformInvitationController() {
  return std::make_unique<PlatformInvitationController>();
}

}  // namespace pemba::iam::internal
