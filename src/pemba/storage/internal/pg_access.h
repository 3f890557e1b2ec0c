// How the PostgreSQL datastore and its tools reach a database.
#pragma once

#include <chrono>
#include <memory>

#include "pemba/base/result.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/postgres.h"

namespace pemba::storage::internal {

inline SteadyTime In(std::chrono::nanoseconds patience) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience);
}

Result<PgParameters> ParsePgAddress(const PostgresAddress& address);

// Tries again while the database cannot be reached, for as long as the options say: it may be
// starting, as this server is. What it said the first time is reported.
Result<std::unique_ptr<PgConnection>> ConnectPatiently(const PostgresOptions& options,
                                                       const PgParameters& parameters);

}  // namespace pemba::storage::internal
