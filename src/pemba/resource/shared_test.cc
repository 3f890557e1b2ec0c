// Declared objects of several servers on one PostgreSQL.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pemba/resource/testing/following.h"
#include "pemba/resource/testing/node.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::resource::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using Reason = Failure::Reason;

class SharedResources : public storage::testing::OnPostgres {
 protected:
  std::unique_ptr<Node> NewNode(Listens listens = Listens::kYes,
                                const Node::Set& set = nullptr) const {
    return std::make_unique<Node>(options_, store_, listens, set);
  }

  // From a database into that of the test.
  void CopyTable(const std::string& from, const std::string& table) const {
    const auto columns =
        Server().Sql(database_,
                     "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE "
                     "attrelid = '" +
                         table + "'::regclass AND attnum > 0");
    const std::string names = columns.substr(0, columns.find('\n'));
    std::istringstream rows(
        Server().Sql(from, "SELECT format('(' || rtrim(repeat('%L,', " +
                               std::to_string(std::ranges::count(names, ',') + 1) +
                               "), ',') || ')', " + names + ") FROM " + table));
    for (std::string row; std::getline(rows, row);) {
      Server().Sql(database_, "INSERT INTO " + table + " (" + names + ") VALUES " + row);
    }
  }

  const StoreId store_{"01J0000000000000000000000A"};
};

TEST_F(SharedResources, WhatOneDeclaresTheOthersSee) {
  const auto one = NewNode(), two = NewNode(), late = NewNode(Listens::kNo);
  const auto created = one->Create("a");
  ASSERT_TRUE(created.ok()) << created.error().message;
  // By itself; and whoever asks for the newest, at once.
  ASSERT_TRUE(two->Reaches(created->object->revision));
  EXPECT_EQ((*(*two)->Get(two->Team("a")))->document, created->object->document);
  EXPECT_FALSE((*late)->Get(late->Team("a")).ok());
  ASSERT_TRUE((*late)->Refresh().ok());
  EXPECT_EQ((*(*late)->Get(late->Team("a")))->document, created->object->document);
  EXPECT_EQ((*two)->FindByUid(created->object->uid())->key.name, "a");

  ASSERT_TRUE((*two)->Delete(two->Team("a"), {}).ok());
  ASSERT_TRUE((*one)->Refresh().ok());
  EXPECT_FALSE((*one)->Get(one->Team("a")).ok());
  EXPECT_EQ((*one)->FindByUid(created->object->uid()), nullptr);
}

TEST_F(SharedResources, WatchesTellTheSameStoryEverywhere) {
  const auto one = NewNode(), two = NewNode();
  const Revision begin = (*one)->revision();
  ASSERT_TRUE(one->Create("a").ok());
  ASSERT_TRUE(two->Create("b").ok());
  ASSERT_TRUE(two->Increment("a").ok());
  ASSERT_TRUE((*one)->Delete(one->Team("b"), {}).ok());
  ASSERT_TRUE(one->Increment("a").ok());
  ASSERT_TRUE(two->Reaches((*one)->revision()));
  const auto told = one->EventsAfter(begin);
  EXPECT_EQ(told.size(), 5u);
  EXPECT_EQ(two->EventsAfter(begin), told);
}

// The one that is too late is judged on what the first one left.
TEST_F(SharedResources, OfSeveralCreatorsOfOneNameOneWins) {
  const auto one = NewNode(), two = NewNode();
  constexpr int kNames = 30;
  std::atomic<int> made{0}, taken{0};
  std::vector<std::thread> threads;
  for (Node* node : {one.get(), two.get(), one.get(), two.get()}) {
    threads.emplace_back([&, node] {
      for (int i = 0; i < kNames; ++i) {
        const auto created = node->Create("n" + std::to_string(i));
        if (created.ok()) {
          ++made;
        } else {
          EXPECT_EQ(created.error().reason, Reason::kAlreadyExists) << created.error().message;
          ++taken;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(made, kNames);
  EXPECT_EQ(taken, 3 * kNames);
}

TEST_F(SharedResources, NoChangeIsLost) {
  const auto one = NewNode(), two = NewNode(), three = NewNode();
  ASSERT_TRUE(one->Create("a").ok());
  constexpr int kEach = 15;
  std::vector<std::thread> threads;
  for (Node* node : {one.get(), two.get(), three.get(), one.get(), two.get()}) {
    threads.emplace_back([node] {
      for (int i = 0; i < kEach; ++i) {
        const auto done = node->Increment("a");
        EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (Node* node : {one.get(), two.get(), three.get()}) {
    ASSERT_TRUE((*node)->Refresh().ok());
    EXPECT_EQ(node->SizeOf("a"), 1 + 5 * kEach);
  }
}

TEST_F(SharedResources, AVersionThatIsNoLongerTheObjectsIsAConflict) {
  const auto one = NewNode(), two = NewNode(Listens::kNo);
  const auto created = one->Create("a");
  ASSERT_TRUE((*two)->Refresh().ok());
  auto document = created->object->document;
  ASSERT_TRUE(one->Increment("a").ok());
  document["spec"].get_object()["size"] = 50;
  const auto stale = (*two)->Update(two->Team("a"), document, Part::kMain, {});
  ASSERT_FALSE(stale.ok());
  EXPECT_EQ(stale.error().reason, Reason::kConflict);
}

// Old changes are gone that a server had yet to see: it has the objects, its watches begin again.
TEST_F(SharedResources, AServerThatWasBehindATrimmedLogLoadsAgain) {
  const auto one = NewNode(), late = NewNode(Listens::kNo);
  ASSERT_TRUE(one->Create("gone").ok());
  ASSERT_TRUE((*late)->Refresh().ok());
  const Revision known = (*late)->revision();
  ASSERT_TRUE((*one)->Delete(one->Team("gone"), {}).ok());
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(one->Create(name).ok());
  ASSERT_TRUE(storage::TrimPostgresLogs(options_, {.before = one->clock().Now() + seconds(10)},
                                        [](const storage::TrimmedLog&) {})
                  .ok());
  ASSERT_TRUE((*late)->Refresh().ok());
  EXPECT_TRUE((*late)->Get(late->Team("b")).ok());
  EXPECT_FALSE((*late)->Get(late->Team("gone")).ok());
  EXPECT_THAT(late->EventsAfter(known),
              ::testing::ElementsAre("too old resource version: " + std::to_string(known)));
  EXPECT_THAT(one->EventsAfter(known), ::testing::SizeIs(4));
}

// What the server knew has another future than the one it saw: nothing of that is left.
TEST_F(SharedResources, ADatabaseThatWasPutBackAndGoneOnElsewhereIsLoadedAgain) {
  auto one = NewNode();
  ASSERT_TRUE(one->Create("kept").ok());
  const Revision kept = (*one)->revision();
  const auto copy = Server().CreateDatabase();
  one.reset();
  Server().Sql("postgres", "DROP DATABASE " + copy);
  Server().Sql("postgres", "CREATE DATABASE " + copy + " TEMPLATE " + database_);
  storage::PostgresOptions other = options_;
  other.primary.uri = Server().Uri(copy);
  {
    Node elsewhere(other, store_, Listens::kNo, nullptr);
    for (const char* name : {"x", "y", "z"}) ASSERT_TRUE(elsewhere.Create(name).ok());
  }
  const auto two = NewNode(Listens::kNo);
  ASSERT_TRUE(two->Create("lost").ok());
  // The history from there on is the other one's.
  Server().Sql(database_, "TRUNCATE pemba_log, pemba_record, pemba_head");
  for (const char* table : {"pemba_log", "pemba_record", "pemba_head"}) CopyTable(copy, table);
  ASSERT_TRUE((*two)->Refresh().ok());
  EXPECT_EQ((*two)->revision(), kept + 3);
  EXPECT_FALSE((*two)->Get(two->Team("lost")).ok());
  EXPECT_TRUE((*two)->Get(two->Team("kept")).ok());
  EXPECT_TRUE((*two)->Get(two->Team("x")).ok());
  ASSERT_TRUE(two->Create("w").ok());
  EXPECT_EQ((*two)->revision(), kept + 4);
}

// Nothing dropped, nothing twice, in order, and the projection first; follow_mutation_test.cc shows
// that this finds who does otherwise.
TEST_F(SharedResources, AFollowerIsToldWhatAnotherServerDoes) {
  EXPECT_EQ(Following(options_, store_).Violation(), "");
}

TEST_F(SharedResources, AProjectionIsNotToldWhatItsOwnServerDoes) {
  Witness witness;
  const auto node =
      NewNode(Listens::kYes, [&](ResourceStoreOptions& options) { options.projection = &witness; });
  ASSERT_TRUE(node->Create("a").ok());
  ASSERT_TRUE((*node)->Refresh().ok());
  EXPECT_THAT(witness.told(), ::testing::IsEmpty());
}

// Each time that the change is judged, another server is faster, for as long as it can be.
TEST_F(SharedResources, WhoIsOvertakenAgainAndAgainGetsATurn) {
  const auto slow = NewNode(), fast = NewNode();
  ASSERT_TRUE(fast->Create("a").ok());
  const auto waiting = [&] {
    return std::stoi(
        Server().Sql(database_,
                     "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                     "wait_event_type = 'Lock'"));
  };
  int judged = 0;
  std::vector<std::thread> rivals;
  std::atomic<int> overtook{0};
  const auto done = (*slow)->Transact({}, [&](Transaction& transaction) -> Outcome<Done> {
    ++judged;
    const int before = overtook;
    rivals.emplace_back([&] {
      EXPECT_TRUE(fast->Increment("a").ok());
      ++overtook;
    });
    // Until it has written, or waits for its turn.
    while (overtook == before && waiting() == 0) std::this_thread::yield();
    PEMBA_TRY(std::ignore,
              transaction.Create(slow->teams(), "",
                                 Parse(R"({"metadata":{"name":"b"},"spec":{"mail":"a@b"}})")));
    return Done{};
  });
  for (auto& rival : rivals) rival.join();
  EXPECT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(judged, ResourceStoreOptions().overtaken_max + 1);
  EXPECT_EQ(fast->SizeOf("a"), 1 + judged);
  ASSERT_TRUE((*fast)->Refresh().ok());
  EXPECT_TRUE((*fast)->Get(fast->Team("b")).ok());
}

// Two servers with all hands full: whatever is judged, it is judged a few times at most.
TEST_F(SharedResources, BusyServersRefuseNothing) {
  const auto one = NewNode(), two = NewNode();
  for (const char* name : {"a", "b"}) ASSERT_TRUE(one->Create(name).ok());
  constexpr int kWriters = 8, kEach = 3;
  std::atomic<int> judged{0}, most{0};
  const auto increment = [&](Node& node, const std::string& name) {
    int times = 0;
    const auto done = node->Modify(node.Team(name),
                                   [&](boost::json::value& document) -> Outcome<Done> {
                                     ++times;
                                     auto& size = document.at("spec").at("size");
                                     size = size.as_int64() + 1;
                                     return Done{};
                                   },
                                   Part::kMain, {});
    EXPECT_TRUE(done.ok()) << done.error().message;
    judged += times;
    for (int known = most; times > known && !most.compare_exchange_weak(known, times);) {
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2 * kWriters; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < kEach; ++k) increment(i % 2 == 0 ? *one : *two, i % 4 < 2 ? "a" : "b");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, ResourceStoreOptions().overtaken_max + 1);
  std::printf("%d changes were judged %d times, one of them %d times\n", 2 * kWriters * kEach,
              judged.load(), most.load());
  for (Node* node : {one.get(), two.get()}) {
    ASSERT_TRUE((*node)->Refresh().ok());
    EXPECT_EQ(node->SizeOf("a") + node->SizeOf("b"), 2 + 2 * kWriters * kEach);
  }
}

// The tuples that it gets are of the revision that it sees, whoever writes meanwhile.
TEST_F(SharedResources, ABodyMayHaveTheTuplesOfItsRevision) {
  const auto one = NewNode(), two = NewNode();
  ASSERT_TRUE(one->Create("a").ok());
  std::optional<store::View> view;
  WriteOptions options;
  options.view = &view;
  int judged = 0;
  const auto done = (*one)->Transact(options, [&](Transaction& transaction) -> Outcome<Done> {
    EXPECT_TRUE(view.has_value());
    EXPECT_EQ(view->revision(), transaction.Find(one->Team("a"))->revision);
    view.reset();
    if (++judged < 3) {
      EXPECT_TRUE(two->Increment("a").ok());
    }
    auto document = transaction.Find(one->Team("a"))->document;
    document["spec"].get_object()["mail"] = "c@d";
    PEMBA_TRY(std::ignore, transaction.Update(one->Team("a"), std::move(document)));
    return Done{};
  });
  EXPECT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(judged, 3);
}

TEST_F(SharedResources, AwaitsARevisionWithAndWithoutListening) {
  const auto one = NewNode(), two = NewNode(), deaf = NewNode(Listens::kNo);
  ASSERT_TRUE(one->Create("a").ok());
  const auto revision = (*one)->revision();
  for (Node* node : {two.get(), deaf.get()}) {
    ASSERT_TRUE((*node)->AwaitRevision(revision, steady_clock::now() + seconds(10)).ok());
    EXPECT_TRUE((*node)->Get(node->Team("a")).ok());
  }
  const auto never = (*deaf)->AwaitRevision(revision + 1, steady_clock::now());
  ASSERT_FALSE(never.ok());
  EXPECT_EQ(never.error().error.code, ErrorCode::kUnavailable);
}

// Who opened last decides; who has other terms writes nothing from then on, and goes on to read.
TEST_F(SharedResources, ServersWithOtherTermsDoNotWriteSideBySide) {
  const auto with = [&](std::string terms) {
    return NewNode(Listens::kYes,
                   [terms](ResourceStoreOptions& options) { options.terms = terms; });
  };
  const auto old_one = with("old"), old_two = with("old");
  ASSERT_TRUE(old_one->Create("a").ok());
  ASSERT_TRUE(old_two->Create("b").ok());
  const auto new_one = with("new");
  for (Node* node : {old_one.get(), old_two.get()}) {
    const auto refused = node->Create("c");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().error.code, ErrorCode::kUnavailable) << refused.error().message;
  }
  ASSERT_TRUE(new_one->Create("c").ok());
  ASSERT_TRUE((*old_one)->Refresh().ok());
  EXPECT_TRUE((*old_one)->Get(old_one->Team("c")).ok());
  // One that knows of no terms must not write past them.
  const auto plain = NewNode();
  EXPECT_FALSE(plain->Create("d").ok());
  EXPECT_TRUE(new_one->Create("d").ok());
  const auto again = with("old");
  EXPECT_TRUE(again->Create("e").ok());
  EXPECT_TRUE(old_one->Create("f").ok());
  EXPECT_FALSE(new_one->Create("g").ok());
}

}  // namespace
}  // namespace pemba::resource::testing
