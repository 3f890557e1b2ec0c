// Text to tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/problem.h"

namespace pemba::reason::internal {

enum class TokenKind : std::uint8_t {
  kWord,           // `file`, `isa`, `group-membership`; keywords are words.
  kIsaExact,       // `isa!`
  kSubExact,       // `sub!`
  kVariable,       // `$x`, `$_`; text without the sigil.
  kValueVariable,  // `?x`; text without the sigil.
  kString,         // Text is what stands between the quotes, as written.
  kLong,           // With its sign, if one stands right before it, as do doubles.
  kDouble,
  kDateTime,
  kIid,     // `0x1a`
  kSymbol,  // `(`, `==`, `@` and the like.
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  Position at;
  bool glued = false;  // Nothing stands between the token before and this one.

  bool Is(std::string_view symbol) const { return kind == TokenKind::kSymbol && text == symbol; }
  bool IsWord(std::string_view word) const { return kind == TokenKind::kWord && text == word; }
};

// The last token is kEnd. Tokens point into `text`. O(n).
// Errors: kSyntax for characters that begin no token, unfinished strings and bytes that are not
// UTF-8.
Result<std::vector<Token>> Tokenize(std::string_view text);

// What a string literal says: `\"`, `\'`, `\\`, `\n`, `\r` and `\t` are one character; a backslash
// before any other character stands for itself.
std::string Unescape(std::string_view written);

}  // namespace pemba::reason::internal
