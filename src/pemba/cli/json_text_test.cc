#include "pemba/cli/json_text.h"

#include <cmath>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace pemba::cli {
namespace {

namespace json = boost::json;

struct TextCase {
  const char* name;
  json::value value;
  const char* text;
};

TEST(JsonText, WritesNumbersAsPeopleDo) {
  const TextCase cases[] = {
      {"whole double", 1.0, "1"},
      {"negative zero", -0.0, "0"},
      {"fraction", 0.1, "0.1"},
      {"beyond the integers of doubles", 1e300, "1e+300"},
      {"greatest exact integer", 9007199254740991.0, "9007199254740991"},
      {"infinity", -HUGE_VAL, "-1e999"},
      {"integer", -5, "-5"},
      {"quotes", "a\"b", R"("a\"b")"},
      {"null", nullptr, "null"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(JsonText(c.value), c.text);
    EXPECT_NO_THROW((void)json::parse(JsonText(c.value)));
  }
}

TEST(JsonText, IndentsForPeople) {
  const auto value = json::parse(R"({"a":[1,{"b":true}],"c":[],"d":{}})");
  EXPECT_EQ(JsonText(value), R"({"a":[1,{"b":true}],"c":[],"d":{}})");
  EXPECT_EQ(JsonText(value, JsonStyle::kIndented), R"({
  "a": [
    1,
    {
      "b": true
    }
  ],
  "c": [],
  "d": {}
})");
}

TEST(JsonText, ColoursChangeNothingElse) {
  const auto value = json::parse(R"({"a":["x",null,1.5]})");
  auto text = JsonText(value, JsonStyle::kColoured);
  EXPECT_NE(text.find("\x1b[32m\"x\"\x1b[0m"), std::string::npos);
  for (auto at = text.find('\x1b'); at != text.npos; at = text.find('\x1b')) {
    text.erase(at, text.find('m', at) - at + 1);
  }
  EXPECT_EQ(text, JsonText(value, JsonStyle::kIndented));
}

}  // namespace
}  // namespace pemba::cli
