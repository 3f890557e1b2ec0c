#include "pemba/cli/store_tester.h"

#include <gtest/gtest.h>

#include "pemba/cli/model_source.h"

namespace pemba::cli {
namespace {

constexpr const char* kStore = R"(
model: |
  model
    schema 1.1
  type user
  type document
    relations
      define viewer: [user, user with cc]
      define parent: [document]
      define deep: [user] or deep from parent
  condition cc(x: int) {
    x > 1
  }
tuples:
  - {user: user:anne, relation: viewer, object: document:1}
  - {user: user:bob, relation: viewer, object: document:1, condition: {name: cc}}
tests:
  - name: right
    check:
      - {user: user:anne, object: document:1, assertions: {viewer: true, parent: false}}
  - name: wrong
    check:
      - {users: [user:anne, user:zoe], objects: [document:1, document:2], assertions: {viewer: true}}
  - name: undecidable
    check:
      - {user: user:bob, object: document:1, assertions: {viewer: false}}
      - {user: user:bob, object: document:1, context: {x: 2}, assertions: {viewer: true}}
      - {user: user:bob, object: folder:1, assertions: {viewer: false}}
  - name: its own tuples
    tuples:
      - {user: user:zoe, relation: viewer, object: document:1}
    check:
      - {user: user:zoe, object: document:1, assertions: {viewer: true}}
  - name: lists
    tuples:
      - {user: user:anne, relation: viewer, object: document:2}
    check:
      - {user: user:anne, object: document:1, assertions: {viewer: true}}
    list_objects:
      - {user: user:anne, type: document, assertions: {viewer: ['document:2', 'document:1'], parent: []}}
      - {user: user:anne, type: document, assertions: {viewer: ['document:1'], admirer: []}}
    list_users:
      - {object: document:1, user_filter: [{type: user}], context: {x: 2}, assertions: {viewer: {users: [user:bob, user:anne]}}}
      - {object: document:1, user_filter: [{type: user}], assertions: {viewer: {users: [user:anne]}}}
)";

Result<std::vector<TestResult>> RunText(const std::string& text) {
  PEMBA_TRY(auto file, ParseStoreFile(text));
  PEMBA_TRY(auto model, ParseModel(ModelFormat::kDsl, file.model));
  return RunStoreTests(file, *LocalTargets(std::move(model)));
}

TEST(RunStoreTests, ComparesEveryAnswer) {
  const auto results = RunText(kStore);
  ASSERT_TRUE(results.ok()) << results.error().message;
  ASSERT_EQ(results->size(), 5u);
  EXPECT_EQ((*results)[0].outcome(), Outcome::kPassed);
  EXPECT_EQ((*results)[1].outcome(), Outcome::kFailed);
  ASSERT_EQ((*results)[1].checks.size(), 4u);
  EXPECT_EQ((*results)[1].checks[0].outcome(), Outcome::kPassed);
  EXPECT_EQ((*results)[1].checks[1].object, "document:2");
  EXPECT_EQ((*results)[1].checks[1].got, false);
  EXPECT_EQ((*results)[1].checks[2].user, "user:zoe");
  EXPECT_EQ((*results)[3].outcome(), Outcome::kPassed);
}

TEST(RunStoreTests, ACallThatFailsIsAFailedAssertion) {
  const auto results = RunText(kStore);
  ASSERT_TRUE(results.ok()) << results.error().message;
  const auto& checks = (*results)[2].checks;
  ASSERT_EQ(checks.size(), 3u);
  EXPECT_FALSE(checks[0].got.has_value());
  EXPECT_EQ(checks[0].error,
            "failed to evaluate relationship condition: 'cc' - tuple "
            "'document:1#viewer@user:bob' is missing context parameters '[x]'");
  EXPECT_EQ(checks[0].outcome(), Outcome::kFailed);
  EXPECT_EQ(checks[1].outcome(), Outcome::kPassed);
  EXPECT_EQ(checks[2].error, "invalid relation: type 'folder' not found");
}

TEST(RunStoreTests, ComparesListsInAnyOrder) {
  const auto results = RunText(kStore);
  ASSERT_TRUE(results.ok()) << results.error().message;
  const auto& lists = (*results)[4];
  EXPECT_EQ(lists.outcome(), Outcome::kFailed);
  ASSERT_EQ(lists.list_objects.size(), 4u);
  EXPECT_EQ(lists.list_objects[0].outcome(), Outcome::kPassed);
  EXPECT_EQ(lists.list_objects[1].outcome(), Outcome::kPassed);
  EXPECT_EQ(lists.list_objects[2].outcome(), Outcome::kFailed);  // One is missing.
  EXPECT_EQ(lists.list_objects[2].got, (std::vector<std::string>{"document:1", "document:2"}));
  EXPECT_FALSE(lists.list_objects[3].got.has_value());
  EXPECT_EQ(lists.list_objects[3].error, "relation 'document#admirer' not found");
  ASSERT_EQ(lists.list_users.size(), 2u);
  EXPECT_EQ(lists.list_users[0].outcome(), Outcome::kPassed);
  EXPECT_EQ(lists.list_users[1].outcome(), Outcome::kFailed);
  EXPECT_NE(lists.list_users[1].error.find("missing context parameters '[x]'"), std::string::npos);
}

struct AbortCase {
  const char* name;
  const char* text;
  const char* message;
};
constexpr AbortCase kAborts[] = {
    {"a model that no server takes",
     "model: |\n  model\n    schema 1.1\n  type user\n  type user\ntests: [{name: t}]",
     "test t: an authorization model cannot contain duplicate types"},
    {"a tuple that does not fit",
     "model: |\n  model\n    schema 1.1\n  type user\n"
     "tests: [{name: t, tuples: [{user: 'user:a', relation: viewer, object: 'doc:1'}]}]",
     "test t: Invalid tuple 'doc:1#viewer@user:a'. Reason: type 'doc' not found"},
};

TEST(RunStoreTests, EndsAtAModelOrTupleThatIsRefused) {
  for (const auto& c : kAborts) {
    SCOPED_TRACE(c.name);
    const auto results = RunText(c.text);
    ASSERT_FALSE(results.ok());
    EXPECT_EQ(results.error().message, c.message);
  }
}

TEST(RunStoreTests, HonoursTheLimitOnTypes) {
  const auto file = ParseStoreFile(kStore);
  ASSERT_TRUE(file.ok());
  auto model = ParseModel(ModelFormat::kDsl, file->model);
  ASSERT_TRUE(model.ok());
  const auto results = RunStoreTests(*file, *LocalTargets(*model, 1));
  ASSERT_FALSE(results.ok());
  EXPECT_NE(results.error().message.find("exceeds the allowed limit of 1"), std::string::npos);
}

}  // namespace
}  // namespace pemba::cli
