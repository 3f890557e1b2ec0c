// The language's published cases (tests/README.md says where they come from): parsing, printing.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"

namespace pemba::model {
namespace {

const std::filesystem::path kCases = PEMBA_SOURCE_DIR "/../shared/conformance/openfga-language";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

std::string Describe(const SyntaxError& e) {
  return std::to_string(e.line_start) + "-" + std::to_string(e.line_end) + ":" +
         std::to_string(e.column_start) + "-" + std::to_string(e.column_end) + " " + e.message;
}

std::string Describe(const YAML::Node& e) {
  return e["line"]["start"].as<std::string>() + "-" + e["line"]["end"].as<std::string>() + ":" +
         e["column"]["start"].as<std::string>() + "-" + e["column"]["end"].as<std::string>() + " " +
         e["msg"].as<std::string>();
}

TEST(DslConformance, SyntaxErrors) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no conformance data beside the repository";
  int cases = 0, errors = 0;
  for (const auto& node : YAML::LoadFile(kCases / "dsl-syntax-validation-cases.yaml")) {
    const auto name = node["name"].as<std::string>();
    SCOPED_TRACE(name);
    const auto parsed = ParseDsl(node["dsl"].as<std::string>());
    std::vector<std::string> want, got;
    for (const auto& e : node["expected_errors"]) want.push_back(Describe(e));
    for (const auto& e : parsed.errors) got.push_back(Describe(e));
    EXPECT_EQ(got, want);
    ++cases;
    errors += static_cast<int>(want.size());
  }
  std::cout << "dsl-syntax-validation-cases.yaml: " << cases << " cases, " << errors << " errors\n";
  EXPECT_EQ(cases, 81);
  EXPECT_EQ(errors, 74);
}

TEST(DslConformance, TransformsBothWays) {
  if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "no conformance data beside the repository";
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCases / "transformer")) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto dsl = ReadFile(entry.path() / "authorization-model.fga");
    const auto from_dsl = ModelFromDsl(dsl);
    ASSERT_TRUE(from_dsl.ok()) << from_dsl.error().message;
    const auto from_json = ModelFromJson(ReadFile(entry.path() / "authorization-model.json"));
    ASSERT_TRUE(from_json.ok()) << from_json.error().message;
    EXPECT_EQ(ModelToJson(*from_dsl), ModelToJson(*from_json));
    const auto printed = PrintDsl(*from_json);
    ASSERT_TRUE(printed.ok()) << printed.error().message;
    EXPECT_EQ(*printed, dsl);
    ++cases;
  }
  std::cout << "transformer: " << cases << " cases\n";
  EXPECT_EQ(cases, 29);
}

}  // namespace
}  // namespace pemba::model
