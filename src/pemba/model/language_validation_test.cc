#include "pemba/model/language_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/modules.h"

namespace pemba::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Texts(const std::vector<ModelError>& errors) {
  std::vector<std::string> texts;
  for (const auto& e : errors) {
    texts.push_back(e.file.empty() ? ToText(e) : e.file + ": " + ToText(e));
  }
  return texts;
}

// --- Plain models. The errors are those of the text, in order.

struct Case {
  const char* name;
  const char* types;  // Follows "model\n  schema 1.1\ntype u\n": line 3 is the first.
  std::vector<std::string> errors;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"nothing to say", "type d\n  relations\n    define r: [u]\n", {}},
      {"syntax comes first",
       "type d\n  relations\n    define r: [u\n",
       {"syntax error at line=6, column=0: mismatched input '<EOF>' expecting {',', WHITESPACE, "
        "']'}"}},
      {"relations are looked at in the order of the text",
       "type d\n  relations\n    define z: x\n    define a: x\n",
       {"missing-definition error at line=5, column=14: the relation `x` does not exist.",
        "missing-definition error at line=6, column=14: the relation `x` does not exist."}},
      {"an unknown type is reported once",
       "type d\n  relations\n    define r: [x#y]\n",
       {"invalid-type error at line=5, column=15: `x` is not a valid type."}},
      {"a type is looked for right of the colon",
       "type d\n  relations\n    define x: [x]\n",
       {"invalid-type error at line=5, column=15: `x` is not a valid type."}},
      {"each restriction of a tupleset that is no plain type",
       "type d\n  relations\n    define p: [d, d:*, d#p]\n    define r: [u] or r from p\n",
       {"tupleuserset-not-direct error at line=6, column=28: `p` relation used inside from allows "
        "only direct relation.",
        "tupleuserset-not-direct error at line=6, column=28: `p` relation used inside from allows "
        "only direct relation."}},
      {"names in backquotes are found",
       "type `or`\n  relations\n    define `and`: `1`\n",
       {"missing-definition error at line=5, column=19: the relation `1` does not exist."}},
      {"the word is searched for as a whole",
       "type d\n  relations\n    define ra: [u]\n    define b: ra or r\n",
       {"missing-definition error at line=6, column=20: the relation `r` does not exist."}},
      {"cycles are for the server to find",
       "type d\n  relations\n    define a: [u] or b\n    define b: [u] or a\n",
       {}},
      {"duplicates hide entry points",
       "type d\n  relations\n    define a: a or a\n",
       {"duplicated-error error at line=5, column=11: the partial relation definition `a` is a "
        "duplicate in the relation `a`."}},
      {"unused conditions are always reported",
       "type d\n  relations\n    define a: a\ncondition c(x: int) {\n  x > 0\n}\n",
       {"relation-no-entry-point error at line=5, column=11: `a` is an impossible relation for `d` "
        "(potential loop).",
        "condition-not-used error at line=6, column=10: `c` condition is not used in the model."}},
  };
  return cases;
}

TEST(ValidateDsl, Cases) {
  for (const auto& c : Cases()) {
    SCOPED_TRACE(c.name);
    const auto text = std::string("model\n  schema 1.1\ntype u\n") + c.types;
    EXPECT_EQ(Texts(ValidateDsl(text)), c.errors);
  }
}

TEST(ValidateLanguage, WithoutTextThereAreNoPositions) {
  const auto model = ModelFromJson(
      R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"a":{"this":{}},
          "b":{"this":{}}},"metadata":{"relations":{"a":{"directly_related_user_types":
          [{"type":"d","relation":"a","wildcard":{}}]}}}}]})");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto errors = ValidateLanguage(*model);
  EXPECT_THAT(
      Texts(errors),
      ElementsAre("type-wildcard-relation error: type restriction `d:*#a` cannot contain both "
                  "wildcard and relation",
                  "assignable-relation-must-have-type error: assignable relation 'self' must have "
                  "types"));
  EXPECT_EQ(errors[0].type_name, "d");
  EXPECT_EQ(errors[0].relation, "a");
  EXPECT_FALSE(errors[0].range.has_value());
}

// --- Modules

constexpr const char* kCore =
    "module core\n\ntype user\n\ntype team\n  relations\n    define member: [user]\n";

TEST(MergeModules, PutsFilesTogether) {
  const SourceFile files[] = {
      {"core.fga", kCore},
      {"wiki.fga",
       "module wiki\nextend type team\n  relations\n    define editor: [user with c]\n"
       "extend type user\n  relations\n    define boss: [user]\n"
       "condition c(x: int) {\n  x > 0\n}\n"},
  };
  const auto merged = MergeModules(files, "1.2");
  EXPECT_THAT(merged.errors, IsEmpty());
  ASSERT_EQ(merged.model.types.size(), 2u);
  const auto& team = *merged.model.types[1].metadata;
  EXPECT_EQ(team.module, "core");
  EXPECT_EQ(team.source_info, SourceInfo{"core.fga"});
  EXPECT_EQ(team.relations.at("member").module, "");
  EXPECT_EQ(team.relations.at("member").source_info, std::nullopt);
  EXPECT_EQ(team.relations.at("editor").module, "wiki");
  EXPECT_EQ(team.relations.at("editor").source_info, SourceInfo{"wiki.fga"});
  EXPECT_EQ(merged.model.conditions.at("c").metadata->source_info, SourceInfo{"wiki.fga"});
  const auto modules = ModulesOf(merged.model);
  ASSERT_TRUE(modules.ok());
  EXPECT_THAT(*modules, ElementsAre("core", "wiki"));
  const auto printed = PrintDsl(merged.model, {.include_source_information = true});
  ASSERT_TRUE(printed.ok()) << printed.error().message;
  EXPECT_THAT(*printed, testing::HasSubstr(
                            "    define editor: [user with c] # extended by: module: wiki, file: "
                            "wiki.fga\n"));
}

TEST(MergeModules, NamesTheFileOfEachError) {
  const SourceFile files[] = {
      {"core.fga", kCore},
      {"bad.fga", "module bad\ntype\n"},
      {"plain.fga", "model\n  schema 1.1\ntype a\ntype b\n"},
      {"wiki.fga",
       "module wiki\nextend type team\n  relations\n    define member: [user]\n"
       "    define editor: x\nextend type nowhere\n"},
  };
  EXPECT_THAT(
      Texts(MergeModules(files, "1.2").errors),
      ElementsAre(
          "bad.fga: syntax error at line=1, column=4: mismatched input '\\n' expecting WHITESPACE",
          "plain.fga: transformation-error error at line=0, column=0: file is not a module",
          "wiki.fga: transformation-error error at line=3, column=11: relation member already "
          "exists on type team",
          "wiki.fga: transformation-error error at line=5, column=12: extended type nowhere does "
          "not exist",
          "wiki.fga: missing-definition error at line=4, column=19: the relation `x` does not "
          "exist."));
}

TEST(ModulesOf, NeedsASchemaThatKnowsThem) {
  Model model;
  model.schema_version = "1.1";
  EXPECT_EQ(ModulesOf(model).error().message, "model schema version 1.1 does not support modules");
  model.schema_version = "1.2";
  EXPECT_THAT(*ModulesOf(model), IsEmpty());
}

// --- fga.mod

struct ModCase {
  const char* name;
  const char* text;
  const char* error;  // line:column-column message; empty: none.
};
constexpr ModCase kModCases[] = {
    {"good", "schema: '1.2'\ncontents:\n  - a.fga\n", ""},
    {"number for a schema", "schema: 1.2\ncontents: []\n",
     "0:8-11 unexpected schema type, expected string got value 1.2"},
    {"empty item", "schema: '1.2'\ncontents:\n  -\n",
     "3:0-0 unexpected contents item type, expected string got value null"},
    {"bad escape", "schema: '1.2'\ncontents:\n  - a%2.fga\n",
     "2:4-11 failed to decode path: a%2.fga"},
    {"another suffix behind an escape", "schema: '1.2'\ncontents: ['a.fga%20']\n",
     "1:11-21 contents items should use fga file extension, got a.fga%20"},
    {"neither field", "{}", "0:0-0 missing schema field"},
    {"text instead of a map", "hello", "0:0-0 missing schema field"},
    {"columns count UTF-16 units", "schema: '1.2'\ncontents: ['\xF0\x9F\x98\x80.fga', x]\n",
     "1:21-22 contents items should use fga file extension, got x"},
};

TEST(ParseModFile, Errors) {
  for (const auto& c : kModCases) {
    SCOPED_TRACE(c.name);
    const auto parsed = ParseModFile(c.text);
    std::string first;
    if (!parsed.errors.empty()) {
      const auto& e = parsed.errors[0];
      first = std::to_string(e.range.line_start) + ":" + std::to_string(e.range.column_start) +
              "-" + std::to_string(e.range.column_end) + " " + e.message;
    }
    EXPECT_EQ(first, c.error);
  }
}

TEST(ParseModFile, DecodesPaths) {
  const auto parsed =
      ParseModFile("schema: '1.2'\ncontents: [a%2Fb.fga, 'c\\d.fga', e+f.fga, ..g.fga]\n");
  ASSERT_THAT(parsed.errors, IsEmpty());
  std::vector<std::string> paths;
  for (const auto& item : parsed.file.contents) paths.push_back(item.value);
  EXPECT_THAT(paths, ElementsAre("a/b.fga", "c/d.fga", "e f.fga", "..g.fga"));
}

TEST(ParseModFile, BrokenYamlIsAnError) {
  const auto parsed = ParseModFile("schema: '1.2\ncontents");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_THAT(parsed.errors[0].message, testing::StartsWith("fga.mod is not YAML: "));
}

}  // namespace
}  // namespace pemba::model
