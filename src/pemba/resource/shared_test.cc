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

#include "pemba/resource/testing/world.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::resource::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using Reason = Failure::Reason;

enum class Listens { kNo, kYes };

// One server: everything but the wire.
class Node {
 public:
  using Set = std::function<void(ResourceStoreOptions&)>;
  Node(const storage::PostgresOptions& options, const StoreId& store, Listens listens,
       const Set& set) {
    EXPECT_TRUE(registry_.AddFromYaml(kKinds).ok());
    auto datastore = storage::OpenPostgresDatastore(options);
    PEMBA_CHECK(datastore.ok());
    datastore_ = *std::move(datastore);
    stores_ = std::make_unique<store::Stores>(*datastore_, clock_);
    store_.emplace(*stores_->Open(store));
    if (!(*store_)->Pin().ResolveModel("").ok()) {
      PEMBA_CHECK(
          (*store_)->WriteModel(*model::ModelFromDsl("model\n  schema 1.1\n\ntype user\n")).ok());
      store_.emplace(*stores_->Open(store));
    }
    ResourceStoreOptions resource_options;
    if (listens == Listens::kYes) {
      resource_options.listen = [this, store](Revision after, std::function<void()> tell) {
        return stores_->Listen(store, after, std::move(tell));
      };
    }
    if (set) set(resource_options);
    auto opened = ResourceStore::Open(**store_, registry_, clock_, std::move(resource_options));
    PEMBA_CHECK(opened.ok());
    resources_ = *std::move(opened);
  }

  ResourceStore* operator->() { return resources_.get(); }
  store::Store& store() { return **store_; }
  const Registry& registry() const { return registry_; }
  const Clock& clock() const { return clock_; }
  const Kind& teams() const { return *registry_.FindKind("example.com", "Team"); }
  ObjectKey Team(const std::string& name) const { return {&teams(), "", name}; }

  Outcome<Written> Create(const std::string& name) {
    return resources_->Create(
        teams(), "",
        Parse(R"({"metadata":{"name":")" + name + R"("},"spec":{"mail":"a@b","size":1}})"), {});
  }
  Outcome<Written> Delete(const std::string& name) { return resources_->Delete(Team(name), {}); }
  // One more of the size.
  Outcome<Written> Increment(const std::string& name) {
    return resources_->Modify(Team(name),
                              [](boost::json::value& document) -> Outcome<Done> {
                                auto& size = document.at("spec").at("size");
                                size = size.as_int64() + 1;
                                return Done{};
                              },
                              Part::kMain, {});
  }
  std::int64_t SizeOf(const std::string& name) {
    const auto object = resources_->Get(Team(name));
    return object.ok() ? (*object)->spec().at("size").as_int64() : -1;
  }
  // Everything that a watch from `after` on is told.
  std::vector<std::string> EventsAfter(Revision after) {
    WatchRequest watch;
    watch.kind = &teams();
    const auto events = resources_->EventsAfter(watch, after);
    if (!events.ok()) return {events.error().message};
    std::vector<std::string> texts;
    for (const auto& event : events->events) {
      texts.push_back(std::to_string(event.object->revision) + " " +
                      std::to_string(static_cast<int>(event.type)) + " " +
                      boost::json::serialize(event.object->document));
    }
    return texts;
  }
  bool Reaches(Revision revision) {
    resources_->AwaitChange(revision - 1, steady_clock::now() + seconds(10));
    return resources_->revision() >= revision;
  }

 private:
  SystemClock clock_;  // Writes of one revision and two histories differ in their times.
  Registry registry_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::optional<store::StoreHandle> store_;
  std::unique_ptr<ResourceStore> resources_;
};

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

// Remembers what it was told.
class Told final : public Projection {
 public:
  Outcome<Consequences> Project(const Transaction&) override { return Consequences{}; }
  void Followed(const Transaction& now, std::span<const ObjectKey> changed) override {
    const std::lock_guard lock(mutex_);
    for (const auto& key : changed) {
      const auto object = now.Find(key);
      texts_.push_back(key.name + (object == nullptr ? " gone" : " there"));
    }
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
};

TEST_F(SharedResources, AProjectionIsToldWhatOthersDeclareBeforeReadersSeeIt) {
  const auto one = NewNode();
  Told told;
  const auto two =
      NewNode(Listens::kYes, [&](ResourceStoreOptions& options) { options.projection = &told; });
  ASSERT_TRUE(one->Create("a").ok());
  ASSERT_TRUE(one->Create("b").ok());
  const auto deleted = one->Delete("a");
  ASSERT_TRUE(deleted.ok());
  ASSERT_TRUE((*two)->AwaitRevision((*one)->revision(), steady_clock::now() + seconds(10)).ok());
  EXPECT_THAT(told.texts(), ::testing::ElementsAre("a there", "b there", "a gone"));
  ASSERT_TRUE(two->Create("c").ok());  // It knows what it does itself.
  EXPECT_THAT(told.texts(), ::testing::SizeIs(3));
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
