#include "pemba/storage/openfga_source.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "pemba/storage/internal/pg_connection.h"

namespace pemba::storage {
namespace {

using internal::PgConnection;
using internal::PgValue;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};

SteadyTime Soon() { return steady_clock::now() + kPatience; }

WallTime TimeFrom(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

// The fields of one row of a binary COPY. The first piece begins with a header of 19 bytes, the
// last one is the mark of the end.
class CopyRow {
 public:
  explicit CopyRow(std::string_view piece) : rest_(piece) {
    constexpr std::string_view kSignature("PGCOPY\n\xFF\r\n\0", 11);
    if (rest_.starts_with(kSignature)) rest_.remove_prefix(19);
    fields_ = static_cast<std::int16_t>(Integer(2));
  }
  bool end() const { return fields_ < 0; }
  // Of the next field; empty: null.
  std::string_view Next() {
    const auto length = static_cast<std::int32_t>(Integer(4));
    if (length < 0) return {};
    const auto field = rest_.substr(0, static_cast<std::size_t>(length));
    rest_.remove_prefix(field.size());
    return field;
  }
  std::int64_t NextNumber() {
    const auto field = Next();
    std::uint64_t number = 0;
    for (const char c : field) number = number << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(number);
  }

 private:
  std::uint64_t Integer(std::size_t bytes) {
    std::uint64_t number = 0;
    for (const char c : rest_.substr(0, bytes))
      number = number << 8 | static_cast<unsigned char>(c);
    rest_.remove_prefix(std::min(bytes, rest_.size()));
    return number;
  }
  std::string_view rest_;
  std::int16_t fields_ = 0;
};

// A text as a literal in a statement that takes no parameters.
std::string TextLiteral(std::string_view text) {
  return "convert_from(" + internal::PgLiteral(text) + ", 'UTF8')";
}

class Source final : public OpenfgaSource {
 public:
  explicit Source(std::unique_ptr<PgConnection> connection) : connection_(std::move(connection)) {}

  Status Begin() {
    PEMBA_TRY(std::ignore,
              connection_->RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Soon()));
    return connection_->RunScript(
        "SELECT 1 FROM store, tuple, authorization_model, assertion, changelog LIMIT 0", Soon());
  }

  Result<std::vector<StoreRecord>> Stores() override {
    PEMBA_TRY(
        const auto rows,
        connection_->Run({"SELECT id, name, (extract(epoch FROM created_at) * 1000)::bigint, "
                          "(extract(epoch FROM coalesce(updated_at, created_at)) * 1000)::bigint, "
                          "(extract(epoch FROM deleted_at) * 1000)::bigint FROM store ORDER BY id"},
                         Soon()));
    std::vector<StoreRecord> stores;
    for (int i = 0; i < rows.count(); ++i) {
      auto& store = stores.emplace_back(StoreRecord{{std::string(rows.Bytes(i, 0))},
                                                    std::string(rows.Bytes(i, 1)),
                                                    TimeFrom(rows.Number(i, 2)),
                                                    TimeFrom(rows.Number(i, 3))});
      if (!rows.IsNull(i, 4)) store.deleted_at = TimeFrom(rows.Number(i, 4));
    }
    return stores;
  }

  Status Models(const StoreId& store,
                const std::function<Status(const OpenfgaModel&)>& visit) override {
    PEMBA_TRY(const auto rows,
              connection_->Run({"SELECT authorization_model_id, schema_version, "
                                "serialized_protobuf, type_definition FROM authorization_model "
                                "WHERE store = $1 ORDER BY authorization_model_id, type",
                                {PgValue::Text(store.value)}},
                               Soon()));
    for (int i = 0; i < rows.count();) {
      OpenfgaModel model{rows.Bytes(i, 0), rows.Bytes(i, 1), {}};
      for (; i < rows.count() && rows.Bytes(i, 0) == model.id; ++i) {
        if (!rows.Bytes(i, 2).empty()) {
          model.model = rows.Bytes(i, 2);
        } else {
          model.types.push_back(rows.Bytes(i, 3));
        }
      }
      PEMBA_TRY(std::ignore, visit(model));
    }
    return Done{};
  }

  Status Assertions(
      const StoreId& store,
      const std::function<Status(std::string_view, std::string_view)>& visit) override {
    PEMBA_TRY(const auto rows,
              connection_->Run({"SELECT authorization_model_id, assertions FROM assertion "
                                "WHERE store = $1 ORDER BY authorization_model_id",
                                {PgValue::Text(store.value)}},
                               Soon()));
    for (int i = 0; i < rows.count(); ++i) {
      PEMBA_TRY(std::ignore, visit(rows.Bytes(i, 0), rows.Bytes(i, 1)));
    }
    return Done{};
  }

  Status Changes(const StoreId& store, std::string_view after,
                 const std::function<Status(const OpenfgaTuple&)>& visit) override {
    return Copy(fmt::format("changelog WHERE store = {} AND ulid COLLATE \"C\" > {} "
                            "ORDER BY ulid COLLATE \"C\"",
                            TextLiteral(store.value), TextLiteral(after)),
                "operation::bigint", visit);
  }

  Status Tuples(const StoreId& store,
                const std::function<Status(const OpenfgaTuple&)>& visit) override {
    return Copy(fmt::format("tuple WHERE store = {}", TextLiteral(store.value)), "0::bigint",
                visit);
  }

 private:
  Status Copy(const std::string& from, const char* operation,
              const std::function<Status(const OpenfgaTuple&)>& visit) {
    return connection_->CopyOut(
        fmt::format("COPY (SELECT object_type, object_id, relation, _user, condition_name, "
                    "condition_context, ulid, (extract(epoch FROM inserted_at) * 1000)::bigint, {} "
                    "FROM {}) TO STDOUT (FORMAT binary)",
                    operation, from),
        kPatience, [&](std::string_view piece) -> Status {
          CopyRow row(piece);
          if (row.end()) return Done{};
          OpenfgaTuple t;
          t.object_type = row.Next();
          t.object_id = row.Next();
          t.relation = row.Next();
          t.user = row.Next();
          t.condition = row.Next();
          t.context = row.Next();
          t.ulid = row.Next();
          t.written_at = TimeFrom(row.NextNumber());
          if (row.NextNumber() == 1) t.operation = Change::Operation::kDelete;
          return visit(t);
        });
  }

  const std::unique_ptr<PgConnection> connection_;
};

}  // namespace

Result<std::unique_ptr<OpenfgaSource>> OpenfgaSource::Open(const PostgresAddress& address,
                                                           std::chrono::nanoseconds patience) {
  PEMBA_TRY(const auto parameters,
            internal::ParsePgUri(address.uri, address.username, address.password));
  PEMBA_TRY(auto connection,
            PgConnection::Connect(
                parameters, steady_clock::now() +
                                std::chrono::duration_cast<steady_clock::duration>(patience)));
  auto source = std::make_unique<Source>(std::move(connection));
  PEMBA_TRY(std::ignore, source->Begin());
  return std::unique_ptr<OpenfgaSource>(std::move(source));
}

}  // namespace pemba::storage
