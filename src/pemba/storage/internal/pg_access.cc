#include "pemba/storage/internal/pg_access.h"

#include <string>
#include <thread>
#include <utility>

namespace pemba::storage::internal {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRetryAfter{200};

}  // namespace

Result<PgParameters> ParsePgAddress(const PostgresAddress& address) {
  return ParsePgUri(address.uri, address.username, address.password);
}

Result<std::unique_ptr<PgConnection>> ConnectPatiently(const PostgresOptions& options,
                                                       const PgParameters& parameters) {
  const auto give_up = In(options.connect_patience);
  bool told = false;
  while (true) {
    auto connection = PgConnection::Connect(parameters, In(options.connect_timeout));
    if (connection.ok()) return connection;
    if (options.report && !std::exchange(told, true)) {
      options.report("waiting for the database: " + connection.error().message);
    }
    if (steady_clock::now() + kRetryAfter >= give_up) {
      return Error{ErrorCode::kUnavailable,
                   "the database cannot be reached: " + connection.error().message};
    }
    std::this_thread::sleep_for(kRetryAfter);
  }
}

}  // namespace pemba::storage::internal
