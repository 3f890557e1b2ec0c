// What a list costs: answers per second, and the time to the first ones.
//
// One subject (or one object) with 10,000 or 1,000,000 answers (argument) among as many strangers.
// Every list's count is compared with the one known by construction; a wrong one fails the
// benchmark. `ids` is answers given out, with their names, per second.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "pemba/base/arena.h"
#include "pemba/base/assert.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/lister.h"
#include "pemba/graph/graph.h"
#include "pemba/model/dsl.h"
#include "pemba/tuple/context.h"

namespace pemba::engine {
namespace {

constexpr const char* kModel = R"(model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user] or viewer from parent
type document
  relations
    define a: [user]
    define b: [user]
    define blocked: [user]
    define banned: [user, group#member]
    define timed: [user with fresh]
    define by_group: [group#member]
    define a_or_b: a or b
    define a_and_b: a and b
    define not_blocked: a but not blocked
    define not_banned: a but not banned
condition fresh(now: int, until: int) {
  now < until
}
)";

std::string N(std::string_view prefix, std::uint64_t n) {
  return std::string(prefix) + std::to_string(n);
}

// `size` documents, all shared with user:me in several ways, and a mirror image: document:all,
// which `size` users have.
class World {
 public:
  explicit World(std::uint64_t size) : size_(size) {
    auto model = model::ModelFromDsl(kModel);
    PEMBA_CHECK(model.ok());
    auto plan = model::Plan::Compile(*model);
    PEMBA_CHECK(plan.ok());
    model_ = BoundModel::Bind(*std::move(plan), graph_);
    const auto groups = size / 100;
    for (std::uint64_t i = 0; i < groups; ++i) Add(N("group:", i), "member", "user:me");
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto document = N("document:", i);
      const auto user = N("user:", i);
      for (const char* relation : {"a", "b"}) {
        Add(document, relation, "user:me");
        Add("document:all", relation, user);
      }
      if (i % 2 == 0) Add(document, "blocked", "user:me");
      if (i % 2 == 0) Add("document:all", "blocked", user);
      Add(document, "timed", "user:me", i % 2 == 0 ? R"({"until":5})" : R"({"until":15})");
      Add(document, "by_group", N("group:", i % groups) + "#member");
      Add(document, "a", N("user:stranger", i));
      if (i == 0) {
        Add("folder:0", "viewer", "user:me");
      } else {
        Add(N("folder:", i), "parent", N("folder:", (i - 1) / 8));
      }
    }
    Flush();
    graph_.Compact();
    context_ = *tuple::ParseContext(R"({"now":10})");
  }

  std::uint64_t size() const { return size_; }

  Result<ListSummary> Objects(const char* type, const char* relation, const ListOptions& options) {
    arena_.Reset();
    const auto snapshot = graph_.Pin();
    const ObjectsQuery query{type, relation, "user:me", {}, &context_, {}};
    return Lister({}, clock_).ListObjects(snapshot, *model_, query, options, arena_, Sink());
  }
  Result<ListSummary> Users(const char* relation, const ListOptions& options) {
    arena_.Reset();
    const auto snapshot = graph_.Pin();
    const UsersQuery query{"document:all", relation, "user", "", {}, &context_, {}};
    return Lister({}, clock_).ListUsers(snapshot, *model_, query, options, arena_, Sink());
  }

 private:
  ListSink Sink() {
    return [this](std::span<const std::string_view> ids) {
      for (const auto id : ids) bytes_ += id.size();
      return SinkWants::kMore;
    };
  }
  void Add(std::string object, std::string relation, std::string subject,
           std::string_view context = {}) {
    pending_.push_back({std::move(object), std::move(relation), std::move(subject), {}});
    contexts_.push_back(context);
    if (pending_.size() == 1'000) Flush();
  }
  void Flush() {
    std::vector<graph::Change> changes;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      graph::Change change;
      change.tuple = pending_[i].view();
      change.context = contexts_[i];
      if (!contexts_[i].empty()) change.condition = "fresh";
      changes.push_back(change);
    }
    PEMBA_CHECK(graph_.Apply(++revision_, WallTime{}, changes).ok());
    graph_.Publish(revision_);
    pending_.clear();
    contexts_.clear();
  }

  std::uint64_t size_;
  graph::Graph graph_;
  graph::Revision revision_ = 0;
  std::shared_ptr<const BoundModel> model_;
  std::vector<tuple::Tuple> pending_;
  std::vector<std::string_view> contexts_;
  boost::json::object context_;
  SystemClock clock_;
  Arena arena_;
  std::uint64_t bytes_ = 0;
};

World& WorldOf(std::int64_t size) {
  static std::map<std::int64_t, std::unique_ptr<World>> worlds;
  auto& world = worlds[size];
  if (world == nullptr) world = std::make_unique<World>(static_cast<std::uint64_t>(size));
  return *world;
}

enum class Share : std::uint8_t { kAll, kHalf };

template <class List>
void Run(benchmark::State& state, Share share, const List& list) {
  auto& world = WorldOf(state.range(0));
  const auto want = share == Share::kAll ? world.size() : world.size() / 2;
  for (auto _ : state) {
    const auto got = list(world, ListOptions{});
    if (!got.ok() || got->count != want) return state.SkipWithError("wrong answer");
  }
  state.counters["ids"] = benchmark::Counter(static_cast<double>(want * state.iterations()),
                                             benchmark::Counter::kIsRate);
}

// The first page of one, and a page of 100 from the middle.
template <class List>
void RunPages(benchmark::State& state, std::string after, std::uint64_t count, const List& list) {
  auto& world = WorldOf(state.range(0));
  for (auto _ : state) {
    const auto got = list(world, ListOptions{.count_max = count, .after = after});
    if (!got.ok() || got->count != count) return state.SkipWithError("wrong answer");
  }
}

#define PEMBA_OBJECTS(name, type, relation, share)                                               \
  void Objects_##name(benchmark::State& state) {                                                 \
    Run(state, share,                                                                            \
        [](World& w, const ListOptions& o) { return w.Objects(type, relation, o); });            \
  }                                                                                              \
  BENCHMARK(Objects_##name)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);         \
  void Objects_##name##_first(benchmark::State& state) {                                         \
    RunPages(state, "", 1,                                                                       \
             [](World& w, const ListOptions& o) { return w.Objects(type, relation, o); });       \
  }                                                                                              \
  BENCHMARK(Objects_##name##_first)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond); \
  void Objects_##name##_middle(benchmark::State& state) {                                        \
    RunPages(state, std::to_string(state.range(0) / 2), 100,                                     \
             [](World& w, const ListOptions& o) { return w.Objects(type, relation, o); });       \
  }                                                                                              \
  BENCHMARK(Objects_##name##_middle)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond)

#define PEMBA_USERS(name, relation, share)                                                       \
  void Users_##name(benchmark::State& state) {                                                   \
    Run(state, share, [](World& w, const ListOptions& o) { return w.Users(relation, o); });      \
  }                                                                                              \
  BENCHMARK(Users_##name)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);           \
  void Users_##name##_first(benchmark::State& state) {                                           \
    RunPages(state, "", 1, [](World& w, const ListOptions& o) { return w.Users(relation, o); }); \
  }                                                                                              \
  BENCHMARK(Users_##name##_first)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond)

PEMBA_OBJECTS(direct, "document", "a", Share::kAll);
PEMBA_OBJECTS(either, "document", "a_or_b", Share::kAll);
PEMBA_OBJECTS(both, "document", "a_and_b", Share::kAll);
PEMBA_OBJECTS(but_not, "document", "not_blocked", Share::kHalf);
PEMBA_OBJECTS(but_not_recursive, "document", "not_banned", Share::kAll);
PEMBA_OBJECTS(condition, "document", "timed", Share::kHalf);
PEMBA_OBJECTS(groups, "document", "by_group", Share::kAll);
PEMBA_OBJECTS(recursive, "folder", "viewer", Share::kAll);
PEMBA_USERS(direct, "a", Share::kAll);
PEMBA_USERS(either, "a_or_b", Share::kAll);
PEMBA_USERS(both, "a_and_b", Share::kAll);
PEMBA_USERS(but_not, "not_blocked", Share::kHalf);

}  // namespace
}  // namespace pemba::engine
