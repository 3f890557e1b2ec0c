// The parts of a PolicyBinding, judged against what is there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

// What a binding is on, as written. Name empty: all objects of the kind.
struct TargetRef {
  std::string type;  // "resourcemanager.miloapis.com/Project"
  std::string name_space, name, uid;
  enum class Form : std::uint8_t { kObject, kKind, kNone, kBoth } form = Form::kNone;
};
TargetRef TargetOf(const resource::Object& binding);
// The kind among declared objects; null: its objects are kept elsewhere.
const resource::Kind* DeclaredKind(const resource::Registry& registry, std::string_view type);
// The object that is meant, null if there is none or it is kept elsewhere.
ObjectPtr FindTarget(const Work& work, const TargetRef& target);

// One subject, as written.
struct SubjectRef {
  std::string kind, name_space, name, uid;
  bool IsSystemGroup() const { return kind == "Group" && name.starts_with("system:"); }
  friend bool operator==(const SubjectRef&, const SubjectRef&) = default;
};
std::vector<SubjectRef> SubjectsOf(const resource::Object& binding);
// Null if there is none.
ObjectPtr FindSubject(const Work& work, const SubjectRef& subject);

// The conditions of a binding, but for Ready.
Condition JudgeTarget(const Work& work, const resource::Object& binding);
Condition JudgeSubjects(const Work& work, const resource::Object& binding);
Condition JudgeBoundRole(const Work& work, const resource::Object& binding);

}  // namespace pemba::iam::internal
