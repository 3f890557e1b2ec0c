#include "pemba/model/tuple_validation.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/model/dsl.h"
#include "pemba/tuple/context.h"

namespace pemba::model {
namespace {

constexpr const char* kModel = R"(model
  schema 1.1
type user
type employee
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user]
type document
  relations
    define parent: [folder]
    define owner: [user]
    define editor: owner
    define viewer: [user, user:*, group#member] or editor or viewer from parent
    define timed: [user with until, employee]
    define mixed: [user with until, user:*, group#member with other, group#member]
    define public: [user:*]
condition until(n: int, limit: int) {
  n < limit
}
condition other(s: string) {
  s == "x"
}
condition unused(s: string) {
  s == "x"
}
)";

const Plan& ThePlan() {
  static const auto plan = [] {
    auto model = ModelFromDsl(kModel);
    if (!model.ok()) ADD_FAILURE() << model.error().message;
    auto compiled = Plan::Compile(*model);
    if (!compiled.ok()) ADD_FAILURE() << compiled.error().message;
    return *compiled;
  }();
  return *plan;
}

struct QueryCase {
  const char* name;
  tuple::TupleView tuple;
  std::string_view error;  // Empty: fine.
};
constexpr QueryCase kQueryCases[] = {
    {"fine", {"document:1", "viewer", "user:anne"}, ""},
    {"a subject that no restriction allows", {"document:1", "viewer", "folder:1"}, ""},
    {"userset subject", {"document:1", "viewer", "group:1#member"}, ""},
    {"wildcard subject", {"document:1", "viewer", "user:*"}, ""},
    {"subject malformed", {"document:1", "viewer", "user:a:b"}, "the 'user' field is malformed"},
    {"subject empty", {"document:1", "viewer", ""}, "the 'user' field is malformed"},
    {"subject with a control character",
     {"document:1", "viewer", "user:a\x01"},
     "the 'user' field is malformed"},
    {"subject is an id",
     {"document:1", "viewer", "anne"},
     "the 'user' field must be an object (e.g. document:1) or an 'object#relation' or a typed "
     "wildcard (e.g. group:*)"},
    {"subject is a star",
     {"document:1", "viewer", "*"},
     "the 'user' field must be an object (e.g. document:1) or an 'object#relation' or a typed "
     "wildcard (e.g. group:*)"},
    {"subject type unknown", {"document:1", "viewer", "robot:1"}, "type 'robot' not found"},
    {"userset type unknown", {"document:1", "viewer", "team:1#member"}, "type 'team' not found"},
    {"userset relation unknown",
     {"document:1", "viewer", "group:1#boss"},
     "relation 'group#boss' not found"},
    {"subject before object", {"nonsense", "viewer", "user:a:b"}, "the 'user' field is malformed"},
    {"object malformed", {"document", "viewer", "user:anne"}, "invalid 'object' field format"},
    {"object is a wildcard",
     {"document:*", "viewer", "user:anne"},
     "the 'object' field cannot reference a typed wildcard"},
    {"object type unknown", {"paper:1", "viewer", "user:anne"}, "type 'paper' not found"},
    {"relation malformed", {"document:1", "a#b", "user:anne"}, "the 'relation' field is malformed"},
    {"relation empty", {"document:1", "", "user:anne"}, "the 'relation' field is malformed"},
    {"relation unknown",
     {"document:1", "reader", "user:anne"},
     "relation 'document#reader' not found"},
};

TEST(ValidateQuery, ChecksShapeAndExistenceInOrder) {
  for (const auto& c : kQueryCases) {
    SCOPED_TRACE(c.name);
    const auto status = ValidateQuery(ThePlan(), c.tuple);
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.error);
    EXPECT_TRUE(status.ok() || status.error().code == ErrorCode::kValidation);
  }
}

struct FitCase {
  const char* name;
  tuple::TupleView tuple;
  const char* condition;  // Null: none.
  const char* context;
  std::string_view error;  // Empty: fine.
};
const FitCase kFitCases[] = {
    {"plain", {"document:1", "viewer", "user:anne"}, nullptr, "", ""},
    {"wildcard", {"document:1", "viewer", "user:*"}, nullptr, "", ""},
    {"userset", {"document:1", "viewer", "group:1#member"}, nullptr, "", ""},
    {"tupleset", {"document:1", "parent", "folder:1"}, nullptr, "", ""},
    {"wildcard in a tupleset",
     {"document:1", "parent", "folder:*"},
     nullptr,
     "",
     "unexpected wildcard relationship with tupleset relation 'document#parent'"},
    {"userset in a tupleset",
     {"document:1", "parent", "folder:1#viewer"},
     nullptr,
     "",
     "unexpected user 'folder:1#viewer' with tupleset relation 'document#parent'"},
    {"type not allowed in a tupleset",
     {"document:1", "parent", "user:anne"},
     nullptr,
     "",
     "type 'user' is not an allowed type restriction for 'document#parent'"},
    {"type not allowed",
     {"document:1", "viewer", "employee:1"},
     nullptr,
     "",
     "type 'employee' is not an allowed type restriction for 'document#viewer'"},
    {"userset not allowed",
     {"document:1", "viewer", "document:2#viewer"},
     nullptr,
     "",
     "'document#viewer' is not an allowed type restriction for 'document#viewer'"},
    {"wildcard not allowed",
     {"document:1", "owner", "user:*"},
     nullptr,
     "",
     "the typed wildcard 'user:*' is not an allowed type restriction for 'document#owner'"},
    {"plain where only the wildcard is",
     {"document:1", "public", "user:anne"},
     nullptr,
     "",
     "type 'user' is not an allowed type restriction for 'document#public'"},
    {"computed relation",
     {"document:1", "editor", "user:anne"},
     nullptr,
     "",
     "type 'user' is not an allowed type restriction for 'document#editor'"},
    {"condition missing",
     {"document:1", "timed", "user:anne"},
     nullptr,
     "",
     "condition is missing"},
    {"other type needs no condition", {"document:1", "timed", "employee:1"}, nullptr, "", ""},
    {"condition", {"document:1", "timed", "user:anne"}, "until", R"({"n":1})", ""},
    {"condition without context", {"document:1", "timed", "user:anne"}, "until", "", ""},
    {"condition undefined",
     {"document:1", "timed", "user:anne"},
     "never",
     "",
     "undefined condition"},
    {"condition with a control character",
     {"document:1", "timed", "user:anne"},
     "a\nb",
     "",
     "condition name contains forbidden characters"},
    {"condition of another restriction",
     {"document:1", "timed", "user:anne"},
     "other",
     "",
     "invalid condition for type restriction"},
    {"condition that nothing names",
     {"document:1", "viewer", "user:anne"},
     "unused",
     "",
     "invalid condition for type restriction"},
    {"condition named for the same type in another form",
     {"document:1", "mixed", "user:*"},
     "until",
     "",
     ""},
    {"wildcard unconditional", {"document:1", "mixed", "user:*"}, nullptr, "", ""},
    {"plain must not borrow the wildcard's missing condition",
     {"document:1", "mixed", "user:anne"},
     nullptr,
     "",
     "condition is missing"},
    {"both forms of a userset", {"document:1", "mixed", "group:1#member"}, "other", "", ""},
    {"both forms of a userset, unconditional",
     {"document:1", "mixed", "group:1#member"},
     nullptr,
     "",
     ""},
    {"context key",
     {"document:1", "timed", "user:anne"},
     "until",
     R"({"m":1})",
     "found invalid context parameter: m"},
    {"context key with a control character",
     {"document:1", "timed", "user:anne"},
     "until",
     R"({"a\u0001":1})",
     "context key \"a\\x01\" contains forbidden characters"},
    {"context value with a control character",
     {"document:1", "mixed", "group:1#member"},
     "other",
     R"({"s":"a\u0001"})",
     "context value \"a\\x01\" contains forbidden characters"},
};

tuple::Tuple TupleOf(const FitCase& c) {
  tuple::Tuple tuple{std::string(c.tuple.object), std::string(c.tuple.relation),
                     std::string(c.tuple.subject), std::nullopt};
  if (c.condition != nullptr) tuple.condition = {c.condition, *tuple::ParseContext(c.context)};
  return tuple;
}

TEST(ValidateFit, FollowsTheRestrictions) {
  for (const auto& c : kFitCases) {
    SCOPED_TRACE(c.name);
    const auto status = ValidateFit(ThePlan(), TupleOf(c));
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.error);
  }
}

TEST(ValidateFit, RefusesValuesThatDoNotConvert) {
  FitCase c{"", {"document:1", "timed", "user:anne"}, "until", R"({"n":"x"})", ""};
  const auto status = ValidateFit(ThePlan(), TupleOf(c));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              testing::StartsWith("parameter type error on condition 'until' - failed to convert "
                                  "context parameter 'n': "));
}

TEST(ValidateFit, KnowsThatTypesGo) {
  const FitCase c{"", {"paper:1", "viewer", "user:anne"}, nullptr, "", ""};
  EXPECT_EQ(ValidateFit(ThePlan(), TupleOf(c)).error().message,
            "type 'paper' does not exist in the authorization model");
}

TEST(ValidateWrite, WrapsTheCause) {
  const auto message = [](const FitCase& c) {
    const auto status = ValidateWrite(ThePlan(), TupleOf(c));
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(message({"", {"document:1", "viewer", "user:anne"}, nullptr, "", ""}), "");
  EXPECT_EQ(message({"", {"document:1", "viewer", "robot:1"}, nullptr, "", ""}),
            "Invalid tuple 'document:1#viewer@robot:1'. Reason: type 'robot' not found");
  EXPECT_EQ(message({"", {"document:1", "timed", "user:anne"}, nullptr, "", ""}),
            "Invalid tuple 'document:1#timed@user:anne'. Reason: condition is missing");
  EXPECT_EQ(message({"", {"document:1", "timed", "user:anne"}, "never", "", ""}),
            "Invalid tuple 'document:1#timed@user:anne (condition never)'. Reason: undefined "
            "condition");
  EXPECT_EQ(message({"", {"group:1", "member", "group:1#member"}, nullptr, "", ""}),
            "Invalid tuple 'group:1#member@group:1#member'. Reason: cannot write a tuple that is "
            "implicit");
}

// Whatever it has seen before, it says what ValidateWrite says.
TEST(WriteValidator, SaysOfEachTupleWhatItWouldSayOfItAlone) {
  const std::string_view objects[] = {
      "document:1", "document:2",   "folder:1",      "group:1",           "document:",
      "document",   "document:*",   "document:a:b",  "document:a#b",      ":1",
      "paper:1",    "document:a b", "document:\x01", "document:\xC2\x80", "document:\xC3\xA9"};
  const std::string_view relations[] = {"viewer", "member", "owner", "parent",
                                        "timed",  "public", "mixed", "none"};
  const std::string_view subjects[] = {"user:anne",
                                       "user:*",
                                       "user:",
                                       "anne",
                                       "user:a*",
                                       "group:1#member",
                                       "group:2#member",
                                       "group:*#member",
                                       "group:1#none",
                                       "group:1#member#member",
                                       "folder:1",
                                       "user:an:ne",
                                       "user:an ne",
                                       "user:\x7F",
                                       "robot:1",
                                       "group:#member",
                                       "document:1#viewer",
                                       "user:anne#member",
                                       "group:a#b#member"};
  std::vector<tuple::Tuple> tuples;
  for (const auto object : objects) {
    for (const auto relation : relations) {
      for (const auto subject : subjects) {
        tuples.push_back({std::string(object), std::string(relation), std::string(subject), {}});
        if (relation != "timed" && relation != "mixed") continue;
        tuples.push_back({std::string(object), std::string(relation), std::string(subject),
                          tuple::Condition{"until", {}}});
      }
    }
  }
  std::mt19937_64 random(1);
  std::size_t accepted = 0;
  for (int round = 0; round < 20; ++round) {
    std::shuffle(tuples.begin(), tuples.end(), random);
    WriteValidator validator(ThePlan());
    for (const auto& tuple : tuples) {
      const auto want = ValidateWrite(ThePlan(), tuple);
      const auto got = validator.Validate(tuple);
      ASSERT_EQ(got.ok(), want.ok()) << ToText(tuple.view());
      if (!want.ok()) {
        ASSERT_EQ(got.error().message, want.error().message);
      }
      accepted += want.ok() ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 20u * 40u) << "too few to say much";
}

TEST(ValidateWrite, BoundsTheContext) {
  tuple::Tuple tuple{"document:1", "mixed", "group:1#member", tuple::Condition{"other", {}}};
  tuple.condition->context["s"] = std::string(32'753, 'x');
  EXPECT_EQ(tuple::StructWireBytes(tuple.condition->context), 32'768u);
  EXPECT_TRUE(ValidateWrite(ThePlan(), tuple).ok());
  tuple.condition->context["s"] = std::string(32'754, 'x');
  EXPECT_EQ(ValidateWrite(ThePlan(), tuple).error().message,
            "Invalid tuple 'document:1#mixed@group:1#member'. Reason: condition context size limit "
            "exceeded: 32769 bytes exceeds 32768 bytes");
}

TEST(ValidateContextual, HasItsOwnCodes) {
  const auto bad = TupleOf({"", {"document:1", "viewer", "robot:1"}, nullptr, "", ""});
  EXPECT_EQ(ValidateContextual(ThePlan(), bad).error().code, ErrorCode::kInvalidTuple);
  const auto missing = TupleOf({"", {"document:1", "timed", "user:anne"}, nullptr, "", ""});
  EXPECT_EQ(ValidateContextual(ThePlan(), missing).error().code, ErrorCode::kInvalidTuple);
  EXPECT_EQ(ValidateContextual(ThePlan(), missing, ErrorCode::kValidation).error().code,
            ErrorCode::kValidation);
  // Writing the implicit tuple is refused, bringing it along is not.
  const auto implicit = TupleOf({"", {"group:1", "member", "group:1#member"}, nullptr, "", ""});
  EXPECT_TRUE(ValidateContextual(ThePlan(), implicit).ok());
}

TEST(ValidateDelete, NeedsNoModel) {
  EXPECT_TRUE(ValidateDelete({"paper:1", "reader", "robot:1"}).ok());
  EXPECT_EQ(ValidateDelete({"paper:1", "reader", "robot:1:2"}).error().message,
            "Invalid tuple 'paper:1#reader@robot:1:2'. Reason: the 'user' field is malformed");
}

TEST(ValidateRequestContext, RefusesControlCharacters) {
  EXPECT_TRUE(ValidateRequestContext(*tuple::ParseContext(R"({"a":"b"})")).ok());
  EXPECT_EQ(ValidateRequestContext(*tuple::ParseContext(R"({"a":"\u0001"})")).error().message,
            "invalid context: context value \"\\x01\" contains forbidden characters");
}

}  // namespace
}  // namespace pemba::model
