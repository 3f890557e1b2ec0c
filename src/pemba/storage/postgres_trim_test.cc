// Trimming the logs of a real database.
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pemba/storage/internal/digest_set.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::storage::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const StoreId kStore{"01J0000000000000000000000A"};
const StoreId kOther{"01J0000000000000000000000B"};

// What is stored, and of which revision: a log, folded.
using Folded = std::map<std::string, Revision>;

class Trim : public OnPostgres {
 protected:
  // "+name" writes a tuple, "-name" deletes it; at time `revision`.
  void Append(const StoreId& store, Revision revision, const std::vector<std::string>& texts) {
    std::vector<Change> changes;
    for (const auto& text : texts) {
      changes.push_back({text[0] == '+' ? Change::Operation::kWrite : Change::Operation::kDelete,
                         {std::string_view(text).substr(1), "viewer", "user:anne"}});
    }
    ASSERT_TRUE(datastore_->Append(store, {revision, WallTime(milliseconds(revision)), changes})
                    ->Wait()
                    .ok());
  }

  // Of time `before` and earlier.
  std::vector<TrimmedLog> TrimBefore(int before,
                                     PostgresTrim::Effect effect = PostgresTrim::Effect::kTrim) {
    std::vector<TrimmedLog> logs;
    const auto trimmed =
        TrimPostgresLogs(options_, {.before = WallTime(milliseconds(before)), .effect = effect},
                         [&](const TrimmedLog& log) { logs.push_back(log); });
    EXPECT_TRUE(trimmed.ok()) << (trimmed.ok() ? "" : trimmed.error().message);
    return logs;
  }

  Result<Folded> Fold(Revision upto = ~Revision{0}) const {
    Folded folded;
    PEMBA_TRY(std::ignore, datastore_->ReadWrites(kStore, 0, [&](const Write& write) {
      if (write.revision > upto) return Visit::kStop;
      for (const auto& change : write.changes) {
        const std::string name(change.tuple.object);
        if (change.operation == Change::Operation::kWrite) {
          folded[name] = write.revision;
        } else {
          EXPECT_EQ(folded.erase(name), 1u) << name;
        }
      }
      return Visit::kContinue;
    }));
    return folded;
  }

  std::vector<Revision> Revisions(Revision after = 0) const {
    std::vector<Revision> revisions;
    const auto read = datastore_->ReadWrites(kStore, after, [&](const Write& write) {
      revisions.push_back(write.revision);
      return Visit::kContinue;
    });
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return revisions;
  }

  std::unique_ptr<Datastore> datastore_ = OpenDatastore();
};

TEST_F(Trim, KeepsWhatIsStoredAndForgetsHowItCameToBe) {
  Append(kStore, 1, {"+a", "+b"});
  Append(kStore, 2, {"-a"});
  Append(kStore, 3, {"+a", "+c"});
  Append(kStore, 4, {"-b"});
  Append(kStore, 5, {"-c"});
  Append(kStore, 6, {"+d"});
  const auto logs = TrimBefore(5);
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(logs[0].horizon, 4u);
  EXPECT_EQ(logs[0].changes_removed, 4u);  // All of `b`, and the first life of `a`.
  EXPECT_EQ(logs[0].changes_left, 2u);
  EXPECT_EQ(logs[0].rows_removed, 3u);
  EXPECT_EQ(logs[0].rows_left, 1u);
  EXPECT_EQ(*datastore_->Horizon(kStore), 4u);
  EXPECT_THAT(Revisions(), ElementsAre(3, 5, 6));
  EXPECT_EQ(*Fold(), (Folded{{"a", 3}, {"d", 6}}));
  EXPECT_EQ(*datastore_->Head(kStore), 6u);
  Append(kStore, 7, {"-a"});
  EXPECT_EQ(*Fold(), (Folded{{"d", 6}}));
}

TEST_F(Trim, MayBeRepeatedAndOnlyTold) {
  Append(kStore, 1, {"+a"});
  Append(kStore, 2, {"-a"});
  Append(kStore, 3, {"+b"});
  Append(kOther, 1, {"+a"});
  EXPECT_EQ(TrimBefore(100, PostgresTrim::Effect::kOnlyTell).size(), 1u);
  EXPECT_THAT(Revisions(), ElementsAre(1, 2, 3));
  EXPECT_EQ(*datastore_->Horizon(kStore), 0u);
  EXPECT_EQ(TrimBefore(100).size(), 1u);
  EXPECT_THAT(TrimBefore(100), IsEmpty());
  EXPECT_THAT(TrimBefore(2), IsEmpty());
  // The last write stays as it is, however old.
  EXPECT_EQ(*datastore_->Horizon(kStore), 2u);
  EXPECT_THAT(Revisions(2), ElementsAre(3));
}

// Whoever knows a part of a log would miss what was deleted.
TEST_F(Trim, TellsWhoeverWouldMissSomething) {
  for (Revision r = 1; r <= 6; ++r) {
    Append(kStore, r, {(r % 2 == 1 ? "+" : "-") + std::string("a")});
  }
  ASSERT_EQ(TrimBefore(5).size(), 1u);
  ASSERT_EQ(*datastore_->Horizon(kStore), 4u);
  for (Revision after = 1; after <= 3; ++after) {
    const auto read =
        datastore_->ReadWrites(kStore, after, [](const Write&) { return Visit::kContinue; });
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr("up to revision 4 are no longer kept"));
  }
  EXPECT_THAT(Revisions(4), ElementsAre(5, 6));
  const auto locked =
      datastore_->shared()->Lock(kStore, 2, std::chrono::steady_clock::now() + milliseconds(5000));
  ASSERT_TRUE(locked.ok());
  const auto tail = (*locked)->ReadWrites(2, [](const Write&) { return Visit::kContinue; });
  ASSERT_FALSE(tail.ok());
  EXPECT_EQ(tail.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(Trim, AMissingRowIsALossAlsoBelowTheHorizon) {
  for (Revision r = 1; r <= 6; ++r) Append(kStore, r, {"+" + std::to_string(r)});
  Append(kStore, 7, {"-1"});
  Append(kStore, 8, {"+8"});
  ASSERT_EQ(TrimBefore(100).size(), 1u);
  EXPECT_EQ(Fold()->size(), 6u);
  Server().Sql(database_, "DELETE FROM pemba_log WHERE revision = 3");
  const auto lost = Fold();
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, ErrorCode::kDataLoss);
}

TEST_F(Trim, MakesProgramsThatDoNotKnowTrimmedLogsRefuseTheDatabase) {
  Append(kStore, 1, {"+a"});
  Append(kStore, 2, {"-a"});
  Append(kStore, 3, {"+b"});
  const auto compatible = [&] {
    return Server().Sql(database_, "SELECT compatible_from FROM pemba_schema");
  };
  EXPECT_EQ(compatible(), "1");
  ASSERT_EQ(TrimBefore(100).size(), 1u);
  EXPECT_EQ(compatible(), "2");
  EXPECT_TRUE(OpenPostgresDatastore(options_).ok());
}

// Random histories, trimmed again and again at random: at every revision from the horizon on the
// log says what it said before.
TEST_F(Trim, ChangesNoStateFromTheHorizonOn) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Server().Sql(database_, "TRUNCATE pemba_log, pemba_head, pemba_horizon");
    std::vector<Folded> states(1);
    for (Revision r = 1; r <= 120; ++r) {
      std::vector<std::string> changes;
      Folded state = states.back();
      for (int i = 0; i < 4; ++i) {
        const auto name = std::to_string(random() % 20);
        const bool there = state.contains(name);
        if (there) {
          changes.push_back("-" + name);
          state.erase(name);
        }
        if (!there || random() % 3 == 0) {
          changes.push_back("+" + name);
          state[name] = r;
        }
      }
      Append(kStore, r, changes);
      states.push_back(std::move(state));
      if (random() % 15 != 0) continue;
      const auto logs = TrimBefore(static_cast<int>(random() % (r + 1)));
      const auto horizon = *datastore_->Horizon(kStore);
      EXPECT_TRUE(logs.empty() || logs[0].horizon == horizon);
      for (Revision at = std::max<Revision>(horizon, 1); at <= r; ++at) {
        ASSERT_EQ(*Fold(at), states[at]) << "at " << at << ", horizon " << horizon;
      }
    }
    EXPECT_GT(*datastore_->Horizon(kStore), 0u);
  }
}

// A reader sees the log as it was or as it is, or is told to read again; never a mixture.
TEST_F(Trim, WhoReadsMeanwhileSeesNoMixture) {
  constexpr Revision kCount = 3'000;
  Folded want;
  for (Revision r = 1; r <= kCount; ++r) {
    const auto name = std::to_string(r % 700);
    if (want.erase(name) > 0) {
      Append(kStore, r, {"-" + name});
    } else {
      Append(kStore, r, {"+" + name});
      want[name] = r;
    }
  }
  std::atomic<bool> stop{false};
  int read = 0, again = 0;
  std::thread reader([&] {
    while (!stop) {
      const auto folded = Fold();
      if (folded.ok()) {
        ++read;
        EXPECT_EQ(*folded, want);
      } else {
        ++again;
        EXPECT_EQ(folded.error().code, ErrorCode::kUnavailable) << folded.error().message;
      }
    }
  });
  for (int before = 100; before <= static_cast<int>(kCount); before += 100) TrimBefore(before);
  stop = true;
  reader.join();
  EXPECT_EQ(*Fold(), want);
  EXPECT_GT(read, 0);
  std::printf("%d times read, %d times told to read again\n", read, again);
}

TEST(DigestSet, KnowsWhatItHasSeen) {
  internal::DigestSet seen;
  for (int round = 0; round < 2; ++round) {
    const auto want = round == 0 ? internal::DigestSet::Seen::kNo : internal::DigestSet::Seen::kYes;
    for (int i = 0; i < 5'000; ++i) ASSERT_EQ(seen.Add(std::to_string(i)), want) << i;
  }
  EXPECT_EQ(seen.size(), 5'000u);
}

}  // namespace
}  // namespace pemba::storage::testing
