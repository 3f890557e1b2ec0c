#include "pemba/storage/internal/pg_schema.h"

#include <array>
#include <string>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace pemba::storage::internal {
namespace {

// Where the version is. One row; whoever locks it migrates.
constexpr const char* kVersionTable = R"(
CREATE TABLE IF NOT EXISTS pemba_schema (
  id integer PRIMARY KEY CHECK (id = 1),
  version integer NOT NULL,
  compatible_from integer NOT NULL,
  secret bytea NOT NULL
);
)";

// Released steps never change: databases exist that have done them.
constexpr std::array kMigrations = {
    PgMigration{1, 1, R"(
-- Names, ids and texts are bytea: they are compared and ordered as bytes, whatever the collation.
CREATE TABLE pemba_store (
  id bytea PRIMARY KEY,
  name bytea NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  deleted_ms bigint
);
CREATE INDEX pemba_store_by_name ON pemba_store (name, id) WHERE deleted_ms IS NULL;

CREATE TABLE pemba_model (
  store bytea NOT NULL,
  id bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (store, id)
);

CREATE TABLE pemba_assertions (
  store bytea NOT NULL,
  model bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (store, model)
);

-- One row per committed write. Rows are only ever added, in the order of their revisions.
CREATE TABLE pemba_log (
  store bytea NOT NULL,
  revision bigint NOT NULL,
  time_ms bigint NOT NULL,
  changes integer NOT NULL,
  record bytea NOT NULL,
  PRIMARY KEY (store, revision)
);
CREATE INDEX pemba_log_by_time ON pemba_log (store, time_ms, revision);

-- What others keep beside the tuples: the current value of each key, with the revision that it is
-- from in the body. Changes in the transaction that appends to the log.
CREATE TABLE pemba_record (
  store bytea NOT NULL,
  key bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (store, key)
);

-- Where each log ends. Whoever appends holds the lock of this row from before it judges until it
-- has committed, so that revisions become visible in their order.
CREATE TABLE pemba_head (
  store bytea PRIMARY KEY,
  revision bigint NOT NULL,
  latest_model bytea
);
)"},
    PgMigration{2, 1, R"(
-- Up to which revision a log has been trimmed (`pemba trim`), and how many of its rows are left up
-- to there: those that still store something, each with what it still stores. Trimming a log
-- makes programs that know nothing of this table refuse the database (compatible_from).
CREATE TABLE pemba_horizon (
  store bytea PRIMARY KEY,
  revision bigint NOT NULL,
  rows_left bigint NOT NULL
);
)"},
};

std::string RandomSecret() {
  std::array<unsigned char, 32> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<PgSchemaState> StateFrom(const Result<PgRows>& rows) {
  if (!rows.ok()) return rows.error();
  if (rows->count() == 0) return PgSchemaState{};
  return PgSchemaState{static_cast<int>(rows->Number(0, 0)), static_cast<int>(rows->Number(0, 1))};
}

// Steps one version on, if there is one; the version that it found.
Result<PgSchemaState> Step(PgConnection& connection, SteadyTime deadline) {
  PEMBA_TRY(std::ignore, connection.RunScript("BEGIN", deadline));
  auto found = StateFrom(connection.Run(
      {"SELECT version, compatible_from FROM pemba_schema WHERE id = 1 FOR UPDATE"}, deadline));
  if (!found.ok()) {
    (void)connection.RunScript("ROLLBACK", deadline);
    return found;
  }
  if (found->version >= kPgSchemaVersion) {
    PEMBA_TRY(std::ignore, connection.RunScript("ROLLBACK", deadline));
    return found;
  }
  const auto& next = kMigrations.at(static_cast<std::size_t>(found->version));
  const auto done = connection.RunScript(
      fmt::format("{}; UPDATE pemba_schema SET version = {}, "
                  "compatible_from = greatest(compatible_from, {}) WHERE id = 1; COMMIT",
                  next.sql, next.version, next.compatible_from),
      deadline);
  if (!done.ok()) {
    (void)connection.RunScript("ROLLBACK", deadline);
    return done.error();
  }
  return found;
}

}  // namespace

std::span<const PgMigration> PgMigrations() { return kMigrations; }

Result<PgSchemaState> ReadPgSchema(PgConnection& connection, SteadyTime deadline) {
  PEMBA_TRY(const auto exists,
            connection.Run({"SELECT to_regclass('pemba_schema') IS NOT NULL"}, deadline));
  if (exists.Number(0, 0) == 0) return PgSchemaState{};
  return StateFrom(
      connection.Run({"SELECT version, compatible_from FROM pemba_schema WHERE id = 1"}, deadline));
}

Status CheckPgSchema(const PgSchemaState& state) {
  if (state.version == 0) {
    return Error{ErrorCode::kFailedPrecondition,
                 "the database has no tables of this server; run `pemba migrate` first"};
  }
  if (state.version < kPgSchemaVersion) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("the database has schema version {}, this program needs {}; run "
                             "`pemba migrate` first",
                             state.version, kPgSchemaVersion)};
  }
  if (state.compatible_from > kPgSchemaVersion) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("the database has schema version {}, which programs of schema version "
                             "{} do not understand; this is one of version {}",
                             state.version, state.compatible_from, kPgSchemaVersion)};
  }
  return Done{};
}

Result<PgSchemaState> MigratePg(PgConnection& connection, SteadyTime deadline) {
  // Two runners may both find no table and make it: one of them then hears of a taken name, and
  // goes on with the other's.
  auto made = connection.RunScript(kVersionTable, deadline);
  if (!made.ok() && !connection.broken()) {
    made = connection.RunScript(kVersionTable, deadline);
  }
  PEMBA_TRY(std::ignore, std::move(made));
  PEMBA_TRY(std::ignore,
            connection.Run({"INSERT INTO pemba_schema (id, version, compatible_from, secret) "
                            "VALUES (1, 0, 0, $1) ON CONFLICT (id) DO NOTHING",
                            {PgValue::Bytes(RandomSecret())}},
                           deadline));
  PEMBA_TRY(const auto before, Step(connection, deadline));
  if (before.compatible_from > kPgSchemaVersion) return CheckPgSchema(before).error();
  for (auto state = before; state.version < kPgSchemaVersion;) {
    PEMBA_TRY(state, Step(connection, deadline));
  }
  return before;
}

}  // namespace pemba::storage::internal
