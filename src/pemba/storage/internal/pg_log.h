// The logs of the PostgreSQL datastore: reading them, and their locked ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/storage/datastore.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_pool.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage::internal {

// Visits the rows of one log, chunk by chunk, in the order of their revisions.
//
// Rows of a log never change, and appear in the order of their revisions: chunks need no common
// snapshot to belong together. While one chunk is visited the next one is on its way.
class PgLogReader {
 public:
  PgLogReader(const StoreId& store, Revision after, const std::function<Visit(const Write&)>& visit)
      : store_(store), after_(after), visit_(visit) {}

  // Reads on to the end of what this connection sees. After an error: on from there, on another
  // one. Errors: those of the connection, kDataLoss.
  Status Read(PgConnection& connection, std::chrono::nanoseconds patience);
  // Rows that came with something else.
  Status Visit(const PgRows& rows);

  Revision after() const { return after_; }  // The last that was visited.
  bool stopped() const { return stopped_; }  // By the visitor.

  static PgStatement Select(const StoreId& store, Revision after, std::size_t rows_max);

 private:
  const StoreId& store_;
  Revision after_;
  const std::function<storage::Visit(const Write&)>& visit_;
  WriteParts parts_;
  bool stopped_ = false;
};

// As SharedLogs::Lock. `announce` is told of every commit.
using Announce = std::function<void(const StoreId& store)>;
Result<std::unique_ptr<LockedLog>> LockPgLog(PgPool& pool, const StoreId& store, Revision known,
                                             SteadyTime deadline, std::chrono::nanoseconds patience,
                                             const Announce& announce);

}  // namespace pemba::storage::internal
