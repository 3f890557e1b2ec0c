// What is filled in, and what is overwritten whoever sends it, before the schema is applied.
#include <boost/json/array.hpp>

#include "pemba/iam/internal/binding_parts.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/organizations.h"
#include "pemba/iam/internal/people.h"
#include "pemba/iam/names.h"
#include "pemba/iam/parent_context.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;
using Type = resource::Operation::Type;

// Null if it is absent or no object.
json::object* Inside(json::object& object, std::string_view name) {
  auto* value = object.if_contains({name.data(), name.size()});
  return value == nullptr ? nullptr : value->if_object();
}
json::object& Spec(resource::Operation& operation) {
  json::value& spec = (*operation.document)["spec"];
  if (!spec.is_object()) spec = json::object();
  return spec.get_object();
}
bool IsEmpty(const json::object& object, std::string_view name) {
  return TextAt(object, {name}).empty();
}

// The caller, whatever was sent; of an object that is there already, who it was then: whoever
// applies the same document again need not know who applied it first.
void SetAuthor(resource::Operation& operation, std::string_view field, const json::value& author) {
  auto& spec = Spec(operation);
  const json::string_view name(field.data(), field.size());
  if (operation.type == Type::kCreate) {
    if (!operation.derived || !spec.contains(name)) spec[name] = author;
  } else if (const auto* was = At(operation.old->spec(), {field})) {
    spec[name] = *was;
  } else {
    spec.erase(name);
  }
}

json::value CallerReference(const Work& work) {
  const auto& caller = work.transaction.caller();
  return json::object{{"name", FindCaller(work) != nullptr ? caller.uid : caller.name}};
}

// The uid of whom a binding names, where it is not given: of whom it named before, or who is there.
void FillSubjects(Work& work, resource::Operation& operation, json::object& spec) {
  auto* list = spec.if_contains("subjects");
  if (list == nullptr || !list->is_array()) return;
  const auto before =
      operation.old == nullptr ? std::vector<SubjectRef>() : SubjectsOf(*operation.old);
  for (auto& one : list->get_array()) {
    if (!one.is_object() || !IsEmpty(one.get_object(), "uid")) continue;
    auto& entry = one.get_object();
    SubjectRef subject{TextAt(entry, {"kind"}), TextAt(entry, {"namespace"}),
                       TextAt(entry, {"name"}), ""};
    if (subject.IsSystemGroup()) continue;
    for (const auto& old : before) {
      if (old.kind == subject.kind && old.name_space == subject.name_space &&
          old.name == subject.name) {
        subject.uid = old.uid;
      }
    }
    const ObjectPtr found = subject.uid.empty() ? FindSubject(work, subject) : nullptr;
    if (found != nullptr) subject.uid = found->uid();
    if (!subject.uid.empty()) entry["uid"] = subject.uid;
  }
}

void FillTarget(Work& work, resource::Operation& operation, json::object& spec) {
  auto* selector = Inside(spec, "resourceSelector");
  auto* reference = selector == nullptr ? nullptr : Inside(*selector, "resourceRef");
  if (reference == nullptr) return;
  TargetRef target{TextAt(*reference, {"apiGroup"}) + "/" + TextAt(*reference, {"kind"}),
                   TextAt(*reference, {"namespace"}), TextAt(*reference, {"name"}), ""};
  const auto* kind = DeclaredKind(work.transaction.registry(), target.type);
  // An object of cluster scope has one name, however it is referred to.
  if (kind != nullptr && kind->scope == resource::Scope::kCluster) reference->erase("namespace");
  if (!IsEmpty(*reference, "uid")) return;
  if (operation.old != nullptr) {
    const auto old = TargetOf(*operation.old);
    if (old.type == target.type && old.name_space == target.name_space && old.name == target.name) {
      target.uid = old.uid;
    }
  }
  const ObjectPtr found = target.uid.empty() ? FindTarget(work, target) : nullptr;
  if (found != nullptr) target.uid = found->uid();
  if (!target.uid.empty()) (*reference)["uid"] = target.uid;
}

void FillBinding(Work& work, resource::Operation& operation) {
  auto& spec = Spec(operation);
  auto* role = Inside(spec, "roleRef");
  if (role != nullptr && IsEmpty(*role, "namespace")) {
    (*role)["namespace"] = TextAt(*operation.document, {"metadata", "namespace"});
  }
  FillSubjects(work, operation, spec);
  FillTarget(work, operation, spec);
}

// Somebody whose two names are the same has probably typed one of them only.
void MarkForNameReview(resource::Operation& operation) {
  const auto& spec = Spec(operation);
  const auto given = TextAt(spec, {"givenName"});
  const bool review = !given.empty() && given == TextAt(spec, {"familyName"});
  SetMetadata(*operation.document, "annotations", "iam.miloapis.com/name-review-required",
              review ? "true" : "");
}

// A project is of the organization that the request is made in, whatever was sent.
void PlaceProject(Work& work, resource::Operation& operation) {
  auto& spec = Spec(operation);
  const auto context = ParentContextOf(work.transaction.caller().extra);
  if (operation.type == Type::kCreate && context && context->type() == kOrganizationType) {
    const auto kind = TextAt(spec, {"ownerRef", "kind"});
    // A folder of that organization may be named; the rules look whether it is.
    if (kind != "Folder") {
      spec["ownerRef"] = json::object{{"kind", "Organization"}, {"name", context->name}};
    }
  }
  resource::Object draft;
  draft.key = {operation.kind, "", TextAt(*operation.document, {"metadata", "name"})};
  draft.document = *operation.document;
  const auto draft_ptr = std::make_shared<const resource::Object>(std::move(draft));
  const auto organizations = OrganizationsOf(work, draft_ptr);
  std::string label = organizations.empty() ? "" : *organizations.begin();
  if (operation.old != nullptr) {
    const auto was = Label(*operation.old, kProjectOrganizationLabel);
    if (!was.empty()) label = was;  // It stays; the rules refuse a move that it would not fit.
  }
  SetMetadata(*operation.document, "labels", kProjectOrganizationLabel, label);
}

}  // namespace

Outcome<Done> FillIn(Work& work, resource::Operation& operation) {
  const auto& kinds = work.kinds();
  const auto* kind = operation.kind;
  if (operation.part != resource::Part::kMain) return Done{};
  if (kind == kinds.policy_binding) FillBinding(work, operation);
  if (kind == kinds.user) MarkForNameReview(operation);
  if (kind == kinds.project || kind == kinds.folder) PlaceProject(work, operation);
  if (kind == kinds.user_deactivation) {
    SetAuthor(operation, "deactivatedBy", json::string(work.transaction.caller().name));
  }
  if (kind == kinds.platform_access_approval) {
    SetAuthor(operation, "approverRef", CallerReference(work));
  }
  if (kind == kinds.platform_access_rejection) {
    SetAuthor(operation, "rejecterRef", CallerReference(work));
  }
  if (kind == kinds.platform_invitation || kind == kinds.user_invitation) {
    SetAuthor(operation, "invitedBy", CallerReference(work));
  }
  return Done{};
}

}  // namespace pemba::iam::internal
