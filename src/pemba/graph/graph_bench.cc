// What a graph costs. Data: N tuples document#viewer@user of about 40 bytes of text, each document
// with five viewers and each user with ten documents on average, in random order ("shared"); or one
// owner for each document ("owned"). Questions are drawn uniformly or by a Zipf law (0.99), half of
// them denials that differ from a tuple in one end. Floors: a hash map of as many keys, of 64-bit
// keys (pairs) and of strings (ids).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/unordered/unordered_flat_set.hpp>
#include <malloc.h>

#include "pemba/base/hash.h"
#include "pemba/graph/graph.h"

namespace pemba::graph {
namespace {

constexpr std::size_t kQuestions = 1 << 20;

struct Pair {
  std::uint32_t object, subject;
};

std::string ObjectText(std::uint32_t object) {
  char text[32];
  std::snprintf(text, sizeof(text), "document:d-%010u", object);
  return text;
}
std::string SubjectText(std::uint32_t subject) {
  char text[32];
  std::snprintf(text, sizeof(text), "user:u-%08u", subject);
  return text;
}

// Zipf's law by inversion of the continuous distribution; ranks are spread over the range.
std::uint32_t Zipf(std::mt19937_64& random, std::uint32_t count) {
  constexpr double kExponent = 0.99;
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  const double limit = std::pow(count, 1 - kExponent) - 1;
  const auto rank = static_cast<std::uint64_t>(std::pow(u * limit + 1, 1 / (1 - kExponent)));
  return static_cast<std::uint32_t>(rank * 2654435761u % count);
}

enum class Shape : std::uint8_t { kShared, kOwned };

std::vector<Pair> MakePairs(Shape shape, std::uint32_t tuples) {
  std::mt19937_64 random(tuples);
  std::vector<Pair> pairs;
  pairs.reserve(tuples);
  for (std::uint32_t i = 0; i < tuples; ++i) {
    const auto subject = static_cast<std::uint32_t>(random() % (tuples / 10));
    pairs.push_back(
        {shape == Shape::kOwned ? i : static_cast<std::uint32_t>(random() % (tuples / 5)),
         subject});
  }
  return pairs;
}

void Load(Graph& graph, const std::vector<Pair>& pairs, std::size_t batch) {
  std::vector<std::string> texts(2 * batch);
  std::vector<Change> changes(batch);
  Revision revision = graph.applied();
  for (std::size_t first = 0; first < pairs.size(); first += batch) {
    const std::size_t count = std::min(batch, pairs.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      texts[2 * i] = ObjectText(pairs[first + i].object);
      texts[2 * i + 1] = SubjectText(pairs[first + i].subject);
      changes[i].tuple = {texts[2 * i], "viewer", texts[2 * i + 1]};
    }
    if (!graph.Apply(++revision, WallTime{}, std::span(changes).first(count)).ok()) std::abort();
    graph.Publish(revision);
  }
}

struct World {
  Graph graph;
  std::vector<Pair> pairs;
  PartitionId viewers = 0;
  TypeId document = 0, user = 0;
};

World& WorldOf(Shape shape, std::uint32_t tuples) {
  static std::map<std::pair<Shape, std::uint32_t>, std::unique_ptr<World>> worlds;
  auto& world = worlds[{shape, tuples}];
  if (world == nullptr) {
    world = std::make_unique<World>();
    world->pairs = MakePairs(shape, tuples);
    Load(world->graph, world->pairs, 1000);
    world->graph.Compact();
    world->viewers = *world->graph.FindPartition({"document", "viewer", "user", "", false, ""});
    world->document = *world->graph.FindType("document");
    world->user = *world->graph.FindType("user");
  }
  return *world;
}
World& SharedWorld(const benchmark::State& state) {
  return WorldOf(Shape::kShared, static_cast<std::uint32_t>(state.range(0)));
}

enum class Law : std::uint8_t { kUniform, kZipf };

// Half of them are tuples.
std::vector<Pair> Questions(const World& world, Law law) {
  std::mt19937_64 random(1);
  std::vector<Pair> questions;
  const auto count = static_cast<std::uint32_t>(world.pairs.size());
  for (std::size_t i = 0; i < kQuestions; ++i) {
    const auto at =
        law == Law::kZipf ? Zipf(random, count) : static_cast<std::uint32_t>(random() % count);
    Pair question = world.pairs[at];
    if (i % 2 == 0) question.subject = static_cast<std::uint32_t>(random() % (count / 10));
    questions.push_back(question);
  }
  return questions;
}

std::vector<Pair> ToNodes(const World& world, std::vector<Pair> questions) {
  const Snapshot snapshot = world.graph.Pin();
  for (Pair& q : questions) {
    q.object = snapshot.FindNode(world.document, ObjectText(q.object).substr(9));
    q.subject = snapshot.FindNode(world.user, SubjectText(q.subject).substr(5));
  }
  return questions;
}

void Find(benchmark::State& state, Law law) {
  World& world = SharedWorld(state);
  const auto questions = ToNodes(world, Questions(world, law));
  const Snapshot snapshot = world.graph.Pin();
  const PartitionView view = snapshot.View(world.viewers);
  std::size_t i = 0, found = 0;
  for (auto _ : state) {
    const Pair& q = questions[i++ % kQuestions];
    found += view.Find(q.object, q.subject).has_value();
  }
  state.counters["hit"] = static_cast<double>(found) / static_cast<double>(state.iterations());
}
void BM_FindUniform(benchmark::State& state) { Find(state, Law::kUniform); }
void BM_FindZipf(benchmark::State& state) { Find(state, Law::kZipf); }

// Each question waits for the answer before it: the latency that a single check sees.
void BM_FindDependent(benchmark::State& state) {
  World& world = SharedWorld(state);
  const auto questions = ToNodes(world, Questions(world, Law::kUniform));
  const Snapshot snapshot = world.graph.Pin();
  const PartitionView view = snapshot.View(world.viewers);
  std::size_t i = 0;
  for (auto _ : state) {
    const Pair& q = questions[i % kQuestions];
    const auto edge = view.Find(q.object, q.subject);
    i = i + 1 + (edge ? edge->context : 0);
  }
}

void BM_FloorPairProbe(benchmark::State& state) {
  World& world = SharedWorld(state);
  boost::unordered_flat_set<std::uint64_t> set;
  for (const Pair& p : world.pairs) set.insert(std::uint64_t{p.object} << 32 | p.subject);
  const auto questions = Questions(world, Law::kUniform);
  std::size_t i = 0;
  for (auto _ : state) {
    const Pair& q = questions[i % kQuestions];
    auto hits = set.count(std::uint64_t{q.object} << 32 | q.subject);
    benchmark::DoNotOptimize(hits);  // Or the compiler sees that it is below 2.
    i = i + 1 + (hits >> 8);
  }
}

std::vector<std::string> IdTexts(const World& world) {
  std::vector<std::string> texts;
  for (const Pair& q : Questions(world, Law::kUniform)) {
    texts.push_back(ObjectText(q.object).substr(9));
  }
  return texts;
}

void BM_FindNode(benchmark::State& state) {
  World& world = SharedWorld(state);
  const auto texts = IdTexts(world);
  const Snapshot snapshot = world.graph.Pin();
  std::size_t i = 0;
  for (auto _ : state) {
    const NodeId node = snapshot.FindNode(world.document, texts[i % kQuestions]);
    i = i + 1 + (node >> 31);
  }
}

void BM_FloorStringProbe(benchmark::State& state) {
  World& world = SharedWorld(state);
  StringMap<std::uint32_t> map;
  for (const Pair& p : world.pairs) map.emplace(ObjectText(p.object).substr(9), p.object);
  const auto texts = IdTexts(world);
  std::size_t i = 0;
  for (auto _ : state) {
    const auto at = map.find(std::string_view(texts[i % kQuestions]));
    i = i + 1 + (at->second >> 31);
  }
}

// A direct check from three strings: two ids side by side, then the edge.
void BM_CheckFromText(benchmark::State& state) {
  World& world = SharedWorld(state);
  std::vector<std::pair<std::string, std::string>> texts;
  for (const Pair& q : Questions(world, Law::kUniform)) {
    texts.emplace_back(ObjectText(q.object).substr(9), SubjectText(q.subject).substr(5));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& [object, subject] = texts[i % kQuestions];
    const Snapshot snapshot = world.graph.Pin();
    Snapshot::NodeQuery ends[] = {{world.document, object}, {world.user, subject}};
    snapshot.FindNodes(ends);
    const auto edge = snapshot.View(world.viewers).Find(ends[0].node, ends[1].node);
    i = i + 1 + (edge ? edge->context : 0);
  }
}

void BM_Pin(benchmark::State& state) {
  World& world = SharedWorld(state);
  for (auto _ : state) benchmark::DoNotOptimize(world.graph.Pin());
}

// One group of N members, of which some are in 10,000 others.
Graph& GiantGroup(std::uint32_t members) {
  static std::map<std::uint32_t, std::unique_ptr<Graph>> graphs;
  auto& graph = graphs[members];
  if (graph == nullptr) {
    graph = std::make_unique<Graph>();
    std::vector<std::string> texts;
    std::vector<Change> changes;
    for (std::uint32_t i = 0; i < members; ++i) texts.push_back(SubjectText(i));
    for (const auto& text : texts) changes.push_back({.tuple = {"group:all", "member", text}});
    for (std::uint32_t i = 0; i < 10'000; ++i) texts.push_back("group:g" + std::to_string(i));
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      changes.push_back({.tuple = {texts[members + i], "member", texts[7]}});
    }
    std::mt19937 random(1);
    std::shuffle(changes.begin(), changes.end(), random);
    Revision revision = 0;
    for (std::size_t first = 0; first < changes.size(); first += 1000, ++revision) {
      const auto batch = std::span(changes).subspan(first);
      if (!graph
               ->Apply(revision + 1, WallTime{},
                       batch.first(std::min<std::size_t>(1000, batch.size())))
               .ok())
        std::abort();
      graph->Publish(revision + 1);
    }
    graph->Compact();
  }
  return *graph;
}

void BM_GiantGroupMember(benchmark::State& state) {
  const auto members = static_cast<std::uint32_t>(state.range(0));
  Graph& graph = GiantGroup(members);
  const Snapshot snapshot = graph.Pin();
  const PartitionView view = snapshot.View(0);
  const NodeId group = snapshot.FindNode(*graph.FindType("group"), "all");
  // Argument 1: the user who is in 10,000 groups, whose row is long from both sides.
  const NodeId busy = snapshot.FindNode(*graph.FindType("user"), "u-00000007");
  std::mt19937 random(2);
  for (auto _ : state) {
    const NodeId user = state.range(1) != 0 ? busy : static_cast<NodeId>(random() % members);
    benchmark::DoNotOptimize(view.Find(group, user));
  }
}

void BM_WalkGiantGroup(benchmark::State& state) {
  const auto members = static_cast<std::uint32_t>(state.range(0));
  Graph& graph = GiantGroup(members);
  const Snapshot snapshot = graph.Pin();
  const NodeId group = snapshot.FindNode(*graph.FindType("group"), "all");
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (RowCursor row = snapshot.View(0).Subjects(group); !row.done(); row.Next())
      sum += row.node();
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * members);
}

// New tuples among the known ids, 100 a write, published one by one.
void BM_Apply(benchmark::State& state) {
  World& world = SharedWorld(state);
  const auto count = static_cast<std::uint32_t>(world.pairs.size());
  const auto batch = static_cast<std::size_t>(state.range(1));
  std::mt19937_64 random(3);
  std::vector<std::string> texts(2 * batch);
  std::vector<Change> changes(batch);
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t i = 0; i < batch; ++i) {
      texts[2 * i] = ObjectText(static_cast<std::uint32_t>(random() % (count / 5)));
      texts[2 * i + 1] = SubjectText(static_cast<std::uint32_t>(random() % (count / 10)));
      changes[i].tuple = {texts[2 * i], "viewer", texts[2 * i + 1]};
    }
    state.ResumeTiming();
    const Revision revision = world.graph.applied() + 1;
    if (!world.graph.Apply(revision, WallTime{}, changes).ok()) std::abort();
    world.graph.Publish(revision);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch));
}

void ReportMemory(benchmark::State& state, const Graph& graph, std::size_t heap_bytes) {
  const auto use = graph.memory_use();
  const auto tuples = static_cast<double>(graph.statistics().tuples);
  state.counters["B/tuple"] = static_cast<double>(use.total()) / tuples;
  state.counters["dict"] = static_cast<double>(use.dictionaries) / tuples;
  state.counters["base"] = static_cast<double>(use.base) / tuples;
  state.counters["delta"] = static_cast<double>(use.delta) / tuples;
  state.counters["heapB/tuple"] = static_cast<double>(heap_bytes) / tuples;
}

std::size_t HeapBytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Argument 1: 0 shared, 1 owned. Argument 2: 1 if compacted before memory is measured.
void BM_BulkLoad(benchmark::State& state) {
  const auto shape = state.range(1) == 0 ? Shape::kShared : Shape::kOwned;
  const auto pairs = MakePairs(shape, static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    const auto before = HeapBytes();
    auto graph = std::make_unique<Graph>();
    Load(*graph, pairs, 1000);
    if (state.range(2) != 0) graph->Compact();
    state.PauseTiming();
    ReportMemory(state, *graph, HeapBytes() - before);
    graph.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * pairs.size()));
}

const std::string& CheckpointPath() {
  static const std::string path = std::filesystem::temp_directory_path() / "graph_bench_checkpoint";
  return path;
}

void BM_SaveCheckpoint(benchmark::State& state) {
  World& world = SharedWorld(state);
  for (auto _ : state) {
    if (!world.graph.Pin().SaveCheckpoint(CheckpointPath()).ok()) std::abort();
  }
  state.counters["bytes"] = static_cast<double>(std::filesystem::file_size(CheckpointPath()));
}

void BM_LoadCheckpoint(benchmark::State& state) {
  World& world = SharedWorld(state);
  if (!world.graph.Pin().SaveCheckpoint(CheckpointPath()).ok()) std::abort();
  for (auto _ : state) {
    auto graph = Graph::Load(CheckpointPath());
    if (!graph.ok() || (*graph)->statistics().tuples == 0) std::abort();
    benchmark::DoNotOptimize((*graph)->Pin().View(0).Find(0, 0));
  }
  std::filesystem::remove(CheckpointPath());
}

constexpr std::int64_t kMillion = 1'000'000;

BENCHMARK(BM_Pin)->Arg(kMillion);
BENCHMARK(BM_FloorPairProbe)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_FindUniform)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_FindDependent)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_FindZipf)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_FloorStringProbe)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_FindNode)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_CheckFromText)->Arg(kMillion)->Arg(10 * kMillion);
BENCHMARK(BM_GiantGroupMember)->Args({kMillion, 0})->Args({kMillion, 1});
BENCHMARK(BM_WalkGiantGroup)->Arg(kMillion);
BENCHMARK(BM_SaveCheckpoint)->Arg(kMillion)->Arg(10 * kMillion)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LoadCheckpoint)->Arg(kMillion)->Arg(10 * kMillion)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Apply)->Args({kMillion, 1})->Args({kMillion, 100})->Args({10 * kMillion, 100});
BENCHMARK(BM_BulkLoad)
    ->Args({kMillion, 0, 0})
    ->Args({kMillion, 0, 1})
    ->Args({kMillion, 1, 1})
    ->Args({10 * kMillion, 0, 0})
    ->Args({10 * kMillion, 0, 1})
    ->Args({10 * kMillion, 1, 1})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pemba::graph
