#include "pemba/model/dsl.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/model/json.h"

namespace pemba::model {
namespace {

constexpr const char* kHead = "model\n  schema 1.1\n";

// --- Rewrites

struct RewriteCase {
  const char* name;
  const char* definition;
  const char* json;  // Of the rewrite.
};
constexpr RewriteCase kRewriteCases[] = {
    {"direct", "[user]", R"({"this":{}})"},
    {"computed userset", "a", R"({"computedUserset":{"relation":"a"}})"},
    {"tuple to userset", "a from b",
     R"({"tupleToUserset":{"tupleset":{"relation":"b"},"computedUserset":{"relation":"a"}}})"},
    {"one operator makes one node", "a or b or c",
     R"({"union":{"child":[{"computedUserset":{"relation":"a"}},)"
     R"({"computedUserset":{"relation":"b"}},{"computedUserset":{"relation":"c"}}]}})"},
    {"parentheses keep their node", "(a or b) or c",
     R"({"union":{"child":[{"union":{"child":[{"computedUserset":{"relation":"a"}},)"
     R"({"computedUserset":{"relation":"b"}}]}},{"computedUserset":{"relation":"c"}}]}})"},
    {"parentheses around one operand go away", "((a)) and ( b )",
     R"({"intersection":{"child":[{"computedUserset":{"relation":"a"}},)"
     R"({"computedUserset":{"relation":"b"}}]}})"},
    {"direct in leading parentheses", "([user] or a) but not b",
     R"({"difference":{"base":{"union":{"child":[{"this":{}},)"
     R"({"computedUserset":{"relation":"a"}}]}},"subtract":{"computedUserset":{"relation":"b"}}}})"},
    {"but is a name of its own", "but but not but",
     R"({"difference":{"base":{"computedUserset":{"relation":"but"}},)"
     R"("subtract":{"computedUserset":{"relation":"but"}}}})"},
};

TEST(ParseDsl, Rewrites) {
  for (const auto& c : kRewriteCases) {
    SCOPED_TRACE(c.name);
    const auto parsed =
        ModelFromDsl(std::string(kHead) + "type t\n  relations\n    define r: " + c.definition);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    const auto want = ModelFromJson(
        R"({"schema_version":"1.1","type_definitions":[{"type":"t","relations":{"r":)" +
        std::string(c.json) + "}}]}");
    ASSERT_TRUE(want.ok()) << want.error().message;
    EXPECT_EQ(parsed->types[0].relations, want->types[0].relations);
  }
}

TEST(ParseDsl, Restrictions) {
  const auto model = ModelFromDsl(std::string(kHead) +
                                  "type t\n  relations\n"
                                  "    define r: [\n  a, b:* , c#d,\n\n e with x, f:* with y]\n");
  ASSERT_TRUE(model.ok()) << model.error().message;
  using Ref = RelationReference;
  EXPECT_THAT(model->types[0].metadata->relations.at("r").directly_related_user_types,
              testing::ElementsAre(Ref{"a", "", false, ""}, Ref{"b", "", true, ""},
                                   Ref{"c", "d", false, ""}, Ref{"e", "", false, "x"},
                                   Ref{"f", "", true, "y"}));
}

TEST(ParseDsl, Conditions) {
  const auto model = ModelFromDsl(std::string(kHead) +
                                  "condition c( a:int, model : list< string > ) {\n"
                                  "  a < 5 // few\n"
                                  "    && \"}\" in model\n"
                                  "}\n");
  // A parameter list has no spaces within `<>`.
  ASSERT_FALSE(model.ok());
  const auto good = ModelFromDsl(std::string(kHead) +
                                 "condition c( a:int, model : list<string> ) {\n"
                                 "  a < 5 // few\n"
                                 "    && \"}\" in model\n"
                                 "}\n");
  ASSERT_TRUE(good.ok()) << good.error().message;
  const auto& condition = good->conditions.at("c");
  EXPECT_EQ(condition.expression, "a < 5\n    && \"}\" in model");
  using Name = condition::ParameterTypeName;
  EXPECT_EQ(condition.parameters.at("a"), (condition::ParameterType{Name::kInt, {}}));
  EXPECT_EQ(condition.parameters.at("model"),
            (condition::ParameterType{Name::kList, {{Name::kString, {}}}}));
}

TEST(ParseDsl, ModuleFiles) {
  const auto parsed = ParseDsl(
      "module m\ntype a\n  relations\n    define r: [a]\n"
      "extend type b\n  relations\n    define s: [a with c]\ncondition c(x: int) { x > 0 }\n");
  ASSERT_THAT(parsed.errors, testing::IsEmpty());
  EXPECT_EQ(parsed.module, "m");
  EXPECT_EQ(parsed.model.schema_version, "");
  ASSERT_EQ(parsed.extensions.size(), 1u);
  EXPECT_EQ(parsed.extensions[0].type, "b");
  EXPECT_EQ(parsed.extensions[0].index, 1u);
  EXPECT_EQ(parsed.model.types[0].metadata->module, "m");
  EXPECT_EQ(parsed.model.types[0].metadata->relations.at("r").module, "");
  EXPECT_EQ(parsed.model.types[1].metadata->relations.at("s").module, "m");
  EXPECT_EQ(parsed.model.conditions.at("c").metadata->module, "m");
}

// --- Comments and white space

struct SameCase {
  const char* name;
  const char* text;
};
constexpr SameCase kSameCases[] = {
    {"plain", "model\n  schema 1.1\ntype u\ntype t\n  relations\n    define r: [u]\n"},
    {"comments",
     "# a\nmodel # b\n  schema 1.1 # c\n# d\ntype u\ntype t\n  # e\n  relations\n"
     "    define r: [u] # f\n"},
    {"carriage returns",
     "model\r\n  schema 1.1\r\ntype u\r\n\r\ntype t\r\n  relations\r\n    define r: [u]\r\n"},
    {"no indentation", "model\nschema 1.1\ntype u\ntype t\nrelations\ndefine r: [u]"},
    {"tabs", "model\n\tschema\t1.1\ntype\tu\ntype t\n\trelations\n\t\tdefine r\t:\t[\tu\t]\t\n"},
};

TEST(ParseDsl, IndentationAndCommentsMeanNothing) {
  const auto want = ModelFromDsl(kSameCases[0].text);
  ASSERT_TRUE(want.ok());
  for (const auto& c : kSameCases) {
    SCOPED_TRACE(c.name);
    const auto got = ModelFromDsl(c.text);
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(*got, *want);
  }
}

// --- Errors

struct ErrorCase {
  const char* name;
  const char* text;
  const char* error;  // Of the first: line:column-column message
  int count;
};
constexpr ErrorCase kErrorCases[] = {
    {"empty text", "",
     "0:0-5 mismatched input '<EOF>' expecting {WHITESPACE, '#', 'module', 'model', NEWLINE}", 1},
    {"character that starts no token", "model\n  schema 1.1\ntype $u\n",
     "2:5-5 token recognition error at: '$'", 1},
    {"half an operator takes the next character along", "model\n  schema 1.1\ntype u=v\n",
     "2:6-6 token recognition error at: '=v'", 1},
    {"line break in a parameter list", "model\n  schema 1.1\ncondition c(\n a: int) { a > 0 }\n",
     "2:12-12 token recognition error at: '\\n'", 1},
    {"unfinished string", "model\n  schema 1.1\ncondition c(a: int) {\n  a == \"x\n}\n",
     "3:7-7 token recognition error at: '\"x\\n'", 1},
    {"columns count UTF-16 units",
     "model\n  schema 1.1\ncondition c(a: string) {\n  a == \"\xF0\x9F\x98\x80\xC3\xA4\" $ a\n}\n",
     "3:13-13 token recognition error at: '$'", 1},
    {"text that is not UTF-8", "model\n  schema 1.1\ncondition c(a: string) {\n  a == '\xFF'\n}\n",
     "3:0-0 the text is not UTF-8", 1},
    {"double condition",
     "model\n  schema 1.1\ntype u\ncondition c(a: int) { a > 0 }\n"
     "condition c(a: int) { a > 0 }\n",
     "4:10-11 condition 'c' is already defined in the model", 1},
    {"any is no type of the DSL", "model\n  schema 1.1\ncondition c(a: any) { a > 0 }\n",
     "2:15-18 mismatched input 'any' expecting {CONDITION_PARAM_CONTAINER, CONDITION_PARAM_TYPE}",
     1},
    {"every line is looked at",
     "model\n  schema 1.1\ntype t\n  relations\n    define a: [u] or\n    define b: [u] and\n",
     "4:20-25 mismatched input '\\n    ' expecting WHITESPACE", 2},
};

std::string Describe(const SyntaxError& e) {
  return std::to_string(e.line_start) + ":" + std::to_string(e.column_start) + "-" +
         std::to_string(e.column_end) + " " + e.message;
}

TEST(ParseDsl, Errors) {
  for (const auto& c : kErrorCases) {
    SCOPED_TRACE(c.name);
    const auto parsed = ParseDsl(c.text);
    ASSERT_FALSE(parsed.errors.empty());
    EXPECT_EQ(Describe(parsed.errors[0]), c.error);
    EXPECT_EQ(parsed.errors.size(), static_cast<std::size_t>(c.count)) << ToText(parsed.errors);
  }
}

TEST(ParseDsl, JoinsErrorTexts) {
  const auto model = ModelFromDsl("model\n  schema 11\n");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kInvalidModel);
  EXPECT_EQ(model.error().message,
            "1 error occurred:\n\t* syntax error at line=1, column=9: mismatched input '11' "
            "expecting SCHEMA_VERSION\n\n");
}

std::string Nested(int levels) {
  const auto n = static_cast<std::size_t>(levels);
  return std::string(kHead) + "type t\n  relations\n    define r: " + std::string(n, '(') + "a" +
         std::string(n, ')') + "\n    define a: [t]\n";
}

TEST(ParseDsl, NestsToALimit) {
  EXPECT_TRUE(ModelFromDsl(Nested(kDslNestingMax)).ok());
  for (const int levels : {kDslNestingMax + 1, 100000}) {
    const auto parsed = ParseDsl(Nested(levels));
    ASSERT_EQ(parsed.errors.size(), 1u);
    EXPECT_EQ(parsed.errors[0].message, "nested more than 100 levels deep");
  }
}

TEST(ParseDsl, SurvivesEveryTruncation) {
  const std::string text =
      "module m\ntype u\nextend type t\n  relations\n    define p: [t, u:* with c]\n"
      "    define r: (([u#x] or a) but not (b and c)) or d from p\n"
      "condition c(a: int, b: map<string>) {\n  a > 0 && b[\"x\"] == r'''}'''\n}\n";
  EXPECT_THAT(ParseDsl(text).errors, testing::IsEmpty());
  for (std::size_t n = 0; n < text.size(); ++n) {
    (void)ParseDsl(text.substr(0, n));
    (void)ParseDsl(text.substr(n));
    (void)ParseDsl(text.substr(0, n) + text.substr(n + 1));
  }
}

// --- Names in backquotes

TEST(QuotedNames, StandWhereNamesStand) {
  const auto model = ModelFromDsl(
      "model\n  schema 1.1\ntype `and`\ntype `1`\n  relations\n    define `a*``b`: [`and`:*, "
      "`1`#`a*``b` with `c.d`] or `from` from `or`\n    define `from`: [`and`]\n"
      "    define `or`: [`1`]\ncondition `c.d`(`int`: int) { 1 > 0 }\n");
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->types[0].type, "and");
  EXPECT_EQ(model->types[1].type, "1");
  const auto& rewrite = model->types[1].relations.at("a*`b");
  EXPECT_EQ(rewrite.children[1].relation, "from");
  EXPECT_EQ(rewrite.children[1].tupleset, "or");
  EXPECT_TRUE(model->conditions.at("c.d").parameters.contains("int"));
  const auto printed = PrintDsl(*model);
  ASSERT_TRUE(printed.ok()) << printed.error().message;
  EXPECT_EQ(*printed,
            "model\n  schema 1.1\n\ntype `and`\n\ntype `1`\n  relations\n"
            "    define `a*``b`: [`and`:*, `1`#`a*``b` with `c.d`] or `from` from `or`\n"
            "    define `from`: [`and`]\n    define `or`: [`1`]\n\n"
            "condition `c.d`(`int`: int) {\n  1 > 0\n}\n");
}

TEST(QuotedNames, AreOnlyUsedWhereNeeded) {
  for (const char* name : {"a", "a-b", "a.b/c", "model", "type", "list", "string", "_"}) {
    const auto model = ModelFromJson(
        std::string(R"({"schema_version":"1.1","type_definitions":[{"type":")") + name + "\"}]}");
    ASSERT_TRUE(model.ok());
    EXPECT_EQ(*PrintDsl(*model), std::string(kHead) + "\ntype " + name + "\n");
  }
}

TEST(QuotedNames, AnUnfinishedOneIsNoToken) {
  for (const char* text : {"type `", "type ``", "type `a", "type `a\n`"}) {
    const auto parsed = ParseDsl(std::string(kHead) + text);
    ASSERT_FALSE(parsed.errors.empty()) << text;
    EXPECT_EQ(parsed.errors[0].message, "token recognition error at: '`'") << text;
  }
}

// --- Printing

struct UnprintableCase {
  const char* name;
  const char* json;  // Follows {"schema_version":"1.1",
  const char* error;
};
constexpr UnprintableCase kUnprintableCases[] = {
    {"name with a space", R"("type_definitions":[{"type":"a b"}]})",
     "the name `a b` is not supported by the DSL syntax"},
    {"empty name", R"("type_definitions":[{"type":""}]})",
     "the name `` is not supported by the DSL syntax"},
    {"empty rewrite", R"("type_definitions":[{"type":"a","relations":{"r":{}}}]})",
     "an empty rewrite is not supported by the DSL syntax"},
    {"union of one",
     R"("type_definitions":[{"type":"a","relations":{"r":{"union":{"child":[{"this":{}}]}}}}]})",
     "an operator with less than two operands is not supported by the DSL syntax"},
    {"condition under another key", R"("conditions":{"k":{"name":"n"}}})",
     "the 'k' condition has a different nested condition name ('n')"},
    {"map literal",
     R"("conditions":{"c":{"name":"c","expression":"{'a':1}['a'] == x",
        "parameters":{"x":{"type_name":"TYPE_NAME_INT"}}}}})",
     "the expression of the 'c' condition is not supported by the DSL syntax"},
    {"string that looks like a comment",
     R"("conditions":{"c":{"name":"c","expression":"x == 'a #b'",
        "parameters":{"x":{"type_name":"TYPE_NAME_STRING"}}}}})",
     "the expression of the 'c' condition is not supported by the DSL syntax"},
    {"any",
     R"("conditions":{"c":{"name":"c","expression":"true",
        "parameters":{"x":{"type_name":"TYPE_NAME_ANY"}}}}})",
     "the type of the parameter 'x' is not supported by the DSL syntax"},
    {"list of lists",
     R"("conditions":{"c":{"name":"c","expression":"true","parameters":{"x":{"type_name":
        "TYPE_NAME_LIST","generic_types":[{"type_name":"TYPE_NAME_LIST"}]}}}}})",
     "the type of the parameter 'x' is not supported by the DSL syntax"},
    {"no parameters", R"("conditions":{"c":{"name":"c","expression":"true"}}})",
     "the 'c' condition has no parameters, which the DSL syntax needs"},
};

TEST(PrintDsl, RefusesWhatTheTextCannotCarry) {
  for (const auto& c : kUnprintableCases) {
    SCOPED_TRACE(c.name);
    const auto model = ModelFromJson(std::string(R"({"schema_version":"1.1",)") + c.json);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto printed = PrintDsl(*model);
    ASSERT_FALSE(printed.ok()) << *printed;
    EXPECT_EQ(printed.error().message, c.error);
    EXPECT_EQ(printed.error().code, ErrorCode::kInvalidModel);
  }
}

TEST(PrintDsl, CommentsStayComments) {
  const auto model = ModelFromJson(
      R"({"schema_version":"1.2","type_definitions":[{"type":"a","metadata":{"module":"m",
          "source_info":{"file":"x.fga\ntype b"}}}]})");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(*PrintDsl(*model, {.include_source_information = true}),
            "model\n  schema 1.2\n\ntype a # module: m, file: x.fga type b\n");
}

TEST(PrintDsl, KeepsTheMeaningOfExpressions) {
  const auto model = ModelFromJson(
      R"({"schema_version":"1.1","conditions":{"c":{"name":"c",
          "expression":"\n  x > 0 // positive\n  && x < 9  \n",
          "parameters":{"x":{"type_name":"TYPE_NAME_INT"}}}}})");
  ASSERT_TRUE(model.ok());
  const auto printed = PrintDsl(*model);
  ASSERT_TRUE(printed.ok()) << printed.error().message;
  const auto again = ModelFromDsl(*printed);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->conditions.at("c").expression, "x > 0\n  && x < 9");
}

// --- print, then parse, is the identity on what the DSL can say

using Random = std::mt19937_64;

class ModelMaker {
 public:
  explicit ModelMaker(std::uint64_t seed) : random_(seed) {}

  Model Make() {
    Model model;
    model.schema_version = Pick(2) == 0 ? "1.1" : "1.2";
    for (int i = Pick(4); i > 0; --i) {
      ConditionDefinition condition;
      condition.name = Name();
      condition.expression = kExpressions[static_cast<std::size_t>(Pick(std::size(kExpressions)))];
      for (int p = 1 + Pick(3); p > 0; --p) condition.parameters[Name()] = Parameter();
      model.conditions[condition.name] = condition;
    }
    for (int i = Pick(5); i > 0; --i) model.types.push_back(Type());
    return model;
  }

 private:
  static constexpr const char* kNames[] = {
      "a",   "user", "a-b",       "a.b/c", "model", "schema", "type", "relation", "module",
      "and", "or",   "condition", "but",   "not",   "from",   "with", "in",       "true",
      "1",   "a*b",  "`",         "list",  "map",   "string", "x_1",  "\xC3\xA4", "but not"};
  static constexpr const char* kExpressions[] = {"x < 5",
                                                 "a == \"}\"",
                                                 "a && (b || !c)",
                                                 "1.5 < x\n  && y in [1, 2, 3]",
                                                 "s.matches('^[a-z]+$') ? 'q' == r\"\\n\" : true",
                                                 ""};

  int Pick(std::size_t count) { return static_cast<int>(random_() % count); }

  // Not the last one: it has a space, which no name may have.
  std::string Name() { return kNames[static_cast<std::size_t>(Pick(std::size(kNames) - 1))]; }

  condition::ParameterType Parameter() {
    using enum condition::ParameterTypeName;
    static constexpr condition::ParameterTypeName kScalars[] = {
        kBool, kString, kInt, kUint, kDouble, kDuration, kTimestamp, kIpAddress};
    const condition::ParameterType scalar{kScalars[static_cast<std::size_t>(Pick(8))], {}};
    const int form = Pick(4);
    if (form > 1) return scalar;
    return {form == 0 ? kList : kMap, {scalar}};
  }

  TypeDefinition Type() {
    TypeDefinition type;
    type.type = Name();
    for (int i = Pick(4); i > 0; --i) {
      const auto relation = Name();
      if (type.relations.contains(relation)) continue;
      if (!type.metadata) type.metadata.emplace();
      auto& metadata = type.metadata->relations[relation];
      direct_ = false;
      type.relations[relation] = RandomRewrite(3, true);
      if (!direct_) continue;
      for (int r = 1 + Pick(3); r > 0; --r) {
        metadata.directly_related_user_types.push_back(Reference());
      }
    }
    return type;
  }

  RelationReference Reference() {
    RelationReference reference;
    reference.type = Name();
    if (Pick(3) == 0) {
      reference.relation = Name();
    } else {
      reference.wildcard = Pick(3) == 0;
    }
    if (Pick(3) == 0) reference.condition = Name();
    return reference;
  }

  Rewrite RandomRewrite(int depth, bool first) {
    Rewrite rewrite;
    const int kind = Pick(depth > 0 ? 6 : 3);
    if (kind == 0 && first) {
      rewrite.kind = RewriteKind::kThis;
      direct_ = true;
    } else if (kind <= 1) {
      rewrite.kind = RewriteKind::kComputedUserset;
      rewrite.relation = Name();
    } else if (kind == 2) {
      rewrite.kind = RewriteKind::kTupleToUserset;
      rewrite.relation = Name();
      rewrite.tupleset = Name();
    } else {
      rewrite.kind = kind == 3   ? RewriteKind::kUnion
                     : kind == 4 ? RewriteKind::kIntersection
                                 : RewriteKind::kDifference;
      const int count = kind == 5 ? 2 : 2 + Pick(3);
      for (int i = 0; i < count; ++i) {
        rewrite.children.push_back(RandomRewrite(depth - 1, first && i == 0));
      }
    }
    return rewrite;
  }

  Random random_;
  bool direct_ = false;
};

TEST(PrintDsl, ParsesBackToTheSameModel) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const auto model = ModelMaker(seed).Make();
    const auto printed = PrintDsl(model);
    ASSERT_TRUE(printed.ok()) << "seed " << seed << ": " << printed.error().message;
    const auto again = ModelFromDsl(*printed);
    ASSERT_TRUE(again.ok()) << "seed " << seed << ": " << again.error().message << *printed;
    ASSERT_EQ(*again, model) << "seed " << seed << "\n" << *printed;
    const auto json = ModelFromJson(ModelToJson(model));
    ASSERT_TRUE(json.ok()) << "seed " << seed << ": " << json.error().message;
    ASSERT_EQ(*json, model) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pemba::model
