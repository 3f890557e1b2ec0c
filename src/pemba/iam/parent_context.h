// ParentContext: inside which Organization, Project or User a request is made.
//
// The enforcement point attaches it to the caller's identity, from the path of the request. Whoever
// reads it has still to find out whether the object that is asked about lies in it (decider.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/resource/transaction.h"

namespace pemba::iam {

struct ParentContext {
  std::string api_group, kind, name;

  std::string type() const { return api_group + "/" + kind; }
  std::string object() const { return type() + ":" + name; }
  friend bool operator==(const ParentContext&, const ParentContext&) = default;
};

// The keys of Caller::extra that carry it.
inline constexpr std::string_view kParentApiGroupExtra = "iam.miloapis.com/parent-api-group";
inline constexpr std::string_view kParentKindExtra = "iam.miloapis.com/parent-type";
inline constexpr std::string_view kParentNameExtra = "iam.miloapis.com/parent-name";
// Everything under it is taken from what a client can set.
inline constexpr std::string_view kParentExtraPrefix = "iam.miloapis.com/parent-";

using Extra = std::map<std::string, std::vector<std::string>, std::less<>>;

// Nothing unless all three keys are there, with exactly one value each.
inline std::optional<ParentContext> ParentContextOf(const Extra& extra) {
  const auto one = [&](std::string_view key) -> const std::string* {
    const auto found = extra.find(key);
    return found != extra.end() && found->second.size() == 1 ? &found->second.front() : nullptr;
  };
  const auto* group = one(kParentApiGroupExtra);
  const auto* kind = one(kParentKindExtra);
  const auto* name = one(kParentNameExtra);
  if (group == nullptr || kind == nullptr || name == nullptr) return std::nullopt;
  return ParentContext{*group, *kind, *name};
}

inline void SetParentContext(const ParentContext& parent, Extra& extra) {
  extra.insert_or_assign(std::string(kParentApiGroupExtra), std::vector{parent.api_group});
  extra.insert_or_assign(std::string(kParentKindExtra), std::vector{parent.kind});
  extra.insert_or_assign(std::string(kParentNameExtra), std::vector{parent.name});
}

}  // namespace pemba::iam
