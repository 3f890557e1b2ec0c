// Lists are Check, filtered: on random worlds, page by page, contextual as stored.
//
// --worlds=N and --seed=S run another set; a disagreement prints its seed and a minimised world.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/testing/list_runner.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/engine/testing/world_runner.h"

namespace pemba::engine::testing {
namespace {

std::uint64_t worlds = 1'000;
std::uint64_t first_seed = 1;

struct Counts {
  std::uint64_t lists = 0, empty = 0, answers = 0, errors = 0, pages = 0, contextual = 0;
};

// One list question, about objects or about users of a kind.
struct ListQuestion {
  Oracle::Question question;
  std::optional<UserKind> users;
};

Result<Listed> Ask(WorldRunner& runner, const ListQuestion& asked,
                   const ListOptions& options = {}) {
  ListRunner lists(runner);
  return asked.users ? lists.Users(asked.question, *asked.users, options)
                     : lists.Objects(asked.question, options);
}

std::string WrongPages(WorldRunner& runner, const ListQuestion& asked, const Listed& whole,
                       Counts& counts) {
  const auto sizes = std::min<std::size_t>(whole.ids.size() + 1, 5);
  for (std::uint64_t size = 1; size <= sizes; ++size) {
    std::vector<std::string> ids;
    std::string after;
    for (;;) {
      const auto page = Ask(runner, asked, {.count_max = size, .after = after});
      ++counts.pages;
      if (!page.ok()) return "page after " + after + ": " + page.error().message;
      ids.insert(ids.end(), page->ids.begin(), page->ids.end());
      if (page->end == ListEnd::kComplete) break;
      if (page->end != ListEnd::kCountMax || page->ids.size() != size) return "not a full page";
      if (ids.size() > whole.ids.size()) return "pages do not end";
      after = page->ids.back();
    }
    if (ids != whole.ids) return "pages of " + std::to_string(size) + " differ";
  }
  const auto counted = Ask(runner, asked, {.output = ListOutput::kCountOnly});
  if (!counted.ok() || counted->ids.size() != whole.ids.size()) return "the count differs";
  return "";
}

// The same list with the contextual tuples stored; "" if that is not the same question.
std::string WrongContextual(const World& world, const ListQuestion& asked, const Listed& listed,
                            Counts& counts) {
  auto tuples = world.tuples;
  for (const auto& tuple : asked.question.contextual_tuples) {
    const auto same = [&](const auto& stored) { return stored.view() == tuple.view(); };
    if (std::any_of(tuples.begin(), tuples.end(), same)) return "";
    tuples.push_back(tuple);
  }
  ++counts.contextual;
  WorldRunner runner(world.model, tuples);
  auto stored = asked;
  stored.question.contextual_tuples.clear();
  const auto got = Ask(runner, stored);
  if (!got.ok()) return "stored: " + got.error().message;
  auto a = got->ids, b = listed.ids;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b ? "" : "stored differs from contextual";
}

std::string Wrong(const World& world, WorldRunner& runner, const ListQuestion& asked,
                  Counts& counts) {
  const auto got = Ask(runner, asked);
  ++counts.lists;
  if (!got.ok()) {
    ++counts.errors;
    Oracle oracle(world.model, world.tuples);
    const bool right =
        got.error().code == ErrorCode::kValidation && oracle.SomeConditionFails(asked.question);
    return right ? "" : ToText(got);
  }
  counts.answers += got->ids.size();
  counts.empty += got->ids.empty() ? 1 : 0;
  auto wrong = asked.users ? WrongUsers(runner, world.tuples, asked.question, *asked.users, *got)
                           : WrongObjects(runner, world.tuples, asked.question, *got);
  if (wrong.empty()) wrong = WrongPages(runner, asked, *got, counts);
  if (wrong.empty() && !asked.question.contextual_tuples.empty()) {
    wrong = WrongContextual(world, asked, *got, counts);
  }
  return wrong.empty() ? "" : wrong + " in " + ToText(got);
}

// Every question about objects, and about users of a kind that goes round.
std::vector<ListQuestion> QuestionsOf(const World& world) {
  std::vector<UserKind> kinds;
  for (const auto& type : world.model.types) {
    kinds.push_back({type.type, ""});
    for (const auto& [relation, rewrite] : type.relations) kinds.push_back({type.type, relation});
  }
  std::vector<ListQuestion> questions;
  std::size_t next = 0;
  for (auto question : world.questions) {
    question.hops_max = 0;
    questions.push_back({question, {}});
    questions.push_back({question, UserKind{"user", ""}});
    questions.push_back({question, kinds[next++ % kinds.size()]});
  }
  return questions;
}

// Drops tuples for as long as the list is still wrong.
void Minimise(World& world, ListQuestion& asked) {
  Counts counts;
  const auto still_wrong = [&] {
    WorldRunner runner(world.model, world.tuples);
    return !Wrong(world, runner, asked, counts).empty();
  };
  const auto shrink = [&](auto& list) {
    for (std::size_t i = list.size(); i-- > 0;) {
      const auto dropped = list[i];
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
      if (!still_wrong()) list.insert(list.begin() + static_cast<std::ptrdiff_t>(i), dropped);
    }
  };
  shrink(world.tuples);
  shrink(asked.question.contextual_tuples);
}

void RunWorld(std::uint64_t seed, const WorldShape& shape, Counts& counts, int& failures) {
  const auto world = RandomWorld(seed, shape);
  WorldRunner runner(world.model, world.tuples);
  for (const auto& question : QuestionsOf(world)) {
    const auto wrong = Wrong(world, runner, question, counts);
    if (wrong.empty()) continue;
    auto small = world;
    auto asked = question;
    Minimise(small, asked);
    Counts ignored;
    WorldRunner small_runner(small.model, small.tuples);
    const auto kind = asked.users ? "users " + asked.users->type + "#" + asked.users->relation
                                  : std::string("objects");
    ADD_FAILURE() << "seed " << seed << ", " << kind << ": " << wrong
                  << "\nminimised: " << Wrong(small, small_runner, asked, ignored) << "\n"
                  << Describe(small, asked.question);
    if (++failures == 3) return;
  }
}

void Print(const Counts& counts) {
  std::cout << counts.lists << " lists: " << counts.answers << " answers, " << counts.empty
            << " empty, " << counts.errors << " condition errors; " << counts.pages << " pages, "
            << counts.contextual << " contextual as stored\n";
}

TEST(ListsAgreement, SmallWorlds) {
  Counts counts;
  int failures = 0;
  for (auto seed = first_seed; seed < first_seed + worlds && failures < 3; ++seed) {
    RunWorld(seed, {.questions = 16}, counts, failures);
  }
  Print(counts);
  if (failures > 0 || worlds < 100) return;
  EXPECT_GT(counts.answers, counts.lists / 4);
  EXPECT_LT(counts.errors, counts.lists / 2);
  EXPECT_GT(counts.errors, counts.lists / 100);
  EXPECT_GT(counts.contextual, counts.lists / 50);
}

// Enough objects that rows are united, sets become bitmaps and windows are skipped.
TEST(ListsAgreement, LargerWorlds) {
  Counts counts;
  int failures = 0;
  const auto count = std::max<std::uint64_t>(worlds / 50, 10);
  for (auto seed = first_seed; seed < first_seed + count && failures < 3; ++seed) {
    RunWorld(seed, {.ids_per_type = 600, .tuples_max = 1'500, .questions = 3}, counts, failures);
  }
  Print(counts);
}

std::string Sorted(Result<Listed> listed) {
  if (!listed.ok()) return "error";
  std::sort(listed->ids.begin(), listed->ids.end());
  return ToText(listed);
}

// I4: who is listed does not depend on the order in which tuples were written, nor on what other
// threads ask at the same time.
TEST(ListsAgreement, OrderAndThreadsDoNotMatter) {
  for (auto seed = first_seed; seed < first_seed + 150; ++seed) {
    SCOPED_TRACE(seed);
    const auto world = RandomWorld(seed, {.questions = 8});
    const auto questions = QuestionsOf(world);
    WorldRunner runner(world.model, world.tuples);
    auto tuples = world.tuples;
    std::mt19937_64 random(seed);
    std::shuffle(tuples.begin(), tuples.end(), random);
    WorldRunner shuffled(world.model, tuples);
    std::vector<std::string> answers;
    for (const auto& question : questions) {
      answers.push_back(ToText(Ask(runner, question)));
      EXPECT_EQ(Sorted(Ask(runner, question)), Sorted(Ask(shuffled, question)));
    }
    std::vector<std::thread> threads;
    std::array<int, 4> differ{};
    for (std::size_t thread = 0; thread < differ.size(); ++thread) {
      threads.emplace_back([&, thread] {
        for (std::size_t i = 0; i < questions.size(); ++i) {
          const auto at = (i + thread * 5) % questions.size();
          if (ToText(Ask(runner, questions[at])) != answers[at]) ++differ[thread];
        }
      });
    }
    for (auto& thread : threads) thread.join();
    for (const auto count : differ) EXPECT_EQ(count, 0);
  }
}

}  // namespace
}  // namespace pemba::engine::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--worlds=", 0) == 0) {
      pemba::engine::testing::worlds = std::strtoull(argument.c_str() + 9, nullptr, 10);
    } else if (argument.rfind("--seed=", 0) == 0) {
      pemba::engine::testing::first_seed = std::strtoull(argument.c_str() + 7, nullptr, 10);
    }
  }
  return RUN_ALL_TESTS();
}
