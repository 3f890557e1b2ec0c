// Patches of JSON documents: RFC 6902 (a list of operations) and RFC 7386 (a document to lay over).
// Pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "pemba/resource/failure.h"

namespace pemba::resource {

// Null removes, objects merge, everything else replaces. Cannot fail. O(size).
void ApplyMergePatch(boost::json::value& target, const boost::json::value& patch);

// All operations or none: `target` is unchanged on an error. At most kJsonPatchOperationsMax.
// Errors: kBadRequest (not a patch), kInvalid (a path that is not there, a test that fails), naming
// the operation by its number.
inline constexpr std::size_t kJsonPatchOperationsMax = 10'000;
Outcome<Done> ApplyJsonPatch(boost::json::value& target, const boost::json::value& patch);

}  // namespace pemba::resource
