// What objects lie in, and whose account a principal is: the facts behind a decision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/graph/snapshot.h"
#include "pemba/iam/catalog.h"
#include "pemba/resource/resource_store.h"

namespace pemba::iam::internal {

// A chain that is longer is nobody's folder structure.
inline constexpr std::size_t kAncestorsMax = 256;

// Everything above `object` by stored `parent` tuples, nearest first, each once, after what `first`
// has and before what is above those. O(ancestors). Errors: kTooComplex (beyond kAncestorsMax).
Result<std::vector<std::string>> StoredAncestors(const graph::Snapshot& snapshot,
                                                 const std::string& object,
                                                 std::vector<std::string> first = {});

// Whether no object of `type` can be without one of type `above` above it: every way up the
// registered kinds passes it, and none ends at a parent that is not registered.
bool AlwaysBelow(const Catalog& catalog, std::string_view type, std::string_view above);

// Null if there is none.
resource::ObjectPtr FindObject(const resource::ResourceStore& resources,
                               const resource::ObjectKey& key);
resource::ObjectPtr FindServiceAccount(const resource::ResourceStore& resources,
                                       std::string_view uid);

}  // namespace pemba::iam::internal
