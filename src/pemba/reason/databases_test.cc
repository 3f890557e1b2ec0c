#include "pemba/reason/databases.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "pemba/reason/samples.h"

namespace pemba::reason {
namespace {

namespace fs = std::filesystem;

class DatabasesTest : public ::testing::Test {
 protected:
  DatabasesTest()
      : directory_(fs::temp_directory_path() / ("pemba-databases-" + std::to_string(::getpid()))) {
    fs::remove_all(directory_);
  }
  ~DatabasesTest() override { fs::remove_all(directory_); }

  std::unique_ptr<Databases> Open() {
    auto databases = Databases::Open({.directory = directory_, .databases_max = 2});
    EXPECT_TRUE(databases.ok());
    return *std::move(databases);
  }

  const fs::path directory_;
};

void Write(Database& database, TransactionKind kind, std::string_view text) {
  auto transaction = *database.Begin(kind);
  const auto ran = transaction->RunAll(text);
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  const auto committed = transaction->Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

double Count(Database& database, std::string_view text, Inference inference) {
  auto transaction = *database.Begin(TransactionKind::kRead);
  auto answers = transaction->Run(text, {.inference = inference});
  EXPECT_TRUE(answers.ok()) << answers.error().message;
  const auto answer = (*answers)->Next();
  EXPECT_TRUE(answer.ok() && answer->has_value());
  return static_cast<double>(std::get<std::int64_t>(*(*answer)->number));
}

TEST_F(DatabasesTest, KeepsDatabasesByName) {
  auto databases = Open();
  EXPECT_TRUE(databases->Create("one").ok());
  EXPECT_EQ(databases->Create("one").error().code, ErrorCode::kConflict);
  EXPECT_TRUE(databases->Create("two").ok());
  EXPECT_EQ(databases->Create("three").error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(databases->Names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(databases->Find("one").ok());
  EXPECT_EQ(databases->Find("four").error().code, ErrorCode::kStoreNotFound);
  EXPECT_TRUE(databases->Delete("one").ok());
  EXPECT_EQ(databases->Delete("one").error().code, ErrorCode::kStoreNotFound);
  EXPECT_EQ(databases->Names(), (std::vector<std::string>{"two"}));
  for (const char* name : {"", "One", "1", "a/b", "..", "a.b", "-a", "a b"}) {
    EXPECT_EQ(databases->Create(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
}

TEST_F(DatabasesTest, AreThereAfterARestart) {
  {
    auto databases = Open();
    auto database = *databases->Create("iam");
    const Sample& sample = *FindSample("iam");
    Write(*database, TransactionKind::kSchemaWrite, sample.schema);
    Write(*database, TransactionKind::kWrite, sample.data);
    EXPECT_TRUE(databases->Create("gone").ok());
    EXPECT_TRUE(databases->Delete("gone").ok());
  }
  auto databases = Open();
  EXPECT_EQ(databases->Names(), (std::vector<std::string>{"iam"}));
  auto database = *databases->Find("iam");
  EXPECT_EQ(Count(*database, "match $p isa permission; get $p; count;", Inference::kOff), 15);
  EXPECT_EQ(Count(*database, "match $p isa permission; get $p; count;", Inference::kOn), 29);
}

TEST(Databases, LiveInMemoryWithoutADirectory) {
  auto databases = *Databases::Open({});
  auto database = *databases->Create("iam");
  Write(*database, TransactionKind::kSchemaWrite, "define thing-a sub entity;");
  Write(*database, TransactionKind::kWrite, "insert $a isa thing-a; $b isa thing-a;");
  EXPECT_EQ(Count(**databases->Find("iam"), "match $a isa thing-a; count;", Inference::kOff), 2);
}

}  // namespace
}  // namespace pemba::reason
