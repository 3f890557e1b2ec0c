// Expander: shows how a relation of an object is made up, one level deep.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/engine/bound_model.h"
#include "pemba/graph/graph.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine {

struct ExpandQuery {
  std::string_view object = {}, relation = {};
  std::span<const tuple::Tuple> contextual_tuples = {};  // Validated against the model already.
};

enum class ExpandKind : std::uint8_t {
  kUsers,           // `users`
  kComputed,        // `userset`
  kTupleToUserset,  // `userset` is the tupleset, `users` are the computed usersets
  kUnion,           // `children`
  kIntersection,    // `children`
  kDifference,      // `children`: base, subtract
};

// One node of the tree, operators in the order in which the model was written.
struct ExpandNode {
  ExpandKind kind = ExpandKind::kUsers;
  // Subjects of the direct tuples that fit the model, sorted and distinct, conditions not
  // evaluated; or one `parent#relation` per tupleset tuple, contextual ones first, also for parents
  // whose type lacks the relation.
  std::vector<std::string> users;
  std::string userset;  // `object#other`
  std::vector<ExpandNode> children;
};

struct ExpandTree {
  std::string name;  // `object#relation`: of every node.
  ExpandNode root;
};

// Thread-safe, takes no lock, never blocks.
class Expander {
 public:
  // Borrows the clock, which says what has expired.
  explicit Expander(const Clock& clock) : clock_(clock) {}

  // Never follows a userset. Cost: O(tuples of the object that the relation's rewrite names).
  // Errors (kValidation): the model has no such type or relation.
  Result<ExpandTree> Expand(const graph::Snapshot& snapshot, const BoundModel& model,
                            const ExpandQuery& query) const;

 private:
  const Clock& clock_;
};

}  // namespace pemba::engine
