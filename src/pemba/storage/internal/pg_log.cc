#include "pemba/storage/internal/pg_log.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/pg_access.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage::internal {
namespace {

using std::chrono::steady_clock;

// Chunks start small, for those who look at a page, and grow up to about this size.
constexpr std::size_t kChunkRowsMin = 64;
constexpr std::size_t kChunkRowsMax = 8192;
constexpr std::size_t kChunkBytes = std::size_t{8} << 20;

// Rows that come with the lock: more than a follower that keeps up is ever behind.
constexpr std::size_t kTailRows = 256;

// A holder of the lock that is silent for so long loses it.
constexpr const char* kSilenceMax = "5s";

std::size_t BytesOf(const PgRows& rows) {
  std::size_t bytes = 1;
  for (int i = 0; i < rows.count(); ++i) bytes += rows.Bytes(i, 1).size();
  return bytes;
}

// Of one key the last change stays; one statement may not touch a row twice.
void AddRecordChanges(const StoreId& store, std::span<const Write> writes,
                      std::vector<PgStatement>& statements) {
  std::map<std::string_view, std::pair<std::optional<std::string_view>, Revision>> last;
  for (const auto& write : writes) {
    for (const auto& change : write.records) last[change.key] = {change.value, write.revision};
  }
  std::vector<std::string> kept, bodies, removed;
  for (const auto& [key, change] : last) {
    if (!change.first) {
      removed.emplace_back(key);
      continue;
    }
    kept.emplace_back(key);
    bodies.push_back(
        Seal(RecordKey(store.value, key), EncodeRecord({key, *change.first, change.second})));
  }
  if (!kept.empty()) {
    statements.push_back(
        {"INSERT INTO pemba_record (store, key, body) "
         "SELECT $1, k, b FROM unnest($2::bytea[], $3::bytea[]) AS w(k, b) "
         "ON CONFLICT (store, key) DO UPDATE SET body = excluded.body",
         {PgValue::Bytes(store.value), PgValue::BytesArray(kept), PgValue::BytesArray(bodies)}});
  }
  if (!removed.empty()) {
    statements.push_back({"DELETE FROM pemba_record WHERE store = $1 AND key = ANY ($2)",
                          {PgValue::Bytes(store.value), PgValue::BytesArray(removed)}});
  }
}

class PgLockedLog final : public LockedLog {
 public:
  PgLockedLog(PgPool& pool, PgPool::Loan loan, const StoreId& store, LogHead head, PgRows tail,
              Revision known, std::chrono::nanoseconds patience, const Announce& announce)
      : pool_(pool),
        loan_(std::move(loan)),
        store_(store),
        head_(std::move(head)),
        tail_(std::move(tail)),
        known_(known),
        patience_(patience),
        announce_(announce) {}

  ~PgLockedLog() override {
    if (!loan_->broken() && !loan_->idle()) (void)loan_->RunScript("ROLLBACK", In(patience_));
  }

  const LogHead& head() const override { return head_; }

  Status ReadWrites(Revision after, const std::function<Visit(const Write&)>& visit) override {
    PgLogReader reader(store_, after, visit, PgLogReader::Reader::kFollows);
    if (after == known_) {
      PEMBA_TRY(std::ignore, reader.Visit(tail_));
      if (reader.stopped() || reader.after() >= head_.revision) return Done{};
    }
    const auto read = reader.Read(*loan_.operator->(), patience_);
    const bool told = read.ok() || read.error().code == ErrorCode::kDataLoss ||
                      read.error().code == ErrorCode::kInvalidArgument;
    if (told) return read;
    pool_.Failed(*loan_.operator->(), read.error());
    return Error{ErrorCode::kUnavailable, "the database cannot be reached"};
  }

  Status Commit(std::span<const Write> writes, const ModelRecord* model) override {
    if (writes.empty()) return Done{};
    std::vector<std::int64_t> revisions, times, counts;
    std::vector<std::string> records;
    for (const auto& write : writes) {
      revisions.push_back(static_cast<std::int64_t>(write.revision));
      times.push_back(
          std::chrono::floor<std::chrono::milliseconds>(write.time.time_since_epoch()).count());
      counts.push_back(static_cast<std::int64_t>(write.changes.size()));
      records.push_back(Seal(WriteKey(store_.value, write.revision), EncodeWrite(write)));
    }
    std::vector<PgStatement> statements = {
        {"INSERT INTO pemba_log (store, revision, time_ms, changes, record) "
         "SELECT $1, r, t, c, b FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], "
         "$5::bytea[]) AS w(r, t, c, b)",
         {PgValue::Bytes(store_.value), PgValue::NumberArray(revisions),
          PgValue::NumberArray(times), PgValue::NumberArray(counts), PgValue::BytesArray(records)}},
        {"UPDATE pemba_head SET revision = $2 WHERE store = $1",
         {PgValue::Bytes(store_.value), PgValue::Number(revisions.back())}}};
    AddRecordChanges(store_, writes, statements);
    if (model != nullptr) AddModel(*model, statements);
    statements.push_back({"COMMIT"});
    const auto committed = loan_->Run(statements, In(patience_));
    if (!committed.ok()) return NotCommitted(committed.error());
    announce_(store_);
    return Done{};
  }

 private:
  void AddModel(const ModelRecord& model, std::vector<PgStatement>& statements) const {
    const auto key = ModelKey(KeyKind::kModel, store_.value, model.id.value);
    statements.push_back({"INSERT INTO pemba_model (store, id, body) VALUES ($1, $2, $3)",
                          {PgValue::Bytes(store_.value), PgValue::Bytes(model.id.value),
                           PgValue::Bytes(Seal(key, model.text))}});
    statements.push_back({"UPDATE pemba_head SET latest_model = $2 WHERE store = $1",
                          {PgValue::Bytes(store_.value), PgValue::Bytes(model.id.value)}});
  }

  // What the database said is the operator's.
  Error NotCommitted(const Error& error) {
    pool_.Failed(*loan_.operator->(), error);
    if (!loan_->broken()) {
      const bool again = error.code == ErrorCode::kConflict;
      return {again ? ErrorCode::kConflict : ErrorCode::kUnavailable,
              "the database refused a write"};
    }
    return {ErrorCode::kUnavailable,
            "the database went away; it is not known whether the write was made"};
  }

  PgPool& pool_;
  PgPool::Loan loan_;
  const StoreId store_;
  const LogHead head_;
  const PgRows tail_;  // The log after known_.
  const Revision known_;
  const std::chrono::nanoseconds patience_;
  const Announce announce_;
};

struct Locked {
  bool exists = false;
  LogHead head;
  PgRows tail;
};

// The isolation level is named because a database may have another default: the log must be read
// as of after the lock was granted.
Result<Locked> TryLock(PgConnection& connection, const StoreId& store, Revision known,
                       SteadyTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
  const std::array<PgStatement, 5> statements = {
      PgStatement{"BEGIN ISOLATION LEVEL READ COMMITTED"},
      PgStatement{fmt::format("SET LOCAL lock_timeout = {}", std::max<long>(left.count(), 1))},
      PgStatement{fmt::format("SET LOCAL idle_in_transaction_session_timeout = '{}'", kSilenceMax)},
      PgStatement{"SELECT revision, latest_model FROM pemba_head WHERE store = $1 FOR UPDATE",
                  {PgValue::Bytes(store.value)}},
      PgLogReader::Select(store, known, kTailRows)};
  // The answer to a lock that comes too late takes a moment to arrive.
  PEMBA_TRY(auto rows, connection.Run(statements, deadline + std::chrono::seconds(1)));
  Locked locked;
  if (rows[3].count() == 0) return locked;
  locked.exists = true;
  locked.head.revision = static_cast<Revision>(rows[3].Number(0, 0));
  if (!rows[3].IsNull(0, 1)) locked.head.latest_model = rows[3].Bytes(0, 1);
  locked.tail = std::move(rows[4]);
  return locked;
}

// Of a store that nobody has appended to yet.
Status MakeHead(PgConnection& connection, const StoreId& store, SteadyTime deadline) {
  PEMBA_TRY(std::ignore, connection.RunScript("ROLLBACK", deadline));
  PEMBA_TRY(std::ignore, connection.Run({"INSERT INTO pemba_head (store, revision) VALUES ($1, 0) "
                                         "ON CONFLICT (store) DO NOTHING",
                                         {PgValue::Bytes(store.value)}},
                                        deadline));
  return Done{};
}

}  // namespace

PgStatement PgLogReader::Select(const StoreId& store, Revision after, std::size_t rows_max,
                                Revision last) {
  return {
      "SELECT revision, record, "
      "coalesce((SELECT revision FROM pemba_horizon WHERE store = $1), 0), "
      "coalesce((SELECT rows_left FROM pemba_horizon WHERE store = $1), 0) "
      "FROM pemba_log WHERE store = $1 AND revision > $2 AND revision <= $4 "
      "ORDER BY revision LIMIT $3",
      {PgValue::Bytes(store.value), PgValue::Number(static_cast<std::int64_t>(after)),
       PgValue::Number(static_cast<std::int64_t>(rows_max)),
       PgValue::Number(static_cast<std::int64_t>(last))}};
}

// Rows and horizon of a chunk are of one snapshot.
Status PgLogReader::Meet(const Horizon& now) {
  if (now == horizon_) return Done{};
  if (!loads_ && begin_ < now.revision) return LogTrimmed(store_.value, now.revision);
  if (loads_ && after_ > 0) {
    if (after_ >= now.revision) return Done{};  // All of that was read as it had been.
    return Error{ErrorCode::kUnavailable, "store '" + store_.value +
                                              "': the log was trimmed while it was read; a retry "
                                              "will read it as it is now"};
  }
  horizon_ = now;
  return Done{};
}

// Nothing is missing beyond the horizon, and up to there no more than trimming took away.
Status PgLogReader::Follows(Revision revision) {
  if (revision <= horizon_.revision && revision > after_) {
    ++trimmed_rows_;
    return Done{};
  }
  const bool leaves = begin_ < horizon_.revision && after_ <= horizon_.revision;
  if (leaves && trimmed_rows_ != horizon_.rows_left) {
    return CorruptWrite(store_.value, horizon_.revision, "a row up to there is missing");
  }
  const Revision next = std::max(after_, horizon_.revision) + 1;
  if (revision == next) return Done{};
  return CorruptWrite(store_.value, next, "it is missing");
}

Status PgLogReader::Visit(const PgRows& rows) {
  for (int i = 0; i < rows.count() && !stopped_; ++i) {
    PEMBA_TRY(std::ignore, Meet({static_cast<Revision>(rows.Number(i, 2)),
                                 static_cast<std::uint64_t>(rows.Number(i, 3))}));
    const auto revision = static_cast<Revision>(rows.Number(i, 0));
    PEMBA_TRY(std::ignore, Follows(revision));
    const auto body = Unseal(WriteKey(store_.value, revision), rows.Bytes(i, 1));
    if (!body.ok()) return CorruptWrite(store_.value, revision, body.error().message);
    auto write = DecodeWrite(*body, parts_);
    if (!write.ok()) return CorruptWrite(store_.value, revision, write.error().message);
    write->revision = revision;
    after_ = revision;
    stopped_ = visit_(*write) == storage::Visit::kStop;
  }
  return Done{};
}

Status PgLogReader::Read(PgConnection& connection, std::chrono::nanoseconds patience,
                         Revision last) {
  std::size_t rows_max = kChunkRowsMin;
  PEMBA_TRY(auto rows, connection.Run(Select(store_, after_, rows_max, last), In(patience)));
  while (true) {
    const bool more = static_cast<std::size_t>(rows.count()) == rows_max;
    if (more) {
      const std::size_t fitting =
          kChunkBytes * static_cast<std::size_t>(rows.count()) / BytesOf(rows);
      rows_max = std::clamp(std::min(rows_max * 4, fitting), kChunkRowsMin, kChunkRowsMax);
      const auto read = static_cast<Revision>(rows.Number(rows.count() - 1, 0));
      const PgStatement next = Select(store_, read, rows_max, last);
      PEMBA_TRY(std::ignore, connection.Send({&next, 1}, In(patience)));
    }
    const auto visited = Visit(rows);
    if (more) {
      PEMBA_TRY(auto chunk, connection.Collect(In(patience)));
      rows = std::move(chunk.front());
    }
    PEMBA_TRY(std::ignore, visited);
    if (!more || stopped_) return Done{};
  }
}

Result<std::unique_ptr<LockedLog>> LockPgLog(PgPool& pool, const StoreId& store, Revision known,
                                             SteadyTime deadline, std::chrono::nanoseconds patience,
                                             const Announce& announce) {
  PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
  while (true) {
    PEMBA_TRY(auto loan, pool.Borrow(deadline));
    auto locked = TryLock(*loan.operator->(), store, known, deadline);
    if (locked.ok() && locked->exists) {
      return std::unique_ptr<LockedLog>(
          std::make_unique<PgLockedLog>(pool, std::move(loan), store, std::move(locked->head),
                                        std::move(locked->tail), known, patience, announce));
    }
    const Status made =
        locked.ok() ? MakeHead(*loan.operator->(), store, deadline) : Status(locked.error());
    if (made.ok()) continue;
    pool.Failed(*loan.operator->(), made.error());
    const bool again = (loan->broken() && !loan.fresh()) || loan->retry_wanted();
    if (!again || steady_clock::now() >= deadline) return made.error();
  }
}

}  // namespace pemba::storage::internal
