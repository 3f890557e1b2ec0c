#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

class OrganizationController final : public Controller {
 public:
  std::string_view name() const override { return "organizations"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.organization;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto* kind = KindOf(change);
    if (kind == work.kinds().organization && change.after != nullptr) keys.insert(KeyOf(change));
    if (kind != work.kinds().name_space) return;
    const auto organization = OrganizationOfNamespace(KeyOf(change).name);
    if (!organization.empty()) {
      keys.insert({work.kinds().organization, "", std::string(organization)});
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr organization = work.transaction.Find(key);
    if (organization == nullptr || organization->deleting()) return Done{};
    PEMBA_TRY(std::ignore, EnsureNamespace(work, *organization));
    StatusDraft status(work.transaction, organization);
    status.Set({"Ready", Condition::Value::kTrue, "Reconciled"});
    return status.Save();
  }
};

}  // namespace

ControllerPtr NewOrganizationController() { return std::make_unique<OrganizationController>(); }

}  // namespace pemba::iam::internal
