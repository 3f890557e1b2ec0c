#include "pemba/cli/test_report.h"

#include <gtest/gtest.h>

#include "pemba/cli/json_text.h"

namespace pemba::cli {
namespace {

CheckResult Check(bool expected, std::optional<bool> got, std::string error = {}) {
  CheckResult check;
  check.user = "user:anne";
  check.relation = "viewer";
  check.object = "doc:1";
  check.expected = expected;
  check.got = got;
  check.error = std::move(error);
  return check;
}

TestResult TestOf(std::string name, std::vector<CheckResult> checks) {
  TestResult test;
  test.name = std::move(name);
  test.checks = std::move(checks);
  return test;
}

TEST(ReportText, IsJustTheSummaryWhenAllPass) {
  EXPECT_EQ(ReportText({{"a", {TestOf("t", {Check(true, true), Check(false, false)})}}}),
            "# Test Summary #\nTests 1/1 passing\nChecks 2/2 passing\n");
}

TEST(ReportText, NamesEveryFailure) {
  auto with_context = Check(false, std::nullopt, "it broke");
  with_context.context = {{"n", 1.0}};
  EXPECT_EQ(
      ReportText({{"a",
                   {TestOf("first", {Check(true, false), Check(true, true)}),
                    TestOf("second", {with_context}), TestOf("third", {Check(true, true)})}}}),
      "(FAILING) first: Checks (1/2 passing)\n"
      "ⅹ Check(user=user:anne,relation=viewer,object=doc:1): expected=true, got=false\n"
      "---\n"
      "(FAILING) second: Checks (0/1 passing)\n"
      "ⅹ Check(user=user:anne,relation=viewer,object=doc:1, context:{\"n\":1}): "
      "expected=false, got=N/A, error=it broke\n"
      "---\n"
      "# Test Summary #\nTests 1/3 passing\nChecks 2/4 passing\n");
}

TEST(ReportText, NamesEveryListThatDiffers) {
  auto test = TestOf("lists", {Check(true, true)});
  const ObjectsQuestion objects{"user:anne", "viewer", "doc"};
  const UsersQuestion users{"doc:1", "viewer", {"group", "member"}};
  test.list_objects.push_back({objects, {}, {"doc:1"}, {{"doc:1"}}});
  test.list_objects.push_back({objects, {{"n", 1.0}}, {"doc:1", "doc:2"}, {{"doc:1"}}});
  test.list_users.push_back({users, {}, {}, std::nullopt, "it broke"});
  EXPECT_EQ(ReportText({{"a", {test}}}),
            "(FAILING) lists: Checks (1/1 passing) | ListObjects (1/2 passing) | "
            "ListUsers (0/1 passing)\n"
            "ⅹ ListObjects(user=user:anne,relation=viewer,type=doc, context:{\"n\":1}): "
            "expected=[doc:1 doc:2], got=[doc:1]\n"
            "ⅹ ListUsers(object=doc:1,relation=viewer,user_filter=group#member): expected=[], "
            "got=N/A, error=it broke\n"
            "---\n"
            "# Test Summary #\nTests 0/1 passing\nChecks 1/1 passing\n"
            "ListObjects 1/2 passing\nListUsers 0/1 passing\n");
  TestCounts counts;
  counts.Add(test);
  EXPECT_FALSE(counts.AllPass());
}

TEST(ReportText, GivesTheNumbersOfEachOfSeveralFiles) {
  EXPECT_EQ(ReportText({{"a", {TestOf("t", {Check(true, true)})}},
                        {"b", {TestOf("u", {Check(false, true)})}}}),
            "(FAILING) u: Checks (0/1 passing)\n"
            "ⅹ Check(user=user:anne,relation=viewer,object=doc:1): expected=false, got=true\n"
            "---\n"
            "# file: a\nTests 1/1 passing\nChecks 1/1 passing\n\n"
            "# file: b\nTests 0/1 passing\nChecks 0/1 passing\n\n"
            "# Test Summary #\nTests 1/2 passing\nChecks 1/2 passing\n");
}

TEST(ReportJson, HasEveryResultWithItsRequest) {
  auto test = TestOf("t", {Check(true, true), Check(false, std::nullopt, "it broke")});
  test.list_objects.push_back({{"user:anne", "viewer", "doc"}, {}, {"doc:1"}, {{"doc:1"}}});
  EXPECT_EQ(JsonText(ReportJson({test})),
            R"([{"name":"t","description":"","check_results":[)"
            R"({"request":{"user":"user:anne","relation":"viewer","object":"doc:1"},)"
            R"("expected":true,"got":true,"error":null,"test_result":true},)"
            R"({"request":{"user":"user:anne","relation":"viewer","object":"doc:1"},)"
            R"("expected":false,"got":null,"error":"it broke","test_result":false}],)"
            R"("list_objects_results":[{"request":{"user":"user:anne","relation":"viewer",)"
            R"("type":"doc"},"expected":["doc:1"],"got":["doc:1"],)"
            R"("error":null,"test_result":true}],)"
            R"("list_users_results":[]}])");
}

}  // namespace
}  // namespace pemba::cli
