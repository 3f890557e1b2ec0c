// The sample stores of the OpenFGA community: every assertion must hold.
#include <algorithm>
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

TEST(SampleStores, EveryAssertionHolds) {
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
  EXPECT_EQ(counts.checks.passing, counts.checks.total);
  EXPECT_EQ(counts.list_objects.passing, counts.list_objects.total);
  EXPECT_EQ(counts.list_users.passing, counts.list_users.total);
  // What the files hold; a reader that skips something must not go unnoticed.
  EXPECT_EQ(counts.checks.total, 327u);
  EXPECT_EQ(counts.list_objects.total, 17u);
  EXPECT_EQ(counts.list_users.total, 19u);
}

}  // namespace
}  // namespace pemba::worlds
