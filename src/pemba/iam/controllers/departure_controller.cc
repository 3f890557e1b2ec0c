#include <algorithm>

#include "pemba/iam/controllers/controllers.h"
#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/binding_parts.h"
#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

// Names may be used again, so nothing that refers to somebody by name outlives them: whoever gets
// the name next would have it. Bindings refer by uid as well; they stay, without the subject, as
// far as others are left in them.
class DepartureController final : public Controller {
 public:
  std::string_view name() const override { return "departures"; }
  // Those that are gone: nobody comes across them.
  bool Keeps(const Kinds&, const resource::Kind*) const override { return false; }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto& kinds = work.kinds();
    const auto* kind = KindOf(change);
    if (!IsGone(change)) return;
    if (kind == kinds.user || kind == kinds.group || kind == kinds.service_account) {
      keys.insert(KeyOf(change));
    }
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const auto& kinds = work.kinds();
    const auto& transaction = work.transaction;
    std::vector<ObjectPtr> theirs;
    const auto take = [&](resource::IndexId index, std::string_view index_key) {
      for (auto& object : transaction.FindBy(index, index_key)) theirs.push_back(std::move(object));
    };
    const auto subject = SubjectIndexKey(key.kind->name, key.name_space, key.name);
    take(kGroupMembershipsByMember, subject);
    if (key.kind == kinds.user) {
      take(kMembershipsByUser, key.name);
      take(kDeactivationsByUser, key.name);
      take(kApprovalsByUser, key.name);
      take(kRejectionsByUser, key.name);
    } else if (key.kind == kinds.group) {
      take(kGroupMembershipsByGroup, PlaceKey(key.name_space, key.name));
    }
    for (const auto& object : theirs) {
      PEMBA_TRY(std::ignore, DeleteIfThere(work, object->key));
    }
    for (const auto& binding : transaction.FindBy(kBindingsBySubject, subject)) {
      PEMBA_TRY(std::ignore, TakeFrom(work, *binding, key));
    }
    return Done{};
  }

 private:
  // A binding to a user alone stays and says that its subject is not found: it is somebody's
  // declaration. Of a group nothing is left to say, and a service account that is not found would
  // be taken for one that lives elsewhere.
  static Outcome<Done> TakeFrom(Work& work, const resource::Object& binding,
                                const ObjectKey& subject) {
    if (binding.deleting()) return Done{};
    const ObjectPtr successor = work.transaction.Find(subject);
    json::object document = binding.document;
    json::value* subjects = document["spec"].get_object().if_contains("subjects");
    if (subjects == nullptr || !subjects->is_array()) return Done{};
    json::array kept;
    for (auto& one : subjects->get_array()) {
      if (!one.is_object() || !Names(one.get_object(), subject, successor)) kept.push_back(one);
    }
    if (kept.size() == subjects->get_array().size()) return Done{};
    if (kept.empty()) {
      if (subject.kind == work.kinds().user) return Done{};
      return DeleteIfThere(work, binding.key);
    }
    *subjects = std::move(kept);
    PEMBA_TRY(std::ignore, work.transaction.Update(binding.key, std::move(document)));
    return Done{};
  }

  // Whether an entry means the one that is gone, not one that has its name now.
  static bool Names(const json::object& entry, const ObjectKey& subject,
                    const ObjectPtr& successor) {
    return TextAt(entry, {"kind"}) == subject.kind->name &&
           TextAt(entry, {"name"}) == subject.name &&
           (subject.name_space.empty() || TextAt(entry, {"namespace"}) == subject.name_space) &&
           (successor == nullptr || TextAt(entry, {"uid"}) != successor->uid());
  }
};

}  // namespace

ControllerPtr NewDepartureController() { return std::make_unique<DepartureController>(); }

}  // namespace pemba::iam::internal
