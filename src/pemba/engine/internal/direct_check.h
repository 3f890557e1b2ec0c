// Questions that the tuples from the object to the subject decide: `define viewer: [user]`.
#pragma once

#include <optional>

#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"

namespace pemba::engine::internal {

// The commonest question there is, without a Request, which would cost more than the answer: two
// names looked up side by side and a row searched for each class of tuples that names the subject.
// Nothing here can fail or take long, so no limit applies.
//
// Nothing: not such a question, or not a valid one. Then nothing is known about it.
std::optional<Decision> DecideDirectly(const graph::Snapshot& snapshot, const BoundModel& model,
                                       const CheckQuery& query);

}  // namespace pemba::engine::internal
