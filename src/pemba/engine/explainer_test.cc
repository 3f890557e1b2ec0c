// Explanations, written out. That all of them are right is the matter of proof_test.cc.
#include "pemba/engine/explainer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/texts.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/model/dsl.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Parsed;

constexpr const char* kDocuments = R"(
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user, group#member]
type document
  relations
    define parent: [folder]
    define blocked: [user, user:*]
    define editor: [user, user with on_site]
    define trained: [user]
    define viewer: editor or viewer from parent
    define reader: viewer but not blocked
    define approver: editor and trained
condition on_site(site: string, sites: list<string>) {
  site in sites
}
)";

Explanation Explained(const std::vector<std::string>& texts, const std::string& question,
                      const std::string& context = "", ExplainLimits limits = {}) {
  const auto model = testing::ModelOf(kDocuments);
  std::vector<tuple::Tuple> tuples;
  for (const auto& text : texts) tuples.push_back(Parsed(text));
  testing::WorldRunner runner(model, tuples);
  testing::Oracle::Question asked{Parsed(question), {}, *tuple::ParseContext(context), 25};
  auto explained = runner.Explain(asked, limits);
  EXPECT_TRUE(explained.ok());
  return *std::move(explained);
}

// One line per node: "3 document:1#viewer + union [2]".
std::vector<std::string> Lines(const std::vector<ProofNode>& proof) {
  static constexpr const char* kRules[] = {"reflexive",  "direct",      "computed",
                                           "from",       "union",       "intersection",
                                           "difference", "unreachable", "cut"};
  std::vector<std::string> lines;
  for (const auto& node : proof) {
    auto line = std::to_string(lines.size()) + " " + node.object + "#" + node.relation +
                (node.decision == Decision::kAllowed ? " + " : " - ") +
                kRules[static_cast<int>(node.rule)];
    for (const auto& step : node.steps) {
      line += " [";
      if (step.evidence) line += tuple::ToText(step.evidence->tuple.view());
      if (step.evidence && step.node) line += " ";
      if (step.node) line += std::to_string(*step.node);
      line += "]";
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> Lines(const std::vector<NearMiss>& misses) {
  static constexpr const char* kKinds[] = {"missing",          "no link",  "condition not met",
                                           "condition failed", "excluded", "undecided"};
  std::vector<std::string> lines;
  for (const auto& miss : misses) {
    auto line = std::to_string(miss.cost) + ":";
    for (const auto& obstacle : miss.obstacles) {
      line += std::string(" ") + kKinds[static_cast<int>(obstacle.kind)] + " " +
              tuple::ToText(obstacle.tuple.view());
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Explain, FollowsGroupsAndParents) {
  const auto explained =
      Explained({"document:1#parent@folder:x", "folder:x#viewer@group:eng#member",
                 "group:eng#member@group:core#member", "group:core#member@user:anne"},
                "document:1#viewer@user:anne");
  EXPECT_THAT(Lines(explained.proof),
              ElementsAre("0 group:core#member + direct [group:core#member@user:anne]",
                          "1 group:eng#member + direct [group:eng#member@group:core#member 0]",
                          "2 folder:x#viewer + direct [folder:x#viewer@group:eng#member 1]",
                          "3 document:1#viewer + from [document:1#parent@folder:x 2]",
                          "4 document:1#viewer + union [3]"));
}

TEST(Explain, SaysWhyTheRightSideDoesNotHold) {
  const auto explained = Explained({"document:1#editor@user:anne", "document:1#blocked@user:bob"},
                                   "document:1#reader@user:anne");
  EXPECT_THAT(Lines(explained.proof),
              ElementsAre("0 document:1#editor + direct [document:1#editor@user:anne]",
                          "1 document:1#viewer + computed [0]", "2 document:1#viewer + union [1]",
                          "3 document:1#reader + computed [2]", "4 document:1#blocked - direct",
                          "5 document:1#reader - computed [4]",
                          "6 document:1#reader + difference [3] [5]"));
}

TEST(Explain, ShowsTheMergedContext) {
  const auto explained =
      Explained({R"(document:1#editor@user:anne ? on_site {"sites":["x","y"]})"},
                "document:1#editor@user:anne", R"({"site":"x","sites":["z"],"other":1})");
  ASSERT_EQ(explained.proof.size(), 1U);
  const auto& evidence = *explained.proof[0].steps[0].evidence;
  EXPECT_EQ(tuple::CanonicalText(evidence.context), R"({"site":"x","sites":["x","y"]})");
  EXPECT_EQ(evidence.tuple.condition->name, "on_site");
}

TEST(Explain, NamesWhatIsMissing) {
  EXPECT_THAT(Lines(Explained({}, "document:1#editor@user:anne").near_misses),
              ElementsAre("1: missing document:1#editor@user:anne"));
  EXPECT_THAT(
      Lines(
          Explained({"document:1#editor@user:anne"}, "document:1#approver@user:anne").near_misses),
      ElementsAre("1: missing document:1#trained@user:anne"));
  EXPECT_THAT(Lines(Explained({}, "document:1#approver@user:anne").near_misses),
              ElementsAre("2: missing document:1#editor@user:anne"
                          " missing document:1#trained@user:anne"));
  EXPECT_THAT(
      Lines(Explained({"document:1#parent@folder:x"}, "document:1#viewer@user:anne").near_misses),
      ElementsAre("1: missing document:1#editor@user:anne", "1: missing folder:x#viewer@user:anne",
                  "2: no link folder:x#viewer@group#member"));
}

TEST(Explain, NamesTheExclusionThatDenied) {
  const auto explained = Explained({"document:1#editor@user:anne", "document:1#blocked@user:*"},
                                   "document:1#reader@user:anne");
  ASSERT_THAT(Lines(explained.near_misses),
              ElementsAre("1: excluded document:1#blocked@user:anne"));
  EXPECT_EQ(explained.near_misses[0].obstacles[0].evidence->tuple.subject, "user:*");
}

TEST(Explain, NamesTheConditionThatIsNotMet) {
  const auto explained = Explained({R"(document:1#editor@user:anne ? on_site {"sites":["x"]})"},
                                   "document:1#editor@user:anne", R"({"site":"q"})");
  ASSERT_THAT(Lines(explained.near_misses),
              ElementsAre("1: condition not met document:1#editor@user:anne"));
  EXPECT_EQ(tuple::CanonicalText(explained.near_misses[0].obstacles[0].evidence->context),
            R"({"site":"q","sites":["x"]})");
}

TEST(Explain, NamesTheLeafThatFailed) {
  const auto explained = Explained({R"(document:1#editor@user:anne ? on_site {"sites":["x"]})"},
                                   "document:1#reader@user:anne");
  ASSERT_FALSE(explained.outcome.ok());
  ASSERT_EQ(explained.failures.size(), 1U);
  EXPECT_EQ(explained.failures[0].object, "document:1");
  EXPECT_EQ(explained.failures[0].relation, "editor");
  EXPECT_THAT(explained.failures[0].message, HasSubstr("missing context parameters '[site]'"));
}

TEST(Explain, IsAsDeepAsTheData) {
  std::vector<std::string> chain{"group:0#member@user:anne"};
  for (int i = 1; i < 5'000; ++i) {
    chain.push_back("group:" + std::to_string(i) + "#member@group:" + std::to_string(i - 1) +
                    "#member");
  }
  const auto model = testing::ModelOf(kDocuments);
  std::vector<tuple::Tuple> tuples;
  for (const auto& text : chain) tuples.push_back(Parsed(text));
  testing::WorldRunner runner(model, tuples);
  const auto explained =
      runner.Explain({Parsed("group:4999#member@user:anne"), {}, {}, /*hops_max=*/0});
  ASSERT_TRUE(explained.ok());
  EXPECT_EQ(explained->proof.size(), 5'000U);
  const auto limited = runner.Explain({Parsed("group:4999#member@user:anne"), {}, {}, 25});
  ASSERT_TRUE(limited.ok());
  ASSERT_FALSE(limited->outcome.ok());
  EXPECT_EQ(limited->failures[0].object, "group:4974");
}

TEST(Explain, ReportsWhenTheProofWouldBeTooMuchWork) {
  std::vector<std::string> groups{"group:99#member@user:anne"};
  for (int i = 0; i < 100; ++i) {
    groups.push_back("folder:x#viewer@group:" + std::to_string(i) + "#member");
  }
  const auto model = testing::ModelOf(kDocuments);
  std::vector<tuple::Tuple> tuples;
  for (const auto& text : groups) tuples.push_back(Parsed(text));
  testing::WorldRunner runner(model, tuples);
  const testing::Oracle::Question question{Parsed("folder:x#viewer@user:anne"), {}, {}, 25};
  const auto explained = runner.Explain(question, {.questions_max = 50});
  ASSERT_FALSE(explained.ok());
  EXPECT_EQ(explained.error().code, ErrorCode::kTooComplex);
  EXPECT_TRUE(runner.Explain(question).ok());
}

}  // namespace
}  // namespace pemba::engine
