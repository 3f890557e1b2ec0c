#include "pemba/api/access/callers.h"

#include "pemba/iam/names.h"

namespace pemba::api::access {
namespace {

const char* const kAccessType = "iam.miloapis.com/Access";

iam::Target TargetOf(const std::string& object) {
  const auto parts = tuple::SplitObject(object);
  return {std::string(parts.type), "", std::string(parts.id)};
}

}  // namespace

Status MayAsk(const iam::Decider& decider, const resource::Caller& caller,
              const iam::Target* target, const iam::AccessOptions& options) {
  if (k8s::IsMaster(caller)) return Done{};
  std::vector<iam::AccessQuestion> questions;
  const auto ask = [&](iam::Target about) {
    questions.push_back({caller.uid, kCheckPermission, std::move(about), std::nullopt});
  };
  ask({kAccessType, "", ""});
  if (target != nullptr && !target->name.empty()) {
    ask(*target);
    const auto object = iam::ObjectText(target->type, target->name_space, target->name);
    PEMBA_TRY(const auto ancestors, decider.AncestorsOf(object, *target));
    for (const auto& ancestor : ancestors) ask(TargetOf(ancestor));
  }
  std::optional<Error> failed;
  for (const auto& decision : decider.DecideAll(questions, {.read = options.read})) {
    if (decision.allowed()) return Done{};
    if (decision.error) failed = decision.error;
  }
  if (failed) return *failed;
  return Error{ErrorCode::kForbidden,
               std::string("asking about the access of others needs ") + kCheckPermission};
}

}  // namespace pemba::api::access
