// The import of an OpenFGA server's database: stores, models, assertions, and every change of every
// tuple in its order, so that ReadChanges tells the same story here as there.
//
// It may be repeated: what is there already is left alone, and of each store's changes the import
// goes on after the last one that it wrote, which it keeps in a record beside the tuples, in the
// same commit. So it may be interrupted, and run once more when the other server has stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"
#include "pemba/storage/openfga_source.h"

namespace pemba::cli {

struct ImportReport {
  std::uint64_t stores = 0, models = 0, assertions = 0;  // Written now.
  std::uint64_t changes = 0;                             // Of tuples; written now.
  std::uint64_t corrections = 0;  // Where the other's changes do not add up to its tuples.
  std::uint64_t tuples = 0;       // Compared one by one with the other's: the same.
};

// Errors: those of source and target; kFailedPrecondition (a store has writes that are not from an
// import), kDataLoss (a message of the source cannot be decoded, or the comparison fails).
Result<ImportReport> ImportOpenfga(storage::OpenfgaSource& source, storage::Datastore& target,
                                   const std::function<void(std::string_view)>& tell);

}  // namespace pemba::cli
