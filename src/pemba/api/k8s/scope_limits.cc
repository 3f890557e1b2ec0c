#include "pemba/api/k8s/scope_limits.h"

#include <vector>

namespace pemba::api::k8s {
namespace {

constexpr std::string_view kIam = "iam.miloapis.com";
constexpr std::string_view kResourceManager = "resourcemanager.miloapis.com";

// Terms are separated by commas that are not in parentheses.
std::vector<std::string_view> TermsOf(std::string_view selector) {
  std::vector<std::string_view> terms;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= selector.size(); ++i) {
    if (i == selector.size() || (selector[i] == ',' && depth == 0)) {
      if (i > start) terms.push_back(selector.substr(start, i - start));
      start = i + 1;
    } else if (selector[i] == '(') {
      ++depth;
    } else if (selector[i] == ')') {
      --depth;
    }
  }
  return terms;
}

std::string_view KeyOf(std::string_view term) {
  while (term.starts_with(' ') || term.starts_with('!')) term.remove_prefix(1);
  return term.substr(0, term.find_first_of("=! ("));
}

}  // namespace

ForcedTerm ForcedTermOf(const iam::ParentContext& parent, const resource::Kind& kind) {
  using Where = ForcedTerm::Where;
  if (parent.kind == "Organization" && kind.group == kResourceManager &&
      kind.plural == "projects") {
    return {Where::kLabels, "resourcemanager.miloapis.com/organization-name", parent.name};
  }
  if (parent.kind != "User") return {};
  if (kind.group == kResourceManager && kind.plural == "organizationmemberships") {
    return {Where::kFields, "spec.userRef.name", parent.name};
  }
  if (kind.group == kIam && kind.plural == "userinvitations") {
    return {Where::kFields, "status.inviteeUser.name", parent.name};
  }
  return {};
}

std::string WithTerm(std::string_view selector, std::string_view key, std::string_view value) {
  std::string whole;
  for (const auto term : TermsOf(selector)) {
    if (KeyOf(term) != key) whole += std::string(term) + ",";
  }
  return whole + std::string(key) + "=" + std::string(value);
}

Within CollectionWithin(const iam::ParentContext& parent, const resource::Kind& kind,
                        std::string_view name_space, std::string_view verb) {
  const auto term = ForcedTermOf(parent, kind);
  const bool selects = verb != "create" || term.where == ForcedTerm::Where::kLabels;
  if (term.where != ForcedTerm::Where::kNowhere && selects) return Within::kYes;
  const bool own = parent.api_group == kResourceManager && parent.kind == "Organization" &&
                   name_space == "organization-" + parent.name;
  return own && kind.scope == resource::Scope::kNamespaced ? Within::kYes : Within::kNo;
}

}  // namespace pemba::api::k8s
