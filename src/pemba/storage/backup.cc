#include "pemba/storage/backup.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include "pemba/storage/datastore.h"
#include "pemba/storage/internal/directory_files.h"
#include "pemba/storage/internal/end_mark.h"
#include "pemba/storage/internal/keys.h"
#include "pemba/storage/internal/log_end.h"
#include "pemba/storage/internal/records.h"
#include "pemba/storage/internal/report_log.h"

namespace pemba::storage {
namespace {

namespace fs = std::filesystem;
using internal::KeyKind;

constexpr std::string_view kFormatVersion = "1";

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Error Lost(std::string what) { return {ErrorCode::kDataLoss, std::move(what)}; }

Status IsDatastore(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory / "db" / "CURRENT", error)) return Done{};
  return Error{ErrorCode::kFailedPrecondition,
               "`" + directory.string() + "` is no datastore and no backup of one"};
}

// Records come in the order of their keys: format, secret, models, stores and assertions anywhere,
// a store's writes in the order of their revisions.
class Verifier {
 public:
  Status Add(std::string_view key, std::string_view value) {
    const auto name = [&] { return fmt::format("record {:?}", key); };
    const auto body = internal::Unseal(key, value);
    if (!body.ok()) return Lost(name() + ": " + body.error().message);
    report_.bytes += key.size() + value.size();
    switch (static_cast<KeyKind>(key.front())) {
      case KeyKind::kFormat:
        has_format_ = true;
        if (*body == kFormatVersion) return Done{};
        return Error{ErrorCode::kFailedPrecondition,
                     fmt::format("format {}; this version reads format {}", *body, kFormatVersion)};
      case KeyKind::kSecret:
        has_secret_ = true;
        return Done{};
      case KeyKind::kStore: {
        ++report_.stores;
        const auto store = internal::DecodeStore({std::string(key.substr(1))}, *body);
        if (!store.ok()) return Lost(name() + ": " + store.error().message);
        return Done{};
      }
      case KeyKind::kModel:
        ++report_.models;
        return Done{};
      case KeyKind::kAssertions:
        ++report_.assertions;
        return Done{};
      case KeyKind::kWrite:
        return AddWrite(key, *body);
      case KeyKind::kRecord: {
        ++report_.records;
        const auto record = internal::DecodeRecord(key, *body);
        if (!record.ok()) return Lost(name() + ": " + record.error().message);
        return Done{};
      }
    }
    return Lost(name() + " is of no known kind");
  }

  Result<VerifyReport> Finish() const {
    if (!has_format_ || !has_secret_) return Lost("the header is missing");
    return report_;
  }

 private:
  Status AddWrite(std::string_view key, std::string_view body) {
    if (key.size() < 2 + 8) return Lost("a write has no revision");
    const auto store = key.substr(0, key.size() - 8);
    if (store != store_) {
      store_ = store;
      revision_ = 0;
    }
    const auto name = [&] {
      return fmt::format("store '{}': the record of revision {}", store.substr(2), revision_);
    };
    ++revision_;
    if (internal::RevisionOf(key) != revision_) return Lost(name() + " is missing");
    const auto write = internal::DecodeWrite(body, parts_);
    if (!write.ok()) return Lost(name() + " is corrupt: " + write.error().message);
    ++report_.writes;
    report_.changes += write->changes.size();
    return Done{};
  }

  VerifyReport report_;
  std::string store_;  // Prefix of the log that is being read.
  Revision revision_ = 0;
  internal::WriteParts parts_;
  bool has_format_ = false, has_secret_ = false;
};

Status IsAbsentOrEmpty(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error) && !error) return Done{};
  if (!error && fs::is_directory(directory, error) && fs::is_empty(directory, error)) return Done{};
  return Error{ErrorCode::kFailedPrecondition, "`" + directory.string() + "` is not empty"};
}

// Other rooms may have put what is theirs beside it.
Status CopyDatabase(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directory(to, error);
  if (error) return Error{ErrorCode::kUnavailable, error.message()};
  PEMBA_TRY(std::ignore, internal::CopyTree(from / "db", to / "db"));
  PEMBA_TRY(std::ignore, internal::CopyEndMark(from, to));
  return internal::SyncDirectory(to);
}

}  // namespace

Result<VerifyReport> VerifyEmbeddedDatastore(const fs::path& directory) {
  PEMBA_TRY(std::ignore, IsDatastore(directory));
  PEMBA_TRY(std::ignore, internal::CheckLogEnds(directory / "db"));
  rocksdb::Options options;
  options.info_log = internal::NewReportLog({});
  options.paranoid_checks = true;
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(options, (directory / "db").string(), &opened);
  if (status.IsCorruption()) return Lost(status.ToString());
  if (!status.ok()) return Error{ErrorCode::kUnavailable, status.ToString()};
  const std::unique_ptr<rocksdb::DB> database(opened);
  PEMBA_TRY(std::ignore, internal::CheckEndMark(directory, database->GetLatestSequenceNumber()));

  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> at(database->NewIterator(read));
  Verifier verifier;
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (at->key().empty()) return Lost("a record has no key");
    PEMBA_TRY(std::ignore, verifier.Add(View(at->key()), View(at->value())));
  }
  if (!at->status().ok()) return Lost(at->status().ToString());
  return verifier.Finish();
}

Status RestoreEmbeddedDatastore(const fs::path& backup, const fs::path& directory) {
  PEMBA_TRY(std::ignore, IsDatastore(backup));
  PEMBA_TRY(std::ignore, IsAbsentOrEmpty(directory));
  std::error_code error;
  const auto parent = fs::absolute(directory, error).parent_path();
  if (!error) fs::create_directories(parent, error);
  auto partial = directory;
  partial += ".partial";
  if (!error) fs::remove_all(partial, error);
  auto status = error ? Status(Error{ErrorCode::kUnavailable, error.message()})
                      : CopyDatabase(backup, partial);
  if (status.ok()) {
    fs::permissions(partial, fs::perms::owner_all, error);
    if (!error) fs::rename(partial, directory, error);  // Replaces an empty directory.
    if (!error) return internal::SyncDirectory(parent);
    status = Error{ErrorCode::kUnavailable, error.message()};
  }
  fs::remove_all(partial, error);
  return status;
}

}  // namespace pemba::storage
