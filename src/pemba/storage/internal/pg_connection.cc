#include "pemba/storage/internal/pg_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <poll.h>

namespace pemba::storage::internal {
namespace {

using std::chrono::steady_clock;

constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kByteaArray = 1001;
constexpr Oid kInt8Array = 1016;

void AppendInt32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void AppendInt64(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// An array's binary form: dimensions, whether there are nulls, type, then size and lower bound of
// the only dimension. Without elements there is no dimension.
std::string ArrayHeader(Oid element, std::size_t count) {
  std::string out;
  AppendInt32(out, count == 0 ? 0 : 1);
  AppendInt32(out, 0);
  AppendInt32(out, element);
  if (count == 0) return out;
  AppendInt32(out, static_cast<std::uint32_t>(count));
  AppendInt32(out, 1);
  return out;
}

std::string Trimmed(const char* text) {
  std::string message = text == nullptr ? "" : text;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  std::ranges::replace(message, '\n', ' ');
  std::erase(message, '\t');
  return message;
}

// What drivers of other languages take from the query of a URI for their own pools and caches.
bool IsForeignParameter(std::string_view name) {
  return name.starts_with("pool_") || name == "default_query_exec_mode" ||
         name == "statement_cache_capacity" || name == "description_cache_capacity" ||
         name == "statement_cache_mode";
}

std::string WithoutForeignParameters(std::string_view uri) {
  const auto question = uri.find('?');
  if (!uri.starts_with("postgres") || question == uri.npos) return std::string(uri);
  std::string kept(uri.substr(0, question));
  char separator = '?';
  for (auto rest = uri.substr(question + 1); !rest.empty();) {
    const auto end = rest.find('&');
    const auto parameter = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (IsForeignParameter(parameter.substr(0, parameter.find('=')))) continue;
    kept.push_back(separator);
    kept.append(parameter);
    separator = '&';
  }
  return kept;
}

std::vector<std::string> Split(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const auto comma = list.find(',');
    items.emplace_back(list.substr(0, comma));
    if (comma == list.npos) return items;
    list.remove_prefix(comma + 1);
  }
}

// The same parameters once for each of their hosts. Left whole: lists that do not fit together,
// which libpq refuses, and the preference of a standby, which looks at all hosts at once.
std::vector<PgParameters> HostByHost(const PgParameters& parameters) {
  std::size_t count = 1;
  for (const auto& [name, value] : parameters) {
    if (value == "prefer-standby") return {parameters};
    if (name == "host" || name == "hostaddr") count = std::max(count, Split(value).size());
  }
  std::vector<PgParameters> hosts(count);
  for (const auto& [name, value] : parameters) {
    const bool listed = name == "host" || name == "hostaddr" || name == "port";
    const auto items = listed ? Split(value) : std::vector{value};
    if (items.size() != 1 && items.size() != count) return {parameters};
    for (std::size_t i = 0; i < count; ++i) {
      hosts[i].emplace_back(name, items.size() == 1 ? items.front() : items[i]);
    }
  }
  return hosts;
}

void SetDefault(PgParameters& parameters, const char* name, const char* value) {
  const auto named = [&](const auto& parameter) { return parameter.first == name; };
  if (std::ranges::none_of(parameters, named)) parameters.emplace_back(name, value);
}

void Replace(PgParameters& parameters, const char* name, std::string_view value) {
  std::erase_if(parameters, [&](const auto& parameter) { return parameter.first == name; });
  parameters.emplace_back(name, value);
}

}  // namespace

PgValue PgValue::Bytes(std::string_view bytes) { return {kBytea, std::string(bytes)}; }
PgValue PgValue::Text(std::string_view text) { return {kText, std::string(text)}; }
PgValue PgValue::Null() { return {kBytea, std::nullopt}; }

PgValue PgValue::Number(std::int64_t number) {
  std::string data;
  AppendInt64(data, static_cast<std::uint64_t>(number));
  return {kInt8, std::move(data)};
}

PgValue PgValue::BytesArray(std::span<const std::string> items) {
  std::string data = ArrayHeader(kBytea, items.size());
  for (const auto& item : items) {
    AppendInt32(data, static_cast<std::uint32_t>(item.size()));
    data.append(item);
  }
  return {kByteaArray, std::move(data)};
}

PgValue PgValue::NumberArray(std::span<const std::int64_t> items) {
  std::string data = ArrayHeader(kInt8, items.size());
  for (const auto item : items) {
    AppendInt32(data, 8);
    AppendInt64(data, static_cast<std::uint64_t>(item));
  }
  return {kInt8Array, std::move(data)};
}

std::int64_t PgRows::Number(int row, int column) const {
  const auto bytes = Bytes(row, column);
  if (bytes.empty()) return 0;
  // The sign is in the first byte.
  auto number =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<signed char>(bytes[0])));
  for (const char c : bytes.substr(1)) number = number << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(number);
}

std::uint64_t PgRows::affected() const {
  return std::strtoull(PQcmdTuples(result_.get()), nullptr, 10);
}

Result<PgParameters> ParsePgUri(std::string_view uri, std::string_view username,
                                std::string_view password) {
  char* why = nullptr;
  PQconninfoOption* const options = PQconninfoParse(WithoutForeignParameters(uri).c_str(), &why);
  if (options == nullptr) {
    PQfreemem(why);  // It may quote a secret.
    return Error{ErrorCode::kInvalidArgument,
                 "the datastore URI is not one that libpq understands: "
                 "postgres://HOST:PORT/DATABASE?sslmode=..."};
  }
  PgParameters parameters;
  for (const auto* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace_back(option->keyword, option->val);
  }
  PQconninfoFree(options);
  if (!username.empty()) Replace(parameters, "user", username);
  if (!password.empty()) Replace(parameters, "password", password);
  SetDefault(parameters, "application_name", "pemba");
  // A peer that vanished without a word is noticed in half a minute, not in hours.
  SetDefault(parameters, "keepalives_idle", "10");
  SetDefault(parameters, "keepalives_interval", "5");
  SetDefault(parameters, "keepalives_count", "3");
  SetDefault(parameters, "tcp_user_timeout", "20000");
  Replace(parameters, "client_encoding", "UTF8");
  return parameters;
}

// libpq tries the hosts of a list in turn, but asynchronously it gives the first one all the time
// there is: one that is silent would keep us from the others.
Result<std::unique_ptr<PgConnection>> PgConnection::Connect(const PgParameters& parameters,
                                                            SteadyTime deadline) {
  const auto hosts = HostByHost(parameters);
  Error none{ErrorCode::kUnavailable, ""};
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto now = steady_clock::now();
    const auto share = (deadline - now) / static_cast<std::int64_t>(hosts.size() - i);
    auto connection = ConnectTo(hosts[i], now + share);
    if (connection.ok()) return connection;
    none.message += (none.message.empty() ? "" : "; ") + connection.error().message;
  }
  return none;
}

Result<std::unique_ptr<PgConnection>> PgConnection::ConnectTo(const PgParameters& parameters,
                                                              SteadyTime deadline) {
  std::vector<const char*> names, values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* const opened = PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0);
  if (opened == nullptr) return Error{ErrorCode::kUnavailable, "out of memory"};
  std::unique_ptr<PgConnection> connection(new PgConnection(opened));
  // What the server says beside the answers is nobody's standard error.
  PQsetNoticeProcessor(
      opened, [](void*, const char*) {}, nullptr);
  for (auto status = PGRES_POLLING_WRITING; status != PGRES_POLLING_OK;) {
    if (status == PGRES_POLLING_FAILED || PQstatus(opened) == CONNECTION_BAD) {
      return Error{ErrorCode::kUnavailable, Trimmed(PQerrorMessage(opened))};
    }
    PEMBA_TRY(std::ignore,
              connection->Await(status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline));
    status = PQconnectPoll(opened);
  }
  if (PQsetnonblocking(opened, 1) != 0) return connection->Lost("cannot be made non-blocking");
  return connection;
}

Status PgConnection::Await(short events, SteadyTime deadline) {
  pollfd waiting{PQsocket(connection_.get()), events, 0};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    const int ready =
        left <= 0 ? 0 : poll(&waiting, 1, static_cast<int>(std::min<long>(left, 1 << 30)));
    if (ready > 0) return Done{};
    if (ready < 0 && errno == EINTR) continue;
    return Lost("did not answer in time");
  }
}

Status PgConnection::Flush(SteadyTime deadline) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return Done{};
    if (left < 0) return Lost("");
    PEMBA_TRY(std::ignore, Await(POLLIN | POLLOUT, deadline));
    if (PQconsumeInput(connection_.get()) == 0) return Lost("");
  }
}

Result<PGresult*> PgConnection::NextResult(SteadyTime deadline) {
  while (PQisBusy(connection_.get()) != 0) {
    PEMBA_TRY(std::ignore, Flush(deadline));
    PEMBA_TRY(std::ignore, Await(POLLIN, deadline));
    if (PQconsumeInput(connection_.get()) == 0) return Lost("");
  }
  return PQgetResult(connection_.get());
}

Error PgConnection::Lost(std::string_view what) {
  broken_ = true;
  const auto said = Trimmed(PQerrorMessage(connection_.get()));
  return {ErrorCode::kUnavailable,
          "the database " + (what.empty() ? "went away: " + said : std::string(what))};
}

Error PgConnection::Refused(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view code = state == nullptr ? "" : state;
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string message = "the database refuses: " +
                              Trimmed(primary != nullptr ? primary : PQresultErrorMessage(result)) +
                              (code.empty() ? "" : " (" + std::string(code) + ")");
  retry_wanted_ = code == "40001" || code == "40P01";
  if (retry_wanted_ || code == "23505") return {ErrorCode::kConflict, message};
  if (code == "42P01" || code == "42703" || code == "42501" || code == "3F000") {
    return {ErrorCode::kFailedPrecondition, message};
  }
  // Gone, going, full, read-only after a failover, or out of patience: all of them pass.
  constexpr std::array<std::string_view, 6> kPassing = {"08", "53", "57", "58", "25", "55"};
  if (code.empty() || std::ranges::find(kPassing, code.substr(0, 2)) != kPassing.end()) {
    if (code != "55P03" && code != "57014") broken_ = true;
    return {ErrorCode::kUnavailable, message};
  }
  return {ErrorCode::kInternal, message};
}

Status PgConnection::Send(std::span<const PgStatement> statements, SteadyTime deadline) {
  retry_wanted_ = false;
  if (broken_) return Lost("is not connected");
  if (PQenterPipelineMode(connection_.get()) == 0) return Lost("");
  for (const auto& statement : statements) {
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const auto& value : statement.values) {
      types.push_back(value.type());
      values.push_back(value.data() ? value.data()->data() : nullptr);
      lengths.push_back(value.data() ? static_cast<int>(value.data()->size()) : 0);
    }
    const std::vector<int> binary(values.size(), 1);
    if (PQsendQueryParams(connection_.get(), statement.sql.c_str(), static_cast<int>(values.size()),
                          types.data(), values.data(), lengths.data(), binary.data(), 1) == 0) {
      return Lost("");
    }
  }
  if (PQpipelineSync(connection_.get()) == 0) return Lost("");
  pending_ = statements.size();
  return Flush(deadline);
}

Result<std::vector<PgRows>> PgConnection::Collect(SteadyTime deadline) {
  std::vector<PgRows> all;
  std::optional<Error> refused;
  for (; pending_ > 0; --pending_) {
    PEMBA_TRY(PGresult* const result, NextResult(deadline));
    if (result == nullptr) return Lost("");
    PgRows rows(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      all.push_back(std::move(rows));
    } else if (!refused) {
      refused = Refused(result);
      if (broken_) return *std::move(refused);
    }
    PEMBA_TRY(PGresult* const end, NextResult(deadline));
    if (end != nullptr) {
      PQclear(end);
      return Lost("sent more than was asked for");
    }
  }
  PEMBA_TRY(PGresult* const sync, NextResult(deadline));
  const PgRows owner(sync);
  if (sync == nullptr || PQresultStatus(sync) != PGRES_PIPELINE_SYNC) return Lost("");
  if (PQexitPipelineMode(connection_.get()) == 0) return Lost("");
  if (refused) return *std::move(refused);
  return all;
}

Result<std::vector<PgRows>> PgConnection::Run(std::span<const PgStatement> statements,
                                              SteadyTime deadline) {
  PEMBA_TRY(std::ignore, Send(statements, deadline));
  return Collect(deadline);
}

Result<PgRows> PgConnection::Run(const PgStatement& statement, SteadyTime deadline) {
  PEMBA_TRY(auto rows, Run({&statement, 1}, deadline));
  return std::move(rows.front());
}

Status PgConnection::RunScript(const std::string& sql, SteadyTime deadline) {
  retry_wanted_ = false;
  if (broken_) return Lost("is not connected");
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Lost("");
  PEMBA_TRY(std::ignore, Flush(deadline));
  std::optional<Error> refused;
  while (true) {
    PEMBA_TRY(PGresult* const result, NextResult(deadline));
    if (result == nullptr) break;
    const PgRows owner(result);
    const auto status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !refused) {
      refused = Refused(result);
      if (broken_) return *std::move(refused);
    }
  }
  if (refused) return *std::move(refused);
  return Done{};
}

Status PgConnection::CopyOut(const std::string& sql, std::chrono::nanoseconds idle_max,
                             const std::function<Status(std::string_view)>& piece) {
  const auto deadline = [&] {
    return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(idle_max);
  };
  if (broken_) return Lost("is not connected");
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Lost("");
  PEMBA_TRY(std::ignore, Flush(deadline()));
  PEMBA_TRY(PGresult* const begun, NextResult(deadline()));
  const PgRows begun_owner(begun);
  if (begun == nullptr) return Lost("");
  if (PQresultStatus(begun) != PGRES_COPY_OUT) {
    const auto refused = Refused(begun);
    while (!broken_) {
      PEMBA_TRY(PGresult* const more, NextResult(deadline()));
      if (more == nullptr) break;
      PQclear(more);
    }
    return refused;
  }
  while (true) {
    char* buffer = nullptr;
    const int size = PQgetCopyData(connection_.get(), &buffer, /*async=*/1);
    if (size > 0) {
      const auto visited = piece({buffer, static_cast<std::size_t>(size)});
      PQfreemem(buffer);
      if (visited.ok()) continue;
      broken_ = true;  // The rest of the data is still on its way.
      return visited;
    }
    if (size == -1) break;
    if (size == -2) return Lost("");
    PEMBA_TRY(std::ignore, Await(POLLIN, deadline()));
    if (PQconsumeInput(connection_.get()) == 0) return Lost("");
  }
  Status outcome = Done{};
  while (true) {
    PEMBA_TRY(PGresult* const end, NextResult(deadline()));
    if (end == nullptr) return outcome;
    const PgRows owner(end);
    if (PQresultStatus(end) != PGRES_COMMAND_OK) outcome = Refused(end);
    if (broken_) return outcome;
  }
}

Result<std::vector<PgNotice>> PgConnection::AwaitNotices(SteadyTime deadline, int wake) {
  std::vector<PgNotice> notices;
  if (broken_) return Lost("is not connected");
  while (true) {
    if (PQconsumeInput(connection_.get()) == 0) return Lost("");
    while (PGnotify* const notify = PQnotifies(connection_.get())) {
      notices.push_back({notify->relname, notify->extra});
      PQfreemem(notify);
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (!notices.empty() || left <= 0) return notices;
    pollfd waiting[2] = {{PQsocket(connection_.get()), POLLIN, 0}, {wake, POLLIN, 0}};
    const int ready = poll(waiting, 2, static_cast<int>(std::min<long>(left, 1 << 30)));
    if (ready < 0 && errno != EINTR) return Lost("cannot be waited for");
    if (ready > 0 && waiting[1].revents != 0) return notices;
  }
}

std::string PgLiteral(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string literal = "'\\x";
  for (const char c : bytes) {
    literal.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    literal.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return literal + "'::bytea";
}

}  // namespace pemba::storage::internal
