// Check, rule by rule, on small worlds written out. Whether the rules also hold together is the
// matter of agreement_test.cc.
#include "pemba/engine/checker.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/base/arena.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/testing/count_allocations.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/random_world.h"
#include "pemba/engine/testing/texts.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/model/dsl.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::engine {
namespace {

using testing::ModelOf;
using testing::Parsed;
using testing::ToText;

testing::Oracle::Question QuestionOf(const std::string& text, std::uint32_t hops_max = 25) {
  testing::Oracle::Question question;
  question.tuple = Parsed(text);
  question.hops_max = hops_max;
  return question;
}

struct Case {
  const char* name;
  std::string types;
  std::vector<std::string> tuples;
  const char* question;
  const char* want;  // "allowed", "denied", "error: ..."
  const char* context = "";
  std::vector<std::string> contextual = {};
};

constexpr const char* kConditions = R"(
condition small(x: int) {
  x < 10
}
condition other(x: int) {
  x > 10
}
)";

const std::string kGroups = R"(type user
type robot
type group
  relations
    define member: [user, user:*, group#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type document
  relations
    define parent: [folder, group]
    define blocked: [user, user:*, group#member]
    define owner: [user]
    define editor: owner
    define viewer: [user, user:*, group#member] or editor or viewer from parent
    define reader: viewer but not blocked
    define both: viewer and editor
)";

const std::string kTimed = R"(type user
type group
  relations
    define member: [user]
type document
  relations
    define timed: [user with small, user:* with small, group#member with small]
    define maybe: [user, user with small]
    define plain: [user]
    define any: timed or plain
    define all: timed and plain
    define timed_not_plain: timed but not plain
    define plain_not_timed: plain but not timed
)" + std::string(kConditions);

constexpr const char* kMissing =
    "error: failed to evaluate relationship condition: 'small' - tuple "
    "'document:1#timed@user:anne' is missing context parameters '[x]'";

const Case kCases[] = {
    {"direct", kGroups, {"document:1#viewer@user:anne"}, "document:1#viewer@user:anne", "allowed"},
    {"another object",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:2#viewer@user:anne",
     "denied"},
    {"another subject",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:bob",
     "denied"},
    {"ids differ in case",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:Anne",
     "denied"},
    {"same id, other type",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:1#viewer@robot:anne",
     "denied"},
    {"wildcard", kGroups, {"document:1#viewer@user:*"}, "document:1#viewer@user:anne", "allowed"},
    {"wildcard of another type",
     kGroups,
     {"document:1#viewer@user:*"},
     "document:1#viewer@robot:r",
     "denied"},
    {"through a group",
     kGroups,
     {"document:1#viewer@group:eng#member", "group:eng#member@user:anne"},
     "document:1#viewer@user:anne",
     "allowed"},
    {"through a group's wildcard",
     kGroups,
     {"document:1#viewer@group:eng#member", "group:eng#member@user:*"},
     "document:1#viewer@user:anne",
     "allowed"},
    {"through groups in a cycle",
     kGroups,
     {"document:1#viewer@group:a#member", "group:a#member@group:b#member",
      "group:b#member@group:a#member", "group:b#member@user:anne"},
     "document:1#viewer@user:anne",
     "allowed"},
    {"a cycle without a member",
     kGroups,
     {"document:1#viewer@group:a#member", "group:a#member@group:b#member",
      "group:b#member@group:a#member"},
     "document:1#viewer@user:anne",
     "denied"},
    {"computed", kGroups, {"document:1#owner@user:anne"}, "document:1#viewer@user:anne", "allowed"},
    {"tuple to userset",
     kGroups,
     {"document:1#parent@folder:7", "folder:7#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "allowed"},
    {"chain of parents",
     kGroups,
     {"document:1#parent@folder:7", "folder:7#parent@folder:8", "folder:8#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "allowed"},
    {"a parent that lacks the relation",
     kGroups,
     {"document:1#parent@group:eng"},
     "document:1#viewer@user:anne",
     "denied"},
    {"but not",
     kGroups,
     {"document:1#viewer@user:anne", "document:1#blocked@user:bob"},
     "document:1#reader@user:anne",
     "allowed"},
    {"but not: blocked",
     kGroups,
     {"document:1#viewer@user:anne", "document:1#blocked@user:anne"},
     "document:1#reader@user:anne",
     "denied"},
    {"but not: blocked by wildcard",
     kGroups,
     {"document:1#viewer@user:anne", "document:1#blocked@user:*"},
     "document:1#reader@user:anne",
     "denied"},
    {"but not: a cycle on the subtract side",
     kGroups,
     {"document:1#viewer@user:anne", "document:1#blocked@group:a#member",
      "group:a#member@group:b#member", "group:b#member@group:a#member"},
     "document:1#reader@user:anne",
     "denied"},
    {"but not: meeting ways are no cycle",
     kGroups,
     {"document:1#viewer@user:anne", "document:1#blocked@group:a#member",
      "document:1#blocked@group:b#member", "group:a#member@group:c#member",
      "group:b#member@group:c#member"},
     "document:1#reader@user:anne",
     "allowed"},
    {"and", kGroups, {"document:1#owner@user:anne"}, "document:1#both@user:anne", "allowed"},
    {"and: one only",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:1#both@user:anne",
     "denied"},
    {"userset as subject: itself", kGroups, {}, "document:1#viewer@document:1#viewer", "allowed"},
    {"userset as subject: stored",
     kGroups,
     {"document:1#viewer@group:eng#member"},
     "document:1#viewer@group:eng#member",
     "allowed"},
    {"userset as subject: nested",
     kGroups,
     {"document:1#viewer@group:a#member", "group:a#member@group:b#member"},
     "document:1#viewer@group:b#member",
     "allowed"},
    {"userset as subject: its members do not count",
     kGroups,
     {"document:1#viewer@user:anne", "group:eng#member@user:anne"},
     "document:1#viewer@group:eng#member",
     "denied"},
    {"userset as subject: wildcards do not match",
     kGroups,
     {"document:1#viewer@user:*"},
     "document:1#viewer@group:eng#member",
     "denied"},
    {"userset as subject: computed", kGroups, {}, "document:1#viewer@document:1#editor", "allowed"},
    {"userset as subject: through a parent",
     kGroups,
     {"document:1#parent@folder:7"},
     "document:1#viewer@folder:7#viewer",
     "allowed"},
    {"userset as subject: half of an and",
     kGroups,
     {},
     "document:1#both@document:1#viewer",
     "denied"},
    {"userset as subject: the half that implies the other",
     kGroups,
     {},
     "document:1#both@document:1#editor",
     "allowed"},
    {"userset as subject: but not", kGroups, {}, "document:1#reader@document:1#viewer", "allowed"},
    {"wildcard as subject: stored",
     kGroups,
     {"document:1#viewer@user:*"},
     "document:1#viewer@user:*",
     "allowed"},
    {"wildcard as subject: through a group",
     kGroups,
     {"document:1#viewer@group:eng#member", "group:eng#member@user:*"},
     "document:1#viewer@user:*",
     "allowed"},
    {"wildcard as subject: a named user is not everyone",
     kGroups,
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:*",
     "denied"},
    {"wildcard as subject: but not",
     kGroups,
     {"document:1#viewer@user:*"},
     "document:1#reader@user:*",
     "allowed"},
    {"wildcard as subject: but not everyone",
     kGroups,
     {"document:1#viewer@user:*", "document:1#blocked@user:*"},
     "document:1#reader@user:*",
     "denied"},

    {"condition met",
     kTimed,
     {"document:1#timed@user:anne ? small {\"x\":1}"},
     "document:1#timed@user:anne",
     "allowed"},
    {"condition not met",
     kTimed,
     {"document:1#timed@user:anne ? small {\"x\":11}"},
     "document:1#timed@user:anne",
     "denied"},
    {"condition from the request",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#timed@user:anne",
     "allowed",
     "{\"x\":1}"},
    {"the tuple's context wins",
     kTimed,
     {"document:1#timed@user:anne ? small {\"x\":11}"},
     "document:1#timed@user:anne",
     "denied",
     "{\"x\":1}"},
    {"parameter missing",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#timed@user:anne",
     kMissing},
    {"error behind a true branch",
     kTimed,
     {"document:1#timed@user:anne ? small", "document:1#plain@user:anne"},
     "document:1#any@user:anne",
     "allowed"},
    {"error and false in a union",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#any@user:anne",
     kMissing},
    {"error behind a false operand",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#all@user:anne",
     "denied"},
    {"error and true in an intersection",
     kTimed,
     {"document:1#timed@user:anne ? small", "document:1#plain@user:anne"},
     "document:1#all@user:anne",
     kMissing},
    {"error in a base, subtract true",
     kTimed,
     {"document:1#timed@user:anne ? small", "document:1#plain@user:anne"},
     "document:1#timed_not_plain@user:anne",
     "denied"},
    {"error in a base, subtract false",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#timed_not_plain@user:anne",
     kMissing},
    {"error in a subtract, base true",
     kTimed,
     {"document:1#timed@user:anne ? small", "document:1#plain@user:anne"},
     "document:1#plain_not_timed@user:anne",
     kMissing},
    {"error in a subtract, base false",
     kTimed,
     {"document:1#timed@user:anne ? small"},
     "document:1#plain_not_timed@user:anne",
     "denied"},
    {"a satisfied sibling hides an error, even if it leads nowhere",
     kTimed,
     {"document:1#timed@group:a#member ? small",
      "document:1#timed@group:b#member ? small {\"x\":1}"},
     "document:1#timed@user:anne",
     "denied"},
    {"an unsatisfied sibling hides nothing",
     kTimed,
     {"document:1#timed@group:a#member ? small",
      "document:1#timed@group:b#member ? small {\"x\":11}"},
     "document:1#timed@user:anne",
     "error: failed to evaluate relationship condition: 'small' - tuple "
     "'document:1#timed@group:a#member' is missing context parameters '[x]'"},
    {"conditional and unconditional restriction",
     kTimed,
     {"document:1#maybe@user:anne"},
     "document:1#maybe@user:anne",
     "allowed"},

    {"contextual",
     kGroups,
     {},
     "document:1#viewer@user:anne",
     "allowed",
     "",
     {"document:1#viewer@user:anne"}},
    {"contextual names that nothing stored has",
     kGroups,
     {"document:1#parent@folder:7"},
     "document:1#viewer@user:new",
     "allowed",
     "",
     {"folder:7#viewer@group:new#member", "group:new#member@user:new"}},
    {"contextual shadows the exact tuple",
     kTimed,
     {"document:1#maybe@user:anne"},
     "document:1#maybe@user:anne",
     "denied",
     "",
     {"document:1#maybe@user:anne ? small {\"x\":11}"}},
    {"contextual does not shadow in sets",
     kTimed,
     {"document:1#timed@user:* ? small {\"x\":1}"},
     "document:1#timed@user:anne",
     "allowed",
     "",
     {"document:1#timed@user:* ? small {\"x\":11}"}},
    {"the first of two contextual ones counts",
     kTimed,
     {},
     "document:1#maybe@user:anne",
     "denied",
     "",
     {"document:1#maybe@user:anne ? small {\"x\":11}", "document:1#maybe@user:anne"}},
};

TEST(Check, FollowsItsRules) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto model = ModelOf(c.types);
    testing::WorldRunner runner(model, Parsed(c.tuples));
    auto question = QuestionOf(c.question);
    question.context = *tuple::ParseContext(c.context);
    question.contextual_tuples = Parsed(c.contextual);
    EXPECT_EQ(ToText(runner.Check(question)), c.want);
    // The table means what the definition says.
    testing::Oracle oracle(model, Parsed(c.tuples));
    const auto verdict = oracle.Check(question, testing::kOracleSteps);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(testing::Disagreement(oracle, question, *verdict, runner.Check(question)), "");
  }
}

// Tuples that a former model allowed and this one does not.
const Case kOldTuples[] = {
    {"type no longer allowed",
     "type user\ntype robot\ntype document\n  relations\n    define "
     "viewer: [user]\n",
     {"document:1#viewer@robot:r"},
     "document:1#viewer@robot:r",
     "denied"},
    {"wildcard no longer allowed",
     "type user\ntype document\n  relations\n    define viewer: "
     "[user]\n",
     {"document:1#viewer@user:*"},
     "document:1#viewer@user:anne",
     "denied"},
    {"userset no longer allowed",
     "type user\ntype group\n  relations\n    define member: [user]\n"
     "type document\n  relations\n    define viewer: [user]\n",
     {"document:1#viewer@group:g#member", "group:g#member@user:anne"},
     "document:1#viewer@user:anne",
     "denied"},
    {"condition now needed",
     "type user\ntype document\n  relations\n    define viewer: [user with "
     "small]\n" +
         std::string(kConditions),
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "denied"},
    {"another condition now needed",
     "type user\ntype document\n  relations\n    define viewer: "
     "[user with small]\n" +
         std::string(kConditions),
     {"document:1#viewer@user:anne ? other {\"x\":11}"},
     "document:1#viewer@user:anne",
     "denied"},
    {"condition gone",
     "type user\ntype document\n  relations\n    define viewer: [user]\n",
     {"document:1#viewer@user:anne ? small {\"x\":1}"},
     "document:1#viewer@user:anne",
     "denied"},
    {"context no longer fits",
     "type user\ntype document\n  relations\n    define viewer: [user "
     "with small]\n" +
         std::string(kConditions),
     {"document:1#viewer@user:anne ? small {\"y\":1}"},
     "document:1#viewer@user:anne",
     "denied",
     "{\"x\":1}"},
    {"relation now computed",
     "type user\ntype document\n  relations\n    define owner: [user]\n"
     "    define viewer: owner\n",
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "denied"},
    {"wildcard in what is now a tupleset",
     "type user\ntype folder\n  relations\n    define viewer: "
     "[user]\ntype document\n  relations\n    define parent: [folder]\n    define viewer: viewer "
     "from parent\n",
     {"document:1#parent@folder:*", "folder:1#viewer@user:anne", "folder:*#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "denied"},
    {"userset in what is now a tupleset",
     "type user\ntype folder\n  relations\n    define viewer: "
     "[user]\ntype document\n  relations\n    define parent: [folder]\n    define viewer: viewer "
     "from parent\n",
     {"document:1#parent@folder:1#viewer", "folder:1#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "denied"},
};

TEST(Check, IgnoresTuplesOfOlderModels) {
  for (const auto& c : kOldTuples) {
    SCOPED_TRACE(c.name);
    testing::WorldRunner runner(ModelOf(c.types), Parsed(c.tuples));
    auto question = QuestionOf(c.question);
    question.context = *tuple::ParseContext(c.context);
    EXPECT_EQ(ToText(runner.Check(question)), c.want);
    // Nor can it be brought along.
    const auto plan = model::Plan::Compile(ModelOf(c.types));
    EXPECT_FALSE(model::ValidateContextual(**plan, Parsed(c.tuples[0])).ok());
  }
}

// CVE-2025-25196: every subset of {user, user:*, group#member} with every kind of tuple.
TEST(Check, EveryMixOfRestrictions) {
  const char* kRestrictions[] = {"user", "user:*", "group#member"};
  const char* kTuples[] = {"document:1#viewer@user:anne", "document:1#viewer@user:*",
                           "document:1#viewer@group:g#member"};
  const char* kSubjects[] = {"user:anne", "user:bob", "user:*", "group:g#member"};
  for (int allowed = 1; allowed < 8; ++allowed) {
    std::string list;
    for (int i = 0; i < 3; ++i) {
      if ((allowed >> i & 1) != 0)
        list += (list.empty() ? "" : ", ") + std::string(kRestrictions[i]);
    }
    const auto model = ModelOf(
        "type user\ntype group\n  relations\n    define member: [user]\ntype document\n  "
        "relations\n    define viewer: [" +
        list + "]\n    define same: viewer or viewer\n");
    for (int stored = 0; stored < 8; ++stored) {
      std::vector<std::string> texts{"group:g#member@user:anne"};
      for (int i = 0; i < 3; ++i) {
        if ((stored >> i & 1) != 0) texts.push_back(kTuples[i]);
      }
      testing::WorldRunner runner(model, Parsed(texts));
      testing::Oracle oracle(model, Parsed(texts));
      const int seen = allowed & stored;
      for (const std::string subject : kSubjects) {
        const bool want = (subject == "user:anne" && seen != 0) ||
                          (subject == "user:bob" && (seen & 2) != 0) ||
                          (subject == "user:*" && (seen & 2) != 0) ||
                          (subject == "group:g#member" && (seen & 4) != 0);
        for (const char* relation : {"viewer", "same"}) {
          const auto question = QuestionOf("document:1#" + std::string(relation) + "@" + subject);
          const auto got = runner.Check(question);
          EXPECT_EQ(ToText(got), want ? "allowed" : "denied")
              << "[" << list << "], tuples " << stored << ", " << subject;
          const auto verdict = oracle.Check(question, testing::kOracleSteps);
          EXPECT_EQ(testing::Disagreement(oracle, question, *verdict, got), "");
        }
      }
    }
  }
}

// CVE-2025-55213: two to five assignable usersets, each in turn the one that leads to the subject.
TEST(Check, SeveralUsersetsPerRelation) {
  for (int count = 2; count <= 5; ++count) {
    std::string types = "type user\n", list;
    for (int i = 0; i < count; ++i) {
      const auto g = "g" + std::to_string(i);
      types += "type " + g + "\n  relations\n    define member: [user, " + g + "#member]\n";
      list += (i == 0 ? "" : ", ") + g + "#member";
    }
    const auto model =
        ModelOf(types + "type document\n  relations\n    define viewer: [" + list + "]\n");
    for (int i = 0; i < count; ++i) {
      std::vector<std::string> tuples;
      for (int j = 0; j < count; ++j) {
        tuples.push_back("document:1#viewer@g" + std::to_string(j) + ":x#member");
      }
      tuples.push_back("g" + std::to_string(i) + ":x#member@user:anne");
      testing::WorldRunner runner(model, Parsed(tuples));
      EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@user:anne"))), "allowed");
      EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@user:bob"))), "denied");
    }
  }
}

// CVE-2024-31452 and CVE-2024-46989: every tree of two operators over three operands, with true,
// false, an error, a cycle and an error among true siblings in every slot.
TEST(Check, TruthTablesOfThreeOperands) {
  const char* kTrees[] = {"a or b or c",        "(a or b) and c",      "(a or b) but not c",
                          "(a and b) or c",     "a and b and c",       "(a and b) but not c",
                          "(a but not b) or c", "(a but not b) and c", "(a but not b) but not c",
                          "a but not (b or c)", "a but not (b and c)", "a but not (b but not c)",
                          "a or (b but not c)", "a and (b or c)",      "a and (b but not c)"};
  const auto slot = [](const std::string& name, int value) -> std::vector<std::string> {
    const auto tuple = "document:1#" + name + "@";
    switch (value) {
      case 0:
        return {};
      case 1:
        return {tuple + "user:anne"};
      case 2:
        return {tuple + "user:anne ? small"};
      case 3:
        return {tuple + "group:loop1#member"};
      default:
        return {tuple + "group:x#member ? small", tuple + "group:y#member"};
    }
  };
  for (const char* tree : kTrees) {
    const auto model = ModelOf(
        "type user\ntype group\n  relations\n    define member: [user, group#member]\n"
        "type document\n  relations\n"
        "    define a: [user, user with small, group#member, group#member with small]\n"
        "    define b: [user, user with small, group#member, group#member with small]\n"
        "    define c: [user, user with small, group#member, group#member with small]\n"
        "    define all: " +
        std::string(tree) + "\n" + kConditions);
    for (int values = 0; values < 125; ++values) {
      std::vector<std::string> tuples{"group:loop1#member@group:loop2#member",
                                      "group:loop2#member@group:loop1#member",
                                      "group:y#member@user:anne"};
      int rest = values;
      for (const char* name : {"a", "b", "c"}) {
        for (auto& tuple : slot(name, rest % 5)) tuples.push_back(tuple);
        rest /= 5;
      }
      testing::WorldRunner runner(model, Parsed(tuples));
      testing::Oracle oracle(model, Parsed(tuples));
      const auto question = QuestionOf("document:1#all@user:anne");
      const auto verdict = oracle.Check(question, testing::kOracleSteps);
      ASSERT_TRUE(verdict.has_value());
      EXPECT_EQ(testing::Disagreement(oracle, question, *verdict, runner.Check(question)), "")
          << tree << " with values " << values;
    }
  }
}

// CVE-2025-46331: members of a recursive component, asked in every order in one batch.
TEST(Check, OrderOfQuestionsDoesNotMatter) {
  const auto model = ModelOf(
      "type user\ntype group\n  relations\n    define banned: [user]\n"
      "    define member: [user, group#member] but not banned\n");
  const std::vector<std::string> tuples{
      "group:a#member@group:b#member", "group:b#member@group:c#member",
      "group:c#member@group:a#member", "group:c#member@user:anne", "group:b#banned@user:anne"};
  testing::WorldRunner runner(model, Parsed(tuples));
  std::vector<std::string> names{"a", "b", "c"};
  do {
    std::vector<testing::Oracle::Question> batch;
    for (const auto& name : names) {
      batch.push_back(QuestionOf("group:" + name + "#member@user:anne"));
    }
    const auto answers = runner.BatchCheck(batch, 25);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      EXPECT_EQ(ToText(answers[i]), ToText(runner.Check(batch[i]))) << names[i];
    }
  } while (std::next_permutation(names.begin(), names.end()));
}

constexpr const char* kTooDeep =
    "error: Authorization Model resolution required too many rewrite rules to be resolved. Check "
    "your authorization model for infinite recursion or too much nesting";

TEST(Check, CountsHopsAsTheReferenceDoes) {
  const auto groups = ModelOf(kGroups);
  const auto subtracting = ModelOf(
      "type user\ntype group\n  relations\n    define banned: [user]\n"
      "    define member: [user, group#member] but not banned\n");
  for (const auto* model : {&groups, &subtracting}) {
    for (const int hops : {1, 23, 24, 25, 26, 200}) {
      std::vector<std::string> tuples;
      for (int i = 0; i < hops; ++i) {
        tuples.push_back("group:" + std::to_string(i) + "#member@group:" + std::to_string(i + 1) +
                         "#member");
      }
      tuples.push_back("group:" + std::to_string(hops) + "#member@user:anne");
      testing::WorldRunner runner(*model, Parsed(tuples));
      const bool deep = hops > 24;
      EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:anne"))),
                deep ? kTooDeep : "allowed");
      EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:bob"))),
                deep ? kTooDeep : "denied");
      EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:anne", 0))), "allowed");
      EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:bob", 0))), "denied");
    }
  }
}

TEST(Check, ATrueBranchHidesTheLimit) {
  std::vector<std::string> tuples{"group:0#member@user:anne"};
  for (int i = 0; i < 40; ++i) {
    tuples.push_back("group:" + std::to_string(i) + "#member@group:" + std::to_string(i + 1) +
                     "#member");
  }
  testing::WorldRunner runner(ModelOf(kGroups), Parsed(tuples));
  EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:anne"))), "allowed");
}

// Every group in every other one: the definition would walk more paths than there are atoms.
TEST(Check, DenseCyclesTakeNoTime) {
  const auto subtracting = ModelOf(
      "type user\ntype group\n  relations\n    define banned: [user]\n"
      "    define member: [user, group#member] but not banned\n"
      "    define twice: member and member\n");
  const auto groups = ModelOf(kGroups);
  for (const auto* model : {&groups, &subtracting}) {
    std::vector<std::string> tuples;
    constexpr int kGroupCount = 60;
    for (int i = 0; i < kGroupCount; ++i) {
      for (int j = 0; j < kGroupCount; ++j) {
        if (i == j) continue;
        tuples.push_back("group:" + std::to_string(i) + "#member@group:" + std::to_string(j) +
                         "#member");
      }
    }
    tuples.push_back("group:7#member@user:anne");
    testing::WorldRunner runner(*model, Parsed(tuples));
    EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:anne", 0))), "allowed");
    EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:bob", 0))), "denied");
    EXPECT_EQ(ToText(runner.Check(QuestionOf("group:0#member@user:anne"))), "allowed");
  }
}

// CVE-2024-27101: nothing wraps at 16 bits.
TEST(Check, WideFanOut) {
  for (const int width : {65'535, 65'536, 65'537}) {
    std::vector<std::string> tuples;
    for (int i = 0; i < width; ++i) {
      tuples.push_back("document:1#viewer@group:" + std::to_string(i) + "#member");
    }
    tuples.push_back("group:" + std::to_string(width - 1) + "#member@user:anne");
    tuples.push_back("group:0#member@user:first");
    testing::WorldRunner runner(ModelOf(kGroups), Parsed(tuples));
    EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@user:anne"))), "allowed");
    EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@user:first"))), "allowed");
    EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@user:bob"))), "denied");
    EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#reader@user:anne"))), "allowed");
  }
}

TEST(Check, UnknownNamesAreErrors) {
  testing::WorldRunner runner(ModelOf(kGroups), {});
  EXPECT_EQ(ToText(runner.Check(QuestionOf("paper:1#viewer@user:anne"))),
            "error: type 'paper' not found");
  EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#reads@user:anne"))),
            "error: relation 'document#reads' not found");
  EXPECT_EQ(ToText(runner.Check(QuestionOf("document:1#viewer@ghost:anne"))),
            "error: type 'ghost' not found");
}

// A clock that moves on whenever it is looked at.
class RunningClock final : public Clock {
 public:
  WallTime Now() const override { return {}; }
  SteadyTime Steady() const override { return now_ += std::chrono::milliseconds(1); }

 private:
  mutable SteadyTime now_{};
};

TEST(Check, StopsAtDeadlineAndBudget) {
  std::vector<std::string> tuples;
  for (int i = 0; i < 20'000; ++i) {
    tuples.push_back("document:1#viewer@group:" + std::to_string(i) + "#member");
  }
  for (const char* relation : {"viewer", "reader"}) {
    const auto graph = testing::GraphOf(Parsed(tuples));
    const auto bound = BoundModel::Bind(*model::Plan::Compile(ModelOf(kGroups)), *graph);
    const auto question = Parsed("document:1#" + std::string(relation) + "@user:anne");
    RunningClock clock;
    Arena arena;
    CheckQuery query{question.view(), {}, nullptr, SteadyTime{} + std::chrono::milliseconds(5)};
    const auto late = Checker({}, clock).Check(graph->Pin(), *bound, query, arena);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
    EXPECT_EQ(late.error().message, "Request Deadline Exceeded");
    query.deadline.reset();
    const auto costly =
        Checker({.steps_max = 2'000}, clock).Check(graph->Pin(), *bound, query, arena);
    ASSERT_FALSE(costly.ok());
    EXPECT_EQ(costly.error().code, ErrorCode::kTooComplex);
    EXPECT_EQ(ToText(Checker({}, clock).Check(graph->Pin(), *bound, query, arena)), "denied");
  }
}

TEST(Check, StopsAmongTuplesThatAreNotSatisfied) {
  std::vector<std::string> tuples;
  for (int i = 0; i < 20'000; ++i) {
    tuples.push_back("document:1#timed@group:" + std::to_string(i) + "#member ? small {\"x\":11}");
  }
  const auto graph = testing::GraphOf(Parsed(tuples));
  const auto bound = BoundModel::Bind(*model::Plan::Compile(ModelOf(kTimed)), *graph);
  RunningClock clock;
  for (const char* relation : {"timed", "timed_not_plain"}) {
    const auto question = Parsed("document:1#" + std::string(relation) + "@user:anne");
    Arena arena;
    CheckQuery query{question.view(), {}, nullptr, clock.Steady() + std::chrono::milliseconds(5)};
    const auto late = Checker({}, clock).Check(graph->Pin(), *bound, query, arena);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
    query.deadline.reset();
    EXPECT_EQ(ToText(Checker({}, clock).Check(graph->Pin(), *bound, query, arena)), "denied");
  }
}

TEST(Check, AllocatesNothingOnceWarm) {
  const std::vector<std::string> tuples{
      "document:1#viewer@user:anne",    "document:2#viewer@group:a#member",
      "group:a#member@group:b#member",  "group:b#member@user:anne",
      "document:3#parent@folder:1",     "folder:1#parent@folder:2",
      "folder:2#viewer@group:a#member", "document:3#blocked@group:c#member",
      "group:c#member@group:d#member",  "group:d#member@group:c#member"};
  const auto graph = testing::GraphOf(Parsed(tuples));
  const auto bound = BoundModel::Bind(*model::Plan::Compile(ModelOf(kGroups)), *graph);
  SystemClock clock;
  const Checker checker({.resolve_node_limit = 25}, clock);
  Arena arena;
  const auto contextual = Parsed(std::vector<std::string>{"folder:9#viewer@user:new"});
  for (const char* text :
       {"document:1#viewer@user:anne", "document:1#viewer@user:bob", "document:2#viewer@user:anne",
        "document:3#reader@user:anne", "document:3#both@user:anne", "document:3#viewer@user:bob"}) {
    const auto question = Parsed(text);
    const CheckQuery query{question.view(), contextual, nullptr, {}};
    const auto snapshot = graph->Pin();
    std::uint64_t before = 0;
    for (int round = 0; round < 4; ++round) {
      if (round == 3) before = testing::Allocations();
      arena.Reset();
      const auto answer = checker.Check(snapshot, *bound, query, arena);
      EXPECT_TRUE(answer.ok());
    }
    EXPECT_EQ(testing::Allocations() - before, 0u) << text;
  }
}

// CVE-2026-34972 and CVE-2024-56323: questions that differ only inside a context are different.
TEST(BatchCheck, ComparesContextsByValue) {
  const auto model = ModelOf(R"(type user
type document
  relations
    define viewer: [user with listed]
condition listed(names: list<string>, name: string) {
  name in names
}
)");
  testing::WorldRunner runner(
      model, Parsed(std::vector<std::string>{"document:1#viewer@user:anne ? listed"}));
  auto joined = QuestionOf("document:1#viewer@user:anne");
  auto apart = joined;
  joined.context = *tuple::ParseContext(R"({"names":["a,b"],"name":"a"})");
  apart.context = *tuple::ParseContext(R"({"names":["a","b"],"name":"a"})");
  auto contextual = joined;
  contextual.contextual_tuples =
      Parsed(std::vector<std::string>{"document:1#viewer@user:anne ? listed {\"names\":[\"a\"]}"});
  const auto answers = runner.BatchCheck({joined, apart, joined, contextual, apart}, 25);
  std::vector<std::string> texts;
  for (const auto& answer : answers) texts.push_back(ToText(answer));
  EXPECT_THAT(texts, ::testing::ElementsAre("denied", "allowed", "denied", "allowed", "allowed"));
}

TEST(BatchCheck, AnswersAsCheckDoes) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    auto world = testing::RandomWorld(seed);
    const std::uint32_t hops_max = seed % 2 == 0 ? 0 : 3;
    for (auto& question : world.questions) {
      question.hops_max = hops_max;
      question.context = world.questions[0].context;
      if (seed % 3 != 0) question.tuple.subject = world.questions[0].tuple.subject;
      if (seed % 3 != 0) question.contextual_tuples = world.questions[0].contextual_tuples;
    }
    testing::WorldRunner runner(world.model, world.tuples);
    const auto answers = runner.BatchCheck(world.questions, hops_max);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      EXPECT_EQ(ToText(answers[i]), ToText(runner.Check(world.questions[i])))
          << "seed " << seed << "\n"
          << testing::Describe(world, world.questions[i]);
    }
  }
}

// Questions of one subject build on each other's searches.
TEST(BatchCheck, SharedSearchesChangeNoAnswer) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    const auto world = testing::OneSubjectWorld(seed);
    testing::WorldRunner runner(world.model, world.tuples);
    const auto answers = runner.BatchCheck(world.questions, world.questions[0].hops_max);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      ASSERT_EQ(ToText(answers[i]), ToText(runner.Check(world.questions[i])))
          << "seed " << seed << "\n"
          << testing::Describe(world, world.questions[i]);
    }
  }
}

TEST(BatchCheck, OneBadItemFailsAlone) {
  testing::WorldRunner runner(ModelOf(kGroups),
                              Parsed(std::vector<std::string>{"document:1#viewer@user:anne"}));
  const auto answers = runner.BatchCheck(
      {QuestionOf("document:1#nothing@user:anne"), QuestionOf("document:1#viewer@user:anne"),
       QuestionOf("document:1#viewer@ghost:x")},
      25);
  EXPECT_FALSE(answers[0].ok());
  EXPECT_EQ(ToText(answers[1]), "allowed");
  EXPECT_FALSE(answers[2].ok());
}

// I3: what a stored tuple does for a question, the same tuple brought along does too. Conditional
// doubles aside, nothing is stored here that could be shadowed.
TEST(Invariants, ContextualEqualsStored) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const auto world = testing::RandomWorld(seed);
    const testing::Oracle oracle(world.model, {});
    std::vector<tuple::Tuple> fitting;
    for (const auto& tuple : world.tuples) {
      if (oracle.Fits(tuple)) fitting.push_back(tuple);
    }
    testing::WorldRunner stored(world.model, fitting);
    testing::WorldRunner empty(world.model, {});
    for (auto question : world.questions) {
      question.contextual_tuples.clear();
      const auto want = ToText(stored.Check(question));
      question.contextual_tuples = fitting;
      EXPECT_EQ(ToText(empty.Check(question)), want) << "seed " << seed << "\n"
                                                     << testing::Describe(world, question);
    }
  }
}

// I4: neither the order of tuples nor that of branches counts.
TEST(Invariants, OrderDoesNotMatter) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const auto world = testing::RandomWorld(seed);
    auto turned = world;
    std::mt19937_64 random(seed);
    std::shuffle(turned.tuples.begin(), turned.tuples.end(), random);
    const auto turn = [&](const auto& self, model::Rewrite& rewrite) -> void {
      if (rewrite.kind != model::RewriteKind::kDifference) {
        std::shuffle(rewrite.children.begin(), rewrite.children.end(), random);
      }
      for (auto& child : rewrite.children) self(self, child);
    };
    for (auto& type : turned.model.types) {
      for (auto& [name, rewrite] : type.relations) turn(turn, rewrite);
      if (!type.metadata) continue;
      for (auto& [name, metadata] : type.metadata->relations) {
        auto& restrictions = metadata.directly_related_user_types;
        std::shuffle(restrictions.begin(), restrictions.end(), random);
      }
    }
    testing::WorldRunner runner(world.model, world.tuples);
    testing::WorldRunner other(turned.model, turned.tuples);
    for (const auto& question : world.questions) {
      const auto a = runner.Check(question);
      const auto b = other.Check(question);
      ASSERT_EQ(a.ok(), b.ok()) << "seed " << seed << "\n" << testing::Describe(world, question);
      if (a.ok()) {
        EXPECT_EQ(*a, *b) << "seed " << seed;
      } else {
        EXPECT_EQ(a.error().code, b.error().code) << "seed " << seed;
      }
    }
  }
}

TEST(Invariants, ThreadsAgree) {
  const auto world = testing::RandomWorld(7);
  const auto graph = testing::GraphOf(world.tuples);
  const auto bound = BoundModel::Bind(*model::Plan::Compile(world.model), *graph);
  SystemClock clock;
  const Checker checker({}, clock);
  const auto all = [&] {
    std::vector<std::string> answers;
    Arena arena;
    for (int round = 0; round < 50; ++round) {
      for (const auto& question : world.questions) {
        arena.Reset();
        answers.push_back(ToText(checker.Check(
            graph->Pin(), *bound,
            {question.tuple.view(), question.contextual_tuples, &question.context, {}}, arena)));
      }
    }
    return answers;
  };
  const auto want = all();
  std::vector<std::vector<std::string>> got(4);
  std::vector<std::thread> threads;
  for (auto& answers : got) threads.emplace_back([&] { answers = all(); });
  for (auto& thread : threads) thread.join();
  for (const auto& answers : got) EXPECT_EQ(answers, want);
}

}  // namespace
}  // namespace pemba::engine
