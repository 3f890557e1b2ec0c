#include "pemba/yaml/yaml.h"

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace pemba::yaml {
namespace {

struct ScalarCase {
  const char* name;
  const char* yaml;
  const char* json;
};
constexpr ScalarCase kScalars[] = {
    {"nothing is null", "", "null"},
    {"tilde is null", "~", "null"},
    {"null", "null", "null"},
    {"true", "true", "true"},
    {"upper-case FALSE", "FALSE", "false"},
    {"yes is a word", "yes", "\"yes\""},
    {"off is a word", "off", "\"off\""},
    {"zero", "0", "0"},
    {"negative", "-12", "-12"},
    {"explicitly positive", "+12", "12"},
    {"leading zeros are decimal", "007", "7"},
    {"hexadecimal", "0x1F", "31"},
    {"octal", "0o17", "15"},
    {"greatest int64", "9223372036854775807", "9223372036854775807"},
    {"beyond uint64 is a double", "100000000000000000000", "1E20"},
    {"fraction", "0.5", "5E-1"},
    {"bare fraction", ".5", "5E-1"},
    {"exponent", "1e3", "1E3"},
    {"a lone dot is text", ".", "\".\""},
    {"a lone sign is text", "-", "[null]"},
    {"a version is text", "1.2.3", "\"1.2.3\""},
    {"a date is text", "2024-01-01T00:00:00Z", "\"2024-01-01T00:00:00Z\""},
    {"an address is text", "10.0.0.1", "\"10.0.0.1\""},
    {"a duration is text", "10s", "\"10s\""},
    {"e alone is text", "e3", "\"e3\""},
    {"quoted number is text", "\"1\"", "\"1\""},
    {"single-quoted boolean is text", "'true'", "\"true\""},
    {"tagged text is text", "!!str 1", "\"1\""},
    {"a list", "[1, a]", "[1,\"a\"]"},
    {"a mapping", "{a: {b: null}}", "{\"a\":{\"b\":null}}"},
    {"an alias is its anchor", "[&x {a: 1}, *x]", "[{\"a\":1},{\"a\":1}]"},
};

TEST(Yaml, TypesPlainScalarsByTheCoreSchema) {
  for (const auto& c : kScalars) {
    SCOPED_TRACE(c.name);
    const auto node = Parse(c.yaml);
    ASSERT_TRUE(node.ok()) << node.error().message;
    const auto value = ToJson(*node);
    ASSERT_TRUE(value.ok()) << value.error().message;
    EXPECT_EQ(boost::json::serialize(*value), c.json);
  }
}

struct BadCase {
  const char* name;
  std::string yaml;
  const char* message;
};

TEST(Yaml, NamesPlaceAndCauseOfWhatItRefuses) {
  std::string aliases = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char level = 'b'; level < 'l'; ++level) {
    const std::string below = "*" + std::string(1, static_cast<char>(level - 1));
    aliases += std::string(1, level) + ": &" + level + " [";
    for (int i = 0; i < 10; ++i) aliases += (i > 0 ? "," : "") + below;
    aliases += "]\n";
  }
  const BadCase cases[] = {
      {"duplicate key", "a: 1\nb: 2\na: 3", "line 3, column 1: duplicate key `a`"},
      {"infinity", "a: .inf", "line 1, column 4: `.inf` is not a number that JSON can carry"},
      {"a list as key", "[1]: 2", "a key must be text"},
      {"its own parent", "&a [*a]", "is nested too deeply"},
      {"deep nesting", std::string(200, '[') + std::string(200, ']'), "is nested too deeply"},
      {"a billion aliases", aliases, "has too many parts"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto node = Parse(c.yaml);
    ASSERT_TRUE(node.ok()) << node.error().message;
    const auto value = ToJson(*node);
    ASSERT_FALSE(value.ok());
    EXPECT_NE(value.error().message.find(c.message), std::string::npos) << value.error().message;
  }
  const auto broken = Parse("a: [1,\nb: }");
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().message.substr(0, 7), "line 2,");
}

TEST(Yaml, WhatIsEmittedReadsBackEqual) {
  const char* const cases[] = {
      R"({"a":"1","b":"true","c":"null","d":"","e":"~","f":".inf","g":"0x10","h":"1e3"})",
      R"({"a":1,"b":-5E-1,"c":true,"d":null,"e":[],"f":{},"g":[[],[{}]]})",
      R"(["a: b","- c","# d","'e'","\"f\"","g\nh","  i  ","é","{j}","[k]","*l","&m","!n","%o","@p"])",
      R"({"1":{"true":{"null":[{"a":"b"}]}}})",
  };
  for (const char* const text : cases) {
    SCOPED_TRACE(text);
    const auto value = boost::json::parse(text);
    YAML::Emitter out;
    Emit(out, value);
    const auto node = Parse(out.c_str());
    ASSERT_TRUE(node.ok()) << node.error().message << "\n" << out.c_str();
    const auto back = ToJson(*node);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, value) << out.c_str();
  }
}

TEST(Yaml, ReadsSeveralDocuments) {
  const auto all = ParseAll("a: 1\n---\nb: 2\n---\n");
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[1]["b"].as<int>(), 2);
  EXPECT_TRUE((*all)[2].IsNull());
  EXPECT_EQ(ParseAll("a: 1\n---\nb: [\n").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace pemba::yaml
