// engine_costs SCENARIO: asks the questions of one scenario inside Measured(), which is what
// callgrind counts, and prints how many they were.
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/arena.h"
#include "pemba/base/assert.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/lister.h"
#include "pemba/graph/graph.h"
#include "pemba/model/dsl.h"

namespace {

using namespace pemba;  // NOLINT(google-build-using-namespace): a program

constexpr const char* kModel = R"(model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
    define direct: [user]
    define allowed: [user]
    define blocked: [user]
    define or_blocked: allowed or blocked
    define not_blocked: allowed but not blocked
)";

constexpr std::uint64_t kTrees = 200;
constexpr std::uint64_t kQuestions = 2'000;
constexpr std::uint64_t kBatch = 50;
constexpr std::uint64_t kListed = 10'000;

std::string N(std::string_view prefix, std::uint64_t n) {
  return std::string(prefix) + std::to_string(n);
}

class World {
 public:
  World() {
    auto plan = model::Plan::Compile(*model::ModelFromDsl(kModel));
    PEMBA_CHECK(plan.ok());
    model_ = engine::BoundModel::Bind(*std::move(plan), graph_);
    AddTrees();
    for (std::uint64_t i = 0; i < kListed; ++i) {
      const auto document = N("document:d", i);
      Add(document, "direct", N("user:", i % 997));
      Add(document, "allowed", "user:me");
      if (i % 2 == 0) Add(document, "blocked", N("user:", i % 997));
      if (i % 3 == 0) Add(document, "blocked", "user:me");
    }
    Flush();
    graph_.Compact();
  }

  // Out of line, and by name what callgrind counts.
  __attribute__((noinline)) void Measured(const std::function<void(std::uint64_t)>& ask) {
    for (std::uint64_t i = 0; i < kQuestions; ++i) ask(i);
  }

  void Check(const std::function<tuple::Tuple(std::uint64_t)>& question, engine::Decision want) {
    std::vector<tuple::Tuple> questions;
    for (std::uint64_t i = 0; i < kQuestions; ++i) questions.push_back(question(i));
    const engine::Checker checker({.resolve_node_limit = 25}, clock_);
    const auto snapshot = graph_.Pin();
    Arena arena;
    Measured([&](std::uint64_t i) {
      arena.Reset();
      const auto got =
          checker.Check(snapshot, *model_, {questions[i].view(), {}, nullptr, {}}, arena);
      PEMBA_CHECK(got.ok() && *got == want);
    });
    std::cout << kQuestions << "\n";
  }

  // As Check, kBatch questions in one call; the answers differ.
  void Batch(const std::function<tuple::Tuple(std::uint64_t)>& question,
             const std::function<engine::Decision(std::uint64_t)>& want) {
    static_assert(kQuestions % kBatch == 0);
    std::vector<tuple::Tuple> questions;
    std::vector<engine::CheckQuery> queries;
    for (std::uint64_t i = 0; i < kQuestions; ++i) questions.push_back(question(i));
    for (const auto& asked : questions) queries.push_back({asked.view(), {}, nullptr, {}});
    const engine::Checker checker({.resolve_node_limit = 25}, clock_);
    const auto snapshot = graph_.Pin();
    Arena arena;
    Measured([&](std::uint64_t first) {
      if (first % kBatch != 0) return;
      arena.Reset();
      const auto got =
          checker.BatchCheck(snapshot, *model_, std::span(queries).subspan(first, kBatch), arena);
      for (std::uint64_t i = 0; i < kBatch; ++i) {
        PEMBA_CHECK(got[i].ok() && *got[i] == want(first + i));
      }
    });
    std::cout << kQuestions << "\n";
  }

  void List(std::string_view relation, std::uint64_t want) {
    const engine::Lister lister({}, clock_);
    const auto snapshot = graph_.Pin();
    std::uint64_t ids = 0;
    Measured([&](std::uint64_t i) {
      if (i % (kQuestions / 10) != 0) return;  // Ten lists will do.
      Arena arena;
      const auto got = lister.ListObjects(
          snapshot, *model_, {.type = "document", .relation = relation, .subject = "user:me"}, {},
          arena, [](std::span<const std::string_view>) { return engine::SinkWants::kMore; });
      PEMBA_CHECK(got.ok() && got->count == want);
      ids += got->count;
    });
    std::cout << ids << "\n";
  }

 private:
  void AddTrees() {
    for (std::uint64_t t = 0; t < kTrees; ++t) {
      const auto folder = [&](std::uint64_t level) { return N(N("folder:", t) + "-", level); };
      for (std::uint64_t level = 0; level < 7; ++level) {
        Add(folder(level + 1), "parent", folder(level));
        Add(folder(level), "owner", N("user:owner", (t + level) % kTrees));
      }
      Add(folder(0), "viewer", N("group:outer", t) + "#member");
      Add(N("group:outer", t), "member", N("group:inner", t) + "#member");
      for (std::uint64_t m = 0; m < 4; ++m) {
        Add(N("group:inner", t), "member", N("user:", t * 4 + m));
      }
      Add(N("document:", t), "parent", folder(7));
      const auto chain = [&](std::uint64_t level) { return N(N("group:c", t) + "-", level); };
      for (std::uint64_t level = 0; level < 20; ++level) {
        Add(chain(level), "member", chain(level + 1) + "#member");
      }
      Add(chain(20), "member", N("user:", t));
    }
  }

  void Add(std::string object, std::string relation, std::string subject) {
    pending_.push_back({std::move(object), std::move(relation), std::move(subject), {}});
    if (pending_.size() == 1'000) Flush();
  }

  void Flush() {
    std::vector<graph::Change> changes(pending_.size());
    for (std::size_t i = 0; i < pending_.size(); ++i) changes[i].tuple = pending_[i].view();
    PEMBA_CHECK(graph_.Apply(++revision_, WallTime{}, changes).ok());
    graph_.Publish(revision_);
    pending_.clear();
  }

  graph::Graph graph_;
  graph::Revision revision_ = 0;
  std::shared_ptr<const engine::BoundModel> model_;
  std::vector<tuple::Tuple> pending_;
  SystemClock clock_;
};

struct Scenario {
  std::string_view name;
  void (*run)(World&);
};

using engine::Decision;

void Drive(World& world, std::uint64_t neighbour, Decision want) {
  world.Check(
      [neighbour](std::uint64_t i) -> tuple::Tuple {
        const auto tree = i % kTrees, whose = (tree + neighbour) % kTrees;
        return {N("document:", tree), "viewer", N("user:", whose * 4 + i % 4), {}};
      },
      want);
}

void Blocked(World& world, const char* relation, Decision want) {
  world.Check(
      [relation](std::uint64_t i) -> tuple::Tuple {
        return {N("document:d", i * 3 + 1), relation, "user:me", {}};
      },
      want);
}

// One user asks about all folders of some trees, the deepest first, and one of the trees is theirs:
// what the questions about a tree go through is nearly the same.
void DriveInBatches(World& world) {
  constexpr std::uint64_t kLevels = 8;
  const auto tree = [](std::uint64_t i) { return i / kLevels % kTrees; };
  const auto whose = [tree](std::uint64_t i) { return tree(i / kBatch * kBatch + kBatch / 2); };
  world.Batch(
      [=](std::uint64_t i) -> tuple::Tuple {
        const auto folder = N(N("folder:", tree(i)) + "-", kLevels - 1 - i % kLevels);
        return {folder, "viewer", N("user:", whose(i) * 4), {}};
      },
      [=](std::uint64_t i) {
        return tree(i) == whose(i) ? Decision::kAllowed : Decision::kDenied;
      });
}

constexpr Scenario kScenarios[] = {
    {"direct_hit",
     [](World& world) {
       world.Check(
           [](std::uint64_t i) -> tuple::Tuple {
             return {N("document:d", i), "direct", N("user:", i % 997), {}};
           },
           Decision::kAllowed);
     }},
    {"direct_miss",
     [](World& world) {
       world.Check(
           [](std::uint64_t i) -> tuple::Tuple {
             return {N("document:d", i), "direct", N("user:", (i + 1) % 997), {}};
           },
           Decision::kDenied);
     }},
    {"drive_member", [](World& world) { Drive(world, 0, Decision::kAllowed); }},
    {"drive_stranger", [](World& world) { Drive(world, 1, Decision::kDenied); }},
    {"chain_20",
     [](World& world) {
       world.Check(
           [](std::uint64_t i) -> tuple::Tuple {
             return {N("group:c", i % kTrees) + "-0", "member", N("user:", i % kTrees), {}};
           },
           Decision::kAllowed);
     }},
    {"drive_batch", DriveInBatches},
    {"or_blocked", [](World& world) { Blocked(world, "or_blocked", Decision::kAllowed); }},
    {"not_blocked", [](World& world) { Blocked(world, "not_blocked", Decision::kAllowed); }},
    {"list_or", [](World& world) { world.List("or_blocked", kListed); }},
    {"list_not", [](World& world) { world.List("not_blocked", kListed - (kListed + 2) / 3); }},
};

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--names") {
    for (const auto& scenario : kScenarios) std::cout << scenario.name << "\n";
    return 0;
  }
  for (const auto& scenario : kScenarios) {
    if (count != 2 || scenario.name != arguments[1]) continue;
    World world;
    scenario.run(world);
    return 0;
  }
  std::cerr << "engine_costs SCENARIO | --names\n";
  return 2;
}
