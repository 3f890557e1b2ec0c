// What a write request must be, before and at the state of the store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/model/plan.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// What to do about a tuple that is not in the state that the request needs.
enum class OnMismatch : std::uint8_t { kFail, kSkip };

// A request that is well-formed and fits the model. Borrows from the request.
struct CheckedWrite {
  const WriteRequest* request = nullptr;
  OnMismatch on_duplicate = OnMismatch::kFail;
  OnMismatch on_missing = OnMismatch::kFail;
  std::vector<std::string> contexts;  // Canonical, one per write; empty: none, or empty.
};

// Everything that needs no state, in the order in which callers see it. Errors: store.h, Write.
Result<CheckedWrite> CheckRequest(const WriteRequest& request, const model::Plan& plan,
                                  const StoreOptions& options);

// The changes that remain to be made at the head of `graph`: deletes, then writes, in request
// order. Borrows from the request and from `checked`. `start` is what the caller could see when it
// asked: what others did since is a conflict, not a mistake. Errors: kTupleStateMismatch,
// kConflict.
Result<std::vector<graph::Change>> ChangesToMake(const CheckedWrite& checked,
                                                 const graph::Graph& graph,
                                                 const graph::Snapshot& start);

}  // namespace pemba::store::internal
