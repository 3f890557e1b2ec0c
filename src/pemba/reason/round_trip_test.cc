// What is printed reads back as what it was.
#include <filesystem>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "pemba/reason/parser.h"
#include "pemba/reason/printer.h"
#include "pemba/reason/testing/acceptance.h"
#include "pemba/reason/testing/random_syntax.h"

namespace pemba::reason {
namespace {

void ExpectRoundTrip(const std::string& text) {
  const auto queries = ParseQueries(text);
  ASSERT_TRUE(queries.ok()) << queries.error().message;
  std::string printed;
  for (const auto& query : *queries) printed += ToText(query);
  const auto again = ParseQueries(printed);
  ASSERT_TRUE(again.ok()) << again.error().message << "\n" << printed;
  EXPECT_TRUE(*again == *queries) << printed;
}

TEST(RoundTrip, HoldsForThePublishedFiles) {
  namespace fs = std::filesystem;
  const fs::path folder = testing::ConformanceFolder();
  if (!fs::exists(folder)) GTEST_SKIP() << "the conformance files are not here";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (entry.path().extension() != ".tql" || name.starts_with("examples-3x")) continue;
    SCOPED_TRACE(name);
    ExpectRoundTrip(testing::ReadConformanceFile(name));
    ++files;
  }
  EXPECT_GE(files, 15);
}

TEST(RoundTrip, HoldsForEveryCase) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  EXPECT_EQ(all->queries.size(), 129u);
  EXPECT_EQ(all->behaviour.size(), 7u);
  EXPECT_EQ(all->explanations.size(), 8u);
  EXPECT_EQ(all->errors.size(), 39u);
  for (const auto& c : all->queries) {
    SCOPED_TRACE(c.id);
    ExpectRoundTrip(c.query);
    for (const auto& query : c.setup) ExpectRoundTrip(query);
  }
  for (const auto& c : all->explanations) {
    SCOPED_TRACE(c.id);
    ExpectRoundTrip(c.query);
  }
  for (const auto& c : all->behaviour) {
    SCOPED_TRACE(c.id);
    for (const auto& step : c.steps) ExpectRoundTrip(step.query);
  }
}

// Anonymous variables are numbered in the order of the text; a tree of ours numbers them as it
// likes, so the first reading decides.
TEST(RoundTrip, HoldsForRandomTrees) {
  int parsed = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto query = testing::RandomQuery(random);
    const std::string printed = ToText(query);
    const auto read = ParseQuery(printed);
    // `$x is $y` may meet nothing else, and nested patterns may repeat a negation: such trees are
    // not queries. Whatever else is wrong is a bug.
    if (!read.ok()) {
      const auto problem = ProblemOf(read.error());
      ASSERT_TRUE(problem == Problem::kInvalidPattern ||
                  problem == Problem::kRedundantNestedNegation ||
                  problem == Problem::kRuleNestedNegation)
          << read.error().message << "\n"
          << printed;
      continue;
    }
    ++parsed;
    const std::string again = ToText(*read);
    ASSERT_EQ(again, printed);
    const auto second = ParseQuery(again);
    ASSERT_TRUE(second.ok());
    ASSERT_TRUE(*second == *read) << printed;
  }
  EXPECT_GT(parsed, 15'000);
}

}  // namespace
}  // namespace pemba::reason
