// The language's published cases, run over the parser, the printer, the validators and modules.
//
// No case is exempt: texts and positions of all errors are compared. Not run are the seven semantic
// cases that their authors mark `skip` (cycles which the language's validator does not look for).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <numeric>
#include <regex>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/language_validation.h"
#include "pemba/model/modules.h"
#include "pemba/model/validation.h"

namespace pemba::model {
namespace {

const std::filesystem::path kCases = PEMBA_SOURCE_DIR "/../shared/conformance/openfga-language";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

std::string Describe(const SourceRange& r) {
  return std::to_string(r.line_start) + "-" + std::to_string(r.line_end) + ":" +
         std::to_string(r.column_start) + "-" + std::to_string(r.column_end) + " ";
}

enum class Positions : std::uint8_t { kIgnored, kCompared };

// What a case expects of one error, in the words of Describe below. Fields that the case does not
// list are taken from what we found.
std::string Expected(const YAML::Node& want, Positions positions, const ModelError* got) {
  std::string text;
  if (positions == Positions::kCompared) {
    text += Describe({want["line"]["start"].as<int>(), want["line"]["end"].as<int>(),
                      want["column"]["start"].as<int>(), want["column"]["end"].as<int>()});
  }
  const auto metadata = want["metadata"];
  const auto field = [&](const char* key, const std::string& otherwise) {
    return metadata && metadata[key] ? metadata[key].as<std::string>() : otherwise;
  };
  const bool known = got != nullptr;
  text += want["msg"].as<std::string>();
  text += " type=" + field("errorType", known ? std::string(ToText(got->type)) : "");
  text += " symbol=" + field("symbol", known ? got->symbol : "");
  text += " file=" + (want["file"] ? want["file"].as<std::string>() : known ? got->file : "");
  return text;
}

std::string Describe(const ModelError& e, Positions positions) {
  return (positions == Positions::kCompared ? Describe(e.range.value_or(SourceRange())) : "") +
         e.message + " type=" + std::string(ToText(e.type)) + " symbol=" + e.symbol +
         " file=" + e.file;
}

int ExpectErrors(std::vector<ModelError> got, const YAML::Node& want, Positions positions) {
  std::vector<std::size_t> order(want ? want.size()
                                      : 0);  // To sort nodes would assign through them.
  std::iota(order.begin(), order.end(), 0);
  // Without a text there is no order of relations; compare as sets then.
  if (positions == Positions::kIgnored) {
    std::stable_sort(got.begin(), got.end(), [](const ModelError& a, const ModelError& b) {
      return a.message < b.message;
    });
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return want[a]["msg"].as<std::string>() < want[b]["msg"].as<std::string>();
    });
  }
  std::vector<std::string> got_texts, want_texts;
  for (const auto& e : got) got_texts.push_back(Describe(e, positions));
  for (std::size_t i = 0; i < order.size(); ++i) {
    want_texts.push_back(Expected(want[order[i]], positions, i < got.size() ? &got[i] : nullptr));
  }
  EXPECT_EQ(got_texts, want_texts);
  return static_cast<int>(order.size());
}

class LanguageConformance : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kCases))
      GTEST_SKIP() << "no conformance data beside the repository";
  }

  static void ForEachCase(const char* file, const std::function<void(const YAML::Node&)>& run) {
    for (const auto& node : YAML::LoadFile(kCases / file)) {
      SCOPED_TRACE(node["name"].as<std::string>());
      run(node);
    }
  }

  static void ForEachDirectory(const char* directory,
                               const std::function<void(const std::filesystem::path&)>& run) {
    for (const auto& entry : std::filesystem::directory_iterator(kCases / directory)) {
      SCOPED_TRACE(entry.path().filename().string());
      run(entry.path());
    }
  }

  static void Count(const char* file, int cases, int errors) {
    std::cout << file << ": " << cases << " cases, " << errors << " expected errors\n";
  }
};

TEST_F(LanguageConformance, DslSyntax) {
  int cases = 0, errors = 0;
  ForEachCase("dsl-syntax-validation-cases.yaml", [&](const YAML::Node& node) {
    auto got = ValidateDsl(node["dsl"].as<std::string>());
    // Some texts that are fine for the grammar are not valid models; that is not asked here.
    std::erase_if(got, [](const ModelError& e) { return e.type != ModelErrorType::kSyntax; });
    errors += ExpectErrors(got, node["expected_errors"], Positions::kCompared);
    ++cases;
  });
  Count("dsl-syntax-validation-cases.yaml", cases, errors);
  EXPECT_EQ(cases, 81);
  EXPECT_EQ(errors, 74);
}

TEST_F(LanguageConformance, DslSemanticFromText) {
  int cases = 0, skipped = 0, errors = 0;
  ForEachCase("dsl-semantic-validation-cases.yaml", [&](const YAML::Node& node) {
    if (node["skip"] && node["skip"].as<bool>()) {
      ++skipped;
      return;
    }
    errors += ExpectErrors(ValidateDsl(node["dsl"].as<std::string>()), node["expected_errors"],
                           Positions::kCompared);
    ++cases;
  });
  Count("dsl-semantic-validation-cases.yaml, from text", cases, errors);
  EXPECT_EQ(cases, 84);
  EXPECT_EQ(skipped, 7);
}

TEST_F(LanguageConformance, DslSemanticFromJson) {
  int cases = 0, errors = 0;
  ForEachCase("dsl-semantic-validation-cases.yaml", [&](const YAML::Node& node) {
    if (node["skip"] && node["skip"].as<bool>()) return;
    const auto parsed = ParseDsl(node["dsl"].as<std::string>());
    ASSERT_TRUE(parsed.errors.empty());
    const auto model = ModelFromJson(ModelToJson(parsed.model));
    ASSERT_TRUE(model.ok());
    errors += ExpectErrors(ValidateLanguage(*model), node["expected_errors"], Positions::kIgnored);
    ++cases;
  });
  Count("dsl-semantic-validation-cases.yaml, from JSON", cases, errors);
  EXPECT_EQ(cases, 84);
}

TEST_F(LanguageConformance, DslSemanticFromModules) {
  int cases = 0, errors = 0;
  ForEachCase("dsl-semantic-validation-cases.yaml", [&](const YAML::Node& node) {
    if (node["skip"] && node["skip"].as<bool>()) return;
    const auto dsl = node["dsl"].as<std::string>();
    static const std::regex header("model\n  schema 1\\.[12]");
    if (!std::regex_search(dsl, header)) return;  // Cases about the header itself.
    const SourceFile file{"test.fga", std::regex_replace(dsl, header, "module test\n")};
    const auto merged = MergeModules(std::span(&file, 1), "1.2");
    errors += ExpectErrors(merged.errors, node["expected_errors"], Positions::kCompared);
    for (const auto& e : merged.errors) EXPECT_EQ(e.file, "test.fga");
    ++cases;
  });
  Count("dsl-semantic-validation-cases.yaml, from modules", cases, errors);
  EXPECT_EQ(cases, 80);
}

TEST_F(LanguageConformance, JsonValidation) {
  int cases = 0, errors = 0;
  ForEachCase("json-validation-cases.yaml", [&](const YAML::Node& node) {
    const auto model = ModelFromJson(node["json"].as<std::string>());
    ASSERT_TRUE(model.ok()) << model.error().message;
    errors += ExpectErrors(ValidateLanguage(*model), node["expected_errors"], Positions::kIgnored);
    ++cases;
  });
  Count("json-validation-cases.yaml", cases, errors);
  EXPECT_EQ(cases, 5);
}

TEST_F(LanguageConformance, JsonToDsl) {
  int cases = 0, errors = 0;
  ForEachCase("json-syntax-transformer-validation-cases.yaml", [&](const YAML::Node& node) {
    const auto model = ModelFromJson(node["json"].as<std::string>());
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto printed = PrintDsl(*model);
    const bool valid = !node["valid"] || node["valid"].as<bool>();
    ASSERT_EQ(printed.ok(), valid);
    if (!valid) {
      EXPECT_EQ(printed.error().message, node["error_message"].as<std::string>());
    }
    errors += valid ? 0 : 1;
    ++cases;
  });
  Count("json-syntax-transformer-validation-cases.yaml", cases, errors);
  EXPECT_EQ(cases, 6);
  EXPECT_EQ(errors, 3);
}

boost::json::object RangeValue(const SourceRange& r) {
  return {{"line", {{"start", r.line_start}, {"end", r.line_end}}},
          {"column", {{"start", r.column_start}, {"end", r.column_end}}}};
}

boost::json::object EntryValue(boost::json::value value, const SourceRange& range) {
  boost::json::object out{{"value", std::move(value)}};
  for (auto& [key, position] : RangeValue(range)) out[key] = position;
  return out;
}

TEST_F(LanguageConformance, ModFile) {
  int cases = 0, errors = 0;
  ForEachCase("fga-mod-transformer-cases.yaml", [&](const YAML::Node& node) {
    const auto parsed = ParseModFile(node["modFile"].as<std::string>());
    std::vector<std::string> got, want;
    for (const auto& e : parsed.errors) got.push_back(Describe(e.range) + e.message);
    for (const auto& e : node["expected_errors"]) {
      want.push_back(Describe({e["line"]["start"].as<int>(), e["line"]["end"].as<int>(),
                               e["column"]["start"].as<int>(), e["column"]["end"].as<int>()}) +
                     e["msg"].as<std::string>());
    }
    EXPECT_EQ(got, want);
    errors += static_cast<int>(want.size());
    ++cases;
    if (!node["json"]) return;
    boost::json::array contents;
    for (const auto& item : parsed.file.contents) {
      contents.push_back(EntryValue(boost::json::value(item.value), item.range));
    }
    const boost::json::object value{
        {"schema",
         EntryValue(boost::json::value(parsed.file.schema.value), parsed.file.schema.range)},
        {"contents", EntryValue(std::move(contents), parsed.file.contents_range)}};
    EXPECT_EQ(value, boost::json::parse(node["json"].as<std::string>()).as_object())
        << boost::json::serialize(value);
  });
  Count("fga-mod-transformer-cases.yaml", cases, errors);
  EXPECT_EQ(cases, 9);
}

TEST_F(LanguageConformance, ObjectIds) {
  int cases = 0, valid = 0;
  ForEachCase("object-id-validation-cases.yaml", [&](const YAML::Node& node) {
    const auto want = node["valid"].as<bool>() ? IdRule::kFollowed : IdRule::kBroken;
    EXPECT_EQ(CheckObjectId(node["object_id"].as<std::string>()), want);
    ++cases;
    valid += want == IdRule::kFollowed ? 1 : 0;
  });
  std::cout << "object-id-validation-cases.yaml: " << cases << " cases\n";
  EXPECT_EQ(cases, 23);
  EXPECT_EQ(valid, 14);
}

TEST_F(LanguageConformance, TransformsBothWays) {
  int cases = 0;
  ForEachDirectory("transformer", [&](const std::filesystem::path& path) {
    const auto dsl = ReadFile(path / "authorization-model.fga");
    const auto from_dsl = ModelFromDsl(dsl);
    ASSERT_TRUE(from_dsl.ok()) << from_dsl.error().message;
    const auto from_json = ModelFromJson(ReadFile(path / "authorization-model.json"));
    ASSERT_TRUE(from_json.ok()) << from_json.error().message;
    EXPECT_EQ(ModelToJson(*from_dsl), ModelToJson(*from_json));
    const auto printed = PrintDsl(*from_json);
    ASSERT_TRUE(printed.ok()) << printed.error().message;
    EXPECT_EQ(*printed, dsl);
    ++cases;
  });
  Count("transformer", cases, 0);
  EXPECT_EQ(cases, 29);
}

TEST_F(LanguageConformance, Modules) {
  int cases = 0, errors = 0;
  ForEachDirectory("transformer-module", [&](const std::filesystem::path& path) {
    ++cases;
    std::vector<SourceFile> files;
    if (std::filesystem::exists(path / "module")) {
      for (const auto& entry : std::filesystem::directory_iterator(path / "module")) {
        files.push_back({entry.path().filename().string(), ReadFile(entry.path())});
      }
    }
    std::sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.name < b.name; });
    if (std::filesystem::exists(path / "expected_errors.json")) {
      errors += ExpectErrors(MergeModules(files, "1.2").errors,
                             YAML::LoadFile(path / "expected_errors.json"), Positions::kCompared);
      return;
    }
    const auto model = ModelFromJson(ReadFile(path / "authorization-model.json"));
    ASSERT_TRUE(model.ok()) << model.error().message;
    if (!files.empty()) {
      const auto merged = MergeModules(files, "1.2");
      EXPECT_TRUE(merged.errors.empty());
      EXPECT_EQ(ModelToJson(merged.model), ModelToJson(*model));
    }
    if (std::filesystem::exists(path / "combined.fga")) {
      const auto plain = PrintDsl(*model);
      ASSERT_TRUE(plain.ok()) << plain.error().message;
      EXPECT_EQ(*plain, ReadFile(path / "combined.fga"));
      const auto commented = PrintDsl(*model, {.include_source_information = true});
      ASSERT_TRUE(commented.ok());
      EXPECT_EQ(*commented, ReadFile(path / "combined-sourceinfo.fga"));
    }
    const auto modules = ModulesOf(*model);
    ASSERT_TRUE(modules.ok()) << modules.error().message;
    const auto want = YAML::LoadFile(path / "expected_modules.json").as<std::vector<std::string>>();
    EXPECT_EQ(*modules, want);
  });
  Count("transformer-module", cases, errors);
  EXPECT_EQ(cases, 7);
}

// The models of the published query cases and sample stores: each must parse, be storable, and come
// back from its own print.
class PublishedModels : public LanguageConformance {
 protected:
  static void ExpectGood(const std::string& dsl) {
    const auto model = ModelFromDsl(dsl);
    ASSERT_TRUE(model.ok()) << model.error().message << dsl;
    const auto status = ValidateModel(*model);
    EXPECT_TRUE(status.ok()) << status.error().message << dsl;
    const auto printed = PrintDsl(*model);
    ASSERT_TRUE(printed.ok()) << printed.error().message << dsl;
    const auto again = ModelFromDsl(*printed);
    ASSERT_TRUE(again.ok()) << again.error().message << *printed;
    EXPECT_EQ(*again, *model);
  }
};

TEST_F(PublishedModels, OfQueryCases) {
  int models = 0;
  const auto file = kCases / "../openfga/consolidated_1_1_tests.yaml";
  for (const auto& test : YAML::LoadFile(file)["tests"]) {
    SCOPED_TRACE(test["name"].as<std::string>());
    for (const auto& stage : test["stages"]) {
      ExpectGood(stage["model"].as<std::string>());
      ++models;
    }
  }
  std::cout << file.filename() << ": " << models << " models\n";
  EXPECT_EQ(models, 160);
}

TEST_F(PublishedModels, OfSampleStores) {
  const auto root = kCases / "../openfga-sample-stores";
  int models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    SCOPED_TRACE(entry.path().string());
    const auto text = entry.is_regular_file() ? ReadFile(entry.path()) : "";
    if (entry.path().filename() == "model.fga") {
      ExpectGood(text);
      ++models;
    } else if (entry.path().filename() == "fga.mod") {
      const auto mod = ParseModFile(text);
      ASSERT_TRUE(mod.errors.empty()) << ToText(mod.errors);
      std::vector<SourceFile> files;
      for (const auto& item : mod.file.contents) {
        files.push_back({item.value, ReadFile(entry.path().parent_path() / item.value)});
      }
      const auto merged = MergeModules(files, mod.file.schema.value);
      EXPECT_TRUE(merged.errors.empty());
      EXPECT_TRUE(ValidateModel(merged.model).ok());
      ++models;
    } else if (entry.path().extension() == ".yaml") {
      const auto model = YAML::Load(text)["model"];
      if (!model) continue;
      ExpectGood(model.as<std::string>());
      ++models;
    }
  }
  std::cout << "sample stores: " << models << " models\n";
  EXPECT_EQ(models, 29);
}

}  // namespace
}  // namespace pemba::model
