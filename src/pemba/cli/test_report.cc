#include "pemba/cli/test_report.h"

#include <string_view>

#include "pemba/cli/json_text.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr const char* kNotRun = "not run: listing is not available to tests yet";

std::string Ratio(const TestCounts::Count& count) {
  auto text = std::to_string(count.passing) + "/" + std::to_string(count.total) + " passing";
  if (count.not_run > 0) text += ", " + std::to_string(count.not_run) + " not run";
  return text;
}

std::string ContextText(const json::object& context) {
  return context.empty() ? "" : ", context:" + JsonText(context);
}

std::string ListText(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const auto& item : list) text += (text.size() > 1 ? " " : "") + item;
  return text + "]";
}

std::string FilterText(const UserFilter& filter) {
  return filter.relation.empty() ? filter.type : filter.type + "#" + filter.relation;
}

std::string FailureLine(const CheckResult& check) {
  const auto answer = [](bool allowed) { return allowed ? "true" : "false"; };
  auto line = "ⅹ Check(user=" + check.user + ",relation=" + check.relation +
              ",object=" + check.object + ContextText(check.context) +
              "): expected=" + answer(check.expected) +
              ", got=" + (check.got ? answer(*check.got) : "N/A");
  if (!check.error.empty()) line += ", error=" + check.error;
  return line + "\n";
}

// The block of one test that did not pass.
std::string TestBlock(const TestResult& test) {
  TestCounts counts;
  counts.Add(test);
  std::string kinds;
  const auto kind = [&](const char* name, const TestCounts::Count& count) {
    if (count.total == 0) return;
    kinds += (kinds.empty() ? "" : " | ") + std::string(name) + " (" + Ratio(count) + ")";
  };
  kind("Checks", counts.checks);
  kind("ListObjects", counts.list_objects);
  kind("ListUsers", counts.list_users);
  std::string block = test.outcome() == Outcome::kFailed ? "(FAILING) " : "(NOT RUN) ";
  block += test.name + ": " + kinds + "\n";
  for (const auto& check : test.checks) {
    if (check.outcome() != Outcome::kPassed) block += FailureLine(check);
  }
  for (const auto& list : test.list_objects) {
    block += "- ListObjects(user=" + list.user + ",relation=" + list.relation +
             ",type=" + list.type + ContextText(list.context) +
             "): expected=" + ListText(list.expected) + ", got=N/A, " + kNotRun + "\n";
  }
  for (const auto& list : test.list_users) {
    block += "- ListUsers(object=" + list.object + ",relation=" + list.relation +
             ",user_filter=" + FilterText(list.filter) + ContextText(list.context) +
             "): expected=" + ListText(list.expected) + ", got=N/A, " + kNotRun + "\n";
  }
  return block;
}

std::string Blocks(const std::vector<FileResults>& files) {
  std::string text;
  for (const auto& file : files) {
    for (const auto& test : file.tests) {
      if (test.outcome() == Outcome::kPassed) continue;
      if (!text.empty()) text += "---\n";
      text += TestBlock(test);
    }
  }
  return text.empty() ? text : text + "---\n";
}

std::string Numbers(const TestCounts& counts) {
  std::string text;
  const auto line = [&](const char* name, const TestCounts::Count& count) {
    if (count.total > 0) text += std::string(name) + " " + Ratio(count) + "\n";
  };
  text += "Tests " + Ratio(counts.tests) + "\n";
  line("Checks", counts.checks);
  line("ListObjects", counts.list_objects);
  line("ListUsers", counts.list_users);
  return text;
}

TestCounts CountsOf(const std::vector<FileResults>& files) {
  TestCounts counts;
  for (const auto& file : files) {
    for (const auto& test : file.tests) counts.Add(test);
  }
  return counts;
}

json::object NotRun(json::object request, const std::vector<std::string>& expected,
                    const json::object& context) {
  if (!context.empty()) request["context"] = context;
  return {{"request", std::move(request)},
          {"expected", json::array(expected.begin(), expected.end())},
          {"got", nullptr},
          {"error", kNotRun},
          {"test_result", false}};
}

json::object ToJson(const CheckResult& check) {
  json::object request{
      {"user", check.user}, {"relation", check.relation}, {"object", check.object}};
  if (!check.context.empty()) request["context"] = check.context;
  json::object result{{"request", std::move(request)}, {"expected", check.expected}};
  result["got"] = check.got ? json::value(*check.got) : json::value(nullptr);
  result["error"] = check.error.empty() ? json::value(nullptr) : json::value(check.error);
  result["test_result"] = check.outcome() == Outcome::kPassed;
  return result;
}

}  // namespace

void TestCounts::Add(const TestResult& result) {
  ++tests.total;
  tests.passing += result.outcome() == Outcome::kPassed ? 1 : 0;
  tests.not_run += result.outcome() == Outcome::kNotRun ? 1 : 0;
  for (const auto& check : result.checks) {
    ++checks.total;
    checks.passing += check.outcome() == Outcome::kPassed ? 1 : 0;
  }
  list_objects.total += result.list_objects.size();
  list_objects.not_run += result.list_objects.size();
  list_users.total += result.list_users.size();
  list_users.not_run += result.list_users.size();
}

std::string ReportText(const std::vector<FileResults>& files) {
  std::string text = Blocks(files);
  if (files.size() > 1) {
    for (const auto& file : files) {
      text += "# file: " + file.path + "\n" + Numbers(CountsOf({file})) + "\n";
    }
  }
  return text + "# Test Summary #\n" + Numbers(CountsOf(files));
}

json::array ReportJson(const std::vector<TestResult>& tests) {
  json::array list;
  for (const auto& test : tests) {
    json::object one{{"name", test.name}, {"description", test.description}};
    auto& checks = one["check_results"].emplace_array();
    for (const auto& check : test.checks) checks.push_back(ToJson(check));
    auto& objects = one["list_objects_results"].emplace_array();
    for (const auto& result : test.list_objects) {
      objects.push_back(
          NotRun({{"user", result.user}, {"relation", result.relation}, {"type", result.type}},
                 result.expected, result.context));
    }
    auto& users = one["list_users_results"].emplace_array();
    for (const auto& result : test.list_users) {
      users.push_back(NotRun({{"object", result.object},
                              {"relation", result.relation},
                              {"user_filter", FilterText(result.filter)}},
                             result.expected, result.context));
    }
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace pemba::cli
