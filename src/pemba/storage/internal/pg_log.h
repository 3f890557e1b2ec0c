// The logs of the PostgreSQL datastore: reading them, and their locked ends.
#pragma once

#include <chrono>
#include <functional>
#include <limits>
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
// Rows of a log appear in the order of their revisions and change only when the log is trimmed:
// chunks need no common snapshot to belong together, as long as each says up to where that was.
// While one chunk is visited the next one is on its way.
//
// Up to its horizon a trimmed log holds what is still stored, from the beginning on: who reads from
// the beginning gets the right tuples, who knows a part of it would miss what was deleted.
class PgLogReader {
 public:
  // Who loads a log knows nothing of it if `after` is 0; who follows it knows what was before.
  enum class Reader : std::uint8_t { kLoads, kFollows };
  PgLogReader(const StoreId& store, Revision after, const std::function<Visit(const Write&)>& visit,
              Reader reader = Reader::kLoads)
      : store_(store),
        begin_(after),
        loads_(after == 0 && reader == Reader::kLoads),
        after_(after),
        visit_(visit) {}

  // Reads on to the end of what this connection sees, or to revision `last`. After an error: on
  // from there, on another one. Errors: those of the connection, kDataLoss, kInvalidArgument
  // (trimmed beyond where it began), kUnavailable (trimmed meanwhile).
  Status Read(PgConnection& connection, std::chrono::nanoseconds patience,
              Revision last = kNoRevision);
  // Rows that came with something else.
  Status Visit(const PgRows& rows);

  Revision after() const { return after_; }  // The last that was visited.
  bool stopped() const { return stopped_; }  // By the visitor.

  static constexpr Revision kNoRevision = std::numeric_limits<std::int64_t>::max();
  static PgStatement Select(const StoreId& store, Revision after, std::size_t rows_max,
                            Revision last = kNoRevision);

 private:
  // What a chunk says of the trimming of its log.
  struct Horizon {
    Revision revision = 0;
    std::uint64_t rows_left = 0;
    friend bool operator==(const Horizon&, const Horizon&) = default;
  };
  Status Meet(const Horizon& now);
  Status Follows(Revision revision);

  const StoreId& store_;
  const Revision begin_;
  const bool loads_;  // From the beginning on.
  Revision after_;
  Horizon horizon_;
  std::uint64_t trimmed_rows_ = 0;  // That were visited, from the beginning of the log on.
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
