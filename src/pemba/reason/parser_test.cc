#include "pemba/reason/parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/printer.h"

namespace pemba::reason {
namespace {

using namespace syntax;  // NOLINT(google-build-using-namespace): a test of all of them.

// One row: a text that is accepted, and how it is written back.
struct AcceptedCase {
  const char* name;
  const char* text;
  const char* printed;
};

TEST(ParseQueries, AcceptsTheLanguage) {
  constexpr AcceptedCase kCases[] = {
      {"a thing with attributes", "match $p isa person, has full-name \"Ann\", has email $e;",
       "match\n$p isa person, has full-name \"Ann\", has email $e;\n"},
      {"comments and blanks", "match # all\n  $p isa\tperson ; # end", "match\n$p isa person;\n"},
      {"a relation with and without a blank", "match $r(a:$x, b: $y, $z) isa! t;",
       "match\n$r (a: $x, b: $y, $z) isa! t;\n"},
      {"a scoped role in a relation", "match (t:a:$x) isa t;", "match\n(t:a: $x) isa t;\n"},
      {"role variables and type variables", "match $r ($a: $x) isa $t; $t relates $a;",
       "match\n$r ($a: $x) isa $t;\n$t relates $a;\n"},
      {"labels that are words of the language",
       "match (group: $g, member: $m) isa get; $g has value $v; contains sub attribute; "
       "$m has count 5;",
       "match\n(group: $g, member: $m) isa get;\n$g has value $v;\ncontains sub attribute;\n"
       "$m has count 5;\n"},
      {"variables that are words", "match $get isa file; get $get; sort $get; count;",
       "match\n$get isa file;\nget $get;\nsort $get;\ncount;\n"},
      {"equality is = and ==", "match $a == 5; $b = 5; $c == $a; $d 5;",
       "match\n$a 5;\n$b 5;\n$c = $a;\n$d 5;\n"},
      {"comparisons",
       "match $a != 1; $b < -2; $c <= 2.5; $d > 2023-05-16; $e >= true; $f contains 'x'; "
       "$g like \"\\d+\\.\";",
       "match\n$a != 1;\n$b < -2;\n$c <= 2.5;\n$d > 2023-05-16T00:00:00;\n$e >= true;\n"
       "$f contains \"x\";\n$g like \"\\\\d+\\\\.\";\n"},
      {"comparisons of owned attributes", "match $f has size-kb > 5, has path contains \"x\";",
       "match\n$f has size-kb > 5, has path contains \"x\";\n"},
      {"an attribute by value and type", "match $pc \"Globex\" isa parent-company;",
       "match\n$pc \"Globex\" isa parent-company;\n"},
      {"an attribute without a label", "match $x has $a;", "match\n$x has $a;\n"},
      {"an iid", "match $x iid 0x1F isa file;", "match\n$x iid 0x1f isa file;\n"},
      {"anonymous things", "match isa file, has path $p; $_ isa file; ($_, $x) isa t;",
       "match\nisa file, has path $p;\nisa file;\n($_, $x) isa t;\n"},
      {"disjunction and negation",
       "match $x isa a; {$x has b 1;} or {$x has b 2; not {$x has c $c;};}; not {$x has d 1;};",
       "match\n$x isa a;\n{\n  $x has b 1;\n} or {\n  $x has b 2;\n  not {\n    $x has c $c;\n"
       "  };\n};\nnot {\n  $x has d 1;\n};\n"},
      {"a disjunction alone", "match {$x isa a;} or {$x isa b;}; get $x;",
       "match\n{\n  $x isa a;\n} or {\n  $x isa b;\n};\nget $x;\n"},
      {"is", "match $x isa a; $y isa a; $x is $y;", "match\n$x isa a;\n$y isa a;\n$x is $y;\n"},
      {"statements about types",
       "match $t sub file; $u sub! file; $t type a:b; $t abstract; $t owns name @key; "
       "$t relates x as y; $t plays a:b; $t value long; $t regex 'a\"b';",
       "match\n$t sub file;\n$u sub! file;\n$t type a:b;\n$t abstract;\n$t owns name @key;\n"
       "$t relates x as y;\n$t plays a:b;\n$t value long;\n$t regex \"a\\\"b\";\n"},
      {"modifiers",
       "match $x isa a, has b $b; get $x, $b; sort $b desc, $x asc; offset 1; limit 3; group $x; "
       "max $b;",
       "match\n$x isa a, has b $b;\nget $x, $b;\nsort $b desc, $x;\noffset 1;\nlimit 3;\n"
       "group $x;\nmax $b;\n"},
      {"get of everything", "match $x isa a; get;", "match\n$x isa a;\n"},
      {"expressions",
       "match $x has b $b; ?v = ($b + 1) * -2 - -3 ^ 2 ^ abs($b -5); ?w = min(?v, 1.5); ?w > 3;",
       "match\n$x has b $b;\n?v = ($b + 1) * -2 - -3 ^ 2 ^ abs($b - 5);\n?w = min(?v, 1.5);\n"
       "?w > 3;\n"},
      {"insert", "insert $x isa a, has b 'it''s';", nullptr},
      {"insert after match", "match $x isa a; insert $x has b 2; (c: $x) isa d;",
       "match\n$x isa a;\ninsert\n$x has b 2;\n(c: $x) isa d;\n"},
      {"delete", "match $x isa a, has $b; delete $x has $b; $x isa a;",
       "match\n$x isa a, has $b;\ndelete\n$x has $b;\n$x isa a;\n"},
      {"an insert after a delete belongs to it",
       "match $x isa a; delete $x isa a; insert $y isa a;",
       "match\n$x isa a;\ndelete\n$x isa a;\ninsert\n$y isa a;\n"},
      {"define",
       "define a sub entity, abstract, owns b @key, owns c as b @unique, plays r:x as y; "
       "b sub attribute, value string, regex \"[a-z]+\"; r sub relation, relates x, relates z as "
       "w; "
       "b value long;",
       "define\na sub entity, abstract, owns b @key, owns c as b @unique, plays r:x as y;\n"
       "b sub attribute, value string, regex \"[a-z]+\";\nr sub relation, relates x, relates z as "
       "w;\nb value long;\n"},
      {"a rule", "define rule a-b: when { $x isa c; } then { $x has d true; };",
       "define\nrule a-b: when {\n  $x isa c;\n} then {\n  $x has d true;\n};\n"},
      {"a type named rule", "define rule sub entity;", "define\nrule sub entity;\n"},
      {"undefine", "undefine rule a; b sub c; d owns e;",
       "undefine\nrule a;\nb sub c;\nd owns e;\n"},
      {"letters beyond ASCII", "match $größe isa maß, has наименование \"ключ\";",
       "match\n$größe isa maß, has наименование \"ключ\";\n"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto query = ParseQuery(c.text);
    if (!c.printed) {
      EXPECT_FALSE(query.ok());
      continue;
    }
    ASSERT_TRUE(query.ok()) << query.error().message;
    EXPECT_EQ(ToText(*query), c.printed);
    const auto again = ParseQuery(c.printed);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_TRUE(*again == *query);
  }
}

TEST(ParseQueries, ReadsManyQueriesWithoutSeparators) {
  const auto queries = ParseQueries(
      "define a sub entity; insert $x isa a; match $x isa a; insert $y isa a; match $x isa a; "
      "match $x isa a; delete $x isa a; undefine a sub entity;");
  ASSERT_TRUE(queries.ok()) << queries.error().message;
  std::vector<std::size_t> kinds;
  for (const auto& query : *queries) kinds.push_back(query.node.index());
  EXPECT_EQ(kinds, (std::vector<std::size_t>{4, 1, 1, 0, 2, 5}));
}

TEST(ParseQueries, TellsEscapes) {
  const auto query = ParseQuery(R"(match $x "a\"b\\c\n\d" ; $y 'it\'s';)");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const auto& patterns = std::get<Match>(query->node).patterns;
  const auto text = [&](std::size_t i) {
    return std::get<std::string>(
        std::get<Value>(std::get<ThingStatement>(patterns[i].node).predicate->operand));
  };
  EXPECT_EQ(text(0), "a\"b\\c\n\\d");
  EXPECT_EQ(text(1), "it's");
}

TEST(ParseQueries, KnowsWhereThingsStand) {
  const auto query = ParseQuery("match\n  $x isa file;\n  $größe isa size;\n");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const auto& patterns = std::get<Match>(query->node).patterns;
  const auto& first = std::get<ThingStatement>(patterns[0].node);
  EXPECT_EQ(first.at.line, 2u);
  EXPECT_EQ(first.at.column, 3u);
  const auto& second = std::get<ThingStatement>(patterns[1].node);
  EXPECT_EQ(second.isa->at.line, 3u);
  EXPECT_EQ(second.isa->at.column, 10u);  // Code points, not bytes.
}

// One row per mistake: the error names its place and what would have been right.
struct RejectedCase {
  const char* name;
  const char* text;
  Problem problem;
  const char* message;  // A part of it.
};

TEST(ParseQueries, SaysWhatIsWrong) {
  constexpr RejectedCase kCases[] = {
      {"no query", "file", Problem::kSyntax,
       "1:1: expected `match`, `insert`, `define` or `undefine`, found `file`"},
      {"no semicolon", "match $x isa file get $x;", Problem::kSyntax,
       "1:19: expected `,` or `;`, found `get`"},
      {"nothing to match", "match get $x;", Problem::kSyntax, "expected a pattern to match"},
      {"no type", "match $x isa ;", Problem::kSyntax, "1:14: expected a type, found `;`"},
      {"no predicate", "match\n$x;", Problem::kSyntax, "2:3: expected what to say of the variable"},
      {"open parenthesis", "match (a: $x isa t;", Problem::kSyntax, "expected `,` or `)`"},
      {"open block", "match $x isa t; not { $x has a 1;", Problem::kSyntax,
       "expected `}`, found the end of the text"},
      {"open string", "match $x \"abc;", Problem::kSyntax, "1:10: this string has no end"},
      {"bare dollar", "match $ isa x;", Problem::kSyntax, "1:7: expected the name of a variable"},
      {"letters after digits", "match $x 12ab;", Problem::kSyntax, "`12ab` is neither number nor"},
      {"an impossible date", "match $x 2023-02-30;", Problem::kSyntax, "is not a date"},
      {"a date finer than a millisecond", "match $x 2023-02-03T10:00:00.1234;", Problem::kSyntax,
       "is not a date"},
      {"a long beyond 64 bits", "match $x 9223372036854775808;", Problem::kSyntax,
       "beyond the range of a 64-bit long"},
      {"a strange character", "match $x ~ 5;", Problem::kSyntax, "`~` begins nothing"},
      {"a role without its relation", "define a sub entity, plays b;", Problem::kSyntax,
       "such as `access:b`"},
      {"an unknown value type", "define a sub attribute, value int;", Problem::kSyntax,
       "expected `long`, `double`"},
      {"a variable in a definition", "define $x sub entity;", Problem::kVariableInDefinition, "$x"},
      {"a variable inside a definition", "define x owns $a;", Problem::kVariableInDefinition, "$a"},
      {"modifiers in another order", "match $x isa a; limit 1; sort $x;",
       Problem::kDuplicateModifier, "`sort` cannot stand here"},
      {"a modifier twice", "match $x isa a; limit 1; limit 2;", Problem::kDuplicateModifier,
       "each once and in this order"},
      {"is in an insert", "match $x isa a; insert $y is $x;", Problem::kIsInsert, "1:27"},
      {"a second query", "match $x isa a; match $x isa a;", Problem::kSyntax, "found a second one"},
      {"projection of an unmatched variable", "match $p isa person; get $q;",
       Problem::kVariableOutOfScope, "projection names `$q`"},
      {"projection of a variable in a negation",
       "match $p isa person; not { $p has email $e; }; get $e;", Problem::kVariableOutOfScope,
       "`$e`"},
      {"projection of a variable in one branch",
       "match $p isa a; { $p has b $b; } or { $p has c $c; }; get $b;",
       Problem::kVariableOutOfScope, "`$b`"},
      {"sort by what is not projected", "match $p isa a, has b $b; get $p; sort $b;",
       Problem::kVariableOutOfScope, "sort clause names `$b`"},
      {"delete of an unmatched variable", "match $p isa a; delete $q isa a;",
       Problem::kVariableOutOfScope, "delete clause names `$q`"},
      {"a negation without a shared variable", "match $p isa a; not { $x isa b; };",
       Problem::kUnboundedNestedPattern, "1:17: this negation shares no named variable"},
      {"a branch without a shared variable", "match $p isa a; {$x isa b;} or {$p has c 1;};",
       Problem::kUnboundedNestedPattern, "this branch"},
      {"a negation of a negation", "match $p isa a; not { not { $p has b 1; }; };",
       Problem::kRedundantNestedNegation, "a negation stands inside a negation"},
      {"no named variable", "match isa a;", Problem::kNoNamedVariable, "no named variable"},
      {"a thing and a type", "match $x isa $x;", Problem::kVariableKindConflict, "`$x`"},
      {"a variable in `is` alone", "match $x isa a; $x is $y;", Problem::kInvalidPattern, "`$y`"},
      {"a value that is never given", "match $x has a > ?v;", Problem::kVariableOutOfScope, "`?v`"},
      {"a value given twice", "match $x has a $a; ?v = $a; ?v = 2;", Problem::kInvalidPattern,
       "given a value twice"},
      {"values in a circle", "match $x has a $a; ?v = ?w + 1; ?w = ?v + $a;",
       Problem::kInvalidPattern, "computed from itself"},
      {"an unknown function", "match $x has a $a; ?v = sin($a);", Problem::kSyntax,
       "expected a function"},
      {"two arguments for one", "match $x has a $a; ?v = abs($a, 2);", Problem::kSyntax,
       "expected one argument"},
      {"a rule without a condition", "define rule r: when { } then { $x has a 1; };",
       Problem::kRuleEmpty, "`r` has no condition"},
      {"two conclusions", "define rule r: when { $x isa a; } then { $x has b 1; $x has c 2; };",
       Problem::kRuleConclusionNotSingle, "1:54"},
      {"two ownerships in one statement",
       "define rule r: when { $x isa a; } then { $x has b 1, has c 2; };",
       Problem::kRuleConclusionNotSingle, "one relation or one ownership"},
      {"an unbound conclusion", "define rule r: when { $x isa a; } then { $y has b 1; };",
       Problem::kRuleConclusionUnbound, "`$y`"},
      {"a conclusion bound in a negation only",
       "define rule r: when { $x isa a; not { $x has b $y; }; } then { $x has $y; };",
       Problem::kRuleConclusionUnbound, "`$y`"},
      {"a conclusion bound in branches only",
       "define rule r: when { $x isa a; { $x has b $y; } or { $x has c $y; }; } then { $x has $y; "
       "};",
       Problem::kRuleConclusionUnbound, "`$y`"},
      {"a negation inside a negation of a rule",
       "define rule r: when { $x isa a; not { $x has b $y; not { $y 1; }; }; } then { $x has c 1; "
       "};",
       Problem::kRuleNestedNegation, "inside a negation"},
      {"a named relation", "define rule r: when { $x isa a; } then { $r (b: $x) isa c; };",
       Problem::kRuleConclusionRelationVariable, "`$r`"},
      {"a conclusion without a role", "define rule r: when { $x isa a; } then { ($x) isa c; };",
       Problem::kRuleConclusionRoleMissing, "`$x`"},
      {"a typed attribute variable",
       "define rule r: when { $x isa a, has b $b; } then { $x has c $b; };",
       Problem::kRuleConclusionTypesVariable, "write `has $b`"},
      {"a change of type", "define rule r: when { $x isa a; } then { $x isa b; };",
       Problem::kRuleConclusionInvalid, "must be one relation or one ownership"},
      {"a comparison as a conclusion", "define rule r: when { $x isa a; } then { $x has b > 1; };",
       Problem::kRuleConclusionInvalid, "compares"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto query = ParseQuery(c.text);
    ASSERT_FALSE(query.ok());
    EXPECT_EQ(ProblemOf(query.error()), c.problem) << query.error().message;
    EXPECT_NE(query.error().message.find(c.message), std::string::npos) << query.error().message;
  }
}

TEST(ParseQueries, BoundsNesting) {
  std::string text = "match $x isa a; ";
  for (int i = 0; i < 100'000; ++i) text += "{ ";
  EXPECT_EQ(ProblemOf(ParseQuery(text).error()), Problem::kTooComplex);
  text = "match $x has a $a; ?v = " + std::string(100'000, '(');
  EXPECT_EQ(ProblemOf(ParseQuery(text).error()), Problem::kTooComplex);
  text = "match $x has a $a; ?v = 1";
  for (int i = 0; i < 100'000; ++i) text += " + 1";
  EXPECT_EQ(ProblemOf(ParseQuery(text + ";").error()), Problem::kTooComplex);
}

TEST(ProblemOf, ReadsWhatMakeErrorWrites) {
  for (int i = 0; i <= static_cast<int>(Problem::kTooComplex); ++i) {
    const auto problem = static_cast<Problem>(i);
    EXPECT_EQ(ProblemOf(MakeError(problem, {3, 7}, "a: b")), problem) << Name(problem);
    EXPECT_EQ(ProblemOf(MakeError(problem, {}, "a: b")), problem) << Name(problem);
  }
  EXPECT_EQ(MakeError(Problem::kTypeNotFound, {1, 10}, "no `x`").message,
            "[TYR03] type-not-found at 1:10: no `x`");
  EXPECT_EQ(ProblemOf(Error{ErrorCode::kInternal, "something else"}), std::nullopt);
}

}  // namespace
}  // namespace pemba::reason
