#include "pemba/storage/internal/pg_record_reader.h"

#include <array>

#include <fmt/format.h>

#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/pg_access.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage::internal {
namespace {

constexpr int kRecordsAtATime = 1000;

}  // namespace

Result<Revision> PgRecordReader::Read(PgConnection& connection, std::chrono::nanoseconds patience) {
  std::string from(prefix_);
  const std::array<PgStatement, 3> first = {
      PgStatement{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
      PgStatement{"SELECT revision FROM pemba_head WHERE store = $1",
                  {PgValue::Bytes(store_.value)}},
      Select(from)};
  PEMBA_TRY(auto answers, connection.Run(first, In(patience)));
  const Revision revision =
      answers[1].count() == 0 ? 0 : static_cast<Revision>(answers[1].Number(0, 0));
  auto rows = std::move(answers[2]);
  Status visited = Done{};
  while (rows.count() > 0) {
    visited = VisitAll(rows);
    if (!visited.ok() || stopped_ || rows.count() < kRecordsAtATime) break;
    // The least key that is greater.
    from = std::string(rows.Bytes(rows.count() - 1, 0)) + '\0';
    PEMBA_TRY(rows, connection.Run(Select(from), In(patience)));
  }
  PEMBA_TRY(std::ignore, connection.RunScript("ROLLBACK", In(patience)));
  PEMBA_TRY(std::ignore, visited);
  return revision;
}

PgStatement PgRecordReader::Select(const std::string& from) const {
  PgStatement statement{"SELECT key, body FROM pemba_record WHERE store = $1 AND key >= $2",
                        {PgValue::Bytes(store_.value), PgValue::Bytes(from)}};
  if (const auto end = AfterPrefix(std::string(prefix_)); !end.empty()) {
    statement.sql += " AND key < $3";
    statement.values.push_back(PgValue::Bytes(end));
  }
  statement.sql += fmt::format(" ORDER BY key LIMIT {}", kRecordsAtATime);
  return statement;
}

Status PgRecordReader::VisitAll(const PgRows& rows) {
  for (int i = 0; i < rows.count() && !stopped_; ++i) {
    const auto key = rows.Bytes(i, 0);
    const auto body = Unseal(RecordKey(store_.value, key), rows.Bytes(i, 1));
    const auto record = body.ok() ? DecodeRecord(key, *body) : body.error();
    if (!record.ok()) {
      return Error{ErrorCode::kDataLoss,
                   fmt::format("store '{}': record '{}' is corrupt", store_.value, key)};
    }
    touched_ = true;
    stopped_ = visit_(*record) == storage::Visit::kStop;
  }
  return Done{};
}

}  // namespace pemba::storage::internal
