// The seam of durability: where a database keeps its committed transactions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::reason {

// An ordered list of records, opaque bytes to the log. Two implementations: a file (below) and, in
// tests, one that fails on demand; a server may add its own over the store that it has.
//
// The database calls Read once, first, and then the others, never two at a time.
class TransactionLog {
 public:
  virtual ~TransactionLog() = default;
  // Every record in order. Errors: kDataLoss for damage before the end, kUnavailable, and what
  // `see` returns.
  virtual Status Read(const std::function<Status(std::string_view record)>& see) = 0;
  // Durable when it returns. After an error the log is as it was, or if what is on the medium is
  // unknown takes no more until it is opened again.
  virtual Status Append(std::string_view record) = 0;
  // One record instead of all.
  virtual Status Replace(std::string_view record) = 0;
};

// A file, made if missing. A torn record at its end (never acknowledged) is cut off; damage before
// that is kDataLoss. Format: an 8-byte header, then for each record length, XXH3 and bytes.
Result<std::unique_ptr<TransactionLog>> OpenFileLog(const std::string& path);
// One that CopyFileLog has made: read only, and a torn end is kDataLoss.
Result<std::unique_ptr<TransactionLog>> OpenCopiedFileLog(const std::string& path);

// What was made or renamed in it stays so after a crash. Errors: kUnavailable.
Status SyncDirectory(const std::string& directory);

// Copies the whole records that the log holds, while it may be written to: all that were appended
// before the call are there. `to` must not exist; it is on the medium afterwards. Errors:
// kStoreNotFound (there is no such log, or no more), kDataLoss, kUnavailable.
Status CopyFileLog(const std::string& path, const std::string& to);

}  // namespace pemba::reason
