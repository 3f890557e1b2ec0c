// What a control plane within this one shows of a collection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/iam/parent_context.h"
#include "pemba/resource/kind.h"

namespace pemba::api::k8s {

// A term that a selector has whatever the client sends.
struct ForcedTerm {
  enum class Where : std::uint8_t { kNowhere, kLabels, kFields } where = Where::kNowhere;
  std::string key, value;
};
// An organization shows its projects, a user its memberships and invitations.
ForcedTerm ForcedTermOf(const iam::ParentContext& parent, const resource::Kind& kind);

// `selector` with `key=value`, without what it says about the key itself.
std::string WithTerm(std::string_view selector, std::string_view key, std::string_view value);

// Whether what a request on a collection shows, makes or deletes all lies in the parent: because a
// term is forced, because the namespace is the organization's, or because a project is made the
// organization's by its creation.
enum class Within : std::uint8_t { kNo, kYes };
Within CollectionWithin(const iam::ParentContext& parent, const resource::Kind& kind,
                        std::string_view name_space, std::string_view verb);

}  // namespace pemba::api::k8s
