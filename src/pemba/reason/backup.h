// Backups of databases: a directory with the logs of all of them.
#pragma once

#include <cstdint>
#include <filesystem>

#include "pemba/base/result.h"

namespace pemba::reason {

struct DatabasesReport {
  std::uint64_t databases = 0;
  std::uint64_t things = 0;       // Entities, relations and attributes.
  std::uint64_t connections = 0;  // Role edges and ownerships.
};

// Copies every database of `from`, which a server may be working on, to `to`, which must not exist.
// Of each database there is what was committed before the call, and of later transactions the first
// few or none; what is in the copy is on the medium. A missing `from` has no databases.
// Errors: kDataLoss (a log is damaged; it is named), kUnavailable. A part may be left behind.
Status CopyDatabases(const std::filesystem::path& from, const std::filesystem::path& to);

// Opens every database of a copy, without writing anything. A missing directory has none.
// Errors: kDataLoss, kUnavailable. Cost: as opening the databases, one after the other.
Result<DatabasesReport> VerifyDatabases(const std::filesystem::path& directory);

}  // namespace pemba::reason
