// Transactions: isolation, conflicts, keys, durability, limits.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pemba/reason/database.h"
#include "pemba/reason/problem.h"

namespace pemba::reason {
namespace {

constexpr const char* kSchema = R"(define
name sub attribute, value string;
score sub attribute, value double;
badge sub attribute, value string;
person sub entity, owns name, owns score, owns badge @key, plays part:whole, plays part:piece;
thing-with-nick sub entity, owns name @unique;
part sub relation, relates whole, relates piece;
rule closure: when { (whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part; }
  then { (whole: $x, piece: $z) isa part; };
)";

std::unique_ptr<Transaction> Begin(Database& database, TransactionKind kind) {
  auto transaction = database.Begin(kind);
  EXPECT_TRUE(transaction.ok());
  return *std::move(transaction);
}

void MustRun(Transaction& transaction, const std::string& text) {
  const auto ran = transaction.RunAll(text);
  ASSERT_TRUE(ran.ok()) << ran.error().message;
}

void MustWrite(Database& database, const std::string& text) {
  auto transaction = Begin(database, TransactionKind::kWrite);
  MustRun(*transaction, text);
  const Status committed = transaction->Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

void MustDefine(Database& database, const std::string& text) {
  auto transaction = Begin(database, TransactionKind::kSchemaWrite);
  MustRun(*transaction, text);
  const Status committed = transaction->Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

std::unique_ptr<Database> NewDatabase() {
  auto database = *Database::Open({});
  MustDefine(*database, kSchema);
  return database;
}

std::size_t Count(Transaction& transaction, const std::string& query,
                  const QueryOptions& options = {}) {
  auto answers = transaction.Run(query, options);
  EXPECT_TRUE(answers.ok()) << answers.error().message;
  std::size_t count = 0;
  while (answers.ok()) {
    auto next = (*answers)->Next();
    EXPECT_TRUE(next.ok()) << next.error().message;
    if (!next.ok() || !*next) break;
    ++count;
  }
  return count;
}

std::optional<Problem> CommitProblem(Transaction& transaction) {
  const Status committed = transaction.Commit();
  return committed.ok() ? std::nullopt : ProblemOf(committed.error());
}

TEST(Transactions, ReadersKeepTheirSnapshot) {
  auto database = NewDatabase();
  MustWrite(*database, R"(insert $p isa person, has badge "1", has name "Ada";)");
  auto before = Begin(*database, TransactionKind::kRead);
  MustWrite(*database, R"(insert $p isa person, has badge "2", has name "Bob";)");
  MustWrite(*database, R"(match $p isa person, has name "Ada"; delete $p isa person;)");
  EXPECT_EQ(Count(*before, "match $p isa person, has name $n;"), 1U);
  auto after = Begin(*database, TransactionKind::kRead);
  EXPECT_EQ(Count(*after, R"(match $p isa person, has name "Ada";)"), 0U);
  EXPECT_EQ(Count(*after, R"(match $p isa person, has name "Bob";)"), 1U);
  EXPECT_EQ(after->revision(), before->revision() + 2);
}

TEST(Transactions, OwnWritesAreSeenAndVanishWithoutCommit) {
  auto database = NewDatabase();
  {
    auto writing = Begin(*database, TransactionKind::kWrite);
    MustRun(*writing, R"(insert $p isa person, has badge "1";)");
    EXPECT_EQ(Count(*writing, "match $p isa person;"), 1U);
  }
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p isa person;"), 0U);
}

TEST(Transactions, StreamsAreNotDisturbedByLaterWrites) {
  auto database = NewDatabase();
  MustWrite(*database, R"(insert $p isa person, has badge "1"; $q isa person, has badge "2";)");
  auto writing = Begin(*database, TransactionKind::kWrite);
  auto answers = *writing->Run("match $p isa person;");
  ASSERT_TRUE((*answers->Next()).has_value());
  MustRun(*writing, "match $p isa person; delete $p isa person;");
  EXPECT_TRUE((*answers->Next()).has_value());
  EXPECT_FALSE((*answers->Next()).has_value());
  EXPECT_EQ(Count(*writing, "match $p isa person;"), 0U);
}

TEST(Transactions, IndependentWritesBothCommit) {
  auto database = NewDatabase();
  auto one = Begin(*database, TransactionKind::kWrite);
  auto two = Begin(*database, TransactionKind::kWrite);
  MustRun(*one, R"(insert $p isa person, has badge "1", has name "Same";)");
  MustRun(*two, R"(insert $p isa person, has badge "2", has name "Same";)");
  EXPECT_TRUE(one->Commit().ok());
  EXPECT_TRUE(two->Commit().ok());
  auto reading = Begin(*database, TransactionKind::kRead);
  EXPECT_EQ(Count(*reading, R"(match $p isa person, has name "Same";)"), 2U);
  EXPECT_EQ(Count(*reading, R"(match $n isa name;)"), 1U) << "attributes are shared by value";
}

struct ConflictCase {
  const char* name;
  const char* first;
  const char* second;
  bool conflicts;
};
constexpr ConflictCase kConflicts[] = {
    {"changing what was deleted", R"(match $p isa person, has badge "a"; delete $p isa person;)",
     R"(match $p isa person, has badge "a"; insert $p has name "New";)", true},
    {"deleting what was changed",
     R"(match $p isa person, has badge "a"; insert $p has name "New";)",
     R"(match $p isa person, has badge "a"; delete $p isa person;)", true},
    {"deleting what got a relation",
     R"(match $p isa person, has badge "a"; $q isa person, has badge "b";
        insert (whole: $p, piece: $q) isa part;)",
     R"(match $p isa person, has badge "a"; delete $p isa person;)", true},
    {"deleting twice", R"(match $p isa person, has badge "a"; delete $p isa person;)",
     R"(match $p isa person, has badge "a"; delete $p isa person;)", true},
    {"taking one key", R"(insert $p isa person, has badge "c";)",
     R"(insert $p isa person, has badge "c";)", true},
    {"taking one unique name", R"(insert $p isa thing-with-nick, has name "n";)",
     R"(insert $p isa thing-with-nick, has name "n";)", true},
    {"changing different things", R"(match $p isa person, has badge "a"; insert $p has name "x";)",
     R"(match $p isa person, has badge "b"; insert $p has name "x";)", false},
    {"changing one thing in two ways",
     R"(match $p isa person, has badge "a"; insert $p has name "x";)",
     R"(match $p isa person, has badge "a"; insert $p has name "y";)", false},
};

TEST(Transactions, ConflictsAreTold) {
  for (const ConflictCase& one : kConflicts) {
    SCOPED_TRACE(one.name);
    auto database = NewDatabase();
    MustWrite(*database, R"(insert $p isa person, has badge "a"; $q isa person, has badge "b";)");
    auto first = Begin(*database, TransactionKind::kWrite);
    auto second = Begin(*database, TransactionKind::kWrite);
    MustRun(*first, one.first);
    MustRun(*second, one.second);
    EXPECT_TRUE(first->Commit().ok());
    const Status committed = second->Commit();
    EXPECT_EQ(!committed.ok(), one.conflicts);
    if (!committed.ok()) {
      EXPECT_EQ(committed.error().code, ErrorCode::kConflict);
      EXPECT_EQ(ProblemOf(committed.error()), Problem::kTransactionConflict);
    }
  }
}

TEST(Transactions, SchemaChangesConflictWithDataOfTheOldSchema) {
  auto database = NewDatabase();
  auto writing = Begin(*database, TransactionKind::kWrite);
  MustRun(*writing, R"(insert $p isa person, has badge "1";)");
  MustDefine(*database, "define robot sub entity;");
  EXPECT_EQ(CommitProblem(*writing), Problem::kTransactionConflict);
}

TEST(Transactions, KeysAreKept) {
  auto database = NewDatabase();
  auto missing = Begin(*database, TransactionKind::kWrite);
  MustRun(*missing, "insert $p isa person;");
  EXPECT_EQ(CommitProblem(*missing), Problem::kKeyMissing);
  MustWrite(*database, R"(insert $p isa person, has badge "1";)");
  for (const auto& [text, problem] :
       {std::pair{R"(insert $p isa person, has badge "1";)", Problem::kKeyTaken},
        std::pair{R"(match $p isa person; insert $p has badge "2";)", Problem::kKeySecond}}) {
    const auto ran = Begin(*database, TransactionKind::kWrite)->RunAll(text);
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(ProblemOf(ran.error()), problem);
  }
}

TEST(Transactions, AFailedWriteClosesTheTransaction) {
  auto database = NewDatabase();
  auto writing = Begin(*database, TransactionKind::kWrite);
  MustRun(*writing, R"(insert $p isa person, has badge "1";)");
  EXPECT_FALSE(writing->RunAll("insert $p isa person, has score \"high\";").ok());
  EXPECT_EQ(CommitProblem(*writing), Problem::kTransactionClosed);
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p isa person;"), 0U);
}

TEST(Transactions, LongsBecomeDoublesWhereDoublesAreMeant) {
  auto database = NewDatabase();
  MustWrite(*database, R"(insert $p isa person, has badge "1", has score 2, has score 2.0;)");
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p has score 2;"), 1U);
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $s isa score;"), 1U);
}

TEST(Transactions, WritersAndReadersRunTogether) {
  auto database = NewDatabase();
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    std::size_t last = 0;
    while (!stop) {
      auto reading = Begin(*database, TransactionKind::kRead);
      const std::size_t people = Count(*reading, "match $p isa person;");
      EXPECT_EQ(Count(*reading, "match $p isa person, has badge $b;"), people);
      EXPECT_GE(people, last);
      last = people;
    }
  });
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 40; ++i) {
        const std::string badge = std::to_string(writer) + "-" + std::to_string(i);
        MustWrite(*database, "insert $p isa person, has badge \"" + badge + "\", has name \"n\";");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  reader.join();
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p isa person;"), 120U);
}

// ---- Durability ----

class Durability : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("reason_log_" + std::to_string(::getpid())))
                .string();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  Result<std::unique_ptr<Database>> Open() {
    auto log = OpenFileLog(path_);
    if (!log.ok()) return log.error();
    DatabaseOptions options;
    options.log = *std::move(log);
    return Database::Open(std::move(options));
  }
  std::string path_;
};

TEST_F(Durability, WhatWasCommittedIsThereAfterOpeningAgain) {
  std::string before;
  const auto dump = [](Database& database) {
    auto reading = Begin(database, TransactionKind::kRead);
    std::string text = reading->schema().ToText();
    std::map<ThingId, std::string> things;
    reading->ForEachThing([&](const Concept& thing, auto players, auto owned) {
      std::string& line = things[thing.thing];
      line = thing.label + (thing.value ? ToText(*thing.value) : "");
      for (const auto& player : players) {
        line += " " + reading->schema().Get(player.role).label + std::to_string(player.player);
      }
      std::vector<ThingId> sorted(owned.begin(), owned.end());
      std::sort(sorted.begin(), sorted.end());
      for (const ThingId attribute : sorted) line += " has " + std::to_string(attribute);
    });
    for (const auto& [id, line] : things) text += std::to_string(id) + line + "\n";
    return text;
  };
  {
    auto database = *Open();
    MustDefine(*database, kSchema);
    MustWrite(*database, R"(insert $p isa person, has badge "1", has name "Ada", has score 1.5;
                            $q isa person, has badge "2"; (whole: $p, piece: $q) isa part;)");
    MustWrite(*database, R"(match $p has name $n; delete $p has $n; insert $p has name "Eve";)");
    MustDefine(*database, "define robot sub person;");
    MustWrite(*database, R"(insert $r isa robot, has badge "3";)");
    before = dump(*database);
  }
  {
    auto database = *Open();
    EXPECT_EQ(dump(*database), before);
    ASSERT_TRUE(database->Compact().ok());
    MustWrite(*database, R"(insert $r isa robot, has badge "4";)");
    before = dump(*database);
  }
  auto database = *Open();
  EXPECT_EQ(dump(*database), before);
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $r isa robot;"), 2U);
}

TEST_F(Durability, ATornEndIsCutOffAndDamageIsTold) {
  {
    auto database = *Open();
    MustDefine(*database, kSchema);
    MustWrite(*database, R"(insert $p isa person, has badge "1";)");
    MustWrite(*database, R"(insert $p isa person, has badge "2";)");
  }
  const auto size = std::filesystem::file_size(path_);
  // Every truncation opens, and loses the last transactions only.
  std::string whole(size, '\0');
  std::ifstream(path_, std::ios::binary).read(whole.data(), static_cast<std::streamsize>(size));
  std::size_t last = 0;
  for (std::size_t keep = 0; keep <= size; ++keep) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(whole.data(), static_cast<std::streamsize>(keep));
    auto database = Open();
    ASSERT_TRUE(database.ok()) << "cut at " << keep << ": " << database.error().message;
    auto reading = Begin(**database, TransactionKind::kRead);
    const std::size_t people =
        reading->schema().Find("person") == nullptr ? 0 : Count(*reading, "match $p isa person;");
    EXPECT_GE(people, last);
    last = people;
  }
  EXPECT_EQ(last, 2U);
  // A flipped bit is an error wherever it is, and nothing is cut off for it.
  for (std::size_t at = 0; at < size; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << at % 8);
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(damaged.data(), static_cast<std::streamsize>(size));
    const auto database = Open();
    ASSERT_FALSE(database.ok()) << at;
    EXPECT_EQ(database.error().code, ErrorCode::kDataLoss);
    EXPECT_EQ(std::filesystem::file_size(path_), size);
  }
}

TEST_F(Durability, ARecordThatFindsNoRoomIsCutOffAndLaterOnesAreTaken) {
  std::signal(SIGXFSZ, SIG_IGN);
  auto database = *Open();
  MustDefine(*database, kSchema);
  MustWrite(*database, R"(insert $p isa person, has badge "1";)");
  const auto size = std::filesystem::file_size(path_);
  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  const rlimit tight{.rlim_cur = size + 10, .rlim_max = unlimited.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  auto writing = Begin(*database, TransactionKind::kWrite);
  MustRun(*writing, R"(insert $p isa person, has badge "2";)");
  const auto committed = writing->Commit();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(std::filesystem::file_size(path_), size);

  MustWrite(*database, R"(insert $p isa person, has badge "3";)");
  database = *Open();
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p isa person;"), 2U);
}

class FailingLog final : public TransactionLog {
 public:
  explicit FailingLog(int appends) : left_(appends) {}
  Status Read(const std::function<Status(std::string_view)>&) override { return Done{}; }
  Status Append(std::string_view) override {
    if (left_-- > 0) return Done{};
    return Error{ErrorCode::kUnavailable, "the disk is full"};
  }
  Status Replace(std::string_view) override { return Done{}; }

 private:
  int left_;
};

TEST(Transactions, WhatIsNotDurableIsNotSeen) {
  DatabaseOptions options;
  options.log = std::make_unique<FailingLog>(1);
  auto database = *Database::Open(std::move(options));
  MustDefine(*database, kSchema);
  auto writing = Begin(*database, TransactionKind::kWrite);
  MustRun(*writing, R"(insert $p isa person, has badge "1";)");
  const Status committed = writing->Commit();
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Count(*Begin(*database, TransactionKind::kRead), "match $p isa person;"), 0U);
}

// ---- Limits ----

std::unique_ptr<Database> Chain(int length) {
  auto database = NewDatabase();
  std::string text = "insert\n";
  for (int i = 0; i < length; ++i) {
    text += "$p" + std::to_string(i) + " isa person, has badge \"" + std::to_string(i) + "\";\n";
  }
  for (int i = 0; i + 1 < length; ++i) {
    text +=
        "(whole: $p" + std::to_string(i) + ", piece: $p" + std::to_string(i + 1) + ") isa part;\n";
  }
  MustWrite(*database, text);
  return database;
}

constexpr const char* kFacts = "match $r (whole: $x, piece: $y) isa part;";
constexpr const char* kPairs =
    "match (whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part; get $x, $z;";

Error FirstError(Transaction& transaction, const char* query, const QueryOptions& options) {
  auto answers = transaction.Run(query, options);
  if (!answers.ok()) return answers.error();
  while (true) {
    auto next = (*answers)->Next();
    if (!next.ok()) {
      EXPECT_FALSE((*answers)->Next().ok()) << "an error stays";
      return next.error();
    }
    if (!*next) return {ErrorCode::kInternal, "no error"};
  }
}

TEST(Limits, AreKeptAndTheTransactionGoesOn) {
  auto database = Chain(60);
  auto reading = Begin(*database, TransactionKind::kRead);
  QueryOptions options{.inference = Inference::kOn};
  options.limits.answers_max = 10;
  EXPECT_EQ(FirstError(*reading, kFacts, options).code, ErrorCode::kLimitExceeded);
  options.limits = {};
  options.limits.inferred_facts_max = 100;
  EXPECT_EQ(FirstError(*reading, kFacts, options).code, ErrorCode::kTooComplex);
  options.limits = {};
  options.limits.memory_bytes_max = 1000;
  EXPECT_EQ(FirstError(*reading, kPairs, options).code, ErrorCode::kResourceExhausted);
  options.limits = {};
  std::stop_source stop;
  stop.request_stop();
  options.cancelled = stop.get_token();
  auto big = Chain(300);
  EXPECT_EQ(FirstError(*Begin(*big, TransactionKind::kRead), kFacts, options).code,
            ErrorCode::kCancelled);
  // What was stopped half-way is not taken for complete.
  EXPECT_EQ(Count(*reading, kFacts, {.inference = Inference::kOn}), 60U * 59 / 2);
}

TEST(Limits, TimeIsBounded) {
  class SlowClock final : public Clock {
   public:
    WallTime Now() const override { return {}; }
    SteadyTime Steady() const override { return SteadyTime(std::chrono::milliseconds(++looks_)); }

   private:
    mutable std::atomic<int> looks_{0};
  } clock;
  DatabaseOptions open;
  open.clock = &clock;
  auto database = *Database::Open(std::move(open));
  MustDefine(*database, kSchema);
  std::string text = "insert ";
  for (int i = 0; i < 300; ++i) {
    text += "$p" + std::to_string(i) + " isa person, has badge \"" + std::to_string(i) + "\"; ";
  }
  MustWrite(*database, text);
  auto reading = Begin(*database, TransactionKind::kRead);
  QueryOptions options;
  options.limits.time_max = std::chrono::milliseconds(2);
  auto answers = *reading->Run("match $x isa person; $y isa person; get $x, $y; count;", options);
  const auto next = answers->Next();
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace pemba::reason
