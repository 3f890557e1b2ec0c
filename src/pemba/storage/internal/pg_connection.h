// PgConnection: one connection to PostgreSQL, or to what speaks its protocol.
//
// Everything is sent with the unnamed statement and in pipelines of one round trip: no statement or
// session state is left behind, so that a pooler in transaction mode may stand in between. Every
// wait has a deadline; a connection that missed one, or broke, is of no further use.
//
// Parameters and results are binary: bytea as it is, integers in network order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::storage::internal {

// A parameter of a statement, with its type.
class PgValue {
 public:
  static PgValue Bytes(std::string_view bytes);
  static PgValue Text(std::string_view text);
  static PgValue Number(std::int64_t number);
  static PgValue Null();  // Of type bytea.
  static PgValue BytesArray(std::span<const std::string> items);
  static PgValue NumberArray(std::span<const std::int64_t> items);

  Oid type() const { return type_; }
  const std::optional<std::string>& data() const { return data_; }

 private:
  PgValue(Oid type, std::optional<std::string> data) : type_(type), data_(std::move(data)) {}
  Oid type_;
  std::optional<std::string> data_;
};

struct PgStatement {
  std::string sql;
  std::vector<PgValue> values = {};
};

// The rows of one statement. Views borrow from it.
class PgRows {
 public:
  PgRows() = default;
  explicit PgRows(PGresult* result) : result_(result) {}

  int count() const { return result_ ? PQntuples(result_.get()) : 0; }
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string_view Bytes(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::int64_t Number(int row, int column) const;  // Of two, four or eight bytes, or a boolean.
  std::uint64_t affected() const;                  // By insert, update or delete.

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// The parameters of a connection, by their libpq names. Secrets are among them: never printed.
using PgParameters = std::vector<std::pair<std::string, std::string>>;

// Of a URI or a keyword string, with user and password in their place if they are not empty. What
// only the connection pools of other drivers understand is left out.
// Errors: kInvalidArgument (not understood; the message holds nothing of the input).
Result<PgParameters> ParsePgUri(std::string_view uri, std::string_view username,
                                std::string_view password);

struct PgNotice {  // What NOTIFY brought.
  std::string channel, payload;
};

// Not thread-safe. Errors: kUnavailable (cannot be reached, has gone away, took too long),
// kConflict (a unique key is taken; or the database asks for a retry: see IsRetry),
// kFailedPrecondition (no such table or no right to it), kInternal (anything else that it refuses).
// The message is for the operator.
class PgConnection {
 public:
  // Of several hosts the first that answers in its share of the time, and is of the wanted kind.
  static Result<std::unique_ptr<PgConnection>> Connect(const PgParameters& parameters,
                                                       SteadyTime deadline);

  // All or nothing unless there are BEGIN and COMMIT among them; one round trip.
  Result<std::vector<PgRows>> Run(std::span<const PgStatement> statements, SteadyTime deadline);
  Result<PgRows> Run(const PgStatement& statement, SteadyTime deadline);

  // Sends now and collects later: what is between happens at the same time. Nothing else may be
  // asked of the connection meanwhile.
  Status Send(std::span<const PgStatement> statements, SteadyTime deadline);
  Result<std::vector<PgRows>> Collect(SteadyTime deadline);

  // COPY ... TO STDOUT: each piece of data as it comes.
  Status CopyOut(const std::string& sql, std::chrono::nanoseconds idle_max,
                 const std::function<Status(std::string_view)>& piece);

  // Several statements at once, without parameters; also what cannot be in a pipeline.
  Status RunScript(const std::string& sql, SteadyTime deadline);

  // Notifications that have come, waiting for the first of them; empty at the deadline. `wake` is a
  // file descriptor that ends the wait when it is readable; -1: none.
  Result<std::vector<PgNotice>> AwaitNotices(SteadyTime deadline, int wake);

  bool broken() const { return broken_; }
  bool idle() const { return PQtransactionStatus(connection_.get()) == PQTRANS_IDLE; }
  SteadyTime opened_at() const { return opened_at_; }
  // Whether the last error was the database's wish for a retry of the transaction.
  bool retry_wanted() const { return retry_wanted_; }
  int server_version() const { return PQserverVersion(connection_.get()); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  explicit PgConnection(PGconn* connection) : connection_(connection) {}

  static Result<std::unique_ptr<PgConnection>> ConnectTo(const PgParameters& parameters,
                                                         SteadyTime deadline);
  Status Await(short events, SteadyTime deadline);
  Status Flush(SteadyTime deadline);
  Result<PGresult*> NextResult(SteadyTime deadline);  // Null: the end of this statement.
  Error Refused(const PGresult* result);
  Error Lost(std::string_view what);

  std::unique_ptr<PGconn, Finish> connection_;
  std::size_t pending_ = 0;  // Statements sent and not collected.
  bool broken_ = false;
  bool retry_wanted_ = false;
  SteadyTime opened_at_ = std::chrono::steady_clock::now();
};

// A bytea literal, for the statements that take no parameters.
std::string PgLiteral(std::string_view bytes);

}  // namespace pemba::storage::internal
