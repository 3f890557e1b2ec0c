#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/base/text.h"
#include "pemba/base/ulid.h"

namespace pemba {
namespace {

class FakeClock final : public Clock {
 public:
  WallTime Now() const override { return now; }
  SteadyTime Steady() const override { return SteadyTime{}; }
  WallTime now{std::chrono::milliseconds(1'700'000'000'000)};
};

Result<int> Half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kValidation, "odd"};
  return n / 2;
}
Result<int> Quarter(int n) {
  PEMBA_TRY(const int half, Half(n));
  return Half(half);
}

TEST(Result, TryReturnsTheValueOrTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_EQ(Quarter(3).error().code, ErrorCode::kValidation);
}

TEST(Ulid, TextRoundTripsAndSorts) {
  const Ulid ulid{0x0123456789ABCDEF, 0xFEDCBA9876543210};
  EXPECT_EQ(ToText(ulid).size(), 26u);
  EXPECT_EQ(ParseUlid(ToText(ulid)), ulid);
  EXPECT_EQ(ToText(Ulid{~0ull, ~0ull}), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_LT(ToText(Ulid{1, ~0ull}), ToText(Ulid{2, 0}));
}

TEST(Ulid, RefusesWhatIsNotAUlid) {
  for (const char* text : {"", "7ZZZZZZZZZZZZZZZZZZZZZZZZ", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
                           "7ZZZZZZZZZZZZZZZZZZZZZZZZI", "7zZZZZZZZZZZZZZZZZZZZZZZZZ"}) {
    EXPECT_FALSE(ParseUlid(text).has_value()) << text;
  }
}

TEST(Ulid, GrowsStrictlyWhenTheClockStandsOrGoesBack) {
  FakeClock clock;
  UlidGenerator generator(clock);
  Ulid last = generator.Next();
  EXPECT_EQ(last.milliseconds(), 1'700'000'000'000u);
  for (int i = 0; i < 1000; ++i) {
    if (i == 500) clock.now -= std::chrono::hours(1);
    const Ulid next = generator.Next();
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(Text, KnowsUtf8) {
  for (const char* good :
       {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
  EXPECT_EQ(CodePoints("h\xC3\xA9\xF0\x9F\x98\x80"), 3u);
}

TEST(Text, KnowsControlCharacters) {
  EXPECT_TRUE(HasControlCharacter(std::string_view("a\0b", 3)));
  EXPECT_TRUE(HasControlCharacter("a\x7F"));
  EXPECT_TRUE(HasControlCharacter("a\xC2\x85"));
  EXPECT_FALSE(HasControlCharacter("a b\xC2\xA0\xC3\xA9"));
}

TEST(Text, Base64UrlRoundTrips) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const auto text = Base64UrlEncode(bytes);
    EXPECT_EQ(text.size() % 4, 0u);
    EXPECT_EQ(Base64UrlDecode(text), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
  EXPECT_EQ(Base64UrlEncode("a"), "YQ==");
  EXPECT_FALSE(Base64UrlDecode("a").has_value());
  EXPECT_FALSE(Base64UrlDecode("YR==").has_value());
  EXPECT_FALSE(Base64UrlDecode("Y+==").has_value());
}

TEST(Arena, AlignsAndReusesItsLargestBlock) {
  Arena arena;
  for (int round = 0; round < 3; ++round) {
    std::set<void*> seen;
    for (std::size_t size = 1; size < 5000; size += 37) {
      auto* at = arena.Allocate(size, 16);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 16, 0u);
      std::memset(at, 0xAB, size);
      EXPECT_TRUE(seen.insert(at).second);
    }
    EXPECT_GT(arena.used_bytes(), 100'000u);
    arena.Reset();
    EXPECT_EQ(arena.used_bytes(), 0u);
  }
  EXPECT_EQ(arena.Copy("text"), "text");
}

}  // namespace
}  // namespace pemba
