#include "pemba/api/call_text.h"

#include <set>

#include <gtest/gtest.h>

namespace pemba::api {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(ParseQuery, UndoesTheEncoding) {
  EXPECT_EQ(*ParseQuery(""), Pairs{});
  EXPECT_EQ(*ParseQuery("a=b&c=d"), (Pairs{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(*ParseQuery("a+b=%63%3D&&x"), (Pairs{{"a b", "c="}, {"x", ""}}));
  EXPECT_EQ(*ParseQuery("a=b=c"), (Pairs{{"a", "b=c"}}));
  EXPECT_EQ(*ParseQuery("a=%41"), (Pairs{{"a", "A"}}));
  for (const char* broken : {"a=%", "a=%4", "a=%zz", "%g0=1"}) {
    EXPECT_FALSE(ParseQuery(broken).ok()) << broken;
  }
}

TEST(NewRequestId, IsARandomUuid) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto request_id = NewRequestId();
    const auto id = std::string(TextOf(request_id));
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(id[8], '-');
    EXPECT_EQ(id[13], '-');
    EXPECT_EQ(id[14], '4');
    EXPECT_EQ(id[18], '-');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    EXPECT_EQ(id[23], '-');
    EXPECT_TRUE(seen.insert(id).second);
  }
}

}  // namespace
}  // namespace pemba::api
