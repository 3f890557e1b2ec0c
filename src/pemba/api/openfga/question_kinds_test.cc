#include "pemba/api/openfga/internal/question_kinds.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "pemba/api/patterns.h"
#include "pemba/model/dsl.h"
#include "pemba/model/plan.h"
#include "pemba/model/tuple_validation.h"

namespace pemba::api::openfga::internal {
namespace {

constexpr const char* kModel = "01HVMMBCMGZNT3SED4Z17ECXCA";

struct KindCase {
  const char* name;
  tuple::TupleView question;  // Object, relation, subject.
  bool covered;
};
const std::string kLong(246, 'x');  // With `document:` one byte less than an object may have.
const std::string kLongest = "document:" + kLong + "x", kTooLong = "document:" + kLong + "xx";

const KindCase kCases[] = {
    {"the question itself", {"document:1", "viewer", "user:anne"}, true},
    {"other ids", {"document:plan-2026_v1.0", "viewer", "user:a@b.c"}, true},
    {"an object of any length that objects have", {kLongest, "viewer", "user:anne"}, true},
    {"an object that is too long", {kTooLong, "viewer", "user:anne"}, false},
    {"another relation", {"document:1", "owner", "user:anne"}, false},
    {"a relation that goes on", {"document:1", "viewers", "user:anne"}, false},
    {"another type", {"folder:1", "viewer", "user:anne"}, false},
    {"another type of subject", {"document:1", "viewer", "group:anne"}, false},
    {"no id", {"document:", "viewer", "user:anne"}, false},
    {"a subject without id", {"document:1", "viewer", "user:"}, false},
    {"a userset", {"document:1", "viewer", "user:anne#friend"}, false},
    {"everyone", {"document:1", "viewer", "user:*"}, false},
    {"every object", {"document:*", "viewer", "user:anne"}, false},
    {"a second colon", {"document:1:2", "viewer", "user:anne"}, false},
    {"a space", {"document:1 2", "viewer", "user:anne"}, false},
    {"a control character", {"document:1", "viewer", "user:an\x01ne"}, false},
    {"delete", {"document:1\x7F", "viewer", "user:anne"}, false},
    {"what is not ASCII", {"document:\xC3\xA4", "viewer", "user:anne"}, false},
    {"nothing", {"", "", ""}, false},
};

TEST(QuestionKinds, CoversPlainQuestionsOfTheKindAndWhatItCoversIsValid) {
  const auto model = model::ModelFromDsl(R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user]
)");
  ASSERT_TRUE(model.ok());
  const auto plan = model::Plan::Compile(*model);
  ASSERT_TRUE(plan.ok());
  auto kinds = std::make_unique<QuestionKinds>();
  for (const auto& c : kCases) EXPECT_EQ(kinds->Find(c.question), nullptr) << c.name;
  kinds->Remember({"document:1", "viewer", "user:anne"}, kModel);
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto* const kind = kinds->Find(c.question);
    ASSERT_EQ(kind != nullptr, c.covered);
    if (kind == nullptr) continue;
    EXPECT_EQ(kind->model.view(), kModel);
    EXPECT_TRUE(kUserPattern.matches(c.question.subject));
    EXPECT_TRUE(kRelationPattern.matches(c.question.relation));
    EXPECT_TRUE(kObjectPattern.matches(c.question.object));
    EXPECT_TRUE(model::ValidateQuery(**plan, c.question).ok());
  }
}

TEST(QuestionKinds, RemembersNothingOfQuestionsThatAreNotPlain) {
  auto kinds = std::make_unique<QuestionKinds>();
  const std::string type(80, 't');
  for (const auto& c : kCases) {
    if (!c.covered) kinds->Remember(c.question, kModel);
  }
  kinds->Remember({type + ":1", "viewer", "user:anne"}, kModel);
  kinds->Remember({"document:1", "viewer", "user:anne"}, "no model has an id as long as this");
  EXPECT_EQ(kinds->Find({"document:1", "viewer", "user:bob"}), nullptr);
  EXPECT_EQ(kinds->Find({"document:1:3", "viewer", "user:anne"}), nullptr);
}

TEST(QuestionKinds, KeepsTheLastModelAndTheLastKinds) {
  auto kinds = std::make_unique<QuestionKinds>();
  const std::string other = "01HVMMBCMGZNT3SED4Z17ECXCB";
  const auto object_of = [](int i) { return "type" + std::to_string(i) + ":1"; };
  kinds->Remember({"document:1", "viewer", "user:anne"}, kModel);
  kinds->Remember({"document:2", "viewer", "user:bob"}, other);
  ASSERT_NE(kinds->Find({"document:1", "viewer", "user:anne"}), nullptr);
  EXPECT_EQ(kinds->Find({"document:1", "viewer", "user:anne"})->model.view(), other);
  for (int i = 0; i < 20; ++i) kinds->Remember({object_of(i), "viewer", "user:anne"}, kModel);
  int known = 0;
  for (int i = 0; i < 20; ++i) {
    known += kinds->Find({object_of(i), "viewer", "user:bob"}) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(known, 8);
  EXPECT_NE(kinds->Find({object_of(19), "viewer", "user:anne"}), nullptr);
}

}  // namespace
}  // namespace pemba::api::openfga::internal
