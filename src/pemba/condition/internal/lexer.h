// Lexer: the tokens of an expression.
#pragma once

#include <cstdint>
#include <string_view>

#include "pemba/condition/internal/source.h"

namespace pemba::condition::internal {

enum class TokenKind : std::uint8_t {
  kEnd,
  kError,  // Already reported.
  kIdentifier,
  kQuotedIdentifier,  // `name`, for fields only; the text is without the backticks.
  kInt,               // Decimal or hexadecimal, without sign.
  kUint,              // The same with a `u`, which is part of the text.
  kDouble,
  kString,  // With prefix and quotes.
  kBytes,
  kTrue,
  kFalse,
  kNull,
  kIn,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kLeftBracket,
  kRightBracket,
  kLeftBrace,
  kRightBrace,
  kLeftParen,
  kRightParen,
  kDot,
  kComma,
  kMinus,
  kNot,
  kQuestion,
  kColon,
  kPlus,
  kStar,
  kSlash,
  kPercent,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t offset = 0;  // In bytes.
  std::string_view text;     // Borrowed from the source.
};

class Lexer {
 public:
  Lexer(std::string_view source, Issues& issues) : source_(source), issues_(issues) {}

  // The next token; kEnd for ever at the end. White space and comments are dropped.
  Token Next();

 private:
  void SkipSpace();
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  Token Take(TokenKind kind, std::size_t size);
  Token Number();
  Token Word();
  Token Text(TokenKind kind, std::size_t prefix_size, bool raw);
  Token QuotedIdentifier();
  Token Punctuation();
  Token Unrecognized(std::size_t size);

  std::string_view source_;
  Issues& issues_;
  std::size_t at_ = 0;
};

}  // namespace pemba::condition::internal
