// A database of typed facts and rules: open it, begin transactions, run queries in them.
//
//   auto database = *Database::Open({});                         // In memory.
//   auto setup = *database->Begin(TransactionKind::kSchemaWrite);
//   setup->Run("define person sub entity;");
//   setup->Commit();
//   auto reading = *database->Begin(TransactionKind::kRead);
//   auto answers = *reading->Run("match $p isa person;", {.inference = Inference::kOn});
//   while (auto answer = *answers->Next()) ...
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/reason/answer.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/syntax.h"
#include "pemba/reason/transaction_log.h"

namespace pemba::reason {

enum class TransactionKind : std::uint8_t {
  kRead,         // Reads data and schema, with inference if asked for.
  kWrite,        // Reads and writes data. Never infers.
  kSchemaWrite,  // Reads both, defines and undefines.
};

enum class Inference : std::uint8_t { kOff, kOn };
enum class Explaining : std::uint8_t { kOff, kOn };

// What one query may spend. 0: no bound, but for the facts.
struct QueryLimits {
  std::uint64_t answers_max = 0;                   // More: kLimitExceeded.
  std::uint32_t inferred_facts_max = 100'000'000;  // In the transaction. More: kTooComplex.
  std::size_t memory_bytes_max = 0;                // Inferred facts and sets of answers. More:
                                                   // kResourceExhausted.
  std::chrono::milliseconds time_max{0};           // Of work, not of waiting. More:
                                                   // kDeadlineExceeded.
};

struct QueryOptions {
  Inference inference = Inference::kOff;     // Without effect outside kRead.
  Explaining explaining = Explaining::kOff;  // Answers list what can be explained. Needs kOn above.
  QueryLimits limits = {};
  std::stop_token cancelled = {};  // When a stop is requested: kCancelled.
};

// The answers of one query, one at a time and made when asked for. Ends with its transaction.
//
// Not thread-safe. After an error or the end, Next() returns the same again.
class Answers {
 public:
  virtual ~Answers() = default;
  virtual AnswerKind kind() const = 0;
  // What the concepts of an answer are bound to, without sigils. Empty if there are no maps.
  virtual const std::vector<std::string>& variables() const = 0;
  // Nothing at the end. Errors: those of QueryLimits, kCancelled, and what only the data can tell
  // (kSortNotComparable, kAggregateNotNumeric as kValidation).
  virtual Result<std::optional<Answer>> Next() = 0;
};

// A view of the database as of its beginning, with its own writes on top. Dropping a transaction
// that was not committed undoes it. A query that writes and fails closes it.
//
// Not thread-safe; different transactions may live in different threads.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual TransactionKind kind() const = 0;
  virtual std::uint64_t revision() const = 0;  // Of the database when this began.
  virtual const Schema& schema() const = 0;    // With own definitions.

  // Writing queries have run when this returns; matches run as answers are taken.
  virtual Result<std::unique_ptr<Answers>> Run(const syntax::Query& query,
                                               const QueryOptions& options = {}) = 0;
  // The one query of a text.
  Result<std::unique_ptr<Answers>> Run(std::string_view text, const QueryOptions& options = {});
  // All queries of a text, in order; only the last one's answers are kept.
  Result<std::unique_ptr<Answers>> RunAll(std::string_view text, const QueryOptions& options = {});

  // Why an inferred fact of this transaction holds: every rule and binding that concludes it, in
  // no particular order. Empty if no rule does (the fact is persisted only).
  virtual Result<std::vector<Explanation>> Explain(const Fact& fact,
                                                   const ExplainOptions& options = {}) = 0;
  // One proof down to persisted facts, without circles. The fact alone if it is persisted.
  virtual Result<Proof> Prove(const Fact& fact, const ExplainOptions& options = {}) = 0;

  // Every persisted thing as this transaction sees it, with its role edges (of a relation) and the
  // attributes that it owns; in no particular order. For exports and checks.
  struct RolePlayer {
    TypeId role = 0;
    ThingId player = 0;
  };
  virtual void ForEachThing(
      const std::function<void(const Concept& thing, std::span<const RolePlayer> players,
                               std::span<const ThingId> owned)>& see) = 0;

  virtual Concept Describe(ThingId thing) = 0;
  // The role edges of a relation, persisted or inferred.
  virtual std::vector<RolePlayer> Players(ThingId relation) = 0;
  // `permission (permitted-subject: 0x12, permitted-access: 0x80000003)` and the like.
  virtual std::string Describe(const Fact& fact) = 0;

  // Durable when it returns. kConflict if another transaction got in between: what this one
  // deletes was changed, what it changes was deleted, a key that it takes was taken, or the schema
  // changed. Also the errors that only the whole can show (kKeyMissing, ...). Closes the
  // transaction in every case. A read transaction has nothing to commit: kValidation.
  virtual Status Commit() = 0;
};

struct DatabaseOptions {
  // Where committed transactions go; null: nowhere, the database lives in memory alone.
  std::unique_ptr<TransactionLog> log = {};
  const Clock* clock = nullptr;  // Null: the system's. Outlives the database.
};

// How much there is.
struct DatabaseSize {
  std::uint64_t revision = 0;
  std::uint64_t entities = 0, relations = 0, attributes = 0;
  std::uint64_t role_edges = 0, ownerships = 0;
  std::size_t bytes = 0;  // In memory.
};

// Thread-safe. Readers never wait; writers wait for each other at commit only.
class Database {
 public:
  // Reads the log, if there is one. Errors: kDataLoss (the log is damaged), kUnavailable.
  static Result<std::unique_ptr<Database>> Open(DatabaseOptions options);
  virtual ~Database() = default;

  virtual Result<std::unique_ptr<Transaction>> Begin(TransactionKind kind) = 0;
  virtual DatabaseSize Size() const = 0;  // O(facts).
  // Writes what there is as one record and forgets the history. Waits for running commits.
  virtual Status Compact() = 0;
};

}  // namespace pemba::reason
