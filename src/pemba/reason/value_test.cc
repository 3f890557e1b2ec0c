#include "pemba/reason/value.h"

#include <limits>

#include <gtest/gtest.h>

namespace pemba::reason {
namespace {

TEST(DateTime, IsReadAndWritten) {
  struct Case {
    const char* text;
    const char* written;  // Null: not a date.
  };
  constexpr Case kCases[] = {
      {"2023-05-16", "2023-05-16T00:00:00"},
      {"2023-05-16T11:20", "2023-05-16T11:20:00"},
      {"2023-05-16T11:20:38", "2023-05-16T11:20:38"},
      {"2023-05-16T11:20:38.5", "2023-05-16T11:20:38.500"},
      {"2023-05-16T11:20:38.05", "2023-05-16T11:20:38.050"},
      {"2023-05-16T11:20:38.005", "2023-05-16T11:20:38.005"},
      {"2024-02-29", "2024-02-29T00:00:00"},
      {"0001-01-01", "0001-01-01T00:00:00"},
      {"9999-12-31T23:59:59.999", "9999-12-31T23:59:59.999"},
      {"1969-12-31T23:59:59.999", "1969-12-31T23:59:59.999"},
      {"2023-02-29", nullptr},
      {"1900-02-29", nullptr},
      {"2023-13-01", nullptr},
      {"2023-00-01", nullptr},
      {"2023-05-32", nullptr},
      {"2023-5-16", nullptr},
      {"2023-05-16T24:00", nullptr},
      {"2023-05-16T11:60", nullptr},
      {"2023-05-16T11:20:38.1234", nullptr},
      {"2023-05-16T11:20:38.", nullptr},
      {"2023-05-16T11:20Z", nullptr},
      {"2023-05-16T", nullptr},
      {"", nullptr},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    const auto time = ParseDateTime(c.text);
    ASSERT_EQ(time.has_value(), c.written != nullptr);
    if (!time) continue;
    EXPECT_EQ(ToText(*time), c.written);
    EXPECT_EQ(ParseDateTime(c.written), time);
  }
  EXPECT_EQ(ParseDateTime("1970-01-02")->milliseconds, 86'400'000);
}

TEST(Value, ComparesLongAndDoubleExactly) {
  constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;  // Not a double.
  struct Case {
    Value a, b;
    std::partial_ordering want;
  };
  const Case cases[] = {
      {std::int64_t{2}, 2.0, std::partial_ordering::equivalent},
      {std::int64_t{2}, 2.5, std::partial_ordering::less},
      {std::int64_t{3}, 2.5, std::partial_ordering::greater},
      {std::int64_t{-3}, -2.5, std::partial_ordering::less},
      {std::int64_t{-2}, -2.5, std::partial_ordering::greater},
      {kBig, 9007199254740992.0, std::partial_ordering::greater},
      {std::numeric_limits<std::int64_t>::max(), 9223372036854775808.0,
       std::partial_ordering::less},
      {std::numeric_limits<std::int64_t>::min(), -9223372036854775808.0,
       std::partial_ordering::equivalent},
      {std::int64_t{1}, std::numeric_limits<double>::quiet_NaN(), std::partial_ordering::unordered},
      {std::string("B"), std::string("a"), std::partial_ordering::less},
      {std::string("1"), std::int64_t{1}, std::partial_ordering::unordered},
      {false, true, std::partial_ordering::less},
      {DateTime{1}, DateTime{2}, std::partial_ordering::less},
      {DateTime{1}, std::int64_t{1}, std::partial_ordering::unordered},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(ToText(c.a) + " <=> " + ToText(c.b));
    EXPECT_EQ(Compare(c.a, c.b), c.want);
    const auto reversed = c.want == std::partial_ordering::less ? std::partial_ordering::greater
                          : c.want == std::partial_ordering::greater ? std::partial_ordering::less
                                                                     : c.want;
    EXPECT_EQ(Compare(c.b, c.a), reversed);
  }
}

TEST(Value, IsWrittenAsALiteral) {
  EXPECT_EQ(ToText(Value(2.0)), "2.0");
  EXPECT_EQ(ToText(Value(0.1)), "0.1");
  EXPECT_EQ(ToText(Value(1e21)), "1000000000000000000000.0");
  EXPECT_EQ(ToText(Value(std::string("a \"b\" \\ \n\t"))), R"("a \"b\" \\ \n\t")");
  EXPECT_EQ(ToText(Value(true)), "true");
  EXPECT_EQ(ToText(Value(std::int64_t{-7})), "-7");
}

}  // namespace
}  // namespace pemba::reason
