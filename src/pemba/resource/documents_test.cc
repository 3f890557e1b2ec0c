// Schemas, patches, paths and selectors: pure functions on documents.
#include <gmock/gmock.h>

#include "pemba/resource/patch.h"
#include "pemba/resource/testing/world.h"

namespace pemba::resource::testing {
namespace {

using ::testing::ElementsAre;
using Reason = FieldError::Reason;
namespace json = boost::json;

class SchemaTest : public World {
 protected:
  const Schema& schema() { return kind("Team").schema; }
};

struct SchemaCase {
  const char* name;
  const char* spec;
  const char* field;  // Null: valid.
  Reason reason = Reason::kInvalid;
  const char* message = "";
};
const SchemaCase kSchemaCases[] = {
    {"valid", R"({"mail":"a@b","size":1,"tier":"gold","until":"2030-01-01T00:00:00+02:00"})",
     nullptr},
    {"a missing field", R"({})", "spec.mail", Reason::kRequired, "Required value"},
    {"another type", R"({"mail":1})", "spec.mail", Reason::kTypeInvalid,
     "Invalid value: \"integer\": spec.mail in body must be of type string: \"integer\""},
    {"a short text", R"({"mail":"@"})", "spec.mail", Reason::kInvalid,
     "Invalid value: \"@\": spec.mail in body should be at least 3 chars long"},
    {"a long text", R"({"mail":"a@bbbbbbbbbbbbbbbbbbbbbbbbbbbb"})", "spec.mail", Reason::kTooLong,
     "Too long: may not be more than 20 bytes"},
    {"code points are counted", "{\"mail\":\"@éééééééééééééééé\"}", nullptr},
    {"another pattern", R"({"mail":"abc"})", "spec.mail", Reason::kInvalid,
     "Invalid value: \"abc\": spec.mail in body should match '@'"},
    {"a number below", R"({"mail":"a@b","size":0})", "spec.size", Reason::kInvalid,
     "Invalid value: 0: spec.size in body should be greater than or equal to 1"},
    {"a number above", R"({"mail":"a@b","size":101})", "spec.size", Reason::kInvalid,
     "Invalid value: 101: spec.size in body should be less than or equal to 100"},
    {"a fraction is no integer", R"({"mail":"a@b","size":1.5})", "spec.size", Reason::kTypeInvalid,
     "Invalid value: \"number\": spec.size in body must be of type integer: \"number\""},
    {"none of the values", R"({"mail":"a@b","tier":"tin"})", "spec.tier", Reason::kNotSupported,
     "Unsupported value: \"tin\": supported values: \"gold\", \"silver\""},
    {"no time", R"({"mail":"a@b","until":"tomorrow"})", "spec.until", Reason::kInvalid,
     "Invalid value: \"tomorrow\": spec.until in body must be of type date-time: \"tomorrow\""},
    {"two of one key", R"({"mail":"a@b","members":[{"name":"x"},{"name":"y"},{"name":"x"}]})",
     "spec.members[2]", Reason::kDuplicate, "Duplicate value: {\"name\":\"x\"}"},
    {"too many",
     R"({"mail":"a@b","members":[{"name":"x"},{"name":"y"},{"name":"z"},{"name":"w"}]})",
     "spec.members", Reason::kTooMany, "Too many: 4: must have at most 3 items"},
    {"inside a list", R"({"mail":"a@b","members":[{"name":"x"},{}]})", "spec.members[1].name",
     Reason::kRequired, "Required value"},
    {"inside a map", R"({"mail":"a@b","limits":{"x":1,"y":"2"}})", "spec.limits.y",
     Reason::kTypeInvalid,
     "Invalid value: \"string\": spec.limits.y in body must be of type integer: \"string\""},
    {"null where it may not be", R"({"mail":null})", "spec.mail", Reason::kTypeInvalid,
     "Invalid value: \"null\": spec.mail in body must be of type string: \"null\""},
};

TEST_F(SchemaTest, EveryRuleHasAFieldAndAReason) {
  for (const auto& c : kSchemaCases) {
    SCOPED_TRACE(c.name);
    const auto errors = Validate(schema(), {{"spec", Parse(c.spec)}});
    if (c.field == nullptr) {
      EXPECT_TRUE(errors.empty()) << errors[0].field << ": " << errors[0].message;
      continue;
    }
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors[0], (FieldError{c.reason, c.field, c.message}));
  }
}

TEST_F(SchemaTest, WhatIsImmutableIsNeitherChangedNorTakenNorGiven) {
  const auto errors = [&](const char* before, const char* after) {
    const json::object old{{"spec", Parse(before)}};
    return Validate(schema(), {{"spec", Parse(after)}}, &old).size();
  };
  EXPECT_EQ(errors(R"({"mail":"a@b","code":"1"})", R"({"mail":"c@d","code":"1"})"), 0u);
  EXPECT_EQ(errors(R"({"mail":"a@b","code":"1"})", R"({"mail":"a@b","code":"2"})"), 1u);
  EXPECT_EQ(errors(R"({"mail":"a@b","code":"1"})", R"({"mail":"a@b"})"), 1u);
  EXPECT_EQ(errors(R"({"mail":"a@b"})", R"({"mail":"a@b","code":"1"})"), 1u);
}

TEST_F(SchemaTest, UnknownFieldsAreNamedAndPruned) {
  auto document = Parse(R"({"metadata":{"any":1},"spec":{"mail":"a@b","typo":1,
      "members":[{"name":"x","typo":2}],"limits":{"free":1},"extra":{"free":{"too":1}}},"typo":3})");
  EXPECT_THAT(UnknownFields(schema(), document),
              ElementsAre("spec.typo", "spec.members[0].typo", "typo"));
  Prune(schema(), document);
  EXPECT_EQ(json::serialize(document),
            R"({"metadata":{"any":1},"spec":{"mail":"a@b","members":[{"name":"x"}],)"
            R"("limits":{"free":1},"extra":{"free":{"too":1}}}})");
}

struct RuleCase {
  const char* name;
  const char* schema;
  const char* before;  // Null: there was none.
  const char* after;
  std::vector<FieldError> errors;
};
const RuleCase kRuleCases[] = {
    {"one of two, met",
     R"_({"properties":{"spec":{"x-kubernetes-validations":[
         {"rule":"has(self.a) != has(self.b)","message":"a or b"}]}
}
})_",
     nullptr,
     R"_({"spec":{"a":1}})_",
     {}},
    {"one of two, both",
     R"_({"properties":{"spec":{"x-kubernetes-validations":[
         {"rule":"has(self.a) != has(self.b)","message":"a or b"}]
}
}
})_",
     nullptr,
     R"_({"spec":{"a":1,"b":1}})_",
     {{Reason::kInvalid, "spec", "Invalid value: \"object\": a or b"}}},
    {"a message of its own, a place below, a reason",
     R"_({"x-kubernetes-validations":[{"rule":"size(self.metadata.name) <= 3",
         "fieldPath":".metadata.name","reason":"FieldValueForbidden"}]})_",
     nullptr,
     R"_({"metadata":{"name":"long"}})_",
     {{Reason::kForbidden, "metadata.name",
       "Forbidden: failed rule: size(self.metadata.name) <= 3"}}},
    {"a change is not judged at creation",
     R"_({"properties":{"n":{"x-kubernetes-validations":[{"rule":"self >= oldSelf"}]}}})_",
     nullptr,
     R"_({"n":1})_",
     {}},
    {"a change that is allowed",
     R"_({"properties":{"n":{"x-kubernetes-validations":[{"rule":"self >= oldSelf"}]}}})_",
     R"_({"n":1})_",
     R"_({"n":2})_",
     {}},
    {"a change that is not",
     R"_({"properties":{"n":{"x-kubernetes-validations":[{"rule":"self >= oldSelf"}]}}})_",
     R"_({"n":2})_",
     R"_({"n":1})_",
     {{Reason::kInvalid, "n", "Invalid value: 1: failed rule: self >= oldSelf"}}},
    {"set once: given later",
     R"_({"properties":{"spec":{"x-kubernetes-validations":[
         {"rule":"!has(oldSelf.x) || (has(self.x) && self.x == oldSelf.x)","message":"set once"}]
}
}
})_",
     R"_({"spec":{}})_",
     R"_({"spec":{"x":"1"}})_",
     {}},
    {"set once: changed",
     R"_({"properties":{"spec":{"x-kubernetes-validations":[
         {"rule":"!has(oldSelf.x) || (has(self.x) && self.x == oldSelf.x)","message":"set once"}]
}
}
})_",
     R"_({"spec":{"x":"1"}})_",
     R"_({"spec":{"x":"2"}})_",
     {{Reason::kInvalid, "spec", "Invalid value: \"object\": set once"}}},
    {"over the items of a list",
     R"_({"properties":{"l":{"x-kubernetes-validations":[
         {"rule":"self.all(x, x.kind != 'Group' || has(x.namespace))"}]
}
}
})_",
     nullptr,
     R"_({"l":[{"kind":"User"},{"kind":"Group"}]})_",
     {{Reason::kInvalid, "l",
       "Invalid value: \"array\": failed rule: self.all(x, x.kind != 'Group' || "
       "has(x.namespace))"}}},
    {"what cannot be evaluated is not met",
     R"_({"properties":{"n":{"x-kubernetes-validations":[{"rule":"self.x > 1"}]}}})_",
     nullptr,
     R"_({"n":1})_",
     {{Reason::kInvalid, "n", "Invalid value: 1: failed rule: self.x > 1"}}},
    {"exactly one schema: none",
     R"_({"properties":{"s":{"oneOf":[{"required":["a"]},{"required":["b"]}]}}})_",
     nullptr,
     R"_({"s":{}})_",
     {{Reason::kInvalid, "s",
       "Invalid value: \"\": \"s\" must validate one and only one schema (oneOf). Found none "
       "valid"}}},
    {"exactly one schema: two",
     R"_({"properties":{"s":{"oneOf":[{"required":["a"]},{"required":["b"]}]}}})_",
     nullptr,
     R"_({"s":{"a":1,"b":2}})_",
     {{Reason::kInvalid, "s",
       "Invalid value: \"\": \"s\" must validate one and only one schema (oneOf). Found 2 valid "
       "alternatives"}}},
    {"some schema",
     R"_({"properties":{"s":{"anyOf":[{"required":["a"]},{"required":["b"]}]}}})_",
     nullptr,
     R"_({"s":{"a":1,"b":2}})_",
     {}},
    {"all schemas, and one not",
     R"_({"properties":{"s":{"allOf":[{"minLength":1},{"maxLength":2}],"not":{"enum":["no"]}}}})_",
     nullptr,
     R"_({"s":"no"})_",
     {{Reason::kInvalid, "s", "Invalid value: \"\": \"s\" must not validate the schema (not)"}}},
    {"too few properties",
     R"_({"properties":{"s":{"minProperties":1}}})_",
     nullptr,
     R"_({"s":{}})_",
     {{Reason::kInvalid, "s", "Invalid value: 0: s in body should have at least 1 properties"}}},
    {"an exclusive bound",
     R"_({"properties":{"n":{"minimum":1,"exclusiveMinimum":true}}})_",
     nullptr,
     R"_({"n":1})_",
     {{Reason::kInvalid, "n", "Invalid value: 1: n in body should be greater than 1"}}},
};

TEST(Rules, AreJudgedOnValuesAndOnChanges) {
  for (const auto& c : kRuleCases) {
    SCOPED_TRACE(c.name);
    const auto schema = SchemaFromJson(json::parse(c.schema));
    ASSERT_TRUE(schema.ok()) << schema.error().message;
    std::optional<json::object> old;
    if (c.before != nullptr) old = Parse(c.before);
    EXPECT_EQ(Validate(*schema, Parse(c.after), old ? &*old : nullptr), c.errors);
  }
}

TEST(SchemaFromJson, RefusesWhatItWouldNotEnforce) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"multipleOf":2})", "schema: keyword `multipleOf` is not supported"},
      {R"({"oneOf":[{"type":"text"}]})", "schema of  oneOf: unknown type \"text\""},
      {R"({"properties":{"a":{"type":"text"}}})", "schema of a: unknown type \"text\""},
      {R"({"properties":{"a":{"items":{"pattern":"("}}}})",
       "schema of a[]: `pattern`: missing ): ("},
      {R"({"x-kubernetes-validations":[{"message":"x"}]})",
       "schema: `x-kubernetes-validations`: a rule without `rule`"},
      {R"({"x-kubernetes-validations":[{"rule":"true","reason":"Because"}]})",
       "schema: `x-kubernetes-validations`: unknown reason `Because`"},
      {R"({"x-kubernetes-validations":[{"rule":"true","optionalOldSelf":true}]})",
       "schema: `x-kubernetes-validations`: `optionalOldSelf` is not supported"},
      {R"({"x-kubernetes-list-type":"map"})",
       "schema: a list of type map needs x-kubernetes-list-map-keys"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    const auto schema = SchemaFromJson(json::parse(text));
    ASSERT_FALSE(schema.ok());
    EXPECT_EQ(schema.error().message, message);
  }
}

// RFC 7386, appendix A.
TEST(MergePatch, FollowsTheExamplesOfItsStandard) {
  const char* const cases[][3] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& [target, patch, want] : cases) {
    SCOPED_TRACE(patch);
    auto value = json::parse(target);
    ApplyMergePatch(value, json::parse(patch));
    EXPECT_EQ(json::serialize(value), want);
  }
}

struct JsonPatchCase {
  const char* name;
  const char* target;
  const char* patch;
  const char* want;  // Null: an error.
  const char* message = "";
};
const JsonPatchCase kJsonPatchCases[] = {
    {"add a member", R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])", R"({"a":1,"b":2})"},
    {"add replaces a member", R"({"a":1})", R"([{"op":"add","path":"/a","value":2}])",
     R"({"a":2})"},
    {"add into a list", R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])",
     R"({"a":[1,2,3]})"},
    {"add at the end", R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])",
     R"({"a":[1,2]})"},
    {"add beyond the end", R"({"a":[1]})", R"([{"op":"add","path":"/a/3","value":2}])", nullptr,
     "operation 0: there is nothing at `/a/3`"},
    {"add without a parent", R"({})", R"([{"op":"add","path":"/a/b","value":2}])", nullptr,
     "operation 0: there is nothing at `/a/b`"},
    {"the whole document", R"({"a":1})", R"([{"op":"replace","path":"","value":[]}])", "[]"},
    {"escapes", R"({"a/b":{"~":1}})", R"([{"op":"remove","path":"/a~1b/~0"}])", R"({"a/b":{}})"},
    {"a wrong escape", R"({"a":1})", R"([{"op":"remove","path":"/~2"}])", nullptr,
     "operation 0: there is nothing at `/~2`"},
    {"a leading zero is no index", R"([1,2])", R"([{"op":"remove","path":"/01"}])", nullptr,
     "operation 0: there is nothing at `/01`"},
    {"remove what is not there", R"({"a":1})", R"([{"op":"remove","path":"/b"}])", nullptr,
     "operation 0: there is nothing at `/b`"},
    {"move", R"({"a":{"b":1},"c":{}})", R"([{"op":"move","from":"/a/b","path":"/c/d"}])",
     R"({"a":{},"c":{"d":1}})"},
    {"move within a list", R"([1,2,3])", R"([{"op":"move","from":"/0","path":"/2"}])", "[2,3,1]"},
    {"move into itself", R"({"a":{}})", R"([{"op":"move","from":"/a","path":"/a/b"}])", nullptr,
     "operation 0 moves a value into itself"},
    {"copy", R"({"a":[1]})", R"([{"op":"copy","from":"/a","path":"/b"}])", R"({"a":[1],"b":[1]})"},
    {"a test that holds", R"({"a":{"b":1}})", R"([{"op":"test","path":"/a","value":{"b":1}}])",
     R"({"a":{"b":1}})"},
    {"a test that fails undoes all", R"({"a":1})",
     R"([{"op":"add","path":"/b","value":2},{"op":"test","path":"/a","value":2}])", nullptr,
     "operation 1: testing value /a failed"},
    {"no operation of that name", R"({})", R"([{"op":"put","path":"/a"}])", nullptr,
     "operation 0 has an unknown `op`: put"},
    {"no value", R"({})", R"([{"op":"add","path":"/a"}])", nullptr, "operation 0 needs `value`"},
    {"no list", R"({})", R"({"op":"add"})", nullptr, "a JSON patch is a list of operations"},
};

TEST(JsonPatch, AppliesAllOrNothing) {
  for (const auto& c : kJsonPatchCases) {
    SCOPED_TRACE(c.name);
    auto value = json::parse(c.target);
    const auto applied = ApplyJsonPatch(value, json::parse(c.patch));
    EXPECT_EQ(applied.ok(), c.want != nullptr);
    EXPECT_EQ(json::serialize(value), c.want != nullptr ? c.want : c.target);
    if (!applied.ok()) {
      EXPECT_EQ(applied.error().message, c.message);
    }
  }
}

TEST(JsonPath, FindsFieldsItemsAndConditions) {
  const auto document = Parse(R"({"spec":{"a":[{"n":"x","v":1},{"n":"y","v":2}],"b.c":3}})");
  const std::pair<const char*, const char*> cases[] = {
      {".spec.a[1].v", "2"},
      {R"(.spec.a[?(@.n=="y")].v)", "2"},
      {".spec.a[*].v", "1"},
      {R"(.spec.b\.c)", "3"},
      {".spec.a[7].v", "nothing"},
      {".spec.none.more", "nothing"},
      // As code generators write them.
      {".spec.a[?(@.n=='y')].v", "2"},
      {R"(.spec['b\.c'])", "3"},
      {R"(.spec["b.c"])", "3"},
      {R"(.spec.a[?(@.n == "x")].v)", "1"},
      {".spec.a[?(@.n==']')].v", "nothing"},
  };
  for (const auto& [text, want] : cases) {
    SCOPED_TRACE(text);
    const auto path = JsonPath::Parse(text);
    ASSERT_TRUE(path.ok());
    const auto* found = path->First(document);
    EXPECT_EQ(found == nullptr ? "nothing" : json::serialize(*found), want);
  }
  EXPECT_EQ(JsonPath::Parse(".spec.a[*].v")->All(document).size(), 2u);
  for (const char* const text : {"", "spec", ".", ".a[", ".a[x]", ".a[?(@.n=y)]", "[0]", ".a['b",
                                 ".a['']", ".a['b'c]", ".a[?(@.n=='y)]", ".a[?(@.=='y')]"}) {
    EXPECT_FALSE(JsonPath::Parse(text).ok()) << text;
  }
}

TEST(LabelSelector, FollowsTheTextForm) {
  const json::object labels{{"app", "web"}, {"example.com/tier", "1"}, {"empty", ""}};
  const std::pair<const char*, const char*> cases[] = {
      {"", "yes"},
      {"app", "yes"},
      {"!app", "no"},
      {"app=web", "yes"},
      {"app == web", "yes"},
      {"app!=web", "no"},
      {"none!=web", "yes"},
      {"app in (db, web)", "yes"},
      {"app notin (db,web)", "no"},
      {"none notin (db)", "yes"},
      {"none in (db)", "no"},
      {"empty=", "yes"},
      {"example.com/tier=1,app in (web),!none", "yes"},
      {"app=web,example.com/tier=2", "no"},
      {"app in db", "error"},
      {"=web", "error"},
      {"app=we b", "error"},
      {"app=web,", "error"},
      {"app>1", "error"},
  };
  for (const auto& [text, want] : cases) {
    SCOPED_TRACE(text);
    const auto selector = LabelSelector::Parse(text);
    const std::string got = !selector.ok() ? "error" : selector->Matches(&labels) ? "yes" : "no";
    EXPECT_EQ(got, want);
  }
}

TEST(Metadata, IsValidated) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"name":"a-1.b"})", ""},
      {R"({})", "metadata.name"},
      {R"({"name":"A"})", "metadata.name"},
      {R"({"name":"a..b"})", "metadata.name"},
      {R"({"name":"-a"})", "metadata.name"},
      {R"({"name":"a","labels":{"x":"y z"}})", "metadata.labels"},
      {R"({"name":"a","labels":{"/x":"y"}})", "metadata.labels"},
      {R"({"name":"a","annotations":{"example.com/x":"any text: really"}})", ""},
      {R"({"name":"a","annotations":{"x":1}})", "metadata.annotations.x"},
      {R"({"name":"a","finalizers":["a b"]})", "metadata.finalizers[0]"},
      {R"({"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"X","name":"x"}]})",
       "metadata.ownerReferences[0].uid"},
  };
  for (const auto& [text, field] : cases) {
    SCOPED_TRACE(text);
    const auto errors = ValidateMetadata(Parse(text));
    EXPECT_EQ(errors.empty() ? "" : errors[0].field, field);
  }
}

}  // namespace
}  // namespace pemba::resource::testing
