// What is stored, as values.
#pragma once

#include <optional>
#include <string_view>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/graph/snapshot.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

graph::ScanFilter ScanFilterOf(const TupleFilter& filter);

// Errors: kDataLoss (a condition context that is not one).
Result<tuple::Tuple> MakeTuple(const tuple::TupleView& t, std::string_view condition,
                               std::string_view context, std::optional<WallTime> expires_at);
// Of `write`, which has been committed.
Result<TupleChange> MakeChange(const storage::Change& change, const storage::Write& write);

}  // namespace pemba::store::internal
