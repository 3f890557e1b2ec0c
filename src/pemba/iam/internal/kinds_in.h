// The registered kinds, as a transaction sees them.
#pragma once

#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/iam/internal/known_kinds.h"
#include "pemba/resource/transaction.h"

namespace pemba::iam::internal {

// Of ProtectedResource objects, then of Service objects, each in order of name.
std::vector<KindEntry> KindsIn(const resource::Transaction& transaction, const Kinds& kinds);

}  // namespace pemba::iam::internal
