// UserSet: who has a relation to one object: some named users, or all but some.
//
// With a wildcard a set has no end, but it is always finite or the complement of a finite one, and
// so are unions, intersections and differences of such sets.
#pragma once

#include <span>

#include "pemba/base/arena.h"
#include "pemba/engine/internal/arena_vector.h"
#include "pemba/graph/types.h"

namespace pemba::engine::internal {

// A user is in the set if it is named, or if `all` and it is not excluded. Whoever is not mentioned
// is in the set exactly if `all`. Both lists are sorted and share no user; `excluded` is empty
// unless `all`. Named users beside `all` are those whom some tuple names: they are listed too.
// Borrows from the graph or the request's arena.
struct UserSet {
  std::span<const graph::NodeId> named = {};
  bool all = false;
  std::span<const graph::NodeId> excluded = {};

  static UserSet All() { return {{}, true, {}}; }
  static UserSet Named(std::span<const graph::NodeId> sorted) { return {sorted, false, {}}; }
};

bool SameUsers(const UserSet& a, const UserSet& b);

// Cost: O(users mentioned); a side that changes nothing is not copied.
UserSet Unite(Arena& arena, const UserSet& a, const UserSet& b);
UserSet Intersect(Arena& arena, const UserSet& a, const UserSet& b);
UserSet Subtract(Arena& arena, const UserSet& a, const UserSet& b);

// Users from `first` on, before `end`. Those whom the graph knows are below `stored_end`; whom only
// the request knows follow from graph::kLocalNodes on.
struct UserRange {
  graph::NodeId first = 0, end = graph::kNoNode, stored_end = 0;
};

// The union of many that lie in `range`. Takes memory for what it gives, or for a bit per user of
// the range and the users only the request knows, whatever the number of sets.
UserSet UniteAll(Arena& arena, std::span<const UserSet> sets, const UserRange& range);
std::span<const graph::NodeId> UniteLists(Arena& arena,
                                          std::span<const std::span<const graph::NodeId>> lists,
                                          const UserRange& range);

}  // namespace pemba::engine::internal
