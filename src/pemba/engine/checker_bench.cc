// What a check costs, on the shapes that hurt: time, and heap allocations per check.
//
// Each shape is built at 10,000 and 1,000,000 tuples (argument). Questions rotate over enough
// objects and subjects that caches do not simply hold the answer's path. Every answer is compared
// with the one known by construction; a wrong one fails the benchmark.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "pemba/base/arena.h"
#include "pemba/base/assert.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/testing/count_allocations.h"
#include "pemba/graph/graph.h"
#include "pemba/model/dsl.h"

namespace pemba::engine {
namespace {

constexpr const char* kModel = R"(model
  schema 1.1
type user
type organization
  relations
    define member: [user]
type group
  relations
    define member: [user, group#member]
type team
  relations
    define member: [user]
type folder
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
type document
  relations
    define organization: [organization]
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
    define direct: [user]
    define team_viewer: [team#member]
    define blocked: [user]
    define allowed: [user]
    define staff: member from organization
    define or_blocked: allowed or blocked
    define not_blocked: allowed but not blocked
)";

std::string N(std::string_view prefix, std::uint64_t n) {
  return std::string(prefix) + std::to_string(n);
}

class Store {
 public:
  Store() {
    auto model = model::ModelFromDsl(kModel);
    PEMBA_CHECK(model.ok());
    auto plan = model::Plan::Compile(*model);
    PEMBA_CHECK(plan.ok());
    model_ = BoundModel::Bind(*std::move(plan), graph_);
  }

  void Add(std::string object, std::string relation, std::string subject) {
    pending_.push_back({std::move(object), std::move(relation), std::move(subject), {}});
    if (pending_.size() == 1'000) Flush();
  }

  void Done() {
    Flush();
    graph_.Compact();
  }

  // Runs `questions` in turn; all have the same answer.
  void Run(benchmark::State& state, const std::vector<tuple::Tuple>& questions, Decision want) {
    const Checker checker({.resolve_node_limit = hops_max}, clock_);
    const auto snapshot = graph_.Pin();
    Arena arena;
    const auto ask = [&](const tuple::Tuple& question) {
      arena.Reset();
      const auto got = checker.Check(snapshot, *model_, {question.view(), {}, nullptr, {}}, arena);
      return got.ok() && *got == want;
    };
    for (const auto& question : questions) {
      if (!ask(question)) return state.SkipWithError("wrong answer");
    }
    std::size_t next = 0;
    const auto before = testing::Allocations();
    for (auto _ : state) {
      if (!ask(questions[next])) return state.SkipWithError("wrong answer");
      if (++next == questions.size()) next = 0;
    }
    state.counters["allocations"] = benchmark::Counter(
        static_cast<double>(testing::Allocations() - before), benchmark::Counter::kAvgIterations);
    state.counters["tuples"] = static_cast<double>(graph_.statistics().tuples);
  }

  std::uint32_t hops_max = 25;

 private:
  void Flush() {
    std::vector<graph::Change> changes(pending_.size());
    for (std::size_t i = 0; i < pending_.size(); ++i) changes[i].tuple = pending_[i].view();
    PEMBA_CHECK(graph_.Apply(++revision_, WallTime{}, changes).ok());
    graph_.Publish(revision_);
    pending_.clear();
  }

  graph::Graph graph_;
  graph::Revision revision_ = 0;
  std::shared_ptr<const BoundModel> model_;
  std::vector<tuple::Tuple> pending_;
  SystemClock clock_;
};

// A scrambled walk over [0, n), the same on every machine.
std::uint64_t Scrambled(std::uint64_t i, std::uint64_t n) {
  return (i * 0x9E37'79B9'7F4A'7C15ull >> 20) % n;
}

constexpr std::uint64_t kQuestions = 4'096;

std::vector<tuple::Tuple> Questions(const std::function<tuple::Tuple(std::uint64_t)>& make) {
  std::vector<tuple::Tuple> questions;
  for (std::uint64_t i = 0; i < kQuestions; ++i) questions.push_back(make(i));
  return questions;
}

// S1. document#direct: [user]; every document has one of n / 4 users.
void Direct(benchmark::State& state, bool hit) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  Store store;
  const auto user = [&](std::uint64_t document) { return N("user:", Scrambled(document, n / 4)); };
  for (std::uint64_t i = 0; i < n; ++i) store.Add(N("document:", i), "direct", user(i));
  store.Done();
  store.Run(state, Questions([&](std::uint64_t i) -> tuple::Tuple {
              const auto document = Scrambled(i, n);
              auto subject = user(document);
              if (!hit) subject = subject == "user:0" ? "user:1" : "user:0";
              return {N("document:", document), "direct", subject, {}};
            }),
            hit ? Decision::kAllowed : Decision::kDenied);
}
BENCHMARK_CAPTURE(Direct, hit, true)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(Direct, miss, false)->Arg(10'000)->Arg(1'000'000);

// S2. Trees of 8 nested folders; at the top a group within a group views, every document has an
// owner. Asked: members of the inner group, and strangers.
void Drive(benchmark::State& state, bool member) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  const std::uint64_t trees = n / 32;
  Store store;
  for (std::uint64_t t = 0; t < trees; ++t) {
    const auto folder = [&](std::uint64_t level) { return N(N("folder:", t) + "-", level); };
    for (std::uint64_t level = 0; level < 7; ++level) {
      store.Add(folder(level + 1), "parent", folder(level));
      store.Add(folder(level), "owner", N("user:owner", Scrambled(t + level, trees)));
    }
    store.Add(folder(0), "viewer", N("group:outer", t) + "#member");
    store.Add(N("group:outer", t), "member", N("group:inner", t) + "#member");
    for (std::uint64_t m = 0; m < 4; ++m) {
      store.Add(N("group:inner", t), "member", N("user:", t * 4 + m));
    }
    for (std::uint64_t d = 0; d < 6; ++d) {
      store.Add(N("document:", t * 6 + d), "parent", folder(7));
      store.Add(N("document:", t * 6 + d), "owner", N("user:owner", t));
    }
  }
  store.Done();
  store.Run(state, Questions([&](std::uint64_t i) -> tuple::Tuple {
              const auto tree = Scrambled(i, trees);
              const auto who = member ? tree : (tree + 1) % trees;
              return {N("document:", tree * 6 + i % 6), "viewer", N("user:", who * 4 + i % 4), {}};
            }),
            member ? Decision::kAllowed : Decision::kDenied);
}
BENCHMARK_CAPTURE(Drive, member, true)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(Drive, stranger, false)->Arg(10'000)->Arg(1'000'000);

// S3. Chains of groups; the user is in the last one. `cycle`: the last one contains the first, and
// the user is in none.
void Chain(benchmark::State& state, bool cycle) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  const auto depth = static_cast<std::uint64_t>(state.range(1));
  const std::uint64_t chains = std::max<std::uint64_t>(1, n / (depth + 1));
  Store store;
  store.hops_max = 0;
  for (std::uint64_t c = 0; c < chains; ++c) {
    const auto group = [&](std::uint64_t level) { return N(N("group:", c) + "-", level); };
    for (std::uint64_t level = 0; level < depth; ++level) {
      store.Add(group(level), "member", group(level + 1) + "#member");
    }
    if (cycle) {
      store.Add(group(depth), "member", group(0) + "#member");
    } else {
      store.Add(group(depth), "member", N("user:", c));
    }
  }
  store.Done();
  store.Run(state, Questions([&](std::uint64_t i) -> tuple::Tuple {
              const auto chain = Scrambled(i, chains);
              return {N("group:", chain) + "-0", "member", N("user:", chain), {}};
            }),
            cycle ? Decision::kDenied : Decision::kAllowed);
}
BENCHMARK_CAPTURE(Chain, reached, false)->ArgsProduct({{10'000, 1'000'000}, {1, 5, 20, 200}});
BENCHMARK_CAPTURE(Chain, cycle, true)->ArgsProduct({{10'000, 1'000'000}, {20, 200}});

// S6. 2,700 organizations that have nothing to do with each other.
void Organizations(benchmark::State& state, bool member) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  constexpr std::uint64_t kOrganizations = 2'700;
  Store store;
  for (std::uint64_t i = 0; i < n / 2; ++i) {
    const auto organization = N("organization:", i % kOrganizations);
    store.Add(organization, "member", N("user:", i));
    store.Add(N("document:", i), "organization", organization);
  }
  store.Done();
  store.Run(
      state, Questions([&](std::uint64_t i) -> tuple::Tuple {
        const auto document = Scrambled(i, n / 2 - kOrganizations);
        return {N("document:", document), "staff", N("user:", document + (member ? 0 : 1)), {}};
      }),
      member ? Decision::kAllowed : Decision::kDenied);
}
BENCHMARK_CAPTURE(Organizations, granted, true)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(Organizations, denied, false)->Arg(10'000)->Arg(1'000'000);

// S7. A block list of n / 10 on each of ten documents. The user of `or` is only blocked, so that
// both operands have to be asked there too.
void BlockList(benchmark::State& state, const char* relation, bool on_list) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  Store store;
  for (std::uint64_t i = 0; i < n; ++i) {
    store.Add(N("document:", i % 10), "blocked", N("user:blocked", i / 10));
    if (i % 10 == 0) store.Add("document:0", "allowed", N("user:", i / 10));
  }
  store.Done();
  store.Run(state, Questions([&](std::uint64_t i) -> tuple::Tuple {
              const auto who = Scrambled(i, n / 10);
              return {"document:0", relation, N(on_list ? "user:blocked" : "user:", who), {}};
            }),
            Decision::kAllowed);
}
BENCHMARK_CAPTURE(BlockList, union_, "or_blocked", true)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(BlockList, exclusion, "not_blocked", false)->Arg(10'000)->Arg(1'000'000);

// S10. One group of n members.
void GiantGroup(benchmark::State& state, bool member) {
  const auto n = static_cast<std::uint64_t>(state.range(0));
  Store store;
  for (std::uint64_t i = 0; i < n; ++i) store.Add("group:all", "member", N("user:", i));
  store.Add("document:1", "viewer", "group:all#member");
  for (std::uint64_t i = 0; i < kQuestions; ++i) {
    store.Add("document:other", "owner", N("user:stranger", i));
  }
  store.Done();
  store.Run(state, Questions([&](std::uint64_t i) -> tuple::Tuple {
              return {"document:1",
                      "viewer",
                      member ? N("user:", Scrambled(i, n)) : N("user:stranger", i),
                      {}};
            }),
            member ? Decision::kAllowed : Decision::kDenied);
}
BENCHMARK_CAPTURE(GiantGroup, member, true)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(GiantGroup, stranger, false)->Arg(10'000)->Arg(1'000'000);

// S9, S10. One user in 10,000 teams, one document shared with 10,000 other teams, one in common.
void ManyTeams(benchmark::State& state, bool common) {
  constexpr std::uint64_t kTeams = 10'000;
  Store store;
  for (std::uint64_t i = 0; i < kTeams; ++i) {
    store.Add(N("team:", 2 * i), "member", "user:anne");
    store.Add("document:1", "team_viewer", N("team:", 2 * i + 1) + "#member");
  }
  if (common) store.Add("document:1", "team_viewer", N("team:", kTeams) + "#member");
  store.Done();
  store.Run(state, {{"document:1", "team_viewer", "user:anne", {}}},
            common ? Decision::kAllowed : Decision::kDenied);
}
BENCHMARK_CAPTURE(ManyTeams, one_in_common, true);
BENCHMARK_CAPTURE(ManyTeams, none_in_common, false);

// S10. An object with 10,000 grantees.
void ManyGrantees(benchmark::State& state) {
  Store store;
  for (std::uint64_t i = 0; i < 10'000; ++i) store.Add("document:1", "viewer", N("user:", i));
  store.Done();
  store.Run(state, Questions([](std::uint64_t i) -> tuple::Tuple {
              return {"document:1", "viewer", N("user:", Scrambled(i, 10'000)), {}};
            }),
            Decision::kAllowed);
}
BENCHMARK(ManyGrantees);

}  // namespace
}  // namespace pemba::engine
