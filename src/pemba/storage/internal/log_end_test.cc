#include "pemba/storage/internal/log_end.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::storage::internal {
namespace {

namespace fs = std::filesystem;

// A log of RocksDB's own with `count` records, each synced as ours are.
std::string LogOf(int count) {
  const TemporaryDirectory directory;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  EXPECT_TRUE(rocksdb::DB::Open(options, directory.path().string(), &opened).ok());
  const std::unique_ptr<rocksdb::DB> database(opened);
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(
        database->Put({}, std::to_string(i), std::string(static_cast<std::size_t>(i), 'v')).ok());
  }
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    if (entry.path().extension() != ".log") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  ADD_FAILURE() << "no log";
  return "";
}

std::size_t LengthAt(const std::string& log, std::size_t at) {
  return static_cast<unsigned char>(log[at + 4]) |
         static_cast<std::size_t>(static_cast<unsigned char>(log[at + 5])) << 8;
}

// Where the records of a log of one block begin.
std::vector<std::size_t> Records(const std::string& log) {
  std::vector<std::size_t> records;
  for (std::size_t at = 0; at < log.size(); at += 7 + LengthAt(log, at)) records.push_back(at);
  return records;
}

TEST(LogEnd, EveryBeginningOfALogIsWhatACrashLeaves) {
  const auto log = LogOf(40);
  ASSERT_EQ(Records(log).size(), 40u);
  for (std::size_t bytes = 0; bytes <= log.size(); ++bytes) {
    ASSERT_EQ(JudgeLogEnd(log.substr(0, bytes)), LogEnd::kWholeOrTorn) << bytes;
  }
}

TEST(LogEnd, SpaceMadeBeforehandIsNoDamage) {
  const auto log = LogOf(3);
  EXPECT_EQ(JudgeLogEnd(log + std::string(100'000, '\0')), LogEnd::kWholeOrTorn);
}

TEST(LogEnd, ALengthBeyondTheEndBeforeWholeRecordsIsDamage) {
  const auto log = LogOf(40);
  for (const auto at : Records(log)) {
    auto damaged = log;
    damaged[at + 5] = static_cast<char>(damaged[at + 5] ^ 0x80);
    EXPECT_EQ(JudgeLogEnd(damaged), LogEnd::kDamaged) << at;
  }
}

TEST(LogEnd, AHeadOfZerosBeforeBytesIsDamage) {
  auto damaged = LogOf(40);
  damaged.replace(Records(damaged)[20], 7, 7, '\0');
  EXPECT_EQ(JudgeLogEnd(damaged), LogEnd::kDamaged);
}

TEST(LogEnd, LongLogsAreReadBlockByBlock) {
  auto log = LogOf(500);  // Several blocks, and records that cross their ends.
  ASSERT_GT(log.size(), std::size_t{100'000});
  EXPECT_EQ(JudgeLogEnd(log), LogEnd::kWholeOrTorn);
  const auto last = log.size() - 7 - (499 + 3 + 1 + 1 + 12 + 2);
  EXPECT_EQ(JudgeLogEnd(log.substr(0, last)), LogEnd::kWholeOrTorn);
}

}  // namespace
}  // namespace pemba::storage::internal
