#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/controllers/controllers.h"

namespace pemba::iam::internal {
namespace {

std::string_view ReasonText(KindProblem::Reason reason) {
  switch (reason) {
    case KindProblem::Reason::kInvalidEntry:
      return "InvalidRegistration";
    case KindProblem::Reason::kDuplicateKind:
      return "KindAlreadyRegistered";
    case KindProblem::Reason::kDuplicatePlural:
      return "PluralAlreadyRegistered";
    case KindProblem::Reason::kParentCycle:
      return "ParentCycle";
    case KindProblem::Reason::kPermissionCollision:
      return "PermissionCollision";
    case KindProblem::Reason::kTooLarge:
      return "ModelTooLarge";
    case KindProblem::Reason::kParentNotRegistered:
      return "ParentNotRegistered";
  }
  return "InvalidRegistration";
}

class KindController final : public Controller {
 public:
  std::string_view name() const override { return "kinds"; }
  bool Keeps(const Kinds& kinds, const resource::Kind* kind) const override {
    return kind == kinds.protected_resource || kind == kinds.service;
  }

  void Concerns(const Work& work, const Change& change, Keys& keys) const override {
    const auto* kind = KindOf(change);
    if (kind != work.kinds().protected_resource && kind != work.kinds().service) return;
    if (change.after != nullptr) keys.insert(KeyOf(change));
    // Kinds that wait for this one to be registered, or go without it from now on.
    ForEachState(change, [&](const resource::Object& object) {
      for (const auto& entry : KindEntriesOf(object)) {
        AddKeys(work.transaction.FindBy(kKindsByParent, entry.type), keys);
        AddKeys(work.transaction.FindBy(kServicesByParent, entry.type), keys);
      }
    });
  }

  Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const override {
    const ObjectPtr object = work.transaction.Find(key);
    if (object == nullptr) return Done{};
    const auto entries = KindEntriesOf(*object);
    std::vector<std::string> texts;
    std::string_view reason = "IAMSystemConfigured";
    for (const auto& problem : work.catalog.problems()) {
      if (entries.empty() || problem.source != entries.front().source) continue;
      if (texts.empty() || problem.refuses()) reason = ReasonText(problem.reason);
      texts.push_back(fmt::format("{}: {}", problem.error.field, problem.error.message));
    }
    const auto value = texts.empty() ? Condition::Value::kTrue : Condition::Value::kFalse;
    StatusDraft status(work.transaction, object);
    status.Set({"Ready", value, reason, fmt::format("{}", fmt::join(texts, "; "))});
    return status.Save();
  }
};

}  // namespace

ControllerPtr NewKindController() { return std::make_unique<KindController>(); }

}  // namespace pemba::iam::internal
