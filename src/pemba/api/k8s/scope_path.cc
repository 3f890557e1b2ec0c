#include "pemba/api/k8s/scope_path.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace pemba::api::k8s {
namespace {

struct Prefix {
  std::string_view path, api_group, kind;
};
constexpr std::array kPrefixes = {
    Prefix{"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/",
           "resourcemanager.miloapis.com", "Organization"},
    Prefix{"/apis/resourcemanager.miloapis.com/v1alpha1/projects/", "resourcemanager.miloapis.com",
           "Project"},
    Prefix{"/apis/iam.miloapis.com/v1alpha1/users/", "iam.miloapis.com", "User"},
};
constexpr std::string_view kControlPlane = "/control-plane";

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

// The first control plane of the path; `rest` is then what is behind it.
std::optional<iam::ParentContext> TakeOne(std::string_view& rest) {
  for (const auto& prefix : kPrefixes) {
    if (!rest.starts_with(prefix.path)) continue;
    const auto after = rest.substr(prefix.path.size());
    const auto slash = after.find('/');
    if (slash == after.npos || !IsName(after.substr(0, slash))) return std::nullopt;
    auto inner = after.substr(slash);
    if (!inner.starts_with(kControlPlane)) return std::nullopt;
    inner.remove_prefix(kControlPlane.size());
    if (!inner.empty() && !inner.starts_with('/')) return std::nullopt;
    rest = inner;
    return iam::ParentContext{std::string(prefix.api_group), std::string(prefix.kind),
                              std::string(after.substr(0, slash))};
  }
  return std::nullopt;
}

}  // namespace

ScopedPath SplitScope(std::string_view path) {
  ScopedPath scoped{std::nullopt, path};
  while (auto parent = TakeOne(scoped.path)) {
    const bool project = scoped.parent && scoped.parent->kind == "Project";
    if (!project || parent->kind == "Project") scoped.parent = std::move(parent);
  }
  return scoped;
}

}  // namespace pemba::api::k8s
