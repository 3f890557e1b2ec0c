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

TEST(PlaceOf, PointsAtTheMistake) {
  const std::string text = "match\n\t$x has näme \"é\"; $y @;\n";
  EXPECT_EQ(PlaceOf("[TQL03] syntax at 2:23: expected more", text),
            "\n   $x has näme \"é\"; $y @;\n                        ^");
  EXPECT_EQ(PlaceOf("validation_error: [QRY16] no-such at 1:1: x", text), "\n  match\n  ^");
  EXPECT_EQ(PlaceOf("non-end at 1:6: at 2:1", text), "\n  match\n       ^");
  for (const char* error : {"no place", "[TQL03] syntax at 9:1: x", "[TQL03] syntax at 1:8: x",
                            "[TQL03] syntax at 0:0: x", "[TQL03] syntax at 1: x"}) {
    EXPECT_EQ(PlaceOf(error, text), "") << error;
  }
  const std::string wide = std::string(100, 'a') + "@" + std::string(100, 'b');
  EXPECT_EQ(PlaceOf("[A] a at 1:101: x", wide), "\n  ..." + std::string(60, 'a') + "@" +
                                                    std::string(15, 'b') + "\n  " +
                                                    std::string(63, ' ') + "^");
}

TEST(AnswersText, WideTablesBecomeRecords) {
  auto target = *NewLocalTarget("iam");
  const auto response =
      *target->Run({.text = "match $p isa person, has full-name $n, has email $e; get $n, $e; "
                            "sort $n; limit 1;"});
  EXPECT_EQ(AnswersText(response, 20),
            "-- 1\n$n  Kevin Morrison\n$e  kevin.morrison@vaticle.com\n");
  EXPECT_EQ(AnswersText(response, 80), AnswersText(response));
}

TEST(RunConsole, ReadsQueriesOfSeveralLines) {
  std::deque<std::string> input = {
      "match # what", "$x isa a;", "", "", ":infer on", "match", "$never", "^C", "match $y isa b;"};
  std::vector<std::string> said;
  RunConsole("iam> ",
             [&](const std::string& prompt) -> Line {
               said.push_back(prompt);
               if (input.empty()) return {Line::Kind::kEnd, {}};
               auto line = input.front();
               input.pop_front();
               if (line == "^C") return {Line::Kind::kInterrupted, {}};
               return {Line::Kind::kText, line};
             },
             {.run = [&](const auto& text) { said.push_back("run " + text); },
              .command = [&](const auto& command) { said.push_back("command " + command); },
              .remember = [&](const auto& entry) { said.push_back("remember " + entry); }});
  EXPECT_EQ(said,
            (std::vector<std::string>{"iam> ", "...> ", "...> ", "remember match  $x isa a;",
                                      "run match # what\n$x isa a;\n", "iam> ", "iam> ",
                                      "remember :infer on", "command infer on", "iam> ", "...> ",
                                      "...> ", "iam> ", "...> ", "run match $y isa b;\n"}));
}

}  // namespace
}  // namespace pemba::cli
