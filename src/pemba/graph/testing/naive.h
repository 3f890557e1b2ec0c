// The definition of a graph's content in slow, obvious lines, and its comparison with a snapshot.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/graph/graph.h"

namespace pemba::graph::testing {

struct NaiveKey {
  std::string object, relation, subject;
  friend auto operator<=>(const NaiveKey&, const NaiveKey&) = default;
};
struct NaiveValue {
  std::string condition, context;
  Revision revision = 0;
  std::optional<WallTime> expires_at = {};
  friend bool operator==(const NaiveValue&, const NaiveValue&) = default;
};
using NaiveStore = std::map<NaiveKey, NaiveValue>;

inline void ApplyTo(NaiveStore& store, Revision revision, std::span<const Change> changes) {
  for (const Change& c : changes) {
    const NaiveKey key{std::string(c.tuple.object), std::string(c.tuple.relation),
                       std::string(c.tuple.subject)};
    if (c.operation == Change::Operation::kDelete) {
      store.erase(key);
    } else {
      store[key] = {std::string(c.condition),
                    c.condition.empty() ? std::string() : std::string(c.context), revision,
                    c.expires_at};
    }
  }
}

inline NaiveStore ContentOf(const Snapshot& snapshot, const ScanFilter& filter = {}) {
  NaiveStore content;
  const auto end = snapshot.Scan(filter, nullptr, SIZE_MAX, [&](const StoredTuple& t) {
    const auto [at, is_new] = content.emplace(
        NaiveKey{std::string(t.tuple.object), std::string(t.tuple.relation),
                 std::string(t.tuple.subject)},
        NaiveValue{std::string(t.condition), std::string(t.context), t.revision, t.expires_at});
    EXPECT_TRUE(is_new) << "twice: " << tuple::ToText(t.tuple);
  });
  EXPECT_EQ(end, ScanEnd::kComplete);
  return content;
}

// Every way of reading a partition agrees with every other and with the pairs it should hold.
inline void ExpectPartition(const PartitionView& view,
                            const std::map<std::pair<NodeId, NodeId>, Revision>& edges) {
  EXPECT_LE(edges.size(), view.EdgesMax());
  std::map<NodeId, std::vector<NodeId>> forward, reverse;
  for (const auto& [pair, revision] : edges) {
    forward[pair.first].push_back(pair.second);
    reverse[pair.second].push_back(pair.first);  // Ascends, for pairs ascend.
    ASSERT_TRUE(view.Find(pair.first, pair.second).has_value());
    ASSERT_EQ(view.HasEdge(pair.first, pair.second), PartitionView::Has::kYes);
    ASSERT_EQ(view.RevisionOf(pair.first, pair.second), revision);
    if (const std::pair next(pair.first, pair.second + 1); !edges.contains(next)) {
      ASSERT_FALSE(view.Find(next.first, next.second).has_value());
      ASSERT_EQ(view.HasEdge(next.first, next.second), PartitionView::Has::kNo);
    }
  }
  const auto expect_rows = [](const auto& rows, auto cursor_of, auto degree_of, auto next_of) {
    NodeId walked = next_of(0);
    for (const auto& [row, nodes] : rows) {
      std::vector<NodeId> got;
      for (RowCursor c = cursor_of(row); !c.done(); c.Next()) got.push_back(c.node());
      ASSERT_EQ(got, nodes);
      got.clear();
      for (RowCursor c = cursor_of(row); !c.done();) {
        for (const NodeId node : c.TakeRun()) got.push_back(node);
      }
      ASSERT_EQ(got, nodes);
      ASSERT_GE(degree_of(row), nodes.size());
      for (const NodeId target : {NodeId{0}, nodes.front() + 1, nodes[nodes.size() / 2],
                                  nodes.back(), nodes.back() + 1, kLocalNodes}) {
        RowCursor c = cursor_of(row);
        c.Seek(target);
        const auto want = std::lower_bound(nodes.begin(), nodes.end(), target);
        ASSERT_EQ(c.done(), want == nodes.end()) << "seek " << target;
        if (!c.done()) {
          ASSERT_EQ(c.node(), *want);
        }
      }
      while (walked < row) walked = next_of(walked + 1);  // Rows without edges may come up.
      ASSERT_EQ(walked, row);
    }
  };
  expect_rows(
      forward, [&](NodeId n) { return view.Subjects(n); },
      [&](NodeId n) { return view.SubjectDegree(n); },
      [&](NodeId n) { return view.NextObject(n); });
  expect_rows(
      reverse, [&](NodeId n) { return view.Objects(n); },
      [&](NodeId n) { return view.ObjectDegree(n); },
      [&](NodeId n) { return view.NextSubject(n); });
}

// The snapshot holds exactly `want`, whichever way it is asked.
inline void ExpectContent(const Graph& graph, const Snapshot& snapshot, const NaiveStore& want) {
  ASSERT_EQ(ContentOf(snapshot), want);
  // What a time leaves, and what it does not, is all.
  const WallTime now{std::chrono::seconds{2}};
  ScanFilter alive, expired;
  alive.alive_at = expired.expired_at = now;
  NaiveStore parts = ContentOf(snapshot, alive);
  for (const auto& [key, value] : parts) ASSERT_TRUE(!value.expires_at || *value.expires_at > now);
  for (const auto& [key, value] : ContentOf(snapshot, expired)) {
    ASSERT_TRUE(value.expires_at && *value.expires_at <= now);
    ASSERT_TRUE(parts.emplace(key, value).second);
  }
  ASSERT_EQ(parts, want);

  std::map<PartitionKey, std::map<std::pair<NodeId, NodeId>, Revision>> edges;
  for (const auto& [key, value] : want) {
    const auto object = tuple::SplitObject(key.object);
    const auto subject = tuple::SplitSubject(key.subject);
    const bool wildcard = subject.kind == tuple::SubjectKind::kWildcard;
    const PartitionKey partition{
        std::string(object.type),      key.relation, std::string(subject.type),
        std::string(subject.relation), wildcard,     value.condition,
        value.expires_at.has_value()};
    const auto object_type = graph.FindType(object.type);
    const auto subject_type = graph.FindType(subject.type);
    ASSERT_TRUE(object_type && subject_type);
    const NodeId o = snapshot.FindNode(*object_type, object.id);
    const NodeId s = wildcard ? 0 : snapshot.FindNode(*subject_type, subject.id);
    ASSERT_NE(o, kNoNode);
    ASSERT_NE(s, kNoNode);
    ASSERT_EQ(snapshot.NodeText(*object_type, o), object.id);
    edges[partition][{o, s}] = value.revision;
    const auto id = graph.FindPartition(partition);
    ASSERT_TRUE(id);
    const auto edge = snapshot.View(*id).Find(o, s);
    ASSERT_TRUE(edge);
    std::string context;
    if (value.expires_at) {
      AppendExpiringContext({*value.expires_at, value.context}, context);
    } else {
      context = value.context;
    }
    ASSERT_EQ(snapshot.ContextText(edge->context), context);
  }
  for (const PartitionInfo& info : graph.Partitions()) {
    ExpectPartition(snapshot.View(info.id), edges[info.key]);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace pemba::graph::testing
