// Tokens as callers send them, and positions as if the MAC had been broken.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pemba/base/text.h"
#include "pemba/store/internal/tokens.h"

using namespace pemba::store::internal;  // NOLINT(google-build-using-namespace): a fuzzer

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::string secret(32, 's');
  const Tokens tokens(secret);

  const auto opened = tokens.Open(TokenUse::kRead, "store", text);
  if (opened.ok() && tokens.Make(TokenUse::kRead, "store", *opened) != text) std::abort();

  const auto token = tokens.Make(TokenUse::kReadChanges, "store", text);
  if (*tokens.Open(TokenUse::kReadChanges, "store", token) != text) std::abort();
  if (tokens.Open(TokenUse::kRead, "store", token).ok()) std::abort();

  const auto read = DecodeReadPosition(text);
  if (read.ok() && EncodePosition(*read) != text) std::abort();
  const auto changes = DecodeChangesPosition(text);
  if (changes.ok() && EncodePosition(*changes) != text) std::abort();
  return 0;
}
