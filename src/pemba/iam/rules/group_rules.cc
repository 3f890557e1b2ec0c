#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/internal/groups.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {

Outcome<Done> ReviewGroupMembership(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec", "userRef"});
  RequireUnchanged(review, {"spec", "memberRef"});
  RequireUnchanged(review, {"spec", "groupRef"});
  if (!review.creates()) return Done{};
  std::vector<std::string> names;
  for (const auto& group : CycleThrough(review.work, *review.is())) {
    names.push_back(PlaceKey(group.name_space, group.name));
  }
  if (!names.empty()) {
    review.errors.push_back(resource::Forbidden(
        "spec.memberRef",
        fmt::format("a group cannot be in itself: {}", fmt::join(names, " -> "))));
  }
  return Done{};
}

}  // namespace pemba::iam::internal
