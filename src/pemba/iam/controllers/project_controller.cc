#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"

namespace pemba::iam::internal {
namespace {

class ProjectController final : public Controller {
 public:
  std::string_view name() const override { return "folders and projects"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.project || kind == kinds.folder;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto* kind = KindOf(change);
    if (change.after == nullptr) return;
    if (kind == work.kinds().project || kind == work.kinds().folder) keys.insert(KeyOf(change));
  }

  // It goes with whom it belongs to, and with nobody that it has been moved away from.
  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr before = work.transaction.Find(key);
    if (before == nullptr || before->deleting()) return Done{};
    const ObjectPtr owner = FindOwner(work, *before);
    if (owner != nullptr) {
      boost::json::object document = before->document;
      DisownAllBut(*owner, work, document);
      AddOwner(document, *owner, Owns::kShared);
      if (document != before->document) {
        PEMBA_TRY(std::ignore, work.transaction.Update(key, std::move(document)));
      }
    }
    StatusDraft status(work.transaction, work.transaction.Find(key));
    status.Set({"Ready", Condition::Value::kTrue, "Ready"});
    return status.Save();
  }

 private:
  static void DisownAllBut(const resource::Object& owner, const Work& work,
                           boost::json::object& document) {
    auto& metadata = document["metadata"].get_object();
    auto* list = metadata.if_contains("ownerReferences");
    if (list == nullptr || !list->is_array()) return;
    boost::json::array kept;
    for (auto& one : list->get_array()) {
      const auto uid = TextAt(one.get_object(), {"uid"});
      const ObjectPtr other = work.transaction.FindByUid(uid);
      const bool above = other != nullptr && (other->key.kind == work.kinds().organization ||
                                              other->key.kind == work.kinds().folder);
      if (!above || uid == owner.uid()) kept.push_back(std::move(one));
    }
    *list = std::move(kept);
  }
};

}  // namespace

ControllerPtr NewProjectController() { return std::make_unique<ProjectController>(); }

}  // namespace pemba::iam::internal
