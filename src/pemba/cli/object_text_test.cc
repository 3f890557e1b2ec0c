#include "pemba/cli/object_text.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace pemba::cli {
namespace {

boost::json::object Parse(std::string_view text) {
  return boost::json::parse(boost::json::string_view(text.data(), text.size())).as_object();
}

constexpr std::string_view kTable = R"({"columnDefinitions":[{"name":"Name","priority":0},
  {"name":"Ready","priority":0},{"name":"Reason","priority":1}],
  "rows":[{"cells":["a-long-name","True","Fine"],"object":{"metadata":{"namespace":"north"}}},
          {"cells":["b",null,3],"object":{"metadata":{"namespace":"south"}}}]})";

TEST(TableText, HasColumns) {
  const auto table = Parse(kTable);
  EXPECT_EQ(TableText(table, Width::kNarrow, Namespaces::kHidden, Colours::kNo),
            "NAME          READY\n"
            "a-long-name   True\n"
            "b\n");
  EXPECT_EQ(TableText(table, Width::kWide, Namespaces::kShown, Colours::kNo),
            "NAMESPACE   NAME          READY   REASON\n"
            "north       a-long-name   True    Fine\n"
            "south       b                     3\n");
  EXPECT_NE(TableText(table, Width::kNarrow, Namespaces::kHidden, Colours::kYes)
                .find("\x1b[32mTrue\x1b[0m"),
            std::string::npos);
  EXPECT_EQ(TableText(Parse(R"({"columnDefinitions":[],"rows":[]})"), Width::kWide,
                      Namespaces::kShown, Colours::kNo),
            "");
}

TEST(DescriptionText, PutsConditionsInATable) {
  const auto object = Parse(R"({"apiVersion":"g/v1","kind":"Role","metadata":{"name":"r",
    "namespace":"n","labels":{"a":"b"}},"spec":{"stage":"Beta"},"status":{"count":1,"conditions":[
    {"type":"Ready","status":"False","reason":"Gone","message":"no such role"}]}})");
  EXPECT_EQ(DescriptionText(object, Colours::kNo),
            "Name:         r\n"
            "Namespace:    n\n"
            "Kind:         Role\n"
            "API version:  g/v1\n"
            "Labels:\n"
            "  a: b\n"
            "Spec:\n"
            "  stage: Beta\n"
            "Conditions:\n"
            "  TYPE    STATUS   REASON   MESSAGE\n"
            "  Ready   False    Gone     no such role\n"
            "Status:\n"
            "  count: 1\n");
}

struct DifferenceCase {
  const char* name;
  const char* before;
  const char* after;
  const char* want;
};

TEST(DifferenceText, ShowsWhatChangesWithItsSurroundings) {
  constexpr DifferenceCase kCases[] = {
      {"nothing", "a\nb\n", "a\nb\n", ""},
      {"a line", "a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c\n"},
      {"all new", "", "a\nb\n", "+ a\n+ b\n"},
      {"all gone", "a\n", "", "- a\n"},
      {"three lines around it", "1\n2\n3\n4\n5\n", "1\n2\n3\n4\n5\n6\n", "  3\n  4\n  5\n+ 6\n"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(DifferenceText(c.before, c.after, Colours::kNo), c.want) << c.name;
  }
}

}  // namespace
}  // namespace pemba::cli
