#include "pemba/cli/explanation_text.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace pemba::cli {
namespace {

struct Case {
  const char* name;
  const char* answer;
  const char* text;
};

constexpr Case kCases[] = {
    {"a node that is used twice is shown once", R"({"outcome":"OUTCOME_ALLOWED","proof":[
        {"object":"d:1","relation":"a","holds":true,"rule":"RULE_DIRECT","steps":[
          {"state":"STATE_HOLDS","evidence":{"tuple":{"user":"u:1","relation":"a","object":"d:1",
            "condition":{"name":"c","context":{}}},"contextual":true,"merged_context":{"x":1}}}]},
        {"object":"d:1","relation":"b","holds":true,"rule":"RULE_INTERSECTION","steps":[
          {"state":"STATE_HOLDS","node":0},{"state":"STATE_HOLDS","node":0}]}]})",
     "allowed\n"
     "d:1#b: all of\n"
     "  d:1#a: tuple\n"
     "    d:1#a@u:1 (contextual) with c on {\"x\":1}\n"
     "  d:1#a (see above)\n"},
    {"what is missing", R"({"outcome":"OUTCOME_DENIED","complete":true,"near_misses":[{"obstacles":[
        {"kind":"KIND_MISSING_TUPLE","tuple":{"user":"u:1","relation":"a","object":"d:1"}},
        {"kind":"KIND_EXCLUDED","tuple":{"user":"u:1","relation":"b","object":"d:1"}}]}]})",
     "denied\n- missing: d:1#a@u:1\n  and excluded by d:1#b@u:1\n"},
    {"where it failed", R"({"outcome":"OUTCOME_FAILED","error":"bad","complete":false,"failures":[
        {"object":"d:1","relation":"a","message":"too far"}]})",
     "could not decide: bad\n- d:1#a: too far\n(not everything within reach was looked at)\n"},
    {"an answer that points outside itself",
     R"({"outcome":"OUTCOME_ALLOWED","proof":[{"object":"d:1","relation":"a","holds":true,
        "rule":"RULE_COMPUTED","steps":[{"node":7}]}]})",
     "allowed\nd:1#a: is\n"},
};

TEST(ExplanationText, ReadsWell) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ExplanationText(boost::json::parse(c.answer)), c.text);
  }
}

}  // namespace
}  // namespace pemba::cli
