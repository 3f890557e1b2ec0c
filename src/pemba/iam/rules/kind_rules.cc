#include <vector>

#include "pemba/iam/internal/kinds_in.h"
#include "pemba/iam/rules/review.h"

namespace pemba::iam::internal {

// A kind whose registration breaks a rule is refused, so that it hides no other. Problems that were
// there before are none of this change's.
Outcome<Done> ReviewKind(Review& review) {
  if (review.deletes()) return Done{};
  RequireUnchanged(review, {"spec", "serviceRef", "name"});
  RequireUnchanged(review, {"spec", "kind"});
  RequireUnchanged(review, {"spec", "plural"});
  if (!review.errors.empty()) return Done{};
  const auto mine = KindEntriesOf(*review.is());
  auto others = KindsIn(review.work.transaction, review.work.kinds());
  std::erase_if(others, [&](const KindEntry& entry) {
    return !mine.empty() && entry.source == mine.front().source;
  });
  auto catalog = Catalog::BuildWith(others, mine);
  if (!catalog.ok()) review.errors = catalog.error().fields;
  return Done{};
}

}  // namespace pemba::iam::internal
