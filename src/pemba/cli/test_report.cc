#include "pemba/cli/test_report.h"

#include <string_view>

#include "pemba/cli/json_text.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

std::string Ratio(const TestCounts::Count& count) {
  return std::to_string(count.passing) + "/" + std::to_string(count.total) + " passing";
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

std::string RequestText(const ObjectsQuestion& question) {
  return "ListObjects(user=" + question.user + ",relation=" + question.relation +
         ",type=" + question.type;
}

std::string RequestText(const UsersQuestion& question) {
  return "ListUsers(object=" + question.object + ",relation=" + question.relation +
         ",user_filter=" + FilterText(question.filter);
}

template <class Question>
std::string FailureLine(const ListResult<Question>& list) {
  auto line = "ⅹ " + RequestText(list.question) + ContextText(list.context) +
              "): expected=" + ListText(list.expected) +
              ", got=" + (list.got ? ListText(*list.got) : "N/A");
  if (!list.error.empty()) line += ", error=" + list.error;
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
  std::string block = "(FAILING) " + test.name + ": " + kinds + "\n";
  const auto failures = [&](const auto& results) {
    for (const auto& result : results) {
      if (result.outcome() != Outcome::kPassed) block += FailureLine(result);
    }
  };
  failures(test.checks);
  failures(test.list_objects);
  failures(test.list_users);
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

json::array ArrayOf(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::object RequestOf(const ObjectsQuestion& question) {
  return {{"user", question.user}, {"relation", question.relation}, {"type", question.type}};
}

json::object RequestOf(const UsersQuestion& question) {
  return {{"object", question.object},
          {"relation", question.relation},
          {"user_filter", FilterText(question.filter)}};
}

template <class Question>
json::object ToJson(const ListResult<Question>& list) {
  auto request = RequestOf(list.question);
  if (!list.context.empty()) request["context"] = list.context;
  json::object result{{"request", std::move(request)}, {"expected", ArrayOf(list.expected)}};
  result["got"] = list.got ? json::value(ArrayOf(*list.got)) : json::value(nullptr);
  result["error"] = list.error.empty() ? json::value(nullptr) : json::value(list.error);
  result["test_result"] = list.outcome() == Outcome::kPassed;
  return result;
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
  const auto add = [](const auto& results, Count& count) {
    for (const auto& one : results) {
      ++count.total;
      count.passing += one.outcome() == Outcome::kPassed ? 1 : 0;
    }
  };
  add(result.checks, checks);
  add(result.list_objects, list_objects);
  add(result.list_users, list_users);
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
    for (const auto& result : test.list_objects) objects.push_back(ToJson(result));
    auto& users = one["list_users_results"].emplace_array();
    for (const auto& result : test.list_users) users.push_back(ToJson(result));
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace pemba::cli
