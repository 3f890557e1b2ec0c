// Migration and inspection of the PostgreSQL datastore's database.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "pemba/storage/internal/pg_access.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_schema.h"
#include "pemba/storage/postgres.h"

namespace pemba::storage {

using internal::In;
using internal::PgRows;
using std::chrono::steady_clock;

Result<PostgresSchema> MigratePostgres(const PostgresOptions& options, Migrate migrate) {
  PEMBA_TRY(const auto parameters, internal::ParsePgAddress(options.primary));
  PEMBA_TRY(const auto connection, internal::ConnectPatiently(options, parameters));
  const auto deadline = In(options.connect_patience);
  PEMBA_TRY(auto state, internal::ReadPgSchema(*connection, In(options.statement_timeout)));
  if (state.compatible_from > internal::kPgSchemaVersion)
    return internal::CheckPgSchema(state).error();
  if (migrate == Migrate::kYes) {
    PEMBA_TRY(state, internal::MigratePg(*connection, deadline));
  }
  PostgresSchema schema{state.version, internal::kPgSchemaVersion};
  for (const auto& migration : internal::PgMigrations()) {
    if (migration.version > state.version) schema.sql += migration.sql;
  }
  return schema;
}

Result<PostgresInspection> InspectPostgres(const PostgresOptions& options) {
  using Access = PostgresInspection::Access;
  const auto access_of = [](const PgRows& rows, int column) {
    return rows.Number(0, column) == 0 ? Access::kWritable : Access::kReadOnly;
  };
  PostgresInspection found;
  PEMBA_TRY(const auto parameters, internal::ParsePgAddress(options.primary));
  PEMBA_TRY(const auto connection, internal::ConnectPatiently(options, parameters));
  const auto deadline = In(options.statement_timeout);
  PEMBA_TRY(std::ignore, connection->Run({"SELECT 1"}, deadline));  // The first one takes longer.
  const auto asked_at = std::chrono::system_clock::now();
  const auto begin = steady_clock::now();
  PEMBA_TRY(const auto about,
            connection->Run({"SELECT current_setting('server_version'), pg_is_in_recovery(), "
                             "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
                             "CASE WHEN pg_is_in_recovery() THEN 0 ELSE "
                             "(pg_current_wal_lsn() - '0/0')::bigint END, "
                             "(SELECT xact_commit + xact_rollback FROM pg_stat_database "
                             "WHERE datname = current_database())"},
                            deadline));
  found.round_trip =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin);
  found.version = about.Bytes(0, 0);
  found.access = access_of(about, 1);
  const auto asked_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(asked_at.time_since_epoch());
  // Half of the round trip had passed when it looked at its clock.
  found.clock_ahead = asked_ms +
                      std::chrono::duration_cast<std::chrono::milliseconds>(found.round_trip / 2) -
                      std::chrono::milliseconds(about.Number(0, 2));
  const auto written = static_cast<std::uint64_t>(about.Number(0, 3));
  found.transactions = static_cast<std::uint64_t>(about.Number(0, 4));
  PEMBA_TRY(const auto schema, internal::ReadPgSchema(*connection, deadline));
  found.schema_found = schema.version;
  found.schema_wanted = internal::kPgSchemaVersion;
  if (schema.version > 0) {
    PEMBA_TRY(const auto size, connection->Run({"SELECT (SELECT count(*) FROM pemba_head), "
                                                "pg_total_relation_size('pemba_log')"},
                                               deadline));
    found.stores = static_cast<std::uint64_t>(size.Number(0, 0));
    found.log_bytes = static_cast<std::uint64_t>(size.Number(0, 1));
  }
  if (options.secondary.uri.empty()) return found;
  PEMBA_TRY(const auto secondary, internal::ParsePgAddress(options.secondary));
  PEMBA_TRY(const auto replica, internal::ConnectPatiently(options, secondary));
  PEMBA_TRY(const auto behind,
            replica->Run({"SELECT pg_is_in_recovery(), "
                          "coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint, 0)"},
                         deadline));
  const auto replayed = static_cast<std::uint64_t>(behind.Number(0, 1));
  found.replica = {access_of(behind, 0), written > replayed ? written - replayed : 0};
  return found;
}

}  // namespace pemba::storage
