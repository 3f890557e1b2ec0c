#include "pemba/api/patterns.h"

#include <string>

#include <gtest/gtest.h>
#include <re2/re2.h>

namespace pemba::api {
namespace {

std::string Times(std::size_t count, std::string_view text) {
  std::string out;
  while (count-- > 0) out += text;
  return out;
}

// The hand-written matchers against the expressions that they stand for.
TEST(Patterns, MatchWhatTheirTextsSay) {
  const Pattern* patterns[] = {
      &kUlidPattern,      &kTypePattern,        &kRelationPattern,   &kObjectPattern,
      &kUserPattern,      &kReadUserPattern,    &kObjectIdPattern,   &kStoreNamePattern,
      &kTokenPattern,     &kChangesTypePattern, &kSourceFilePattern, &kCorrelationIdPattern,
      &kSubjectIdPattern, &kResourceIdPattern,
  };
  std::vector<std::string> texts = {
      "",
      "a",
      "ab",
      "abc",
      "a b",
      "a:b",
      ":b",
      "a:",
      "a:b:c",
      "a:b#c",
      "a@b",
      "a|b",
      "é",
      "a\tb",
      "a\vb",
      "a\xC2\xA0"
      "b",
      "a\nb",
      "x.fga",
      "dir/x_-1.fga",
      ".fga",
      "x.FGA",
      "x.fga\n",
      "abc=",
      "abc==",
      "abc===",
      "=",
      "a=b",
      "a-_9",
      "core/a.fga",
      "a#",
      "a b#",
      "#a",
      "a ",
      " ",
      "01HVMMBCMGZNT3SED4Z17ECXCA",
      "01HVMMBCMGZNT3SED4Z17ECXCa",
      "01HVMMBCMGZNT3SED4Z17ECXCI",
      "01HVMMBCMGZNT3SED4Z17ECXC",
      "name with spaces",
      "user@example.com",
      "a.b-c/d^e_f&g",
      "semi;colon",
  };
  for (const std::size_t n : {35U,  36U,  37U,  49U,  50U,  51U,  63U,  64U,  65U,  100U,
                              101U, 253U, 254U, 255U, 256U, 257U, 510U, 511U, 512U, 513U}) {
    texts.push_back(Times(n, "a"));
    texts.push_back(Times(n, "é"));
    texts.push_back(Times(n, "\xF0\x9F\x98\x80"));
    texts.push_back(Times(n, "a") + ":b");
    texts.push_back("b:" + Times(n, "é"));
    texts.push_back(Times(n, "a") + ".fga");
  }
  for (const auto* pattern : patterns) {
    const RE2 reference(std::string(pattern->text));
    ASSERT_TRUE(reference.ok()) << pattern->text;
    for (const auto& text : texts) {
      EXPECT_EQ(pattern->matches(text), RE2::PartialMatch(text, reference))
          << pattern->text << " on `" << text << "`";
    }
  }
}

}  // namespace
}  // namespace pemba::api
