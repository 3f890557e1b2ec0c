// Files of a directory, made durable.
#pragma once

#include <filesystem>

#include "pemba/base/result.h"

namespace pemba::storage::internal {

// Its entries are on the medium afterwards. Errors: kUnavailable.
Status SyncDirectory(const std::filesystem::path& directory);

// Copies the tree `from` to `to`, which must not exist; everything is on the medium afterwards.
// Errors (kUnavailable): what could not be read or written; a part may be left behind.
Status CopyTree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace pemba::storage::internal
