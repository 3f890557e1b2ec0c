#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/cli/typeql_console.h"
#include "pemba/cli/typeql_target.h"
#include "pemba/cli/typeql_text.h"

namespace pemba::cli {
namespace {

TEST(SplitTypeql, KeepsLinesAndColumns) {
  const auto steps = SplitTypeql(
      "define a sub entity; # größe\ndefine b sub entity;\ninsert $x isa a; insert $y isa b;\n"
      "match $x isa a; match $y isa b;\n  # end\n");
  ASSERT_TRUE(steps.ok()) << steps.error().message;
  EXPECT_EQ(*steps, (std::vector<std::string>{
                        "define a sub entity; # größe\ndefine b sub entity;\n",
                        "\n\ninsert $x isa a; insert $y isa b;\n",
                        "\n\n\nmatch $x isa a; ",
                        "\n\n\n                match $y isa b;\n  # end\n",
                    }));
  EXPECT_FALSE(SplitTypeql("match $x").ok());
}

struct LocalCase {
  const char* name;
  std::string text;
  bool infer, explain;
  const char* want;
};

TEST(AnswersText, IsATable) {
  auto target = *NewLocalTarget("iam");
  const LocalCase cases[] = {
      {"values", "match $p isa person, has full-name $n; get $n; sort $n;", false, false,
       "$n\n--------------\nKevin Morrison\nMasako Holley\nPearle Goodman\n"},
      {"two columns",
       "match $f isa file, has path $p, has size-kb $s; $s < 100; get $p, $s; sort $s;", false,
       false, "$p          $s\n----------  --\niopvu.java  55\nlzfkn.java  70\n"},
      {"nothing", "match $p isa company;", false, false, "$p\n--\n"},
      {"a number", "match $p isa permission; get $p; count;", false, false, "15\n"},
      {"a number of inferred facts", "match $p isa permission; get $p; count;", true, false,
       "29\n"},
      {"not a number", "match $f isa directory, has size-kb $s; get $s; mean $s;", false, false,
       "not a number\n"},
      {"groups of numbers",
       "match $p isa person, has full-name $n; (permitted-subject: $p) isa permission; get $n; "
       "group $n; count;",
       false, false,
       "group           number\n--------------  ------\nKevin Morrison  1\nPearle Goodman  1\n"},
      {"types", "match $t sub! object; get $t; ", false, false, nullptr},
      {"insert", "insert $c isa company, has name \"Globex\";", false, false, nullptr},
      {"define", "define robot sub user;", false, false, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto response = target->Run({.text = c.text, .infer = c.infer, .explain = c.explain});
    ASSERT_TRUE(response.ok()) << response.error().message;
    if (c.want != nullptr) {
      EXPECT_EQ(AnswersText(*response), c.want);
    }
  }
}

TEST(AnswersText, TellsHowFactsFollow) {
  auto target = *NewLocalTarget("iam");
  const auto response = target->Run(
      {.text =
           "match $s isa person, has full-name \"Kevin Morrison\"; $o isa file, has path "
           "\"LICENSE\"; $a isa action, has action-name \"view_file\"; $ac (accessed-object: $o, "
           "valid-action: $a) isa access; $p (permitted-subject: $s, permitted-access: $ac) isa "
           "permission; get $p;",
       .infer = true,
       .explain = true});
  ASSERT_TRUE(response.ok()) << response.error().message;
  ASSERT_EQ(response->answers_size(), 1);
  const auto text = AnswersText(*response);
  EXPECT_NE(text.find("$p:\n"), std::string::npos) << text;
  EXPECT_NE(text.find("by add-view-access"), std::string::npos) << text;
  EXPECT_NE(text.find("stored"), std::string::npos) << text;
  EXPECT_NE(text.find(" *\n"), std::string::npos) << text;  // The permission is inferred.
}

TEST(LocalTarget, TellsWhereMistakesAre) {
  auto target = *NewLocalTarget("");
  EXPECT_EQ(target->Run({.text = "\n\n  match $x isa robot;"}).error().message,
            "[TYR03] type-not-found at 3:16: the type `robot` is not defined");
  EXPECT_FALSE(NewLocalTarget("no such sample").ok());
}

TEST(RunConsole, ReadsQueriesOfSeveralLines) {
  std::deque<std::string> input = {"match", "$x isa a;", "", "", ":infer on", "match $y isa b;"};
  std::vector<std::string> said;
  RunConsole("iam> ",
             [&](const std::string& prompt) -> std::optional<std::string> {
               said.push_back(prompt);
               if (input.empty()) return std::nullopt;
               auto line = input.front();
               input.pop_front();
               return line;
             },
             {.run = [&](const auto& text) { said.push_back("run " + text); },
              .command = [&](const auto& command) { said.push_back("command " + command); },
              .remember = [&](const auto& entry) { said.push_back("remember " + entry); }});
  EXPECT_EQ(said, (std::vector<std::string>{"iam> ", "...> ", "...> ", "remember match $x isa a;",
                                            "run match\n$x isa a;\n", "iam> ", "iam> ",
                                            "remember :infer on", "command infer on", "iam> ",
                                            "...> ", "run match $y isa b;\n"}));
}

}  // namespace
}  // namespace pemba::cli
