// Random histories of a graph against the naive definition of its content.

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "pemba/graph/testing/naive.h"

namespace pemba::graph {
namespace {

using testing::ExpectContent;
using testing::NaiveStore;

struct Shape {
  const char* name;
  std::uint32_t objects, subjects;
  std::uint32_t giant_percent;  // Changes of one object's row.
  std::uint32_t delete_percent;
  std::uint32_t batch_max;
  std::uint32_t steps;
};

// A history: random batches are applied and published, snapshots pinned, re-read and dropped, the
// graph compacted, stored and loaded.
class History {
 public:
  History(const Shape& shape, std::uint64_t seed) : shape_(shape), random_(seed) {
    path_ = ::testing::TempDir() + "/model_test_" + shape.name + std::to_string(seed);
  }
  ~History() { std::filesystem::remove(path_); }

  void Run() {
    for (std::uint32_t step = 0; step < shape_.steps && !::testing::Test::HasFatalFailure();
         ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      Step();
    }
    for (auto& pin : pins_) ExpectContent(*graph_, pin.snapshot, pin.content);
  }

 private:
  struct Pinned {
    Snapshot snapshot;
    NaiveStore content;
  };

  void Step() {
    switch (Below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        return Apply();
      case 9:
      case 10:
      case 11:
      case 12:
        return Publish();
      case 13:
      case 14:
        return Pin();
      case 15:
      case 16:
        return Unpin();
      case 17:
        return Verify();
      case 18:
        return Below(4) == 0 ? graph_->Compact() : Verify();
      default:
        return Below(6) == 0 ? StoreAndLoad() : Verify();
    }
  }

  void Apply() {
    std::deque<std::string> texts;  // Stable addresses.
    const auto keep = [&](std::string text) -> std::string_view {
      return texts.emplace_back(std::move(text));
    };
    std::vector<Change> changes;
    const std::uint32_t count = 1 + Below(shape_.batch_max);
    for (std::uint32_t i = 0; i < count; ++i) {
      Change change;
      const bool giant = Below(100) < shape_.giant_percent;
      const auto object = giant ? 0 : Below(shape_.objects);
      const auto kind = Below(10);
      const auto subject = std::to_string(Below(shape_.subjects));
      change.tuple.object = keep((Below(10) == 0 ? "folder:" : "doc:") + std::to_string(object));
      change.tuple.relation = Below(4) == 0 ? "editor" : "viewer";
      change.tuple.subject = keep(kind == 0   ? "user:*"
                                  : kind == 1 ? "group:" + subject + "#member"
                                              : "user:" + subject);
      if (Below(100) < shape_.delete_percent) change.operation = Change::Operation::kDelete;
      if (Below(4) == 0) {
        change.condition = Below(2) == 0 ? "early" : "late";
        if (Below(2) == 0) change.context = keep("{\"x\":" + std::to_string(Below(5)) + "}");
      }
      if (Below(4) == 0) change.expires_at = WallTime{std::chrono::seconds{1 + Below(4)}};
      changes.push_back(change);
    }
    const Places places = Locate(changes);
    ++revision_;
    if (Below(10) == 0) revision_ += Below(3);
    const auto status =
        graph_->Apply(revision_, WallTime{std::chrono::seconds{revision_}}, changes);
    ASSERT_TRUE(status.ok()) << status.error().message;
    NaiveStore next = unpublished_.empty() ? published_ : unpublished_.back().second;
    ApplyTo(next, revision_, changes);
    for (const Change& change : changes) {
      const auto found = graph_->Lookup(change.tuple);
      const auto want =
          next.find({std::string(change.tuple.object), std::string(change.tuple.relation),
                     std::string(change.tuple.subject)});
      ASSERT_EQ(found.has_value(), want != next.end());
      if (!found) continue;
      ASSERT_EQ(found->condition, want->second.condition);
      ASSERT_EQ(found->context, want->second.context);
      ASSERT_EQ(found->revision, want->second.revision);
      ASSERT_EQ(found->expires_at, want->second.expires_at);
    }
    ASSERT_EQ(graph_->statistics().tuples, next.size());
    unpublished_.emplace_back(revision_, std::move(next));
  }

  // Gives the changes places, or most of them, as somebody found them who came before others
  // wrote; not in every write.
  Places Locate(std::vector<Change>& changes) {
    if (Below(2) == 0) return {};
    std::vector<tuple::TupleView> tuples;
    for (const Change& change : changes) tuples.push_back(change.tuple);
    if (!located_) located_.emplace(graph_->Pin());
    Places places = located_->Locate(tuples);
    if (Below(8) == 0) located_.reset();
    EXPECT_EQ(graph_->Has(places), Graph::Mine::kYes);
    graph_->Prefetch(places.places);
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (Below(10) == 0) continue;
      changes[i].place = &places.places[i];
      const auto known = graph_->Lookup(changes[i].tuple);
      const auto found = graph_->Lookup(changes[i].tuple, changes[i].place);
      EXPECT_EQ(known.has_value(), found.has_value());
      if (known && found) {
        EXPECT_EQ(known->revision, found->revision);
      }
    }
    return places;
  }

  void Publish() {
    if (unpublished_.empty()) return;
    for (auto count = 1 + Below(static_cast<std::uint32_t>(unpublished_.size())); count > 0;
         --count) {
      published_revision_ = unpublished_.front().first;
      published_ = std::move(unpublished_.front().second);
      unpublished_.pop_front();
    }
    graph_->Publish(published_revision_);
    ASSERT_EQ(graph_->published(), published_revision_);
  }

  void Pin() {
    Snapshot snapshot = graph_->Pin();
    ASSERT_EQ(snapshot.revision(), published_revision_);
    if (published_revision_ != 0) {
      ASSERT_EQ(snapshot.TimeOf(published_revision_),
                WallTime{std::chrono::seconds{published_revision_}});
    }
    pins_.push_back({std::move(snapshot), published_});
  }

  void Unpin() {
    if (pins_.empty()) return;
    const auto at = Below(static_cast<std::uint32_t>(pins_.size()));
    ExpectContent(*graph_, pins_[at].snapshot, pins_[at].content);
    std::swap(pins_[at], pins_.back());
    pins_.pop_back();
  }

  void Verify() { ExpectContent(*graph_, graph_->Pin(), published_); }

  // What is stored is the published state, also while later changes are there.
  void StoreAndLoad() {
    ASSERT_TRUE(graph_->Pin().SaveCheckpoint(path_).ok());
    auto loaded = Graph::Load(path_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    ASSERT_EQ((*loaded)->published(), published_revision_);
    ASSERT_EQ((*loaded)->statistics().tuples, published_.size());
    ExpectContent(**loaded, (*loaded)->Pin(), published_);
    for (auto& pin : pins_) ExpectContent(*graph_, pin.snapshot, pin.content);
    pins_.clear();
    located_.reset();
    graph_ = *std::move(loaded);
    unpublished_.clear();
    revision_ = published_revision_;
  }

  std::uint32_t Below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

  const Shape& shape_;
  std::mt19937_64 random_;
  std::string path_;
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
  Revision revision_ = 0, published_revision_ = 0;
  NaiveStore published_;
  std::deque<std::pair<Revision, NaiveStore>> unpublished_;
  std::vector<Pinned> pins_;
  std::optional<Snapshot> located_;  // From which places are taken, for some time.
};

constexpr Shape kShapes[] = {
    {"few ids, many versions", 3, 3, 20, 50, 4, 600},
    {"small rows", 200, 200, 0, 20, 40, 250},
    {"one giant row", 50, 5000, 80, 10, 600, 120},
    {"giant row that shrinks", 5, 3000, 90, 60, 600, 120},
    {"sparse over many pages", 60000, 60000, 0, 10, 200, 100},
    {"dense", 64, 700, 0, 15, 1500, 60},
};

class ModelTest : public ::testing::TestWithParam<std::tuple<Shape, std::uint64_t>> {};

TEST_P(ModelTest, AgreesWithTheNaiveStore) {
  const auto& [shape, seed] = GetParam();
  SCOPED_TRACE(std::string(shape.name) + ", seed " + std::to_string(seed));
  History(shape, seed).Run();
}

INSTANTIATE_TEST_SUITE_P(Histories, ModelTest,
                         ::testing::Combine(::testing::ValuesIn(kShapes),
                                            ::testing::Range<std::uint64_t>(1, 5)),
                         [](const auto& test) {
                           std::string name = std::get<0>(test.param).name;
                           std::erase_if(name, [](char c) { return !std::isalpha(c); });
                           return name + std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace pemba::graph
