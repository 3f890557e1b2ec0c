#include "pemba/iam/kinds.h"

#include <string>

namespace pemba::iam {

namespace {

Status Add(const KindText& kind, resource::Registry& registry) {
  const auto added = registry.AddFromYaml(kind.yaml);
  if (added.ok()) return Done{};
  return Error{added.error().code, std::string(kind.file) + ": " + added.error().message};
}

bool IsNamespaces(const KindText& kind) { return kind.file == "namespace.yaml"; }

}  // namespace

Status AddKinds(resource::Registry& registry) {
  for (const auto& kind : KindTexts()) {
    if (IsNamespaces(kind)) {
      PEMBA_TRY(std::ignore, AddNamespaces(registry));
    } else {
      PEMBA_TRY(std::ignore, Add(kind, registry));
    }
  }
  return Done{};
}

Status AddNamespaces(resource::Registry& registry) {
  if (registry.FindKind("", "Namespace") != nullptr) return Done{};
  for (const auto& kind : KindTexts()) {
    if (IsNamespaces(kind)) return Add(kind, registry);
  }
  return Done{};
}

}  // namespace pemba::iam
