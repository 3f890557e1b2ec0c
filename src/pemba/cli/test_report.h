// TestReport: the results of store tests as people and programs read them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "pemba/cli/store_tester.h"

namespace pemba::cli {

struct FileResults {
  std::string path;
  std::vector<TestResult> tests;
};

// Of a set of tests.
struct TestCounts {
  struct Count {
    std::size_t passing = 0, total = 0;
  };
  Count tests, checks, list_objects, list_users;

  void Add(const TestResult& result);
  bool AllPass() const { return tests.passing == tests.total; }
};

// For standard error: a block per test that did not pass, then the summary; with several files also
// the numbers of each file.
std::string ReportText(const std::vector<FileResults>& files);

// For --verbose: one object per test, every result with its request.
boost::json::array ReportJson(const std::vector<TestResult>& tests);

}  // namespace pemba::cli
