// Our own cases, and the sample that a new user loads first.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "run_store_file.h"

namespace pemba::worlds {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> StoreFiles() {
  std::vector<fs::path> files = {PEMBA_SOURCE_DIR "/samples/workspace.fga.yaml"};
  for (const auto& entry : fs::directory_iterator(PEMBA_SOURCE_DIR "/tests/worlds/checks")) {
    if (entry.path().string().ends_with(".fga.yaml")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class World : public testing::TestWithParam<fs::path> {};

TEST_P(World, EveryAnswerIsRight) {
  const auto results = RunStoreFile(GetParam());
  ASSERT_TRUE(results.ok()) << results.error().message;
  cli::TestCounts counts;
  for (const auto& test : results->tests) counts.Add(test);
  EXPECT_GT(counts.checks.total, 0u) << "a world without questions tests nothing";
  EXPECT_TRUE(counts.AllPass()) << cli::ReportText({*results});
}

INSTANTIATE_TEST_SUITE_P(Worlds, World, testing::ValuesIn(StoreFiles()), [](const auto& world) {
  auto name = world.param.filename().string();
  name = name.substr(0, name.find('.'));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace pemba::worlds
