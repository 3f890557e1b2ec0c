// Datastore: the durable truth of Pemba. Stores, authorization models, assertions and, per store,
// the log of committed writes and the records that they have left.
//
// A seam with three implementations: memory, embedded (RocksDB), PostgreSQL. All of them pass
// testing/datastore_contract.h, which is this page as tests.
//
// The relationship graph is rebuilt from the log, so the log is the only form in which tuples are
// durable: one entry per committed write, its revision, time and changes.
//
// Records are what others keep beside the tuples of a store, opaque bytes under keys of theirs:
// they change in the same commit as tuples do, so that what was declared and what follows from it
// are never apart. The datastore keeps the current ones; the log tells how they came to be.
//
// Ids are compared and ordered as bytes, here and in every backend; an id of a store or model is 1
// to kIdBytesMax bytes (kInvalidArgument otherwise). No call asks whether a store was created: a
// log, models and assertions may exist for any store id.
//
// Thread-safe. Calls may block on input and output; none belongs on the read path of a query.
// Errors of every call, beside those it names: kUnavailable (cannot be reached, or has stopped
// accepting writes), kDataLoss (a stored record is corrupt; the message names it; it is not
// served).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/tuple/tuple.h"

namespace pemba::storage {

using Revision = std::uint64_t;  // 0: the empty log. Grows by one with every committed write.

inline constexpr std::size_t kIdBytesMax = 255;
inline constexpr std::size_t kRecordKeyBytesMax = 1024;

// Times are kept in whole milliseconds; what is finer is cut off.
struct StoreRecord {
  StoreId id;
  std::string name;
  WallTime created_at;
  WallTime updated_at;
  std::optional<WallTime> deleted_at = {};
  friend bool operator==(const StoreRecord&, const StoreRecord&) = default;
};

// Which stores to list, in ascending order of id.
struct StoreQuery {
  std::string_view after = {};                // Ids greater than this; empty: from the start.
  std::optional<std::string_view> name = {};  // Exactly this name.
  std::size_t count_max = 50;
};

struct ModelRecord {
  ModelId id;
  std::string text;  // Opaque to storage.
  friend bool operator==(const ModelRecord&, const ModelRecord&) = default;
};

// Which models to list, in descending order of id: ids are ULIDs, so the newest comes first.
struct ModelQuery {
  std::string_view before = {};  // Ids less than this; empty: from the newest.
  std::size_t count_max = 50;
};

// One change of one tuple, borrowed.
struct Change {
  // On disk: append, never reorder or reuse.
  enum class Operation : std::uint8_t { kWrite = 0, kDelete = 1 } operation = Operation::kWrite;
  tuple::TupleView tuple = {};
  std::string_view condition = {};  // Name; empty: unconditional. Empty in deletes.
  std::string_view context = {};    // Canonical text (tuple/context.h); empty: none.
  // Absent: never. Absent in deletes. Whole milliseconds; what is finer is cut off.
  std::optional<WallTime> expires_at = {};
  friend bool operator==(const Change&, const Change&) = default;
};

// One change of one record, borrowed.
struct RecordChange {
  std::string_view key = {};                   // 1 to kRecordKeyBytesMax bytes.
  std::optional<std::string_view> value = {};  // Absent: the record is removed, if there is one.
  friend bool operator==(const RecordChange&, const RecordChange&) = default;
};

// One committed write, borrowed.
struct Write {
  Revision revision = 0;
  WallTime time = {};                          // Never before the time of the revision below.
  std::span<const Change> changes = {};        // In the order in which they were made.
  std::span<const RecordChange> records = {};  // Likewise: of one key, the last one stays.
};

// One current record, borrowed.
struct Record {
  std::string_view key, value;
  Revision revision = 0;  // Of the write that it comes from.
};

// An appended record on its way to durability.
class AppendTicket {
 public:
  virtual ~AppendTicket() = default;
  // Returns once the record is durable, or has failed. To be called once. On an error nobody knows
  // whether the record will be found after the next start; nothing later is durable before it.
  virtual Status Wait() = 0;
};

enum class Visit : std::uint8_t { kContinue, kStop };

// What a datastore knows of a store's end.
struct LogHead {
  Revision revision = 0;
  std::string latest_model = {};  // Its id; empty: there is none.
  friend bool operator==(const LogHead&, const LogHead&) = default;
};

// The end of one store's log, locked against everybody else who would append to it, in this process
// and in others. Released by Commit, or by the destructor. Hold it for as long as it takes to judge
// and no longer: the datastore takes it back from a holder that is silent for some seconds, whose
// Commit then fails.
class LockedLog {
 public:
  virtual ~LockedLog() = default;
  virtual const LogHead& head() const = 0;
  // As Datastore::ReadWrites: what others have appended. kInvalidArgument for an `after` of 0, too,
  // if it is below the horizon: whoever follows knows that there was nothing.
  virtual Status ReadWrites(Revision after, const std::function<Visit(const Write&)>& visit) = 0;
  // Appends the writes, which follow the head, all or nothing; returns once they are durable. With
  // them `model` (null: none), whose id is greater than that of the latest. To be called at most
  // once. Errors: kConflict (nothing was appended; a retry may help), kUnavailable (nobody knows
  // whether they were: the log will tell).
  virtual Status Commit(std::span<const Write> writes, const ModelRecord* model = nullptr) = 0;
};

// Whose log has grown, or whose latest model has changed.
struct News {
  enum class Of : std::uint8_t { kSome, kAny } of = Of::kSome;  // kAny: look at every store.
  std::vector<StoreId> stores = {};
};

// What a datastore that several servers append to offers beside Datastore. Thread-safe.
class SharedLogs {
 public:
  virtual ~SharedLogs() = default;
  // Waits for whoever holds the lock. `known` is a revision that the caller has: what follows it is
  // fetched together with the lock. Errors: kUnavailable.
  virtual Result<std::unique_ptr<LockedLog>> Lock(const StoreId& store, Revision known,
                                                  SteadyTime deadline) = 0;
  // Of each store, in the order asked; all as of one moment after the call began.
  virtual Result<std::vector<LogHead>> Heads(std::span<const StoreId> stores,
                                             SteadyTime deadline) const = 0;
  // As LockedLog::ReadWrites, and never behind what is durable: an error rather than less.
  virtual Status ReadTail(const StoreId& store, Revision after,
                          const std::function<Visit(const Write&)>& visit) const = 0;
  // Blocks until there may be news, or for as long as they may come unannounced. For one thread.
  virtual News AwaitNews() = 0;
  // Ends AwaitNews, also one that has yet to begin, once.
  virtual void EndWait() = 0;
};

class Datastore {
 public:
  virtual ~Datastore() = default;

  // Bytes made at random when the datastore was created, known to nobody else: the key that
  // authenticates continuation tokens. 32 bytes.
  virtual std::string_view secret() const = 0;

  // Whether writes are accepted: kUnavailable, with a reason for the operator, if not.
  virtual Status Health() const = 0;

  // Stores.

  // Errors: kConflict if the id was ever used.
  virtual Status CreateStore(const StoreRecord& record) = 0;
  // Errors: kStoreNotFound for ids never used and for deleted stores.
  virtual Result<StoreRecord> GetStore(const StoreId& id) const = 0;
  // Without deleted stores. An empty answer means that there are no more.
  virtual Result<std::vector<StoreRecord>> ListStores(const StoreQuery& query) const = 0;
  // Marks the store as deleted; everything else under its id stays. Done for unknown stores too.
  virtual Status DeleteStore(const StoreId& id, WallTime now) = 0;

  // Models: immutable, never deleted.

  // Errors: kConflict if the store has a model with this id.
  virtual Status WriteModel(const StoreId& store, const ModelRecord& model) = 0;
  // Errors: kModelNotFound.
  virtual Result<ModelRecord> ReadModel(const StoreId& store, const ModelId& id) const = 0;
  // The one with the greatest id. Errors: kLatestModelNotFound.
  virtual Result<ModelRecord> ReadLatestModel(const StoreId& store) const = 0;
  virtual Result<std::vector<ModelRecord>> ListModels(const StoreId& store,
                                                      const ModelQuery& query) const = 0;

  // Assertions: one opaque text per model, replaced as a whole. Nothing if never written.
  virtual Status WriteAssertions(const StoreId& store, const ModelId& model,
                                 std::string_view text) = 0;
  virtual Result<std::optional<std::string>> ReadAssertions(const StoreId& store,
                                                            const ModelId& model) const = 0;

  // The log.

  // Queues one write and returns at once; the ticket says when it is durable. The caller serializes
  // the appends of one store, in the order of their revisions; this order is the order of the log.
  // After a failed append every later one of the store fails, because it does not follow: the log
  // never has a hole. The caller starts again from the head once all its tickets have come back.
  // The record is copied before Append returns.
  // The ticket fails with kConflict if the revision does not follow the last one appended (somebody
  // else appends to this store), kUnavailable, or kInvalidArgument (an id or a record's key).
  virtual std::unique_ptr<AppendTicket> Append(const StoreId& store, const Write& write) = 0;
  // The greatest durable revision; 0 if there is none.
  virtual Result<Revision> Head(const StoreId& store) const = 0;
  // Calls `visit` with each durable write after revision `after`, in order, until it stops. The
  // write borrows memory that is valid during the call only. kDataLoss also if a revision is
  // missing. kInvalidArgument if `after` is above 0 and below the horizon.
  virtual Status ReadWrites(const StoreId& store, Revision after,
                            const std::function<Visit(const Write&)>& visit) const = 0;
  // Up to which revision the log has been trimmed: there it holds, in the order of their revisions,
  // the writes of what was still stored at the horizon, and nothing else: from the beginning on
  // they make the right tuples; between them, revisions and deletes are missing. Always below the
  // head. 0: the log is whole.
  virtual Result<Revision> Horizon(const StoreId& store) const {
    (void)store;
    return Revision{0};
  }
  // The greatest revision whose time is before `time`; 0 if there is none. O(log revisions).
  virtual Result<Revision> LastRevisionBefore(const StoreId& store, WallTime time) const = 0;

  // Calls `visit` with each record of the store whose key starts with `prefix`, in ascending order
  // of key, until it stops. Answers the revision of which these are the records: what comes later
  // is in the writes after it. A record borrows memory that is valid during the call only.
  virtual Result<Revision> ReadRecords(const StoreId& store, std::string_view prefix,
                                       const std::function<Visit(const Record&)>& visit) const = 0;

  // Null: this process is the only one that appends.
  virtual SharedLogs* shared() { return nullptr; }

  // Writes a copy of everything to `directory`, which must not exist, while others read and write:
  // what was durable when the call began is in it, and no log in it has a hole. On an error nothing
  // is left behind. Errors: kUnimplemented (nothing to copy, or a database has tools of its own),
  // kFailedPrecondition (the directory exists).
  virtual Status Backup(const std::filesystem::path& directory) {
    (void)directory;
    return Error{ErrorCode::kUnimplemented, "this datastore has no backups"};
  }
};

}  // namespace pemba::storage
