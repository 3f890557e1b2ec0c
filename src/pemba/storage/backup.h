// Backups of the embedded datastore: what Datastore::Backup has written, checked and put back.
//
// A backup is a directory of the same form as the datastore's own, so both calls take either, as
// long as no server works on it.
#pragma once

#include <cstdint>
#include <filesystem>

#include "pemba/base/result.h"

namespace pemba::storage {

struct VerifyReport {
  std::uint64_t stores = 0;  // Deleted ones too.
  std::uint64_t models = 0;
  std::uint64_t assertions = 0;  // Models that have any.
  std::uint64_t writes = 0;
  std::uint64_t changes = 0;  // Tuples written and deleted.
  std::uint64_t records = 0;  // Current ones, beside the tuples.
  std::uint64_t bytes = 0;    // Keys and values.
};

// Reads every record, without writing anything: its checksum, its form, and that the revisions of
// every log begin at 1 and have no hole. O(size).
// Errors: kDataLoss (the first record that is not right, named), kUnavailable (cannot be opened),
// kFailedPrecondition (no datastore, or of another version).
Result<VerifyReport> VerifyEmbeddedDatastore(const std::filesystem::path& directory);

// Copies the datastore in a backup to where a datastore may be opened. `directory` must not exist
// or be empty; it appears with everything in it, or not at all. Errors: kFailedPrecondition (it is
// not empty, or `backup` is none), kUnavailable.
Status RestoreEmbeddedDatastore(const std::filesystem::path& backup,
                                const std::filesystem::path& directory);

}  // namespace pemba::storage
