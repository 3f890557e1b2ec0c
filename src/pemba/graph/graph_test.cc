#include "pemba/graph/graph.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include <gtest/gtest.h>

#include "pemba/graph/testing/naive.h"

namespace pemba::graph {
namespace {

using testing::ContentOf;

constexpr WallTime At(std::int64_t seconds) { return WallTime{std::chrono::seconds{seconds}}; }

Change Write(std::string_view object, std::string_view relation, std::string_view subject,
             std::string_view condition = {}, std::string_view context = {}) {
  return {Change::Operation::kWrite, {object, relation, subject}, condition, context};
}
Change Delete(std::string_view object, std::string_view relation, std::string_view subject) {
  return {Change::Operation::kDelete, {object, relation, subject}, {}, {}};
}

void ApplyNow(Graph& graph, std::vector<Change> changes) {
  const Revision revision = graph.applied() + 1;
  ASSERT_TRUE(graph.Apply(revision, At(static_cast<std::int64_t>(revision)), changes).ok());
  graph.Publish(revision);
}

TEST(Graph, EmptyStoreHasRevisionZero) {
  const Graph graph;
  const Snapshot snapshot = graph.Pin();
  EXPECT_EQ(snapshot.revision(), 0u);
  EXPECT_TRUE(ContentOf(snapshot).empty());
}

TEST(Graph, AppliedIsInvisibleUntilPublished) {
  Graph graph;
  const Change one = Write("doc:1", "viewer", "user:anne");
  const Change two = Write("doc:2", "viewer", "user:anne");
  ASSERT_TRUE(graph.Apply(1, At(1), {&one, 1}).ok());
  ASSERT_TRUE(graph.Apply(2, At(2), {&two, 1}).ok());
  EXPECT_TRUE(ContentOf(graph.Pin()).empty());
  EXPECT_TRUE(graph.Lookup(two.tuple).has_value());
  graph.Publish(1);
  EXPECT_EQ(ContentOf(graph.Pin()).size(), 1u);
  EXPECT_EQ(graph.Pin().TimeOf(1), At(1));
  EXPECT_EQ(graph.Pin().TimeOf(2), WallTime{});  // Not published, hence not known.
  graph.Publish(2);
  EXPECT_EQ(ContentOf(graph.Pin()).size(), 2u);
}

TEST(Graph, PlacesMayBeOlderThanWhatTheyNameAndBelongToOneGraph) {
  Graph graph, other;
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne"), Write("doc:9", "owner", "group:x#y")});
  const tuple::TupleView tuples[] = {{"doc:1", "viewer", "user:anne"},
                                     {"doc:1", "viewer", "user:beth"},
                                     {"doc:2", "viewer", "user:*"},
                                     {"doc", "viewer", "user:anne"},
                                     {"doc:3", "owner", "group:z#y"}};
  const Places places = graph.Pin().Locate(tuples);
  EXPECT_EQ(graph.Has(places), Graph::Mine::kYes);
  EXPECT_EQ(other.Has(places), Graph::Mine::kNo);
  const auto at = [&](std::size_t i) { return &places.places[i]; };
  EXPECT_TRUE(graph.Lookup(tuples[0], at(0)).has_value());
  EXPECT_FALSE(graph.Lookup(tuples[4], at(4)).has_value());

  // Somebody writes the same meanwhile.
  ApplyNow(graph, {Write("doc:3", "owner", "group:z#y"), Write("doc:2", "viewer", "user:*", "c")});
  EXPECT_TRUE(graph.Lookup(tuples[4], at(4)).has_value());
  EXPECT_TRUE(graph.Lookup(tuples[2], at(2)).has_value()) << "no such kind was known: found anew";
}

TEST(Graph, ATupleIsUnderOneConditionOnly) {
  Graph graph;
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne", "early", R"({"x":1})")});
  EXPECT_EQ(graph.Lookup({"doc:1", "viewer", "user:anne"})->context, R"({"x":1})");
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne")});
  EXPECT_EQ(graph.statistics().tuples, 1u);
  EXPECT_EQ(graph.Lookup({"doc:1", "viewer", "user:anne"})->condition, "");
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne", "late")});
  ApplyNow(graph, {Delete("doc:1", "viewer", "user:anne")});
  EXPECT_EQ(graph.statistics().tuples, 0u);
  EXPECT_TRUE(ContentOf(graph.Pin()).empty());
}

TEST(Graph, WildcardAndUsersetAreOtherPartitionsThanTheirObject) {
  Graph graph;
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne"), Write("doc:1", "viewer", "user:*"),
                   Write("doc:1", "viewer", "user:anne#friend")});
  const Snapshot snapshot = graph.Pin();
  for (const PartitionInfo& info : graph.Partitions()) {
    EXPECT_EQ(snapshot.View(info.id).SubjectDegree(0), 1u);
    EXPECT_TRUE(snapshot.View(info.id).Find(0, 0)) << "node 0 stands for every user";
  }
  EXPECT_EQ(ContentOf(snapshot).size(), 3u);
}

TEST(Graph, MalformedTuplesAreRefusedWhole) {
  const tuple::TupleView bad[] = {
      {"doc", "viewer", "user:anne"}, {"doc:", "viewer", "user:anne"},
      {":1", "viewer", "user:anne"},  {"doc:1", "", "user:anne"},
      {"doc:1", "viewer", ""},        {"doc:1", "viewer", ":anne"},
      {"doc:1", "viewer", "user:"},   {"doc:1", "viewer", "group:eng#"},
  };
  for (const auto& tuple : bad) {
    SCOPED_TRACE(tuple::ToText(tuple));
    Graph graph;
    const Change changes[] = {Write("doc:1", "viewer", "user:anne"), {.tuple = tuple}};
    const auto status = graph.Apply(1, At(1), changes);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidTuple);
    EXPECT_FALSE(graph.Lookup(changes[0].tuple).has_value());
    EXPECT_EQ(graph.applied(), 0u);
  }
}

// Ids that differ little, or hold every character that means something elsewhere.
TEST(Graph, AdversarialIdsStayApart) {
  std::vector<std::string> ids = {
      "a", "A",   "aa",  "a@b", "a|b", "a,b", "a*",   "**",       "a;",        "a=b",
      "%", "%00", "\\",  "\"",  "'",   "a/b", "..",   "\xC3\xA9", "e\xCC\x81", "\xF0\x9F\x98\x80",
      "0", "00",  "a.b", "-",   "_",   "{}",  "\x7F", "\x01",     "user",      "doc:1@user"};
  for (int length = 1; length <= 300; ++length) ids.push_back(std::string(length, 'p'));
  ids.push_back(std::string(127, 'q'));
  ids.push_back(std::string(128, 'q'));
  ids.push_back(std::string(20000, 'r'));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());

  Graph graph;
  std::vector<std::string> objects, subjects;
  for (const auto& id : ids) {
    objects.push_back("doc:" + id);
    subjects.push_back("user:" + id);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ApplyNow(graph, {Write(objects[i], "viewer", subjects[ids.size() - 1 - i])});
  }
  const Snapshot snapshot = graph.Pin();
  const TypeId doc = *graph.FindType("doc"), user = *graph.FindType("user");
  EXPECT_EQ(snapshot.NodesMax(doc), ids.size());
  const PartitionView view =
      snapshot.View(*graph.FindPartition({"doc", "viewer", "user", "", false, ""}));
  std::vector<Snapshot::NodeQuery> queries;
  for (const auto& id : ids) queries.push_back({user, id});
  snapshot.FindNodes(queries);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const NodeId object = snapshot.FindNode(doc, ids[i]);
    EXPECT_EQ(snapshot.NodeText(doc, object), ids[i]);
    EXPECT_EQ(queries[i].node, snapshot.FindNode(user, ids[i]));
    EXPECT_EQ(snapshot.NodeText(user, queries[i].node), ids[i]);
    for (std::size_t j = 0; j < ids.size(); ++j) {
      EXPECT_EQ(view.Find(object, queries[j].node).has_value(), j == ids.size() - 1 - i);
    }
  }
  for (const std::string_view absent : {"", "b", "aA", "ppq", "doc", "\xC3"}) {
    EXPECT_EQ(snapshot.FindNode(doc, absent), kNoNode) << absent;
  }
}

TEST(Graph, NamesOutsideTheDictionaryHaveEmptyRows) {
  Graph graph;
  ApplyNow(graph, {Write("doc:1", "viewer", "user:anne")});
  const Snapshot snapshot = graph.Pin();
  const PartitionView view = snapshot.View(graph.Partitions().front().id);
  for (const NodeId strange : {NodeId{1}, NodeId{70000}, kLocalNodes, kLocalNodes + 5, kNoNode}) {
    EXPECT_TRUE(view.Subjects(strange).done());
    EXPECT_TRUE(view.Objects(strange).done());
    EXPECT_FALSE(view.Find(strange, 0));
    EXPECT_FALSE(view.Find(0, strange));
    EXPECT_FALSE(view.Find(strange, strange));
    EXPECT_EQ(view.SubjectDegree(strange), 0u);
    view.PrefetchObject(strange);
    view.PrefetchSubjects(strange);
  }
  EXPECT_EQ(PartitionView().EdgesMax(), 0u);
  EXPECT_FALSE(PartitionView().Find(0, 0));
}

// Containers of 65,536 are where other engines' sets have broken.
class GiantRow : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(GiantRow, AnswersForEveryMemberAndNoOther) {
  const std::uint32_t size = GetParam();
  Graph graph;
  std::vector<std::string> users;
  for (std::uint32_t i = 0; i <= size; ++i) users.push_back("user:" + std::to_string(i));
  ApplyNow(graph, {Write("group:other", "member", users[size])});  // Node 0: not a member.
  for (std::uint32_t i = 0; i < size;) {
    std::vector<Change> batch;
    for (; i < size && batch.size() < 1000; ++i) {
      batch.push_back(Write("group:all", "member", users[i]));
    }
    ApplyNow(graph, batch);
  }
  for (const char* phase : {"written", "compacted", "halved"}) {
    SCOPED_TRACE(phase);
    const bool halved = std::string_view(phase) == "halved";
    if (halved) {
      std::vector<Change> changes;
      for (std::uint32_t i = 1; i < size; i += 2) {
        changes.push_back(Delete("group:all", "member", users[i]));
      }
      ApplyNow(graph, changes);
    } else if (std::string_view(phase) == "compacted") {
      graph.Compact();
    }
    const Snapshot snapshot = graph.Pin();
    const PartitionView view = snapshot.View(graph.Partitions().front().id);
    std::vector<NodeId> want;
    for (std::uint32_t i = 0; i < size; i += halved ? 2 : 1) want.push_back(i + 1);
    std::vector<NodeId> got;
    for (RowCursor c = view.Subjects(1); !c.done();) {
      for (const NodeId node : c.TakeRun()) got.push_back(node);
    }
    ASSERT_EQ(got, want);
    for (NodeId user = 0; user <= size + 1; ++user) {
      const bool member = user >= 1 && user <= size && (!halved || user % 2 == 1);
      ASSERT_EQ(view.Find(1, user).has_value(), member) << user;
      RowCursor c = view.Subjects(1);
      c.Seek(user);
      ASSERT_EQ(!c.done() && c.node() == user, member) << user;
    }
    EXPECT_GE(view.SubjectDegree(1), want.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, GiantRow,
                         ::testing::Values(511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4095,
                                           4096, 4097, 65535, 65536, 65537));

TEST(Graph, OneWriteOfAMillionMembersIsApplied) {
  Graph graph;
  constexpr std::uint32_t kMembers = 1'000'000;
  std::vector<std::string> users;
  std::vector<Change> changes;
  for (std::uint32_t i = 0; i < kMembers; ++i) users.push_back("user:" + std::to_string(i));
  for (const auto& user : users) changes.push_back(Write("group:all", "member", user));
  ApplyNow(graph, changes);
  const Snapshot snapshot = graph.Pin();
  const PartitionView view = snapshot.View(graph.Partitions().front().id);
  std::uint32_t members = 0;
  for (RowCursor c = view.Subjects(0); !c.done(); c.Next()) ASSERT_EQ(c.node(), members++);
  EXPECT_EQ(members, kMembers);
  EXPECT_TRUE(view.Find(0, kMembers - 1));
  EXPECT_FALSE(view.Find(0, kMembers));
}

TEST(Graph, MemoryBudgetRefusesBeforeItIsExceeded) {
  constexpr std::uint64_t kBudget = 4 << 20;
  Graph graph({.memory_bytes_max = kBudget});
  std::uint64_t written = 0;
  for (;; ++written) {
    const std::string object = "doc:" + std::to_string(written);
    const Change change = Write(object, "viewer", "user:anne");
    const Revision revision = graph.applied() + 1;
    const auto status = graph.Apply(revision, At(1), {&change, 1});
    ASSERT_LE(graph.memory_use().total(), kBudget);
    if (!status.ok()) {
      EXPECT_EQ(status.error().code, ErrorCode::kResourceExhausted);
      EXPECT_FALSE(graph.Lookup(change.tuple).has_value());
      EXPECT_EQ(graph.applied(), written);
      break;
    }
    graph.Publish(revision);
  }
  EXPECT_GT(written, 20'000u);
  EXPECT_EQ(ContentOf(graph.Pin()).size(), written);
}

TEST(Graph, RetiredMemoryGoesWithTheLastPin) {
  Graph graph;
  std::optional<Snapshot> old = graph.Pin();
  for (int i = 0; i < 5000; ++i) {
    ApplyNow(graph, {Write("doc:" + std::to_string(i), "viewer", "user:anne")});
  }
  EXPECT_GT(graph.memory_use().retired, 0u);
  EXPECT_TRUE(ContentOf(*old).empty());
  old.reset();
  graph.Compact();
  EXPECT_EQ(graph.memory_use().retired, 0u);
  EXPECT_EQ(graph.memory_use().delta, 0u);
}

TEST(Graph, AnIdleStoreIsSmall) {
  Graph graph;
  for (int i = 0; i < 20; ++i) {
    ApplyNow(graph, {Write("doc:" + std::to_string(i), "r" + std::to_string(i), "user:anne")});
  }
  EXPECT_LE(graph.memory_use().total(), 64u << 10);
}

// Pages put together give everything once, in the order of one scan, whatever the page size and
// although each page is read from a new snapshot.
TEST(Scan, PagesFollowEachOther) {
  Graph graph;
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back(std::to_string(i * 7 % 40));
  for (int i = 0; i < 40; ++i) {
    const std::string object = "doc:" + texts[i % 13], user = "user:" + texts[i];
    const std::string group = "group:" + texts[i % 5] + "#member";
    ApplyNow(graph,
             {Write(object, i % 2 == 0 ? "viewer" : "editor", user, i % 3 == 0 ? "c" : ""),
              Write(object, "viewer", group), Write("folder:" + texts[i], "viewer", "user:*"),
              Write("doc:" + texts[i], "parent", "folder:1")});
  }
  const ScanFilter filters[] = {
      {},
      {.object_type = "doc"},
      {.object_type = "doc", .object_id = "7"},
      {.object_type = "doc", .object_id = "7", .relation = "viewer"},
      {.object_type = "doc", .object_id = "nobody"},
      {.relation = "viewer"},
      {.object_type = "doc", .subject = "user:7"},
      {.object_type = "doc", .object_id = "7", .subject = "group:7#member"},
      {.object_type = "folder", .subject = "user:*"},
      {.subject = "folder:1"},
      {.subject = "user:stranger"},
  };
  for (const ScanFilter& filter : filters) {
    SCOPED_TRACE(std::string(filter.object_type) + ":" + std::string(filter.object_id) + "#" +
                 std::string(filter.relation) + "@" + std::string(filter.subject));
    std::vector<std::string> whole;
    graph.Pin().Scan(filter, nullptr, SIZE_MAX,
                     [&](const StoredTuple& t) { whole.push_back(tuple::ToText(t.tuple)); });
    std::size_t matching = 0;
    for (const auto& [key, value] : ContentOf(graph.Pin())) {
      const auto object = tuple::SplitObject(key.object);
      matching += (filter.object_type.empty() || object.type == filter.object_type) &&
                  (filter.object_id.empty() || object.id == filter.object_id) &&
                  (filter.relation.empty() || key.relation == filter.relation) &&
                  (filter.subject.empty() || key.subject == filter.subject);
    }
    EXPECT_EQ(whole.size(), matching);
    for (const std::size_t page : {1u, 2u, 7u, 100u}) {
      std::vector<std::string> paged;
      std::string object, relation, subject, condition;
      StoredTuple last;
      for (ScanEnd end = ScanEnd::kMore; end == ScanEnd::kMore;) {
        std::size_t visited = 0;
        end = graph.Pin().Scan(filter, paged.empty() ? nullptr : &last, page,
                               [&](const StoredTuple& t) {
                                 ++visited;
                                 paged.push_back(tuple::ToText(t.tuple));
                                 object = t.tuple.object;
                                 relation = t.tuple.relation;
                                 subject = t.tuple.subject;
                                 condition = t.condition;
                               });
        last = {.tuple = {object, relation, subject}, .condition = condition};
        ASSERT_LE(visited, page);
        ASSERT_TRUE(end == ScanEnd::kComplete || visited == page);
      }
      EXPECT_EQ(paged, whole) << "pages of " << page;
    }
  }
}

TEST(Scan, GoesOnAfterATupleThatIsGone) {
  Graph graph;
  ApplyNow(graph, {Write("doc:1", "viewer", "user:a"), Write("doc:1", "viewer", "user:b"),
                   Write("doc:2", "viewer", "user:a")});
  ApplyNow(graph, {Delete("doc:1", "viewer", "user:b")});
  const StoredTuple last{.tuple = {"doc:1", "viewer", "user:b"}};
  std::vector<std::string> rest;
  graph.Pin().Scan({}, &last, 10,
                   [&](const StoredTuple& t) { rest.push_back(tuple::ToText(t.tuple)); });
  EXPECT_EQ(rest, std::vector<std::string>{"doc:2#viewer@user:a"});
}

}  // namespace
}  // namespace pemba::graph
