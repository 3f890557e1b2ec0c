// The tables of the PostgreSQL datastore, in versions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/storage/internal/pg_connection.h"

namespace pemba::storage::internal {

// What this program's tables look like. A database may be ahead of it as long as it says that
// programs of this version still understand it.
inline constexpr int kPgSchemaVersion = 2;

struct PgSchemaState {
  int version = 0;          // 0: no tables.
  int compatible_from = 0;  // Programs from this version on may work with it.
};

// Errors: those of the connection.
Result<PgSchemaState> ReadPgSchema(PgConnection& connection, SteadyTime deadline);

// Whether this program may work with such tables: kFailedPrecondition, with what to do, if not.
Status CheckPgSchema(const PgSchemaState& state);

struct PgMigration {
  int version;
  int compatible_from;
  std::string_view sql;
};
// In ascending order of version, without gaps.
std::span<const PgMigration> PgMigrations();

// Brings the tables to this program's version: each step is one transaction, runners wait for each
// other. Returns the state it found. Errors: kFailedPrecondition (a newer schema), and those of the
// connection.
Result<PgSchemaState> MigratePg(PgConnection& connection, SteadyTime deadline);

}  // namespace pemba::storage::internal
