// Readers beside a writer. The assertions catch torn snapshots; ThreadSanitizer catches the rest.

#include <atomic>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "pemba/graph/graph.h"

namespace pemba::graph {
namespace {

constexpr std::uint32_t kUsers = 3000;
constexpr std::uint32_t kDocuments = 300;
const PartitionKey kMembers{"group", "member", "user", "", false, ""};
const PartitionKey kViewers{"document", "viewer", "user", "", false, ""};

// Every revision moves one user between two groups: each group pair holds each user exactly once,
// in every snapshot. The group is giant, so rows move between layouts while they are read.
class MovingUsers : public ::testing::Test {
 protected:
  void SetUp() override {
    members_ = graph_.InternPartition(kMembers);
    viewers_ = graph_.InternPartition(kViewers);
    std::vector<Change> changes;
    for (std::uint32_t u = 0; u < kUsers; ++u) texts_.push_back("user:" + std::to_string(u));
    for (const auto& user : texts_) changes.push_back({.tuple = {"group:left", "member", user}});
    ASSERT_TRUE(graph_.Apply(++revision_, WallTime{}, changes).ok());
    graph_.Publish(revision_);
  }

  void Write(std::mt19937& random) {
    const auto u = random() % kUsers;
    const std::string& user = texts_[u];
    const bool is_left = graph_.Lookup({"group:left", "member", user}).has_value();
    const std::string document = "document:" + std::to_string(random() % kDocuments);
    const std::string newcomer = "user:new" + std::to_string(revision_);
    const Change changes[] = {
        {.operation = Change::Operation::kDelete,
         .tuple = {is_left ? "group:left" : "group:right", "member", user}},
        {.tuple = {is_left ? "group:right" : "group:left", "member", user}},
        {.tuple = {document, "viewer", newcomer}},
    };
    ASSERT_TRUE(graph_.Apply(++revision_, WallTime{}, changes).ok());
    if (random() % 3 == 0) graph_.Publish(revision_);
    if (random() % 2000 == 0) graph_.Compact();
  }

  void ReadOnce(std::mt19937& random) {
    const Snapshot snapshot = graph_.Pin();
    const TypeId group = *group_, user = *user_;
    Snapshot::NodeQuery ends[] = {{group, "left"}, {group, "right"}, {user, "17"}};
    snapshot.FindNodes(ends);
    const PartitionView view = snapshot.View(members_);
    const auto in = [&](NodeId g, NodeId u) { return view.Find(g, u) ? 1 : 0; };

    for (int i = 0; i < 20; ++i) {
      const auto text = std::to_string(random() % kUsers);
      const NodeId u = snapshot.FindNode(user, text);
      ASSERT_EQ(in(ends[0].node, u) + in(ends[1].node, u), 1) << text;
      std::uint32_t groups = 0;
      for (RowCursor c = view.Objects(u); !c.done(); c.Next()) ++groups;
      ASSERT_EQ(groups, 1u);
    }
    if (random() % 8 != 0) return;
    std::vector<std::uint8_t> seen(snapshot.NodesMax(user));
    std::uint32_t members = 0;
    for (const NodeId g : {ends[0].node, ends[1].node}) {
      for (RowCursor c = view.Subjects(g); !c.done(); c.Next()) {
        ASSERT_EQ(seen[c.node()]++, 0);
        ++members;
      }
    }
    ASSERT_EQ(members, kUsers);
  }

  Graph graph_;
  PartitionId members_ = 0, viewers_ = 0;
  std::vector<std::string> texts_;
  Revision revision_ = 0;
  std::optional<TypeId> group_ = graph_.InternType("group");
  std::optional<TypeId> user_ = graph_.InternType("user");
};

TEST_F(MovingUsers, AreInOneGroupInEverySnapshot) {
  constexpr int kReaders = 3;
  constexpr int kWrites = 20000;
  {
    // "right" must be known before readers ask for it.
    std::mt19937 random(7);
    Write(random);
    graph_.Publish(revision_);
  }
  std::atomic<int> phase{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([this, r, &phase] {
      std::mt19937 random(static_cast<std::uint32_t>(r));
      while (phase.load(std::memory_order_relaxed) == 0 && !HasFatalFailure()) ReadOnce(random);
    });
  }
  readers.emplace_back([this, &phase] {
    const std::string path = ::testing::TempDir() + "/concurrency_test_checkpoint";
    while (phase.load(std::memory_order_relaxed) == 0) {
      const Snapshot snapshot = graph_.Pin();
      ASSERT_TRUE(snapshot.SaveCheckpoint(path).ok());
      const auto loaded = Graph::Load(path);
      ASSERT_TRUE(loaded.ok()) << loaded.error().message;
      std::uint64_t members = 0;
      (*loaded)->Pin().Scan({.object_type = "group"}, nullptr, SIZE_MAX,
                            [&](const StoredTuple&) { ++members; });
      ASSERT_EQ(members, kUsers);
    }
    ::remove(path.c_str());
  });
  std::mt19937 random(42);
  for (int i = 0; i < kWrites && !HasFatalFailure(); ++i) Write(random);
  phase.store(1);
  for (auto& reader : readers) reader.join();
}

TEST(Snapshots, MoveBetweenThreads) {
  Graph graph;
  const Change write{.tuple = {"document:1", "viewer", "user:anne"}};
  ASSERT_TRUE(graph.Apply(1, WallTime{}, {&write, 1}).ok());
  graph.Publish(1);
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 100; ++i) snapshots.push_back(graph.Pin());
  std::thread([moved = std::move(snapshots)]() mutable { moved.clear(); }).join();
  const Change remove{.operation = Change::Operation::kDelete, .tuple = write.tuple};
  ASSERT_TRUE(graph.Apply(2, WallTime{}, {&remove, 1}).ok());
  graph.Publish(2);
  graph.Compact();
  EXPECT_EQ(graph.memory_use().retired, 0u);
}

TEST(Snapshots, NamesAreInternedBesideReaders) {
  Graph graph;
  std::atomic<int> phase{0};
  std::thread interning([&] {
    for (int i = 0; i < 500; ++i) {
      graph.InternPartition({"document", "r" + std::to_string(i), "user", "", false, ""});
    }
    phase.store(1);
  });
  Revision revision = 0;
  while (phase.load() == 0) {
    const std::string relation = "r" + std::to_string(revision % 500);
    const Change write{.tuple = {"document:1", relation, "user:anne"}};
    ASSERT_TRUE(graph.Apply(++revision, WallTime{}, {&write, 1}).ok());
    graph.Publish(revision);
    const auto id = graph.FindPartition({"document", relation, "user", "", false, ""});
    ASSERT_TRUE(id);
    EXPECT_TRUE(graph.Pin().View(*id).Find(0, 0).has_value());
  }
  interning.join();
}

}  // namespace
}  // namespace pemba::graph
