#include "pemba/iam/kinds.h"

#include <string>

namespace pemba::iam {

Status AddKinds(resource::Registry& registry) {
  for (const auto& [file, yaml] : KindTexts()) {
    const bool is_namespace = file == "namespace.yaml";
    if (is_namespace && registry.FindKind("", "Namespace") != nullptr) continue;
    if (const auto added = registry.AddFromYaml(yaml); !added.ok()) {
      return Error{added.error().code, std::string(file) + ": " + added.error().message};
    }
  }
  return Done{};
}

}  // namespace pemba::iam
