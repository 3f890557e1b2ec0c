// Trimming: forgetting how old tuples came to be.
//
// The log is read backwards from the horizon on. The last change of a tuple up to there tells
// whether it was stored at the horizon: if it is a write, it stays; everything before it about the
// same tuple, and every delete, goes. Rows that keep nothing go as a whole.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/digest_set.h"
#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/pg_access.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_schema.h"
#include "pemba/storage/internal/records.h"
#include "pemba/storage/postgres.h"

namespace pemba::storage {
namespace {

using internal::In;
using internal::PgConnection;
using internal::PgRows;
using internal::PgStatement;
using internal::PgValue;

constexpr std::size_t kRowsMin = 64, kRowsMax = 8192;
constexpr std::size_t kChunkBytes = std::size_t{8} << 20;
// Programs of this schema version on know what a trimmed log is.
constexpr int kKnowsTrimmedLogs = 2;

std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }

// No two tuples have the same: each part but the last is preceded by its length.
std::string KeyOf(const tuple::TupleView& t) {
  return fmt::format("{}:{}{}:{}{}", t.object.size(), t.object, t.relation.size(), t.relation,
                     t.subject);
}

// One log, within one transaction: whoever reads sees all of it trimmed, or none.
class Trimmer {
 public:
  Trimmer(PgConnection& connection, const StoreId& store, std::chrono::nanoseconds patience)
      : connection_(connection), store_(store), patience_(patience) {}

  // Nothing: there is nothing to trim.
  Result<std::optional<TrimmedLog>> Trim(const PostgresTrim& trim) {
    PEMBA_TRY(std::ignore,
              connection_.RunScript("BEGIN ISOLATION LEVEL READ COMMITTED", In(patience_)));
    auto trimmed = TrimUpTo(trim);
    const bool keep = trimmed.ok() && *trimmed && trim.effect == PostgresTrim::Effect::kTrim;
    const auto ended = connection_.RunScript(keep ? "COMMIT" : "ROLLBACK", In(patience_));
    if (!trimmed.ok()) return trimmed;
    PEMBA_TRY(std::ignore, ended);
    return trimmed;
  }

 private:
  Result<std::optional<TrimmedLog>> TrimUpTo(const PostgresTrim& trim) {
    PEMBA_TRY(const auto horizon, NewHorizon(trim.before));
    if (horizon == 0) return std::optional<TrimmedLog>();
    trimmed_.store = store_;
    trimmed_.horizon = horizon;
    PEMBA_TRY(std::ignore, VisitBackwards());
    if (trimmed_.changes_removed == 0 && trimmed_.rows_removed == 0) {
      return std::optional<TrimmedLog>();
    }
    const std::array<PgStatement, 2> statements = {
        PgStatement{"UPDATE pemba_horizon SET revision = $2, rows_left = $3 WHERE store = $1",
                    {PgValue::Bytes(store_.value), PgValue::Number(Signed(horizon)),
                     PgValue::Number(Signed(trimmed_.rows_left))}},
        PgStatement{fmt::format("UPDATE pemba_schema SET compatible_from = {0} "
                                "WHERE id = 1 AND compatible_from < {0}",
                                kKnowsTrimmedLogs)}};
    PEMBA_TRY(std::ignore, connection_.Run(statements, In(patience_)));
    return std::optional(trimmed_);
  }

  // The row of the old horizon is locked until the end: two do not trim one log at a time. What
  // appends takes other locks. 0: there is nothing new to trim.
  Result<Revision> NewHorizon(WallTime before) {
    const auto before_ms =
        std::chrono::floor<std::chrono::milliseconds>(before.time_since_epoch()).count();
    const std::array<PgStatement, 3> statements = {
        PgStatement{"INSERT INTO pemba_horizon (store, revision, rows_left) VALUES ($1, 0, 0) "
                    "ON CONFLICT (store) DO NOTHING",
                    {PgValue::Bytes(store_.value)}},
        PgStatement{"SELECT revision FROM pemba_horizon WHERE store = $1 FOR UPDATE",
                    {PgValue::Bytes(store_.value)}},
        // Below the head: who knows the last revision can always follow from there.
        PgStatement{"SELECT least(coalesce((SELECT revision FROM pemba_log WHERE store = $1 AND "
                    "time_ms < $2 ORDER BY time_ms DESC, revision DESC LIMIT 1), 0), "
                    "(SELECT revision - 1 FROM pemba_head WHERE store = $1))",
                    {PgValue::Bytes(store_.value), PgValue::Number(before_ms)}}};
    PEMBA_TRY(const auto rows, connection_.Run(statements, In(patience_)));
    const auto old = rows[1].Number(0, 0);
    const auto wanted = rows[2].Number(0, 0);
    return wanted > old ? static_cast<Revision>(wanted) : Revision{0};
  }

  Status VisitBackwards() {
    std::size_t rows_max = kRowsMin;
    for (Revision below = trimmed_.horizon + 1;;) {
      PEMBA_TRY(const auto rows,
                connection_.Run({"SELECT revision, record FROM pemba_log WHERE store = $1 AND "
                                 "revision < $2 ORDER BY revision DESC LIMIT $3",
                                 {PgValue::Bytes(store_.value), PgValue::Number(Signed(below)),
                                  PgValue::Number(Signed(rows_max))}},
                                In(patience_)));
      if (rows.count() == 0) return Done{};
      std::size_t bytes = 1;
      for (int i = 0; i < rows.count(); ++i) {
        below = static_cast<Revision>(rows.Number(i, 0));
        bytes += rows.Bytes(i, 1).size();
        PEMBA_TRY(std::ignore, TrimRow(below, rows.Bytes(i, 1)));
      }
      PEMBA_TRY(std::ignore, Flush());
      const auto fitting = kChunkBytes * static_cast<std::size_t>(rows.count()) / bytes;
      rows_max = std::clamp(std::min(rows_max * 4, fitting), kRowsMin, kRowsMax);
    }
  }

  Status TrimRow(Revision revision, std::string_view sealed) {
    const auto key = internal::WriteKey(store_.value, revision);
    const auto body = internal::Unseal(key, sealed);
    if (!body.ok()) return internal::CorruptWrite(store_.value, revision, body.error().message);
    auto write = internal::DecodeWrite(*body, parts_);
    if (!write.ok()) return internal::CorruptWrite(store_.value, revision, write.error().message);
    std::vector<Change> kept;
    for (auto i = write->changes.size(); i-- > 0;) {
      const auto& change = write->changes[i];
      if (seen_.Add(KeyOf(change.tuple)) == internal::DigestSet::Seen::kYes) continue;
      if (change.operation == Change::Operation::kWrite) kept.push_back(change);
    }
    std::ranges::reverse(kept);
    trimmed_.changes_left += kept.size();
    trimmed_.changes_removed += write->changes.size() - kept.size();
    if (kept.empty()) {
      ++trimmed_.rows_removed;
      removed_.push_back(Signed(revision));
      return Done{};
    }
    ++trimmed_.rows_left;
    // Records have a table of their own that says what they are now.
    if (kept.size() == write->changes.size() && write->records.empty()) return Done{};
    rewritten_.push_back(Signed(revision));
    counts_.push_back(Signed(kept.size()));
    bodies_.push_back(internal::Seal(
        key, internal::EncodeWrite({.revision = revision, .time = write->time, .changes = kept})));
    return Done{};
  }

  Status Flush() {
    const std::array<PgStatement, 2> statements = {
        PgStatement{"DELETE FROM pemba_log WHERE store = $1 AND revision = ANY ($2)",
                    {PgValue::Bytes(store_.value), PgValue::NumberArray(removed_)}},
        PgStatement{"UPDATE pemba_log AS l SET record = w.b, changes = w.c "
                    "FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS w(r, c, b) "
                    "WHERE l.store = $1 AND l.revision = w.r",
                    {PgValue::Bytes(store_.value), PgValue::NumberArray(rewritten_),
                     PgValue::NumberArray(counts_), PgValue::BytesArray(bodies_)}}};
    PEMBA_TRY(std::ignore, connection_.Run(statements, In(patience_)));
    removed_.clear();
    rewritten_.clear();
    counts_.clear();
    bodies_.clear();
    return Done{};
  }

  PgConnection& connection_;
  const StoreId& store_;
  const std::chrono::nanoseconds patience_;
  internal::WriteParts parts_;
  internal::DigestSet seen_;  // Tuples, of which the last change up to the horizon is known.
  TrimmedLog trimmed_;
  // Of the rows of a chunk: those that go, and those that change.
  std::vector<std::int64_t> removed_, rewritten_, counts_;
  std::vector<std::string> bodies_;
};

Result<std::vector<StoreId>> StoresToTrim(PgConnection& connection, const PostgresTrim& trim,
                                          SteadyTime deadline) {
  if (trim.store) return std::vector{*trim.store};
  PEMBA_TRY(
      const auto rows,
      connection.Run({"SELECT store FROM pemba_head WHERE revision > 1 ORDER BY store"}, deadline));
  std::vector<StoreId> stores;
  for (int i = 0; i < rows.count(); ++i) stores.push_back({std::string(rows.Bytes(i, 0))});
  return stores;
}

}  // namespace

Status TrimPostgresLogs(const PostgresOptions& options, const PostgresTrim& trim,
                        const std::function<void(const TrimmedLog&)>& told) {
  PEMBA_TRY(const auto parameters, internal::ParsePgAddress(options.primary));
  PEMBA_TRY(const auto connection, internal::ConnectPatiently(options, parameters));
  PEMBA_TRY(const auto schema, internal::ReadPgSchema(*connection, In(options.statement_timeout)));
  PEMBA_TRY(std::ignore, internal::CheckPgSchema(schema));
  PEMBA_TRY(const auto stores, StoresToTrim(*connection, trim, In(options.statement_timeout)));
  for (const auto& store : stores) {
    // A lock that another runner holds may take as long as its work does.
    const auto patience =
        std::max<std::chrono::nanoseconds>(options.statement_timeout, std::chrono::minutes(10));
    PEMBA_TRY(const auto trimmed, Trimmer(*connection, store, patience).Trim(trim));
    if (trimmed) told(*trimmed);
  }
  return Done{};
}

}  // namespace pemba::storage
