// What a write request must be, before and at the state of the store.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/graph/types.h"
#include "pemba/model/plan.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// What to do about a tuple that is not in the state that the request needs.
enum class OnMismatch : std::uint8_t { kFail, kSkip, kReplace };

// A request that is well-formed and fits the model. Borrows from the request.
struct CheckedWrite {
  const WriteRequest* request = nullptr;
  OnMismatch on_duplicate = OnMismatch::kFail;
  OnMismatch on_missing = OnMismatch::kFail;
  // Canonical, one per write, then one per tuple of each replacement; empty: none, or empty.
  std::vector<std::string> contexts;
  // Of its deletes, then its writes, as somebody found them who waited for nobody. Empty: unknown.
  graph::Places places = {};
  // Set instead of a request by those who collect: tuples to be deleted if they have expired.
  std::span<const tuple::Tuple> expired = {};
};

// Everything that needs no state, in the order in which callers see it. Errors: store.h, Write.
Result<CheckedWrite> CheckRequest(const WriteRequest& request, const model::Plan& plan,
                                  const StoreOptions& options, WallTime now);

// "user: 'U', relation: 'R', object: 'O'", as the wire's texts name a tuple.
std::string PartsText(const tuple::TupleView& t);
Error TooManyOperations(std::size_t limit);

struct TupleHash {
  using is_avalanching = void;
  std::uint64_t operator()(const tuple::TupleView& t) const {
    return HashBytes(t.subject, HashBytes(t.relation, HashBytes(t.object)));
  }
};

}  // namespace pemba::store::internal
