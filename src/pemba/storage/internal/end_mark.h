// How far a database went, kept beside it: what is lost from the end of a log looks like a log that
// is shorter.
#pragma once

#include <cstdint>
#include <filesystem>

#include "pemba/base/result.h"

namespace pemba::storage::internal {

// Remembers in `directory` that what RocksDB counts as `sequence` is durable. It is on the medium
// afterwards. Errors: kUnavailable.
Status LeaveEndMark(const std::filesystem::path& directory, std::uint64_t sequence);

// kDataLoss if a mark says that the database went further than `sequence`, or is not one of ours.
// No mark is no error: older versions left none.
Status CheckEndMark(const std::filesystem::path& directory, std::uint64_t sequence);

// The mark of `from`, if there is one, for a copy of its data.
Status CopyEndMark(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace pemba::storage::internal
