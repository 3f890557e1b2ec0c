#include "pemba/tuple/tuple.h"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/tuple/context.h"

namespace pemba::tuple {
namespace {

struct ShapeCase {
  const char* name;
  std::string_view text;
  bool object, userset, wildcard, subject;
};
constexpr ShapeCase kShapeCases[] = {
    {"object", "document:1", true, false, false, true},
    {"id with almost anything", "document:a@b|c/d.é", true, false, false, true},
    {"no id", "document:", false, false, false, false},
    {"no type", ":1", false, false, false, false},
    {"two colons", "document:1:2", false, false, false, false},
    {"wildcard", "user:*", true, false, true, true},
    {"star in an id", "user:a*", true, false, false, true},
    {"plain id", "anne", false, false, false, true},
    {"star alone", "*", false, false, false, true},
    {"userset", "group:eng#member", false, true, false, true},
    {"userset of a wildcard", "group:*#member", false, false, false, false},
    {"userset of any relation", "group:eng#*", false, false, false, false},
    {"userset without relation", "group:eng#", false, false, false, false},
    {"two hashes", "group:eng#a#b", false, false, false, false},
    {"hash without type", "eng#member", false, false, false, false},
    {"space", "document:a b", false, false, false, false},
    {"control character", "document:a\x01", false, false, false, false},
    {"empty", "", false, false, false, false},
};

TEST(Shapes, FollowTheWireContract) {
  for (const auto& c : kShapeCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(IsObject(c.text), c.object);
    EXPECT_EQ(IsUserset(c.text), c.userset);
    EXPECT_EQ(IsWildcard(c.text), c.wildcard);
    EXPECT_EQ(IsSubject(c.text), c.subject);
  }
}

struct ParseCase {
  const char* name;
  std::string_view text;
  std::optional<TupleView> want;
};
constexpr ParseCase kParseCases[] = {
    {"userset subject", "doc:1#viewer@group:eng#member", {{"doc:1", "viewer", "group:eng#member"}}},
    {"email as id", "doc:1#viewer@user:a@b.c", {{"doc:1", "viewer", "user:a@b.c"}}},
    {"no relation", "doc:1@user:anne", std::nullopt},
};

TEST(ParseTuple, FollowsTheTextForm) {
  for (const auto& c : kParseCases) {
    SCOPED_TRACE(c.name);
    const auto got = ParseTuple(c.text);
    ASSERT_EQ(got.ok(), c.want.has_value());
    if (!got.ok()) continue;
    EXPECT_EQ(*got, *c.want);
    EXPECT_EQ(ToText(*got), c.text);
  }
}

TEST(Split, TakesTheFirstColonAndTheLastHash) {
  EXPECT_EQ(SplitSubject("group:a:b#x#member"),
            (SubjectParts{"group", "a:b#x", "member", SubjectKind::kUserset}));
  EXPECT_EQ(SplitSubject("user:*"), (SubjectParts{"user", "*", "", SubjectKind::kWildcard}));
  EXPECT_EQ(SplitSubject("user:anne"), (SubjectParts{"user", "anne", "", SubjectKind::kObject}));
  EXPECT_EQ(SplitObject("anne"), (ObjectParts{"", "anne"}));
}

TEST(Split, FindsSeparatorsAtEveryPlace) {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t colon = 0; colon < size; ++colon) {
      std::string text(size, 'x');
      text[colon] = ':';
      text.back() = size - 1 == colon ? ':' : '\xba';  // ':' but for the high bit.
      EXPECT_EQ(SplitObject(text), (ObjectParts{std::string_view(text).substr(0, colon),
                                                std::string_view(text).substr(colon + 1)}));
      for (std::size_t hash = colon + 1; hash < size; ++hash) {
        auto userset = text;
        userset[hash] = '#';
        const auto parts = SplitSubject(userset);
        EXPECT_EQ(parts.kind, SubjectKind::kUserset);
        EXPECT_EQ(parts.id.size(), hash - colon - 1);
        EXPECT_EQ(parts.relation.size(), size - hash - 1);
      }
    }
  }
}

TEST(Context, CanonicalTextSortsKeysAndRoundTrips) {
  const auto context = ParseContext(R"({ "b": [1, "x", null, {"z":1,"a":true}], "a": 1e3 })");
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(CanonicalText(*context), R"({"a":1E3,"b":[1E0,"x",null,{"a":true,"z":1E0}]})");
  const auto again = ParseContext(CanonicalText(*context));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *context);
}

TEST(Context, RefusesWhatIsNotOneObject) {
  for (const char* text : {"[1]", "{", "{} x", R"({"a":1,"a":2})", R"({"o":{"\u0061":1,"a":2}})"}) {
    EXPECT_FALSE(ParseContext(text).ok()) << text;
  }
  EXPECT_FALSE(ParseContext(std::string(5, ' ') + std::string(200, '[')).ok());
  EXPECT_TRUE(ParseContext("").ok());
}

TEST(Context, CountsWireBytes) {
  // {"a":1}: field 1 of Struct, entry {1:"a", 2: Value{2: double}}.
  EXPECT_EQ(StructWireBytes(*ParseContext(R"({"a":1})")), 2u + 3u + 2u + 9u);
  EXPECT_EQ(StructWireBytes(*ParseContext("{}")), 0u);
}

TEST(Context, FindsControlCharactersAtAnyDepth) {
  using Where = ForbiddenText::Where;
  EXPECT_EQ(FindControlCharacter(*ParseContext(R"({"a":["b","c\n"]})")).where, Where::kValue);
  EXPECT_EQ(FindControlCharacter(*ParseContext(R"({"a":{"b\u0000":1}})")).where, Where::kKey);
  EXPECT_EQ(FindControlCharacter(*ParseContext(R"({"a":{"b":"c"}})")).where, Where::kNone);
}

}  // namespace
}  // namespace pemba::tuple
