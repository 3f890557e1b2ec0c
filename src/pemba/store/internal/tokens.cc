#include "pemba/store/internal/tokens.h"

#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "pemba/base/assert.h"
#include "pemba/base/text.h"

namespace pemba::store::internal {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kMacBytes = 16;
constexpr char kExpires = 1;  // At the end of a position of Read; nothing: the tuple does not.

void AppendInteger(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Texts of positions are names from tuples: below 64 KiB.
void AppendText(std::string& out, std::string_view text) {
  PEMBA_CHECK(text.size() <= 0xFFFF);
  out.push_back(static_cast<char>(text.size() >> 8));
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

// Nothing once the bytes end too early; `bytes` loses what was taken.
std::optional<std::uint64_t> TakeInteger(std::string_view& bytes, std::size_t width) {
  if (bytes.size() < width) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : bytes.substr(0, width)) value = value << 8 | static_cast<unsigned char>(c);
  bytes.remove_prefix(width);
  return value;
}

std::optional<std::string_view> TakeText(std::string_view& bytes) {
  const auto size = TakeInteger(bytes, 2);
  if (!size || bytes.size() < *size) return std::nullopt;
  const auto text = bytes.substr(0, *size);
  bytes.remove_prefix(*size);
  return text;
}

}  // namespace

Error InvalidToken() {
  return {ErrorCode::kInvalidContinuationToken, "Invalid continuation token"};
}

std::string Tokens::Mac(TokenUse use, std::string_view store, std::string_view versioned) const {
  // Each part but the last is of fixed size or preceded by its size: no two inputs read the same.
  std::string input;
  input.push_back(static_cast<char>(use));
  AppendInteger(input, store.size());
  input.append(store);
  input.append(versioned);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const auto* made =
      HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  PEMBA_CHECK(made != nullptr && size >= kMacBytes);
  return {reinterpret_cast<const char*>(mac), kMacBytes};
}

std::string Tokens::Make(TokenUse use, std::string_view store, std::string_view position) const {
  std::string token(1, kVersion);
  token.append(position);
  token.append(Mac(use, store, token));
  return Base64UrlEncode(token);
}

Result<std::string> Tokens::Open(TokenUse use, std::string_view store,
                                 std::string_view token) const {
  auto bytes = Base64UrlDecode(token);
  if (!bytes || bytes->size() < 1 + kMacBytes || bytes->front() != kVersion) return InvalidToken();
  const std::size_t size = bytes->size() - kMacBytes;
  const std::string want = Mac(use, store, std::string_view(*bytes).substr(0, size));
  if (CRYPTO_memcmp(want.data(), bytes->data() + size, kMacBytes) != 0) return InvalidToken();
  // One token, one spelling: with its padding, no more and no less.
  if (Base64UrlEncode(*bytes) != token) return InvalidToken();
  return bytes->substr(1, size - 1);
}

std::string EncodePosition(const ReadPosition& position) {
  std::string out;
  AppendText(out, position.tuple.object);
  AppendText(out, position.tuple.relation);
  AppendText(out, position.tuple.subject);
  AppendText(out, position.condition);
  if (position.expires) out.push_back(kExpires);
  return out;
}

Result<ReadPosition> DecodeReadPosition(std::string_view bytes) {
  const auto object = TakeText(bytes);
  const auto relation = TakeText(bytes);
  const auto subject = TakeText(bytes);
  const auto condition = TakeText(bytes);
  const bool expires = bytes == std::string_view(&kExpires, 1);
  if (!object || !relation || !subject || !condition || (!expires && !bytes.empty())) {
    return InvalidToken();
  }
  return ReadPosition{{*object, *relation, *subject}, *condition, expires};
}

std::string EncodePosition(const ChangesPosition& position) {
  std::string out;
  AppendInteger(out, position.revision);
  AppendInteger(out, position.change);
  AppendText(out, position.type);
  return out;
}

Result<ChangesPosition> DecodeChangesPosition(std::string_view bytes) {
  const auto revision = TakeInteger(bytes, 8);
  const auto change = TakeInteger(bytes, 8);
  const auto type = TakeText(bytes);
  if (!revision || !change || !type || !bytes.empty()) return InvalidToken();
  return ChangesPosition{*revision, *change, *type};
}

}  // namespace pemba::store::internal
