#include "pemba/condition/internal/environment.h"

#include <algorithm>

namespace pemba::condition::internal {
namespace {

// The dotted name that the node spells, with its first part; nothing if it is not just names.
struct DottedName {
  std::string_view first;
  std::string whole;
};
std::optional<DottedName> Spell(const Node& node) {
  if (node.kind == NodeKind::kIdentifier) return DottedName{node.name, std::string(node.name)};
  if (node.kind != NodeKind::kSelect || node.is_test) return std::nullopt;
  auto prefix = Spell(*node.children[0]);
  if (!prefix) return std::nullopt;
  prefix->whole.append(".").append(node.name);
  return prefix;
}

}  // namespace

std::optional<std::uint32_t> Environment::FindVariable(std::string_view name) const {
  const auto found = std::find_if(variables.begin(), variables.end(),
                                  [&](const Variable& v) { return v.name == name; });
  if (found == variables.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - variables.begin());
}

std::uint32_t Scope::Find(std::string_view name) const {
  const auto found = std::find(names_.rbegin(), names_.rend(), name);
  if (found == names_.rend()) return kNone;
  return static_cast<std::uint32_t>(names_.rend() - found) - 1;
}

Reference Resolve(const Node& node, const Scope& scope, const Environment& environment) {
  using Target = Reference::Target;
  auto name = Spell(node);
  if (!name) return {};
  if (const auto local = scope.Find(name->first); local != Scope::kNone) {
    if (node.kind != NodeKind::kIdentifier) return {};
    return {Target::kLocal, local, nullptr, std::move(name->whole)};
  }
  if (name->whole.starts_with('.')) name->whole.erase(0, 1);
  if (const auto variable = environment.FindVariable(name->whole)) {
    const Type* type = environment.variables[*variable].type;
    return {Target::kVariable, *variable, type, std::move(name->whole)};
  }
  if (const Type* type = NamedType(name->whole)) {
    return {Target::kType, 0, type, std::move(name->whole)};
  }
  return {Target::kNothing, 0, nullptr, std::move(name->whole)};
}

}  // namespace pemba::condition::internal
