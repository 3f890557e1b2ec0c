// The sample stores of the OpenFGA community: every check assertion must hold.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "run_store_file.h"

namespace pemba::worlds {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectory = PEMBA_SOURCE_DIR "/../shared/conformance/openfga-sample-stores";

std::vector<fs::path> StoreFiles() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kDirectory)) {
    if (entry.path().string().ends_with(".fga.yaml")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(SampleStores, EveryCheckHolds) {
  if (!fs::is_directory(kDirectory)) GTEST_SKIP() << "no conformance data at " << kDirectory;
  cli::TestCounts counts;
  const auto files = StoreFiles();
  ASSERT_FALSE(files.empty());
  for (const auto& path : files) {
    SCOPED_TRACE(path);
    const auto results = RunStoreFile(path);
    ASSERT_TRUE(results.ok()) << results.error().message;
    for (const auto& test : results->tests) {
      counts.Add(test);
      EXPECT_NE(test.outcome(), cli::Outcome::kFailed) << cli::ReportText({*results});
    }
  }
  std::printf(
      "%zu stores, %zu tests: %zu of %zu checks hold; %zu list-objects and %zu list-users "
      "assertions were not run\n",
      files.size(), counts.tests.total, counts.checks.passing, counts.checks.total,
      counts.list_objects.not_run, counts.list_users.not_run);
  EXPECT_EQ(counts.checks.passing, counts.checks.total);
  EXPECT_GT(counts.checks.total, 300u);
}

}  // namespace
}  // namespace pemba::worlds
