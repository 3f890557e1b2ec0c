#include "pemba/storage/embedded.h"

#include <algorithm>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <openssl/rand.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "pemba/base/hash.h"
#include "pemba/storage/internal/commit_queue.h"
#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/directory_files.h"
#include "pemba/storage/internal/directory_lock.h"
#include "pemba/storage/internal/embedded_datastore.h"
#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage {
namespace {

using internal::CheckId;
using internal::CommitEntry;
using internal::KeyKind;

constexpr std::string_view kFormatVersion = "1";
constexpr std::size_t kSecretBytes = 32;

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Small at rest (an empty server stays within 30 MiB), enough under load: the data that queries
// need is in the graph, so the cache serves little more than listings.
rocksdb::Options DatabaseOptions(const EmbeddedOptions& options, rocksdb::Env* environment) {
  rocksdb::Options db;
  db.env = environment;
  db.create_if_missing = true;
  db.paranoid_checks = true;
  // A torn record at the very end of the log was never acknowledged. Damage before it would be a
  // loss of acknowledged writes: refuse to open rather than start without them.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.track_and_verify_wals_in_manifest = true;
  db.max_bgerror_resume_count = 0;  // The commit queue has stopped by then; only a new start helps.

  db.write_buffer_size = options.write_buffer_bytes;
  db.max_write_buffer_number = 3;
  db.allow_concurrent_memtable_write = false;  // One leader writes.
  db.enable_write_thread_adaptive_yield = false;
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  db.max_file_opening_threads = 1;
  db.bytes_per_sync = 1 << 20;  // Spreads the writing of tables, which otherwise stalls a log sync.
  db.level_compaction_dynamic_level_bytes = true;
  db.compression = rocksdb::kLZ4Compression;

  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.keep_log_file_num = 4;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes, /*num_shard_bits=*/2);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 16 << 10;
  table.format_version = 5;
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return db;
}

rocksdb::ReadOptions ScanOptions() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // A replay must not push out what listings use.
  return options;
}

class EmbeddedDatastore final : public Datastore {
 public:
  EmbeddedDatastore(const EmbeddedOptions& options, std::unique_ptr<internal::DirectoryLock> lock)
      : report_(options.report),
        on_sync_(options.on_sync),
        lock_(std::move(lock)),
        queue_([this](std::span<const CommitEntry> entries) { return Commit(entries); }) {}

  Status Open(const EmbeddedOptions& options, rocksdb::Env* environment) {
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(DatabaseOptions(options, environment),
                                          (options.directory / "db").string(), &opened);
    if (!status.ok()) {
      const auto code = status.IsCorruption() ? ErrorCode::kDataLoss : ErrorCode::kUnavailable;
      return Error{code, "the data directory cannot be opened: " + status.ToString()};
    }
    database_.reset(opened);
    return ReadOrMakeHeader();
  }

  ~EmbeddedDatastore() override {
    if (database_) (void)database_->Close();
  }

  std::string_view secret() const override { return secret_; }
  Status Health() const override { return queue_.health(); }

  Status CreateStore(const StoreRecord& record) override {
    PEMBA_TRY(std::ignore, CheckId(record.id.value, "store"));
    return PutNew(internal::StoreKey(record.id.value), internal::EncodeStore(record), "store");
  }

  Result<StoreRecord> GetStore(const StoreId& id) const override {
    PEMBA_TRY(auto record, FindStore(id));
    if (!record || record->deleted_at) return internal::StoreNotFound();
    return *std::move(record);
  }

  Result<std::vector<StoreRecord>> ListStores(const StoreQuery& query) const override {
    const std::string end = internal::AfterPrefix(internal::KindKey(KeyKind::kStore));
    const rocksdb::Slice upper(end);
    auto options = ScanOptions();
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options));
    const std::string first = internal::StoreKey(query.after);
    std::vector<StoreRecord> records;
    for (at->Seek(first); at->Valid() && records.size() < query.count_max; at->Next()) {
      const StoreId id{std::string(View(at->key()).substr(1))};
      if (id.value == query.after) continue;
      PEMBA_TRY(auto record, StoreFrom(id, View(at->key()), View(at->value())));
      if (record.deleted_at || (query.name && record.name != *query.name)) continue;
      records.push_back(std::move(record));
    }
    PEMBA_TRY(std::ignore, Scanned(*at, "the list of stores"));
    return records;
  }

  Status DeleteStore(const StoreId& id, WallTime now) override {
    const std::lock_guard lock(records_mutex_);
    PEMBA_TRY(auto record, FindStore(id));
    if (!record || record->deleted_at) return Done{};
    record->deleted_at = now;
    return Put(internal::StoreKey(id.value), internal::EncodeStore(*record));
  }

  Status WriteModel(const StoreId& store, const ModelRecord& model) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.id.value, "model"));
    return PutNew(internal::ModelKey(KeyKind::kModel, store.value, model.id.value), model.text,
                  "model");
  }

  Result<ModelRecord> ReadModel(const StoreId& store, const ModelId& id) const override {
    if (!CheckId(store.value, "store").ok() || !CheckId(id.value, "model").ok()) {
      return internal::ModelNotFound(id.value);
    }
    PEMBA_TRY(auto text, Find(internal::ModelKey(KeyKind::kModel, store.value, id.value), [&] {
                return fmt::format("store '{}': model '{}'", store.value, id.value);
              }));
    if (!text) return internal::ModelNotFound(id.value);
    return ModelRecord{id, *std::move(text)};
  }

  Result<ModelRecord> ReadLatestModel(const StoreId& store) const override {
    PEMBA_TRY(auto models, ListModels(store, {.count_max = 1}));
    if (models.empty()) return internal::LatestModelNotFound(store.value);
    return std::move(models.front());
  }

  Result<std::vector<ModelRecord>> ListModels(const StoreId& store,
                                              const ModelQuery& query) const override {
    std::vector<ModelRecord> records;
    if (!CheckId(store.value, "store").ok()) return records;
    const std::string prefix = internal::StorePrefix(KeyKind::kModel, store.value);
    const std::string end =
        query.before.empty() ? internal::AfterPrefix(prefix) : prefix + std::string(query.before);
    const rocksdb::Slice lower(prefix);
    auto options = ScanOptions();
    options.iterate_lower_bound = &lower;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options));
    for (at->SeekForPrev(end); at->Valid() && records.size() < query.count_max; at->Prev()) {
      if (View(at->key()) == end) continue;
      const auto id = View(at->key()).substr(prefix.size());
      const auto body = internal::Unseal(View(at->key()), View(at->value()));
      if (!body.ok()) return Corrupt(fmt::format("store '{}': model '{}'", store.value, id));
      records.push_back({{std::string(id)}, std::string(*body)});
    }
    PEMBA_TRY(std::ignore, Scanned(*at, fmt::format("the models of store '{}'", store.value)));
    return records;
  }

  Status WriteAssertions(const StoreId& store, const ModelId& model,
                         std::string_view text) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.value, "model"));
    return Put(internal::ModelKey(KeyKind::kAssertions, store.value, model.value), text);
  }

  Result<std::optional<std::string>> ReadAssertions(const StoreId& store,
                                                    const ModelId& model) const override {
    if (!CheckId(store.value, "store").ok() || !CheckId(model.value, "model").ok()) {
      return std::optional<std::string>();
    }
    return Find(internal::ModelKey(KeyKind::kAssertions, store.value, model.value), [&] {
      return fmt::format("store '{}': the assertions of model '{}'", store.value, model.value);
    });
  }

  std::unique_ptr<AppendTicket> Append(const StoreId& store, const Write& write) override {
    auto ticket = TryAppend(store, write);
    if (ticket.ok()) return *std::move(ticket);
    return std::make_unique<internal::SettledTicket>(ticket.error());
  }

  Result<Revision> Head(const StoreId& store) const override {
    return HeadAt(store, ScanOptions());
  }

  Status ReadWrites(const StoreId& store, Revision after,
                    const std::function<Visit(const Write&)>& visit) const override {
    if (!CheckId(store.value, "store").ok()) return Done{};
    const std::string end =
        internal::AfterPrefix(internal::StorePrefix(KeyKind::kWrite, store.value));
    const rocksdb::Slice upper(end);
    auto options = ScanOptions();
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options));
    internal::WriteParts parts;
    Revision revision = after + 1;
    for (at->Seek(internal::WriteKey(store.value, revision)); at->Valid(); at->Next(), ++revision) {
      if (internal::RevisionOf(View(at->key())) != revision) {
        return Reported(internal::CorruptWrite(store.value, revision, "it is missing"));
      }
      const auto body = internal::Unseal(View(at->key()), View(at->value()));
      if (!body.ok()) {
        return Reported(internal::CorruptWrite(store.value, revision, body.error().message));
      }
      auto write = internal::DecodeWrite(*body, parts);
      if (!write.ok()) {
        return Reported(internal::CorruptWrite(store.value, revision, write.error().message));
      }
      write->revision = revision;
      if (visit(*write) == Visit::kStop) return Done{};
    }
    return Scanned(*at,
                   fmt::format("store '{}': the record of revision {}", store.value, revision));
  }

  Result<Revision> ReadRecords(const StoreId& store, std::string_view prefix,
                               const std::function<Visit(const Record&)>& visit) const override {
    if (!CheckId(store.value, "store").ok()) return Revision{0};
    rocksdb::ManagedSnapshot snapshot(database_.get());
    auto options = ScanOptions();
    options.snapshot = snapshot.snapshot();
    PEMBA_TRY(const Revision revision, HeadAt(store, options));

    const std::string before_key = internal::StorePrefix(KeyKind::kRecord, store.value);
    const std::string first = before_key + std::string(prefix);
    const std::string end = internal::AfterPrefix(first);
    const rocksdb::Slice upper(end);
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options));
    for (at->Seek(first); at->Valid(); at->Next()) {
      const auto key = View(at->key()).substr(before_key.size());
      const auto name = [&] { return fmt::format("store '{}': record '{}'", store.value, key); };
      const auto body = internal::Unseal(View(at->key()), View(at->value()));
      if (!body.ok()) return Corrupt(name());
      const auto record = internal::DecodeRecord(key, *body);
      if (!record.ok()) return Corrupt(name());
      if (visit(*record) == Visit::kStop) return revision;
    }
    PEMBA_TRY(std::ignore, Scanned(*at, fmt::format("the records of store '{}'", store.value)));
    return revision;
  }

  Result<Revision> LastRevisionBefore(const StoreId& store, WallTime time) const override {
    PEMBA_TRY(Revision last, Head(store));
    Revision first = 0;  // INVARIANT: revisions <= first are before `time`, those > last are not.
    while (first < last) {
      const Revision middle = last - (last - first) / 2;
      PEMBA_TRY(const auto written_at, TimeOf(store, middle));
      if (written_at < time) {
        first = middle;
      } else {
        last = middle - 1;
      }
    }
    return first;
  }

  // Tables are linked where the file system can, so that a backup beside the data costs little; the
  // newest writes are flushed to a table first.
  Status Backup(const std::filesystem::path& directory) override {
    std::error_code error;
    if (std::filesystem::exists(directory, error)) {
      return Error{ErrorCode::kFailedPrecondition, "the backup's directory exists"};
    }
    // Under another name until it is whole and on the medium.
    auto partial = directory;
    partial += ".partial";
    std::filesystem::remove_all(partial, error);
    std::filesystem::create_directories(partial, error);
    std::filesystem::permissions(partial, std::filesystem::perms::owner_all, error);  // The secret.
    auto status = error ? NotBackedUp(error.message()) : CopyTo(partial / "db");
    if (status.ok()) std::filesystem::rename(partial, directory, error);
    if (status.ok() && error) status = NotBackedUp(error.message());
    if (!status.ok()) {
      std::filesystem::remove_all(partial, error);
      return status;
    }
    return internal::SyncDirectory(directory.parent_path());
  }

 private:
  Status CopyTo(const std::filesystem::path& directory) const {
    rocksdb::Checkpoint* made = nullptr;
    auto status = rocksdb::Checkpoint::Create(database_.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(directory.string());
    if (!status.ok()) return NotBackedUp(status.ToString());
    return Done{};
  }

  Status NotBackedUp(const std::string& detail) const {
    return Reported({ErrorCode::kUnavailable, "the backup could not be written"}, detail);
  }

  // Sync is part of the write: when it returns, the log file is on the medium.
  Status Commit(std::span<const CommitEntry> entries) {
    rocksdb::WriteBatch batch;
    for (const CommitEntry& entry : entries) {
      const auto status =
          entry.value ? batch.Put(entry.key, *entry.value) : batch.Delete(entry.key);
      if (!status.ok()) return Refusing(status);
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const auto start = std::chrono::steady_clock::now();
    const auto status = database_->Write(options, &batch);
    if (!status.ok()) return Refusing(status);
    if (on_sync_) on_sync_(std::chrono::steady_clock::now() - start);
    return Done{};
  }

  Error Refusing(const rocksdb::Status& status) const {
    return Reported({ErrorCode::kUnavailable, "storage failed to write and accepts no more writes"},
                    status.ToString());
  }

  Status ReadOrMakeHeader() {
    const auto name = [] { return std::string("the header of the data directory"); };
    PEMBA_TRY(const auto format, Find(internal::KindKey(KeyKind::kFormat), name));
    if (!format) return MakeHeader();
    if (*format != kFormatVersion) {
      return Error{ErrorCode::kFailedPrecondition,
                   fmt::format("the data directory has format {}; this version reads format {}",
                               *format, kFormatVersion)};
    }
    PEMBA_TRY(auto secret, Find(internal::KindKey(KeyKind::kSecret), name));
    if (!secret || secret->size() != kSecretBytes) return Corrupt(name());
    secret_ = *std::move(secret);
    return Done{};
  }

  // The secret first: a directory with a format is complete.
  Status MakeHeader() {
    std::string secret(kSecretBytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), kSecretBytes) != 1) {
      return Error{ErrorCode::kInternal, "no randomness"};
    }
    PEMBA_TRY(std::ignore, Put(internal::KindKey(KeyKind::kSecret), secret));
    PEMBA_TRY(std::ignore, Put(internal::KindKey(KeyKind::kFormat), kFormatVersion));
    secret_ = std::move(secret);
    return Done{};
  }

  Status Put(std::string key, std::string_view body) {
    std::string value = internal::Seal(key, body);
    return queue_.Put({std::move(key), std::move(value)});
  }

  // As Put, for a key that must be new. One at a time, so that two cannot both find it free.
  Status PutNew(std::string key, std::string_view body, const char* what) {
    const std::lock_guard lock(records_mutex_);
    PEMBA_TRY(const auto present, Find(key, [&] { return std::string(what); }));
    if (present) return Error{ErrorCode::kConflict, std::string(what) + " id is taken"};
    return Put(std::move(key), body);
  }

  Result<std::unique_ptr<AppendTicket>> TryAppend(const StoreId& store, const Write& write) {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, internal::CheckRecordKeys(write));
    CommitEntry entry{internal::WriteKey(store.value, write.revision), {}};
    entry.value = internal::Seal(entry.key, internal::EncodeWrite(write));
    std::vector<CommitEntry> records;
    records.reserve(write.records.size());
    for (const auto& record : write.records) {
      auto& added =
          records.emplace_back(CommitEntry{internal::RecordKey(store.value, record.key), {}});
      if (!record.value) continue;
      added.value = internal::Seal(
          added.key, internal::EncodeRecord({record.key, *record.value, write.revision}));
    }

    const std::lock_guard lock(heads_mutex_);
    PEMBA_TRY(std::ignore, queue_.health());  // A better answer than "does not follow".
    auto head = heads_.find(store.value);
    if (head == heads_.end()) {
      PEMBA_TRY(const Revision durable, Head(store));
      head = heads_.emplace(store.value, durable).first;
    }
    if (write.revision != head->second + 1) {
      return internal::RevisionTaken(store.value, write.revision, head->second);
    }
    auto ticket = queue_.Enqueue(std::move(entry), std::move(records));
    head->second = write.revision;
    return ticket;
  }

  Result<Revision> HeadAt(const StoreId& store, rocksdb::ReadOptions options) const {
    if (!CheckId(store.value, "store").ok()) return Revision{0};
    const std::string prefix = internal::StorePrefix(KeyKind::kWrite, store.value);
    const rocksdb::Slice lower(prefix);
    options.iterate_lower_bound = &lower;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(options));
    at->SeekForPrev(internal::WriteKey(store.value, ~Revision{0}));
    if (at->Valid()) return internal::RevisionOf(View(at->key()));
    PEMBA_TRY(std::ignore,
              Scanned(*at, fmt::format("store '{}': the end of its log", store.value)));
    return Revision{0};
  }

  // The body under `key`, if there is one; `name` says what it is if it is corrupt.
  template <class Name>
  Result<std::optional<std::string>> Find(const std::string& key, Name name) const {
    rocksdb::PinnableSlice value;
    const auto status =
        database_->Get(rocksdb::ReadOptions(), database_->DefaultColumnFamily(), key, &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return Translated(status, name() + " cannot be read");
    const auto body = internal::Unseal(key, View(value));
    if (!body.ok()) return Corrupt(name());
    return std::optional<std::string>(*body);
  }

  Result<std::optional<StoreRecord>> FindStore(const StoreId& id) const {
    const std::string key = internal::StoreKey(id.value);
    PEMBA_TRY(const auto body, Find(key, [&] { return fmt::format("store '{}'", id.value); }));
    if (!body) return std::optional<StoreRecord>();
    auto record = internal::DecodeStore(id, *body);
    if (!record.ok()) return Corrupt(fmt::format("store '{}'", id.value));
    return std::optional(*std::move(record));
  }

  Result<StoreRecord> StoreFrom(const StoreId& id, std::string_view key,
                                std::string_view value) const {
    const auto body = internal::Unseal(key, value);
    if (!body.ok()) return Corrupt(fmt::format("store '{}'", id.value));
    auto record = internal::DecodeStore(id, *body);
    if (!record.ok()) return Corrupt(fmt::format("store '{}'", id.value));
    return record;
  }

  Result<WallTime> TimeOf(const StoreId& store, Revision revision) const {
    const auto name = [&] {
      return fmt::format("store '{}': the record of revision {}", store.value, revision);
    };
    PEMBA_TRY(const auto body, Find(internal::WriteKey(store.value, revision), name));
    if (!body) return Reported(internal::CorruptWrite(store.value, revision, "it is missing"));
    return internal::DecodeWriteTime(*body);
  }

  Status Scanned(const rocksdb::Iterator& iterator, const std::string& name) const {
    if (iterator.status().ok()) return Done{};
    return Translated(iterator.status(), name + " cannot be read");
  }

  Error Corrupt(const std::string& name) const {
    return Reported({ErrorCode::kDataLoss, name + " is corrupt"});
  }

  Error Translated(const rocksdb::Status& status, const std::string& message) const {
    const auto code = status.IsCorruption() ? ErrorCode::kDataLoss : ErrorCode::kUnavailable;
    return Reported({code, message}, status.ToString());
  }

  Error Reported(Error error, std::string_view detail = "") const {
    if (report_) report_(fmt::format("{}{}{}", error.message, detail.empty() ? "" : ": ", detail));
    return error;
  }

  const std::function<void(std::string_view)> report_;
  const std::function<void(std::chrono::nanoseconds)> on_sync_;
  const std::unique_ptr<internal::DirectoryLock> lock_;
  std::unique_ptr<rocksdb::DB> database_;
  internal::CommitQueue queue_;
  std::string secret_;
  std::mutex records_mutex_;   // Serializes read-modify-write of stores and models.
  std::mutex heads_mutex_;     // Guards heads_; taken before the queue, so that their orders agree.
  StringMap<Revision> heads_;  // The last revision enqueued, of stores appended to.
};

}  // namespace

namespace internal {

Result<std::unique_ptr<Datastore>> OpenEmbeddedDatastoreOn(const EmbeddedOptions& options,
                                                           rocksdb::Env* environment) {
  PEMBA_TRY(auto lock, DirectoryLock::Acquire(options.directory));
  auto datastore = std::make_unique<EmbeddedDatastore>(options, std::move(lock));
  PEMBA_TRY(std::ignore, datastore->Open(options, environment));
  return std::unique_ptr<Datastore>(std::move(datastore));
}

}  // namespace internal

Result<std::unique_ptr<Datastore>> OpenEmbeddedDatastore(const EmbeddedOptions& options) {
  return internal::OpenEmbeddedDatastoreOn(options, rocksdb::Env::Default());
}

}  // namespace pemba::storage
