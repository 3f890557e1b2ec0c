#include "pemba/storage/backup.h"

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <rocksdb/db.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/internal/keys.h"

namespace pemba::storage::testing {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Datastore> MustOpen(const std::filesystem::path& directory) {
  auto datastore = OpenEmbeddedDatastore({.directory = directory});
  if (!datastore.ok()) {
    ADD_FAILURE() << datastore.error().message;
    std::abort();
  }
  return *std::move(datastore);
}

StoreId StoreOf(int number) { return {"store-" + std::to_string(number)}; }

Status Append(Datastore& datastore, const StoreId& store, Revision revision) {
  const auto object = "document:" + std::to_string(revision);
  const Change change{Change::Operation::kWrite, {object, "viewer", "user:anne"}};
  return datastore
      .Append(store, {revision, WallTime(std::chrono::milliseconds(revision)), {&change, 1}})
      ->Wait();
}

void Fill(Datastore& datastore) {
  const WallTime now(std::chrono::milliseconds(7));
  ASSERT_TRUE(
      datastore.CreateStore({.id = StoreOf(0), .name = "s", .created_at = now, .updated_at = now})
          .ok());
  ASSERT_TRUE(datastore.WriteModel(StoreOf(0), {{"model"}, "text"}).ok());
  ASSERT_TRUE(datastore.WriteAssertions(StoreOf(0), {"model"}, "assertions").ok());
  for (Revision r = 1; r <= 5; ++r) ASSERT_TRUE(Append(datastore, StoreOf(0), r).ok());
}

class Backup : public ::testing::Test {
 protected:
  std::filesystem::path data() const { return directory_.path() / "data"; }
  std::filesystem::path backup() const { return directory_.path() / "backup"; }
  std::filesystem::path restored() const { return directory_.path() / "restored"; }

  TemporaryDirectory directory_;
};

TEST_F(Backup, WhileWritersWriteHasEveryWriteAcknowledgedBeforeIt) {
  constexpr int kWriters = 4;
  const auto datastore = MustOpen(data());
  std::atomic<bool> stop{false};
  std::array<std::atomic<Revision>, kWriters> acknowledged{};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (Revision r = 1; !stop; ++r) {
        ASSERT_TRUE(Append(*datastore, StoreOf(writer), r).ok());
        acknowledged[writer] = r;
      }
    });
  }
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    std::array<Revision, kWriters> before{};
    for (int i = 0; i < kWriters; ++i) before[i] = acknowledged[i];
    const auto target = directory_.path() / ("backup-" + std::to_string(round));
    const auto status = datastore->Backup(target);
    ASSERT_TRUE(status.ok()) << status.error().message;
    std::array<Revision, kWriters> after{};
    for (int i = 0; i < kWriters; ++i) after[i] = acknowledged[i];

    const auto report = VerifyEmbeddedDatastore(target);  // Also that no log has a hole.
    ASSERT_TRUE(report.ok()) << report.error().message;
    const auto copy = directory_.path() / ("copy-" + std::to_string(round));
    ASSERT_TRUE(RestoreEmbeddedDatastore(target, copy).ok());
    const auto reopened = MustOpen(copy);
    EXPECT_EQ(reopened->secret(), datastore->secret());
    for (int i = 0; i < kWriters; ++i) {
      const auto head = reopened->Head(StoreOf(i));
      ASSERT_TRUE(head.ok());
      EXPECT_GE(*head, before[i]);
      EXPECT_LE(*head, after[i] + 1);  // One may be durable but not yet acknowledged.
      EXPECT_TRUE(Append(*reopened, StoreOf(i), *head + 1).ok()) << "the copy lives on its own";
    }
  }
  stop = true;
  for (auto& writer : writers) writer.join();
}

TEST_F(Backup, CountsWhatIsThere) {
  const auto datastore = MustOpen(data());
  Fill(*datastore);
  ASSERT_TRUE(datastore->Backup(backup()).ok());
  const auto report = VerifyEmbeddedDatastore(backup());
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->stores, 1U);
  EXPECT_EQ(report->models, 1U);
  EXPECT_EQ(report->assertions, 1U);
  EXPECT_EQ(report->writes, 5U);
  EXPECT_EQ(report->changes, 5U);
}

TEST_F(Backup, IsNotChangedByLaterWrites) {
  const auto datastore = MustOpen(data());
  Fill(*datastore);
  ASSERT_TRUE(datastore->Backup(backup()).ok());
  for (Revision r = 6; r <= 50; ++r) ASSERT_TRUE(Append(*datastore, StoreOf(0), r).ok());
  EXPECT_EQ(VerifyEmbeddedDatastore(backup())->writes, 5U);
}

TEST_F(Backup, OverwritesNothing) {
  const auto datastore = MustOpen(data());
  Fill(*datastore);
  ASSERT_TRUE(datastore->Backup(backup()).ok());
  EXPECT_EQ(datastore->Backup(backup()).error().code, ErrorCode::kFailedPrecondition);

  std::filesystem::create_directory(restored());
  ASSERT_TRUE(RestoreEmbeddedDatastore(backup(), restored()).ok()) << "an empty directory is taken";
  const auto again = RestoreEmbeddedDatastore(backup(), restored());
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(again.error().message, HasSubstr("is not empty"));
}

TEST_F(Backup, WhereNothingCanBeWrittenLeavesNothing) {
  const auto datastore = MustOpen(data());
  const auto status = datastore->Backup("/proc/pemba/backup");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
}

TEST_F(Backup, OfSomethingElseIsRefused) {
  EXPECT_EQ(VerifyEmbeddedDatastore(directory_.path()).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(RestoreEmbeddedDatastore(directory_.path(), restored()).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(restored()));
}

TEST_F(Backup, DamageIsFoundAndNamed) {
  Fill(*MustOpen(data()));
  const struct {
    const char* name;
    void (*damage)(rocksdb::DB& database);
    const char* want;
  } cases[] = {
      {"a flipped bit",
       [](rocksdb::DB& database) {
         const auto key = internal::WriteKey(StoreOf(0).value, 3);
         std::string value;
         ASSERT_TRUE(database.Get({}, key, &value).ok());
         value[value.size() / 2] ^= 1;
         ASSERT_TRUE(database.Put({}, key, value).ok());
       },
       "store-0"},
      {"a hole",
       [](rocksdb::DB& database) {
         ASSERT_TRUE(database.Delete({}, internal::WriteKey(StoreOf(0).value, 2)).ok());
       },
       "store 'store-0': the record of revision 2 is missing"},
      {"no header", [](rocksdb::DB& database) { ASSERT_TRUE(database.Delete({}, "k").ok()); },
       "the header is missing"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto damaged = directory_.path() / c.name;
    ASSERT_TRUE(RestoreEmbeddedDatastore(data(), damaged).ok());
    {
      rocksdb::DB* opened = nullptr;
      ASSERT_TRUE(rocksdb::DB::Open({}, (damaged / "db").string(), &opened).ok());
      const std::unique_ptr<rocksdb::DB> database(opened);
      c.damage(*database);
    }
    const auto report = VerifyEmbeddedDatastore(damaged);
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(report.error().message, HasSubstr(c.want));
  }
}

}  // namespace
}  // namespace pemba::storage::testing
