#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "pemba/graph/testing/naive.h"

namespace pemba::graph {
namespace {

using testing::ContentOf;
using testing::ExpectContent;
using testing::NaiveStore;

class Checkpoint : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  // A small store with one of everything: sparse and split pages, a big row, contexts, a wildcard.
  void Fill(Graph& graph, std::uint32_t members) {
    std::vector<std::string> texts;
    for (std::uint32_t i = 0; i < members; ++i) texts.push_back("user:" + std::to_string(i));
    std::vector<Change> changes;
    for (const auto& user : texts) changes.push_back({.tuple = {"group:all", "member", user}});
    changes.push_back({.tuple = {"doc:1", "viewer", "user:*"}});
    changes.push_back({.tuple = {"doc:1", "viewer", "group:all#member"}});
    changes.push_back({.tuple = {"doc:1", "viewer", "user:7"},
                       .condition = "early",
                       .context = R"({"until":"2030-01-01T00:00:00Z"})"});
    const Revision revision = graph.applied() + 3;  // Revisions may have gaps.
    ASSERT_TRUE(graph.Apply(revision, WallTime{std::chrono::seconds{9}}, changes).ok());
    graph.Publish(revision);
  }

  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Replace(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc).write(bytes.data(), bytes.size());
  }

  const std::string path_ = ::testing::TempDir() + "/checkpoint_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Checkpoint, OfAnEmptyStoreLoads) {
  ASSERT_TRUE(Graph().Pin().SaveCheckpoint(path_).ok());
  const auto loaded = Graph::Load(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ((*loaded)->published(), 0u);
}

TEST_F(Checkpoint, KeepsIdsTimesAndTakesFurtherWrites) {
  Graph graph;
  Fill(graph, 3000);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  auto loaded = Graph::Load(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  Graph& copy = **loaded;
  EXPECT_EQ(copy.published(), 3u);
  EXPECT_EQ(copy.Pin().TimeOf(3), WallTime{std::chrono::seconds{9}});
  EXPECT_EQ(copy.Pin().FindNode(*copy.FindType("user"), "2999"),
            graph.Pin().FindNode(*graph.FindType("user"), "2999"));
  EXPECT_EQ(copy.FindPartition({"doc", "viewer", "user", "", true, ""}),
            graph.FindPartition({"doc", "viewer", "user", "", true, ""}));
  EXPECT_GT(copy.memory_use().image, 0u);

  NaiveStore want = ContentOf(graph.Pin());
  std::vector<std::string> texts;
  std::vector<Change> changes;
  for (int i = 0; i < 4000; ++i) texts.push_back("user:" + std::to_string(i));
  for (int i = 0; i < 4000; ++i) {
    const auto operation = i % 2 == 0 ? Change::Operation::kDelete : Change::Operation::kWrite;
    changes.push_back({.operation = operation, .tuple = {"group:all", "member", texts[i]}});
  }
  ASSERT_TRUE(copy.Apply(10, WallTime{}, changes).ok());
  copy.Publish(10);
  testing::ApplyTo(want, 10, changes);
  ExpectContent(copy, copy.Pin(), want);

  ASSERT_TRUE(copy.Pin().SaveCheckpoint(path_).ok());  // Over the file it came from.
  ExpectContent(copy, copy.Pin(), want);
  const auto again = Graph::Load(path_);
  ASSERT_TRUE(again.ok()) << again.error().message;
  ExpectContent(**again, (*again)->Pin(), want);
}

// Older programs read what they can: a file says that tuples expire only if some do.
TEST_F(Checkpoint, OnlyTuplesThatExpireNeedTheNewerFormat) {
  Graph graph;
  Fill(graph, 10);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  constexpr std::size_t kVersionAt = 8;
  EXPECT_EQ(Read()[kVersionAt], 1);
  EXPECT_EQ(graph.expiring(), 0u);

  const WallTime later{std::chrono::seconds{100}};
  const Change changes[] = {
      {.tuple = {"doc:1", "viewer", "user:8"}, .expires_at = later},
      {.tuple = {"doc:2", "viewer", "user:7"},
       .condition = "early",
       .context = R"({"until":"2030-01-01T00:00:00Z"})",
       .expires_at = later},
  };
  ASSERT_TRUE(graph.Apply(50, WallTime{}, changes).ok());
  graph.Publish(50);
  EXPECT_EQ(graph.expiring(), 2u);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  EXPECT_EQ(Read()[kVersionAt], 2);
  const auto loaded = Graph::Load(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ((*loaded)->expiring(), 2u);
  EXPECT_EQ((*loaded)->ExpiringPartitions(), graph.ExpiringPartitions());
  ExpectContent(**loaded, (*loaded)->Pin(), ContentOf(graph.Pin()));
  EXPECT_EQ((*loaded)->Lookup(changes[1].tuple)->expires_at, later);
  EXPECT_EQ((*loaded)->Lookup(changes[1].tuple)->context, changes[1].context);
}

TEST_F(Checkpoint, AnyFlippedByteIsRefused) {
  Graph graph;
  Fill(graph, 600);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  const std::string good = Read();
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&file](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at)).put(byte).flush();
  };
  // All of the header, the first section and the table; a sample of what is between.
  const std::size_t table = good.size() - 2048;
  for (std::size_t i = 0; i < good.size(); i += i < 512 || i >= table ? 1 : 13) {
    put(i, static_cast<char>(good[i] ^ (i % 2 == 0 ? 0x01 : 0x80)));
    const auto loaded = Graph::Load(path_);
    ASSERT_FALSE(loaded.ok()) << "byte " << i;
    ASSERT_EQ(loaded.error().code, ErrorCode::kDataLoss) << "byte " << i;
    ASSERT_NE(loaded.error().message.find(path_), std::string::npos);
    put(i, good[i]);
  }
  EXPECT_TRUE(Graph::Load(path_).ok());
}

TEST_F(Checkpoint, TruncatedExtendedAndForeignFilesAreRefused) {
  Graph graph;
  Fill(graph, 600);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  const std::string good = Read();
  std::vector<std::string> bad = {"",
                                  "x",
                                  std::string(64, '\0'),
                                  std::string(4096, 'P'),
                                  good + std::string(64, '\0'),
                                  good + "x",
                                  good + good};
  for (std::size_t length = 1; length < good.size(); length += 257) {
    bad.push_back(good.substr(0, length));
  }
  for (const auto& bytes : bad) {
    Replace(bytes);
    const auto loaded = Graph::Load(path_);
    ASSERT_FALSE(loaded.ok()) << bytes.size();
    ASSERT_EQ(loaded.error().code, ErrorCode::kDataLoss);
  }
}

TEST_F(Checkpoint, ErrorsNameTheSection) {
  Graph graph;
  Fill(graph, 600);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  std::string bytes = Read();
  bytes[64 + 20] = static_cast<char>(bytes[64 + 20] ^ 1);  // The first section follows the header.
  Replace(bytes);
  const auto loaded = Graph::Load(path_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().message.find("forward leaves 0: altered"), std::string::npos)
      << loaded.error().message;
}

TEST_F(Checkpoint, MissingFilesAndDirectoriesAreUnavailable) {
  EXPECT_EQ(Graph::Load(path_ + "/none").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Graph().Pin().SaveCheckpoint(path_ + "/none/file").error().code,
            ErrorCode::kUnavailable);
}

TEST_F(Checkpoint, BudgetIsHonouredWhenLoading) {
  Graph graph;
  Fill(graph, 3000);
  ASSERT_TRUE(graph.Pin().SaveCheckpoint(path_).ok());
  const auto loaded = Graph::Load(path_, {.memory_bytes_max = 10'000});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace pemba::graph
