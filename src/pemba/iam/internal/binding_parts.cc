#include "pemba/iam/internal/binding_parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/internal/documents.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

constexpr std::string_view kValid = "ValidationSuccessful";

Condition Bad(std::string_view type, std::string_view reason, std::string message) {
  return {type, Condition::Value::kFalse, reason, std::move(message)};
}

// What is wrong with a subject; empty: nothing.
std::string_view Fault(const Work& work, const SubjectRef& subject) {
  if (subject.IsSystemGroup()) return "";
  if (subject.kind != "User" && subject.kind != "Group" && subject.kind != "ServiceAccount") {
    return "KindNotRecognized";
  }
  if (subject.uid.empty()) return "UIDMissing";
  if (subject.kind == "Group" && subject.name_space.empty()) return "NamespaceMissing";
  const ObjectPtr found = FindSubject(work, subject);
  if (found != nullptr) return found->uid() == subject.uid ? "" : "UIDMismatch";
  // A service account may live in a project's control plane; its uid is what counts.
  return subject.kind == "ServiceAccount" ? "" : "NotFound";
}

}  // namespace

TargetRef TargetOf(const resource::Object& binding) {
  const auto& selector = ObjectAt(binding.spec(), {"resourceSelector"});
  const auto* object = selector.if_contains("resourceRef");
  const auto* kind = selector.if_contains("resourceKind");
  const auto* chosen = object != nullptr ? object : kind;
  TargetRef target;
  if (chosen == nullptr || !chosen->is_object()) return target;
  const auto& part = chosen->get_object();
  target.form = object != nullptr && kind != nullptr ? TargetRef::Form::kBoth
                : object != nullptr                  ? TargetRef::Form::kObject
                                                     : TargetRef::Form::kKind;
  // As written: kinds of the core group must be named by the service that they are registered
  // under.
  target.type = TextAt(part, {"apiGroup"}) + "/" + TextAt(part, {"kind"});
  if (object == nullptr) return target;
  target.name_space = TextAt(part, {"namespace"});
  target.name = TextAt(part, {"name"});
  target.uid = TextAt(part, {"uid"});
  return target;
}

const resource::Kind* DeclaredKind(const resource::Registry& registry, std::string_view type) {
  const auto slash = type.find('/');
  auto group = type.substr(0, slash);
  if (group == kCoreService) group = "";
  return slash == type.npos ? nullptr : registry.FindKind(group, type.substr(slash + 1));
}

ObjectPtr FindTarget(const Work& work, const TargetRef& target) {
  const auto* kind = DeclaredKind(work.transaction.registry(), target.type);
  if (kind == nullptr || target.name.empty()) return nullptr;
  const bool namespaced = kind->scope == resource::Scope::kNamespaced;
  return work.Find(kind, namespaced ? target.name_space : "", target.name);
}

std::vector<SubjectRef> SubjectsOf(const resource::Object& binding) {
  std::vector<SubjectRef> subjects;
  for (const auto& one : ListAt(binding.spec(), {"subjects"})) {
    if (!one.is_object()) continue;
    const auto& part = one.get_object();
    subjects.push_back({TextAt(part, {"kind"}), TextAt(part, {"namespace"}), TextAt(part, {"name"}),
                        TextAt(part, {"uid"})});
  }
  return subjects;
}

ObjectPtr FindSubject(const Work& work, const SubjectRef& subject) {
  const auto& kinds = work.kinds();
  if (subject.kind == "User") return work.Find(kinds.user, "", subject.name);
  if (subject.kind == "Group") return work.Find(kinds.group, subject.name_space, subject.name);
  if (subject.kind != "ServiceAccount") return nullptr;
  const bool namespaced = kinds.service_account->scope == resource::Scope::kNamespaced;
  return work.Find(kinds.service_account, namespaced ? subject.name_space : "", subject.name);
}

Condition JudgeTarget(const Work& work, const resource::Object& binding) {
  constexpr std::string_view kType = "TargetValid";
  const auto target = TargetOf(binding);
  if (work.catalog.FindType(target.type) == nullptr) {
    return Bad(kType, "ValidationFailed", fmt::format("kind `{}` is not registered", target.type));
  }
  const Condition good{kType, Condition::Value::kTrue, kValid};
  if (target.form == TargetRef::Form::kKind) return good;
  const auto* kind = DeclaredKind(work.transaction.registry(), target.type);
  if (kind == nullptr) {
    return {kType, Condition::Value::kTrue, kValid,
            "objects of this kind are kept elsewhere; its existence is not verified here"};
  }
  if (kind->scope == resource::Scope::kNamespaced && target.name_space.empty()) {
    return Bad(kType, "TargetNamespaceMissing",
               fmt::format("kind `{}` is namespaced: the target needs a namespace", target.type));
  }
  const ObjectPtr found = FindTarget(work, target);
  if (found == nullptr) {
    return Bad(kType, "TargetNotFound",
               fmt::format("{} not found", resource::Describe(*kind, target.name)));
  }
  if (found->uid() == target.uid) return good;
  return Bad(kType, "TargetUIDMismatch",
             fmt::format("{} has uid `{}`, not `{}`", resource::Describe(*kind, target.name),
                         found->uid(), target.uid));
}

Condition JudgeSubjects(const Work& work, const resource::Object& binding) {
  std::vector<std::string> faults;
  for (const auto& subject : SubjectsOf(binding)) {
    const auto fault = Fault(work, subject);
    if (!fault.empty()) {
      faults.push_back(fmt::format("{}/{} ({})", subject.kind, subject.name, fault));
    }
  }
  if (faults.empty()) return {"SubjectValid", Condition::Value::kTrue, kValid};
  return Bad("SubjectValid", "ValidationFailed",
             fmt::format("invalid subjects: {}", fmt::join(faults, ", ")));
}

Condition JudgeBoundRole(const Work& work, const resource::Object& binding) {
  const auto role = RoleOfBinding(binding);
  if (work.FindRole(role) != nullptr) return {"RoleValid", Condition::Value::kTrue, kValid};
  return Bad("RoleValid", "RoleNotFoundForBinding",
             fmt::format("role `{}` not found", role.ToText()));
}

}  // namespace pemba::iam::internal
