#include "pemba/rpc/internal/grpc_wire.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "pemba/rpc/internal/gzip.h"
#include "pemba/rpc/internal/percent.h"
#include "pemba/rpc/testing/gzip.h"

namespace pemba::rpc::internal {
namespace {

using std::chrono::nanoseconds;

struct TimeoutCase {
  const char* name;
  std::string_view text;
  std::optional<nanoseconds> want;
};

constexpr TimeoutCase kTimeoutCases[] = {
    {"hours", "1H", nanoseconds(std::chrono::hours(1))},
    {"minutes", "2M", nanoseconds(std::chrono::minutes(2))},
    {"seconds", "3S", nanoseconds(std::chrono::seconds(3))},
    {"milliseconds", "99999999m", nanoseconds(std::chrono::milliseconds(99'999'999))},
    {"microseconds", "5u", nanoseconds(5000)},
    {"nanoseconds", "00000006n", nanoseconds(6)},
    {"zero", "0m", nanoseconds(0)},
    {"longer than a year is a year", "99999999H", nanoseconds(std::chrono::hours(365 * 24))},
    {"nine digits", "123456789n", std::nullopt},
    {"no unit", "12", std::nullopt},
    {"unknown unit", "12s", std::nullopt},
    {"no digits", "m", std::nullopt},
    {"empty", "", std::nullopt},
    {"negative", "-1S", std::nullopt},
    {"space", "1 S", std::nullopt},
};

TEST(ParseTimeout, FollowsTheProtocol) {
  for (const auto& c : kTimeoutCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ParseTimeout(c.text), c.want);
  }
}

TEST(IsGrpcContentType, TellsGrpcFromItsRelatives) {
  EXPECT_TRUE(IsGrpcContentType("application/grpc"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc+proto"));
  EXPECT_TRUE(IsGrpcContentType("application/grpc;charset=utf-8"));
  EXPECT_FALSE(IsGrpcContentType("application/grpc-web"));
  EXPECT_FALSE(IsGrpcContentType("application/json"));
  EXPECT_FALSE(IsGrpcContentType(""));
}

TEST(FramePrefix, IsFlagsAndBigEndianLength) {
  std::string bytes;
  AppendFramePrefix(0x01020304, bytes);
  EXPECT_EQ(bytes, std::string("\0\1\2\3\4", 5));
  bytes[0] = 1;
  EXPECT_EQ(ReadFramePrefix(bytes).flags, 1);
  EXPECT_EQ(ReadFramePrefix(bytes).length, 0x01020304u);
}

TEST(Base64, RoundTripsEveryLengthAndByte) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    AppendBase64(bytes, text);
    EXPECT_EQ(text.find('='), text.npos);
    std::string back;
    ASSERT_TRUE(DecodeBase64(text, back));
    EXPECT_EQ(back, bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST(Base64, TakesPaddingAndRefusesGarbage) {
  std::string out = "kept";
  EXPECT_TRUE(DecodeBase64("+/8=", out));
  EXPECT_EQ(out, "kept\xFB\xFF");
  for (const std::string_view bad : {"a", "ab-d", "a b", "abcde"}) {
    std::string before = "kept";
    EXPECT_FALSE(DecodeBase64(bad, before)) << bad;
    EXPECT_EQ(before, "kept");
  }
}

TEST(PercentEncodeMessage, KeepsPrintableAscii) {
  std::string out;
  PercentEncodeMessage("plain text ~!", out);
  EXPECT_EQ(out, "plain text ~!");
  out.clear();
  PercentEncodeMessage("100% caf\xC3\xA9\r\n\x7F", out);
  EXPECT_EQ(out, "100%25 caf%C3%A9%0D%0A%7F");
}

TEST(PercentDecode, LeavesBrokenEscapes) {
  std::string out;
  PercentDecode("a%20b%2fc%2Fd%zz%4", out);
  EXPECT_EQ(out, "a b/c/d%zz%4");
}

TEST(Gunzip, StopsAtTheLimit) {
  const std::string zeros(1'000'000, '\0');
  const auto bomb = testing::Gzip(zeros);
  std::string out;
  EXPECT_EQ(Gunzip(bomb, zeros.size(), out), GunzipOutcome::kDone);
  EXPECT_EQ(out, zeros);
  EXPECT_EQ(Gunzip(bomb, zeros.size() - 1, out), GunzipOutcome::kTooLarge);
  EXPECT_EQ(Gunzip(bomb, 10, out), GunzipOutcome::kTooLarge);
  EXPECT_LE(out.size(), 11u);
}

TEST(Gunzip, RefusesWhatIsNotOneGzipStream) {
  const auto good = testing::Gzip("hello");
  std::string out;
  ASSERT_EQ(Gunzip(good, 100, out), GunzipOutcome::kDone);
  EXPECT_EQ(out, "hello");
  EXPECT_EQ(Gunzip(testing::Gzip(""), 100, out), GunzipOutcome::kDone);
  EXPECT_EQ(out, "");
  EXPECT_EQ(Gunzip("", 100, out), GunzipOutcome::kMalformed);
  EXPECT_EQ(Gunzip("hello", 100, out), GunzipOutcome::kMalformed);
  EXPECT_EQ(Gunzip(good + "x", 100, out), GunzipOutcome::kMalformed);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(Gunzip(std::string_view(good).substr(0, cut), 100, out), GunzipOutcome::kMalformed);
  }
}

}  // namespace
}  // namespace pemba::rpc::internal
