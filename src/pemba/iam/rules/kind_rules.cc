#include <algorithm>

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
  const auto mine = KindEntriesOf(*review.is());
  auto entries = KindsIn(review.work.transaction, review.work.kinds());
  // Last, so that of two that are at odds it is the new one.
  const auto last = std::ranges::stable_partition(entries, [&](const KindEntry& entry) {
    return mine.empty() || entry.source != mine.front().source;
  });
  const auto before = Catalog::Build(std::vector<KindEntry>(entries.begin(), last.begin()));
  const auto after = Catalog::Build(entries);
  for (const auto& problem : after.problems()) {
    if (!problem.refuses()) continue;
    const bool is_mine = !mine.empty() && problem.source == mine.front().source;
    const bool is_new =
        is_mine || std::ranges::none_of(before.problems(), [&](const KindProblem& other) {
          return other.reason == problem.reason && other.type == problem.type;
        });
    if (!is_new) continue;
    auto error = problem.error;
    if (!is_mine) error.field = "spec";
    review.errors.push_back(std::move(error));
  }
  return Done{};
}

}  // namespace pemba::iam::internal
