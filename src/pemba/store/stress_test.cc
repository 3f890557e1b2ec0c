// Writers, readers and failures at once; what holds at every moment. Run under TSAN.
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "pemba/storage/testing/gated_datastore.h"
#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

class StressTest : public World {
 protected:
  using Gate = storage::testing::GatedDatastore;
  StressTest()
      : World(std::make_unique<Gate>(storage::NewMemoryDatastore())),
        gate_(static_cast<Gate&>(*datastore_)) {}
  ~StressTest() override { gate_.Open(); }

  static std::string Object(int writer, int n) {
    return "document:" + std::to_string(writer) + "-" + std::to_string(n);
  }

  // Every snapshot is the log up to its revision, no more and no less.
  void ExpectSnapshotIsPrefix(const View& view) {
    std::map<std::string, Revision> want;
    const auto status = datastore_->ReadWrites(store_id_, 0, [&](const storage::Write& write) {
      if (write.revision > view.revision()) return storage::Visit::kStop;
      for (const auto& change : write.changes) {
        const auto text = tuple::ToText(change.tuple);
        if (change.operation == storage::Change::Operation::kWrite) {
          want[text] = write.revision;
        } else {
          want.erase(text);
        }
      }
      return storage::Visit::kContinue;
    });
    ASSERT_TRUE(status.ok());
    std::map<std::string, Revision> got;
    view.snapshot().Scan({}, nullptr, ~std::size_t{0}, [&](const graph::StoredTuple& stored) {
      got[tuple::ToText(stored.tuple)] = stored.revision;
    });
    ASSERT_EQ(got, want) << "at revision " << view.revision();
  }

  Gate& gate_;
};

TEST_F(StressTest, SnapshotsArePrefixesOfTheLogAndAcknowledgedWritesAreSeen) {
  constexpr int kWriters = 3;
  constexpr int kWrites = 150;
  std::atomic<int> running = kWriters;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int n = 0; n < kWrites; ++n) {
        Request request{.writes = {T(Object(w, n) + "#viewer@user:anne")}};
        if (n % 3 == 2) request.deletes = {Object(w, n - 1) + "#viewer@user:anne"};
        const auto revision = Write(*OpenStore(), request);
        ASSERT_TRUE(revision.ok());
        ASSERT_GE(OpenStore()->Pin().revision(), *revision);
      }
      --running;
    });
  }
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&] {
      Revision last = 0;
      while (running > 0) {
        const auto store = OpenStore();
        const auto view = store->Pin();
        ASSERT_GE(view.revision(), last);  // Never back.
        last = view.revision();
        ExpectSnapshotIsPrefix(view);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(OpenStore()->Pin().revision(), Revision{kWriters} * kWrites);
}

// Appends fail now and then: whoever got a revision finds the write, whoever got an error may try
// again, and readers never see what failed.
TEST_F(StressTest, FailuresLoseNothingThatWasAcknowledged) {
  constexpr int kWriters = 3;
  constexpr int kWrites = 60;
  std::atomic<int> running = kWriters;
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  gate_.Close();
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int n = 0; n < kWrites;) {
        const auto revision =
            Write(*OpenStore(), {.writes = {T(Object(w, n) + "#viewer@user:anne")}});
        if (revision.ok()) {
          ++n;
        } else {
          ++failures;
        }
      }
      --running;
    });
  }
  threads.emplace_back([&] {
    while (running > 0) {
      const auto store = OpenStore();
      ExpectSnapshotIsPrefix(store->Pin());
    }
  });
  std::mt19937 random(1);
  while (running > 0) {
    if (random() % 8 == 0) {
      gate_.FailNext(0);
    } else {
      gate_.ReleaseUpTo(random() % 3);
    }
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(failures, 0);
  EXPECT_EQ(AllTuples(*OpenStore()).size(), std::size_t{kWriters} * kWrites);
  EXPECT_EQ(OpenStore()->Pin().revision(), Revision{kWriters} * kWrites);
}

}  // namespace
}  // namespace pemba::store::testing
