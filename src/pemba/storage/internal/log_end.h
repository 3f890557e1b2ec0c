// Whether the end of RocksDB's write-ahead log is one that a crash leaves.
//
// RocksDB takes a record that promises more bytes than the file has for one that was being written
// when the process died, and ignores it and what follows. A damaged length looks the same, and then
// writes that were acknowledged would be gone without a word.
#pragma once

#include <filesystem>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::storage::internal {

enum class LogEnd { kWholeOrTorn, kDamaged };

// Of one log file's bytes. kDamaged: there are whole records where RocksDB would stop reading, or
// bytes that no crash leaves. What RocksDB notices by itself (checksums) is left to it. O(bytes / a
// record's size), and O(32 KiB squared) at worst where the end is damaged.
LogEnd JudgeLogEnd(std::string_view bytes);

// All logs of a database, and the lists of its files, which have the same form; before it is
// opened. Errors: kDataLoss, naming the file; kUnavailable. No such directory is no error.
Status CheckLogEnds(const std::filesystem::path& database);

}  // namespace pemba::storage::internal
