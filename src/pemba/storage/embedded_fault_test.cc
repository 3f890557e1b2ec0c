// The embedded datastore on a disk that fails: what was acknowledged is there afterwards, and what
// could not be made durable is never acknowledged.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/internal/embedded_datastore.h"

namespace pemba::storage::testing {
namespace {

const StoreId kStore{"01J0000000000000000000000A"};

// What is wrong with the disk, and what of each log file has reached it.
struct Disk {
  std::atomic<bool> fail_sync = false;
  std::atomic<bool> full = false;  // Half of what is appended still fits.
  std::atomic<std::uint64_t> free_bytes = std::uint64_t{1} << 40;
  std::mutex mutex;
  std::map<std::string, std::uint64_t> synced;  // Bytes by path.
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string path, Disk& disk)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), disk_(disk) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    if (disk_.full) {
      (void)FSWritableFileOwnerWrapper::Append({data.data(), data.size() / 2}, options, context);
      return rocksdb::IOStatus::NoSpace("injected");
    }
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, context);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* context) override {
    return Append(data, options, context);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* context) override {
    if (disk_.fail_sync) return rocksdb::IOStatus::IOError("injected");
    const std::lock_guard lock(disk_.mutex);
    disk_.synced[path_] = size_;
    return FSWritableFileOwnerWrapper::Sync(options, context);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    return Sync(options, context);
  }

 private:
  const std::string path_;
  Disk& disk_;
  std::uint64_t size_ = 0;
};

// Puts the log files, and only those, on the faulty disk.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(Disk& disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&,
                                 std::uint64_t* bytes, rocksdb::IODebugContext*) override {
    *bytes = disk_.free_bytes;
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    auto status = FileSystemWrapper::NewWritableFile(path, options, result, context);
    if (status.ok() && path.ends_with(".log")) {
      *result = std::make_unique<FaultyFile>(std::move(*result), path, disk_);
    }
    return status;
  }

 private:
  Disk& disk_;
};

class EmbeddedOnAFailingDisk : public ::testing::Test {
 protected:
  EmbeddedOnAFailingDisk() { Open(environment_.get()); }

  void Open(rocksdb::Env* environment) {
    datastore_.reset();
    auto opened = internal::OpenEmbeddedDatastoreOn({.directory = directory_.path()}, environment);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    datastore_ = *std::move(opened);
  }
  void OpenOnAGoodDisk() { Open(rocksdb::Env::Default()); }

  std::unique_ptr<AppendTicket> Append(const StoreId& store, Revision revision) {
    const std::string object = "document:" + std::to_string(revision);
    const Change change{Change::Operation::kWrite, {object, "viewer", "user:anne"}};
    return datastore_->Append(
        store, {revision, WallTime(std::chrono::milliseconds(revision)), {&change, 1}});
  }
  void Fill(Revision count) {
    for (Revision r = 1; r <= count; ++r) ASSERT_TRUE(Append(kStore, r)->Wait().ok());
  }
  static void ExpectRefused(const Status& status) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(status.error().message, ::testing::Not(::testing::HasSubstr("injected")));
  }
  Revision Last(const StoreId& store) {
    Revision last = 0;
    const auto status = datastore_->ReadWrites(store, 0, [&](const Write& write) {
      last = write.revision;
      return Visit::kContinue;
    });
    EXPECT_TRUE(status.ok());
    return last;
  }

  TemporaryDirectory directory_;
  Disk disk_;
  std::unique_ptr<rocksdb::Env> environment_ =
      rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(disk_));
  std::unique_ptr<Datastore> datastore_;
};

TEST_F(EmbeddedOnAFailingDisk, AFailedSyncIsNotAcknowledgedAndNothingIsOnTopOfIt) {
  Fill(5);
  disk_.fail_sync = true;
  auto sixth = Append(kStore, 6);
  auto seventh = Append(kStore, 7);
  ExpectRefused(seventh->Wait());
  ExpectRefused(sixth->Wait());

  disk_.fail_sync = false;  // The disk is well again, but what it holds is not known.
  ExpectRefused(Append(kStore, 8)->Wait());
  ExpectRefused(Append({"other"}, 1)->Wait());
  ExpectRefused(datastore_->WriteModel(kStore, {{"m"}, "text"}));
  ExpectRefused(datastore_->Health());
  EXPECT_EQ(Last(kStore), 5u);  // Reading goes on, without what failed.
  EXPECT_EQ(*datastore_->Head(kStore), 5u);

  OpenOnAGoodDisk();
  const Revision last = Last(kStore);
  EXPECT_GE(last, 5u);
  EXPECT_LE(last, 7u);  // Unknown, and contiguous in any case.
  EXPECT_EQ(Last({"other"}), 0u);
  EXPECT_TRUE(datastore_->Health().ok());
  EXPECT_TRUE(Append(kStore, last + 1)->Wait().ok());
}

TEST_F(EmbeddedOnAFailingDisk, AFullDiskRefusesAndLosesNothing) {
  Fill(5);
  disk_.full = true;
  ExpectRefused(Append(kStore, 6)->Wait());
  disk_.full = false;
  ExpectRefused(Append(kStore, 6)->Wait());
  EXPECT_EQ(Last(kStore), 5u);

  OpenOnAGoodDisk();
  EXPECT_EQ(Last(kStore), 5u);  // The torn record is not served.
  EXPECT_TRUE(Append(kStore, 6)->Wait().ok());
  OpenOnAGoodDisk();
  EXPECT_EQ(Last(kStore), 6u);
}

// Writing until it fails would need a new start; refusing before does not.
TEST_F(EmbeddedOnAFailingDisk, ANearlyFullDiskRefusesWritesUntilThereIsRoom) {
  Fill(5);
  disk_.free_bytes = 1000;
  ExpectRefused(datastore_->Health());
  ExpectRefused(Append(kStore, 6)->Wait());
  ExpectRefused(datastore_->WriteModel(kStore, {{"m"}, "text"}));
  EXPECT_EQ(Last(kStore), 5u);

  disk_.free_bytes = std::uint64_t{1} << 40;
  EXPECT_TRUE(datastore_->Health().ok());
  EXPECT_TRUE(Append(kStore, 6)->Wait().ok());
  EXPECT_TRUE(datastore_->WriteModel(kStore, {{"m"}, "text"}).ok());
}

// The machine stops: what was not synced is gone. Syncing after acknowledging would show here.
TEST_F(EmbeddedOnAFailingDisk, WhatWasAcknowledgedSurvivesAPowerFailure) {
  constexpr int kWriters = 4;
  std::vector<Revision> acknowledged(kWriters, 0);
  std::atomic<bool> power = true;
  std::map<std::string, std::uint64_t> on_disk;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      for (Revision r = 1; power; ++r) {
        if (!Append({"store" + std::to_string(i)}, r)->Wait().ok()) return;
        if (power) acknowledged[i] = r;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  power = false;
  {
    const std::lock_guard lock(disk_.mutex);
    on_disk = disk_.synced;
  }
  disk_.full = true;
  disk_.fail_sync = true;
  for (auto& writer : writers) writer.join();
  // A machine that stops does not end its programs, which then leave a mark of the end.
  const auto mark = directory_.path() / "END", kept = directory_.path() / "END.kept";
  std::filesystem::copy_file(mark, kept);
  datastore_.reset();
  std::filesystem::rename(kept, mark);
  for (const auto& file : std::filesystem::directory_iterator(directory_.path() / "db")) {
    if (file.path().extension() != ".log") continue;
    std::filesystem::resize_file(file.path(), on_disk[file.path().string()]);
  }

  OpenOnAGoodDisk();
  for (int i = 0; i < kWriters; ++i) {
    EXPECT_GT(acknowledged[i], 0u);
    EXPECT_GE(Last({"store" + std::to_string(i)}), acknowledged[i]);
  }
}

}  // namespace
}  // namespace pemba::storage::testing
