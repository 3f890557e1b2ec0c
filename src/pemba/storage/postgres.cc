#include "pemba/storage/postgres.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/pg_access.h"
#include "pemba/storage/internal/pg_append_queue.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_feed.h"
#include "pemba/storage/internal/pg_log.h"
#include "pemba/storage/internal/pg_pool.h"
#include "pemba/storage/internal/pg_record_reader.h"
#include "pemba/storage/internal/pg_schema.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage {
namespace {

using internal::CheckId;
using internal::In;
using internal::KeyKind;
using internal::PgConnection;
using internal::PgPool;
using internal::PgRows;
using internal::PgStatement;
using internal::PgValue;
using std::chrono::steady_clock;

std::int64_t Milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime TimeFrom(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

// What the database said is the operator's; the caller hears what it means.
Error ForCallers(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
      return {error.code, "the database cannot be reached"};
    case ErrorCode::kInternal:
    case ErrorCode::kFailedPrecondition:
      return {ErrorCode::kInternal, "the database refused a request"};
    default:
      return error;
  }
}

StoreRecord StoreFrom(const PgRows& rows, int row) {
  StoreRecord record{{std::string(rows.Bytes(row, 0))},
                     std::string(rows.Bytes(row, 1)),
                     TimeFrom(rows.Number(row, 2)),
                     TimeFrom(rows.Number(row, 3))};
  if (!rows.IsNull(row, 4)) record.deleted_at = TimeFrom(rows.Number(row, 4));
  return record;
}

internal::PgPoolOptions PoolOptions(const PostgresOptions& options,
                                    internal::PgParameters parameters) {
  return {.parameters = std::move(parameters),
          // Who holds the end of a log may read beside it.
          .open_max = std::max<std::size_t>(options.connections_max, 2),
          .idle_max = options.idle_connections_max,
          .idle_time_max = options.idle_time_max,
          .lifetime_max = options.lifetime_max,
          .connect_timeout = options.connect_timeout,
          .report = options.report};
}

internal::PgFeedOptions FeedOptions(const PostgresOptions& options,
                                    internal::PgParameters parameters) {
  return {.parameters = std::move(parameters),
          .connect_timeout = options.connect_timeout,
          .poll_announced = options.poll_announced,
          .poll_unannounced = options.poll_unannounced};
}

class PostgresDatastore final : public Datastore, private SharedLogs {
 public:
  PostgresDatastore(const PostgresOptions& options, internal::PgParameters primary,
                    std::optional<internal::PgParameters> secondary)
      : options_(options),
        primary_(PoolOptions(options, primary)),
        feed_(FeedOptions(options, primary), primary_),
        appends_([this](const StoreId& store) { return Lock(store, 0, Deadline()); }) {
    if (secondary) secondary_.emplace(PoolOptions(options, *std::move(secondary)));
  }

  Status ReadSecret() {
    PEMBA_TRY(const auto rows, OnPrimary({"SELECT secret FROM pemba_schema WHERE id = 1"}));
    if (rows.count() != 1) return Error{ErrorCode::kDataLoss, "the database has lost its secret"};
    secret_ = rows.Bytes(0, 0);
    return Done{};
  }

  std::string_view secret() const override { return secret_; }
  Status Health() const override { return primary_.health(); }
  SharedLogs* shared() override { return this; }

  Status CreateStore(const StoreRecord& record) override {
    PEMBA_TRY(std::ignore, CheckId(record.id.value, "store"));
    return Insert({"INSERT INTO pemba_store (id, name, created_ms, updated_ms) "
                   "VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
                   {PgValue::Bytes(record.id.value), PgValue::Bytes(record.name),
                    PgValue::Number(Milliseconds(record.created_at)),
                    PgValue::Number(Milliseconds(record.updated_at))}},
                  "store");
  }

  Result<StoreRecord> GetStore(const StoreId& id) const override {
    PEMBA_TRY(const auto rows, Ask({"SELECT id, name, created_ms, updated_ms, deleted_ms "
                                    "FROM pemba_store WHERE id = $1 AND deleted_ms IS NULL",
                                    {PgValue::Bytes(id.value)}}));
    if (rows.count() == 0) return internal::StoreNotFound();
    return StoreFrom(rows, 0);
  }

  Result<std::vector<StoreRecord>> ListStores(const StoreQuery& query) const override {
    PgStatement statement{
        "SELECT id, name, created_ms, updated_ms, deleted_ms FROM pemba_store "
        "WHERE id > $1 AND deleted_ms IS NULL",
        {PgValue::Bytes(query.after), PgValue::Number(static_cast<std::int64_t>(query.count_max))}};
    if (query.name) {
      statement.sql += " AND name = $3";
      statement.values.push_back(PgValue::Bytes(*query.name));
    }
    statement.sql += " ORDER BY id LIMIT $2";
    PEMBA_TRY(const auto rows, Ask(statement));
    std::vector<StoreRecord> records;
    for (int i = 0; i < rows.count(); ++i) records.push_back(StoreFrom(rows, i));
    return records;
  }

  Status DeleteStore(const StoreId& id, WallTime now) override {
    return Execute({"UPDATE pemba_store SET deleted_ms = $2 WHERE id = $1 AND deleted_ms IS NULL",
                    {PgValue::Bytes(id.value), PgValue::Number(Milliseconds(now))}});
  }

  // The head names the greatest model, so that followers hear of a new one as of new tuples.
  Status WriteModel(const StoreId& store, const ModelRecord& model) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.id.value, "model"));
    const auto key = internal::ModelKey(KeyKind::kModel, store.value, model.id.value);
    const std::array<PgStatement, 2> statements = {
        PgStatement{"INSERT INTO pemba_model (store, id, body) VALUES ($1, $2, $3)",
                    {PgValue::Bytes(store.value), PgValue::Bytes(model.id.value),
                     PgValue::Bytes(internal::Seal(key, model.text))}},
        PgStatement{"INSERT INTO pemba_head AS h (store, revision, latest_model) "
                    "VALUES ($1, 0, $2) ON CONFLICT (store) DO UPDATE SET latest_model = "
                    "CASE WHEN h.latest_model IS NULL OR h.latest_model < excluded.latest_model "
                    "THEN excluded.latest_model ELSE h.latest_model END",
                    {PgValue::Bytes(store.value), PgValue::Bytes(model.id.value)}}};
    const auto written =
        Once([&](PgConnection& connection) { return connection.Run(statements, Deadline()); });
    if (!written.ok()) {
      if (written.error().code != ErrorCode::kConflict) return written.error();
      return Error{ErrorCode::kConflict, "model id is taken"};
    }
    feed_.Announce(store);
    return Done{};
  }

  Result<ModelRecord> ReadModel(const StoreId& store, const ModelId& id) const override {
    PEMBA_TRY(const auto rows, Ask({"SELECT id, body FROM pemba_model WHERE store = $1 AND id = $2",
                                    {PgValue::Bytes(store.value), PgValue::Bytes(id.value)}}));
    if (rows.count() == 0) return internal::ModelNotFound(id.value);
    return ModelFrom(store, rows, 0);
  }

  Result<ModelRecord> ReadLatestModel(const StoreId& store) const override {
    PEMBA_TRY(auto models, ListModels(store, {.count_max = 1}));
    if (models.empty()) return internal::LatestModelNotFound(store.value);
    return std::move(models.front());
  }

  Result<std::vector<ModelRecord>> ListModels(const StoreId& store,
                                              const ModelQuery& query) const override {
    PgStatement statement{
        "SELECT id, body FROM pemba_model WHERE store = $1",
        {PgValue::Bytes(store.value), PgValue::Number(static_cast<std::int64_t>(query.count_max))}};
    if (!query.before.empty()) {
      statement.sql += " AND id < $3";
      statement.values.push_back(PgValue::Bytes(query.before));
    }
    statement.sql += " ORDER BY id DESC LIMIT $2";
    PEMBA_TRY(const auto rows, Ask(statement));
    std::vector<ModelRecord> records;
    for (int i = 0; i < rows.count(); ++i) {
      PEMBA_TRY(auto record, ModelFrom(store, rows, i));
      records.push_back(std::move(record));
    }
    return records;
  }

  Status WriteAssertions(const StoreId& store, const ModelId& model,
                         std::string_view text) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.value, "model"));
    const auto key = internal::ModelKey(KeyKind::kAssertions, store.value, model.value);
    return Execute(
        {"INSERT INTO pemba_assertions (store, model, body) VALUES ($1, $2, $3) "
         "ON CONFLICT (store, model) DO UPDATE SET body = excluded.body",
         {PgValue::Bytes(store.value), PgValue::Bytes(model.value),
          PgValue::Bytes(internal::Seal(key, text))}});
  }

  Result<std::optional<std::string>> ReadAssertions(const StoreId& store,
                                                    const ModelId& model) const override {
    PEMBA_TRY(const auto rows,
              Ask({"SELECT body FROM pemba_assertions WHERE store = $1 AND model = $2",
                   {PgValue::Bytes(store.value), PgValue::Bytes(model.value)}}));
    if (rows.count() == 0) return std::optional<std::string>();
    const auto key = internal::ModelKey(KeyKind::kAssertions, store.value, model.value);
    const auto body = internal::Unseal(key, rows.Bytes(0, 0));
    if (!body.ok()) {
      return Corrupt(
          fmt::format("store '{}': the assertions of model '{}'", store.value, model.value));
    }
    return std::optional<std::string>(*body);
  }

  std::unique_ptr<AppendTicket> Append(const StoreId& store, const Write& write) override {
    return appends_.Enqueue(store, write);
  }

  Result<Revision> Head(const StoreId& store) const override {
    PEMBA_TRY(const auto rows, Ask({"SELECT revision FROM pemba_head WHERE store = $1",
                                    {PgValue::Bytes(store.value)}}));
    return rows.count() == 0 ? 0 : static_cast<Revision>(rows.Number(0, 0));
  }

  // What the replica has, then the rest from the primary. Without a primary the replica's will do.
  Status ReadWrites(const StoreId& store, Revision after,
                    const std::function<Visit(const Write&)>& visit) const override {
    internal::PgLogReader reader(store, after, visit);
    Status replica = Error{ErrorCode::kUnavailable, ""};
    if (const Revision shared = secondary_ ? ReplicatedTo(store, after) : 0; shared > after) {
      replica = secondary_->Try(Deadline(), [&](PgConnection& connection) {
        return reader.Read(connection, options_.statement_timeout, shared);
      });
      if (reader.stopped()) return replica;
    }
    const Status rest = primary_.Try(Deadline(), [&](PgConnection& connection) {
      return reader.Read(connection, options_.statement_timeout);
    });
    if (rest.ok() || (replica.ok() && rest.error().code == ErrorCode::kUnavailable)) return Done{};
    if (rest.error().code == ErrorCode::kDataLoss) Report(rest.error().message);
    return ForCallers(rest.error());
  }

  Result<Revision> Horizon(const StoreId& store) const override {
    PEMBA_TRY(const auto rows, Ask({"SELECT revision FROM pemba_horizon WHERE store = $1",
                                    {PgValue::Bytes(store.value)}}));
    return rows.count() == 0 ? 0 : static_cast<Revision>(rows.Number(0, 0));
  }

  Result<Revision> LastRevisionBefore(const StoreId& store, WallTime time) const override {
    PEMBA_TRY(const auto rows,
              Ask({"SELECT revision FROM pemba_log WHERE store = $1 AND time_ms < $2 "
                   "ORDER BY time_ms DESC, revision DESC LIMIT 1",
                   {PgValue::Bytes(store.value), PgValue::Number(Milliseconds(time))}}));
    return rows.count() == 0 ? 0 : static_cast<Revision>(rows.Number(0, 0));
  }

  // In one snapshot with the revision, piece by piece.
  Result<Revision> ReadRecords(const StoreId& store, std::string_view prefix,
                               const std::function<Visit(const Record&)>& visit) const override {
    auto loan = primary_.Borrow(Deadline());
    if (!loan.ok()) return ForCallers(loan.error());
    internal::PgRecordReader reader(store, prefix, visit);
    auto read = reader.Read(*loan->operator->(), options_.statement_timeout);
    if (!read.ok() && (*loan)->broken() && !loan->fresh() && reader.untouched()) {
      primary_.Failed(*loan->operator->(), read.error());
      return ReadRecords(store, prefix, visit);
    }
    if (read.ok()) return read;
    primary_.Failed(*loan->operator->(), read.error());
    if (read.error().code == ErrorCode::kDataLoss) Report(read.error().message);
    return ForCallers(read.error());
  }

  Status Backup(const std::filesystem::path&) override {
    return Error{ErrorCode::kUnimplemented,
                 "PostgreSQL has backups of its own: pg_dump, pg_basebackup, or your provider's"};
  }

 private:
  Result<std::unique_ptr<LockedLog>> Lock(const StoreId& store, Revision known,
                                          SteadyTime deadline) override {
    auto locked =
        internal::LockPgLog(primary_, store, known, deadline, options_.statement_timeout,
                            [this](const StoreId& appended) { feed_.Announce(appended); });
    if (locked.ok()) return locked;
    return ForCallers(locked.error());
  }

  Result<std::vector<LogHead>> Heads(std::span<const StoreId> stores,
                                     SteadyTime deadline) const override {
    std::vector<std::string> ids;
    for (const auto& store : stores) ids.push_back(store.value);
    const PgStatement statement{
        "SELECT w.n, h.revision, h.latest_model FROM pemba_head AS h, "
        "unnest($1::bytea[]) WITH ORDINALITY AS w(id, n) WHERE h.store = w.id",
        {PgValue::BytesArray(ids)}};
    const auto rows = primary_.Try(
        deadline, [&](PgConnection& connection) { return connection.Run(statement, deadline); });
    if (!rows.ok()) return ForCallers(rows.error());
    std::vector<LogHead> heads(stores.size());
    for (int i = 0; i < rows->count(); ++i) {
      auto& head = heads.at(static_cast<std::size_t>(rows->Number(i, 0)) - 1);
      head.revision = static_cast<Revision>(rows->Number(i, 1));
      if (!rows->IsNull(i, 2)) head.latest_model = rows->Bytes(i, 2);
    }
    return heads;
  }

  Status ReadTail(const StoreId& store, Revision after,
                  const std::function<Visit(const Write&)>& visit) const override {
    internal::PgLogReader reader(store, after, visit, internal::PgLogReader::Reader::kFollows);
    const auto read = primary_.Try(Deadline(), [&](PgConnection& connection) {
      return reader.Read(connection, options_.statement_timeout);
    });
    if (read.ok()) return read;
    if (read.error().code == ErrorCode::kDataLoss) Report(read.error().message);
    return ForCallers(read.error());
  }

  News AwaitNews() override { return feed_.AwaitNews(); }
  void EndWait() override { feed_.EndWait(); }

  SteadyTime Deadline() const { return In(options_.statement_timeout); }

  Result<PgRows> OnPrimary(const PgStatement& statement) const {
    auto rows = primary_.Try(Deadline(), [&](PgConnection& connection) {
      return connection.Run(statement, Deadline());
    });
    if (rows.ok()) return rows;
    return ForCallers(rows.error());
  }

  // Up to which revision the replica's log may be read for the primary's; 0: not at all. It is the
  // same log if its last row is the primary's, too. It is not if the replica was promoted, or the
  // primary was put back to an earlier time; nor for the moment in which a replica shows a commit
  // that the primary has yet to confirm. Without a primary the replica is believed.
  Revision ReplicatedTo(const StoreId& store, Revision after) const {
    const auto record_at = [&](PgPool& pool, const PgStatement& statement) {
      return pool.Try(Deadline(), [&](PgConnection& connection) {
        return connection.Run(statement, Deadline());
      });
    };
    const auto end = record_at(
        *secondary_,
        {"SELECT revision, record FROM pemba_log WHERE store = $1 AND revision > $2 "
         "ORDER BY revision DESC LIMIT 1",
         {PgValue::Bytes(store.value), PgValue::Number(static_cast<std::int64_t>(after))}});
    if (!end.ok() || end->count() == 0) return 0;
    const auto own =
        record_at(primary_, {"SELECT record FROM pemba_log WHERE store = $1 AND revision = $2",
                             {PgValue::Bytes(store.value), PgValue::Number(end->Number(0, 0))}});
    const bool same = !own.ok() || (own->count() == 1 && own->Bytes(0, 0) == end->Bytes(0, 1));
    return same ? static_cast<Revision>(end->Number(0, 0)) : 0;
  }

  // On the replica if the primary cannot be reached.
  Result<PgRows> Ask(const PgStatement& statement) const {
    auto rows = OnPrimary(statement);
    if (rows.ok() || !secondary_ || rows.error().code != ErrorCode::kUnavailable) return rows;
    auto replica = secondary_->Try(Deadline(), [&](PgConnection& connection) {
      return connection.Run(statement, Deadline());
    });
    if (replica.ok()) return replica;
    return rows;
  }

  // For what must not be done twice: a connection that may have gone stale is tried first.
  template <class Ask>
  auto Once(Ask&& ask) -> decltype(ask(std::declval<PgConnection&>())) {
    while (true) {
      auto loan = primary_.Borrow(Deadline());
      if (!loan.ok()) return ForCallers(loan.error());
      if (!loan->fresh()) {
        const auto alive = (*loan)->Run(PgStatement{"SELECT 1"}, Deadline());
        if (!alive.ok()) {
          primary_.Failed(*loan->operator->(), alive.error());
          continue;
        }
      }
      auto answer = ask(*loan->operator->());
      if (answer.ok()) return answer;
      primary_.Failed(*loan->operator->(), answer.error());
      return ForCallers(answer.error());
    }
  }

  Status Execute(const PgStatement& statement) {
    PEMBA_TRY(std::ignore, OnPrimary(statement));
    return Done{};
  }

  Status Insert(const PgStatement& statement, const char* what) {
    PEMBA_TRY(const auto inserted, Once([&](PgConnection& connection) {
                return connection.Run(statement, Deadline());
              }));
    if (inserted.affected() == 1) return Done{};
    return Error{ErrorCode::kConflict, std::string(what) + " id is taken"};
  }

  Result<ModelRecord> ModelFrom(const StoreId& store, const PgRows& rows, int row) const {
    const std::string id(rows.Bytes(row, 0));
    const auto body =
        internal::Unseal(internal::ModelKey(KeyKind::kModel, store.value, id), rows.Bytes(row, 1));
    if (!body.ok()) return Corrupt(fmt::format("store '{}': model '{}'", store.value, id));
    return ModelRecord{{id}, std::string(*body)};
  }

  Error Corrupt(const std::string& name) const {
    Report(name + " is corrupt");
    return {ErrorCode::kDataLoss, name + " is corrupt"};
  }

  void Report(std::string_view line) const {
    if (options_.report) options_.report(line);
  }

  const PostgresOptions options_;
  mutable PgPool primary_;
  mutable std::optional<PgPool> secondary_;
  internal::PgFeed feed_;
  internal::PgAppendQueue appends_;
  std::string secret_;
};

}  // namespace

Result<std::unique_ptr<Datastore>> OpenPostgresDatastore(const PostgresOptions& options) {
  PEMBA_TRY(auto primary, internal::ParsePgAddress(options.primary));
  std::optional<internal::PgParameters> secondary;
  if (!options.secondary.uri.empty()) {
    PEMBA_TRY(secondary, internal::ParsePgAddress(options.secondary));
  }
  {
    PEMBA_TRY(const auto connection, internal::ConnectPatiently(options, primary));
    PEMBA_TRY(const auto schema,
              internal::ReadPgSchema(*connection, In(options.statement_timeout)));
    PEMBA_TRY(std::ignore, internal::CheckPgSchema(schema));
  }
  auto datastore =
      std::make_unique<PostgresDatastore>(options, std::move(primary), std::move(secondary));
  PEMBA_TRY(std::ignore, datastore->ReadSecret());
  return std::unique_ptr<Datastore>(std::move(datastore));
}

}  // namespace pemba::storage
