// The datastore in PostgreSQL, which several servers share. See docs/postgres.md for its tables.
//
// One row per committed write, in the log of its store. Whoever appends locks the row that says
// where the log ends until its transaction has committed; so revisions become visible in their
// order, and no reader ever sees one without all before it. Nothing is kept in a session: a pooler
// in transaction mode may stand in between.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage {

// How to reach one database. Secrets: they appear in no message.
struct PostgresAddress {
  std::string uri = {};                      // As libpq takes it; TLS by its parameters.
  std::string username = {}, password = {};  // In the place of those of the URI, if not empty.
};

struct PostgresOptions {
  PostgresAddress primary;
  // A streaming replica, if it has a URI: whole logs are read there, and everything while the
  // primary cannot be reached. What it lacks is read from the primary.
  PostgresAddress secondary = {};

  std::size_t connections_max = 30;  // And one that listens.
  std::size_t idle_connections_max = 10;
  std::chrono::nanoseconds idle_time_max{0};  // 0: no limit.
  std::chrono::nanoseconds lifetime_max{0};   // 0: no limit.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  // For how long opening tries again while the database cannot be reached.
  std::chrono::nanoseconds connect_patience = std::chrono::minutes(1);
  std::chrono::nanoseconds statement_timeout = std::chrono::seconds(10);

  // How long news may come unannounced: while announcements come through, and while they do not
  // (a pooler in transaction mode swallows them).
  std::chrono::nanoseconds poll_announced = std::chrono::seconds(1);
  std::chrono::nanoseconds poll_unannounced = std::chrono::milliseconds(50);

  // Told what an operator should know and a caller should not (what the database said). Called from
  // any thread; may be empty.
  std::function<void(std::string_view)> report = {};
};

// Errors: kInvalidArgument (a URI), kFailedPrecondition (the tables are missing, too old or too
// new; says what to do), kUnavailable (not reached within the patience).
Result<std::unique_ptr<Datastore>> OpenPostgresDatastore(const PostgresOptions& options);

// Versions of the tables; 0: none.
struct PostgresSchema {
  int found = 0;
  int wanted = 0;        // By this program.
  std::string sql = {};  // What leads from one to the other.
};

enum class Migrate : std::uint8_t { kYes, kOnlyTell };

// Brings the tables to this program's version: in transactions, safe to repeat, and for several at
// once. Errors: as OpenPostgresDatastore.
Result<PostgresSchema> MigratePostgres(const PostgresOptions& options, Migrate migrate);

// Which logs to trim, and how far.
struct PostgresTrim {
  WallTime before = {};               // Changes of earlier times go, if nothing stored needs them.
  std::optional<StoreId> store = {};  // Absent: all stores.
  enum class Effect : std::uint8_t { kTrim, kOnlyTell } effect = Effect::kTrim;
};

struct TrimmedLog {
  StoreId store;
  Revision horizon = 0;                           // As in Datastore::Horizon.
  std::uint64_t rows_removed = 0, rows_left = 0;  // Of those up to the horizon.
  std::uint64_t changes_removed = 0, changes_left = 0;
};

// Forgets how old tuples came to be: up to the horizon a log keeps what was still stored there.
// Servers go on meanwhile. One transaction for each store; safe to repeat, and for several at once.
// `told` hears of each store in which there was something to trim.
// Memory: up to 96 bytes for each tuple ever stored before. Errors: as OpenPostgresDatastore, and
// kDataLoss.
Status TrimPostgresLogs(const PostgresOptions& options, const PostgresTrim& trim,
                        const std::function<void(const TrimmedLog&)>& told);

// What can be told about a database from outside: for `pemba doctor`.
struct PostgresInspection {
  std::string version;                      // "15.4 (Debian ...)"
  int schema_found = 0, schema_wanted = 0;  // Versions; found 0: none.
  enum class Access : std::uint8_t { kReadOnly, kWritable } access = Access::kReadOnly;
  std::chrono::milliseconds clock_ahead{0};  // Of this machine's; less than 0: behind.
  std::chrono::microseconds round_trip{0};
  std::uint64_t stores = 0, log_bytes = 0;  // 0 without tables.
  // Of the database, of everybody, since its statistics began. A second or two late.
  std::uint64_t transactions = 0;
  struct Replica {
    Access access;               // A replica is read-only.
    std::uint64_t bytes_behind;  // Of the write-ahead log.
  };
  std::optional<Replica> replica = {};
};

// Errors: as OpenPostgresDatastore, but not for the state of the tables.
Result<PostgresInspection> InspectPostgres(const PostgresOptions& options);

}  // namespace pemba::storage
