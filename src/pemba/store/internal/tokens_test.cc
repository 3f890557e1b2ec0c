#include "pemba/store/internal/tokens.h"

#include <vector>

#include <gtest/gtest.h>

#include "pemba/base/text.h"

namespace pemba::store::internal {
namespace {

const std::string kSecret(32, 's');
const std::string kOtherSecret(32, 't');
const Tokens kTokens(kSecret);
constexpr std::string_view kStore = "01J0000000000000000000000A";

void ExpectInvalid(const Result<std::string>& result) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(),
            (Error{ErrorCode::kInvalidContinuationToken, "Invalid continuation token"}));
}

TEST(Tokens, OpenToThePositionTheyWereMadeOf) {
  for (const std::string& position : {std::string(), std::string("a"), std::string(3000, '\xFF')}) {
    const auto token = kTokens.Make(TokenUse::kRead, kStore, position);
    EXPECT_EQ(*kTokens.Open(TokenUse::kRead, kStore, token), position);
  }
}

// The wire's rule for tokens: this alphabet, padding at the end, at most 5120 bytes.
TEST(Tokens, FitTheWire) {
  const std::string object = "document:" + std::string(1015, 'x');  // 256 characters of 4 bytes.
  const std::string subject(512, 'x');
  const std::string condition(1024, 'x');
  const auto token = kTokens.Make(
      TokenUse::kRead, kStore,
      EncodePosition(ReadPosition{{object, std::string(200, 'x'), subject}, condition}));
  EXPECT_LE(token.size(), 5120u);
  const auto end = token.find_last_not_of('=');
  EXPECT_LE(token.size() - end - 1, 2u);
  for (const char c : token.substr(0, end + 1)) EXPECT_TRUE(isalnum(c) || c == '-' || c == '_');
}

TEST(Tokens, AreGoodForTheirOperationStoreAndServerOnly) {
  const auto token = kTokens.Make(TokenUse::kRead, kStore, "position");
  ExpectInvalid(kTokens.Open(TokenUse::kReadChanges, kStore, token));
  ExpectInvalid(kTokens.Open(TokenUse::kRead, "01J0000000000000000000000B", token));
  ExpectInvalid(kTokens.Open(TokenUse::kRead, "", token));
  ExpectInvalid(Tokens(kOtherSecret).Open(TokenUse::kRead, kStore, token));
}

// Moving bytes between store and position must not keep the MAC.
TEST(Tokens, TheStoreIsNotAPrefixOfThePosition) {
  const auto token = kTokens.Make(TokenUse::kRead, "ab", "c");
  ExpectInvalid(kTokens.Open(TokenUse::kRead, "a", token));
  EXPECT_NE(kTokens.Make(TokenUse::kRead, "ab", "c"), kTokens.Make(TokenUse::kRead, "a", "bc"));
}

TEST(Tokens, EveryFlippedBitIsSeen) {
  const auto bytes = *Base64UrlDecode(kTokens.Make(TokenUse::kRead, kStore, "position"));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto forged = bytes;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << (bit % 8)));
    ExpectInvalid(kTokens.Open(TokenUse::kRead, kStore, Base64UrlEncode(forged)));
  }
}

TEST(Tokens, MalformedTextIsNoToken) {
  const auto token = kTokens.Make(TokenUse::kRead, kStore, "position");
  for (const std::string& text :
       {std::string(), std::string("="), std::string("AAAA"), std::string("not base64!"),
        token + "=", token.substr(0, token.size() - 1), token.substr(1), token + "AAAA",
        token.substr(0, token.size() - 4)}) {
    SCOPED_TRACE(text);
    ExpectInvalid(kTokens.Open(TokenUse::kRead, kStore, text));
  }
}

TEST(Positions, ComeBackAsTheyWere) {
  const ReadPosition read{{"document:1", "viewer", "group:eng#member"}, "soon"};
  const auto bytes = EncodePosition(read);
  const auto got = DecodeReadPosition(bytes);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->tuple, read.tuple);
  EXPECT_EQ(got->condition, read.condition);

  const ChangesPosition changes{~storage::Revision{0}, 99, "document"};
  const auto changes_bytes = EncodePosition(changes);
  EXPECT_EQ(*DecodeChangesPosition(changes_bytes), changes);
}

TEST(Positions, OfAnotherShapeAreInvalid) {
  const auto read = EncodePosition(ReadPosition{{"document:1", "viewer", "user:anne"}, ""});
  const auto changes = EncodePosition(ChangesPosition{1, 2, "document"});
  for (std::size_t size = 0; size < read.size(); ++size) {
    EXPECT_FALSE(DecodeReadPosition(std::string_view(read).substr(0, size)).ok());
  }
  for (std::size_t size = 0; size < changes.size(); ++size) {
    EXPECT_FALSE(DecodeChangesPosition(std::string_view(changes).substr(0, size)).ok());
  }
  EXPECT_FALSE(DecodeReadPosition(read + "x").ok());
  // One more byte says that the tuple expires.
  const auto expiring =
      EncodePosition(ReadPosition{{"document:1", "viewer", "user:anne"}, "", true});
  EXPECT_EQ(expiring, read + "\x01");
  EXPECT_TRUE(DecodeReadPosition(expiring)->expires);
  EXPECT_FALSE(DecodeReadPosition(read)->expires);
  EXPECT_FALSE(DecodeReadPosition(expiring + "\x01").ok());
  EXPECT_FALSE(DecodeChangesPosition(changes + "x").ok());
}

}  // namespace
}  // namespace pemba::store::internal
