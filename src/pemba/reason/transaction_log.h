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
  // Durable when it returns; after an error the log takes no more until it is opened again, because
  // what is on the medium is unknown.
  virtual Status Append(std::string_view record) = 0;
  // One record instead of all.
  virtual Status Replace(std::string_view record) = 0;
};

// A file, made if missing. A torn record at its end (never acknowledged) is cut off; damage before
// that is kDataLoss. Format: an 8-byte header, then for each record length, XXH3 and bytes.
Result<std::unique_ptr<TransactionLog>> OpenFileLog(const std::string& path);

}  // namespace pemba::reason
