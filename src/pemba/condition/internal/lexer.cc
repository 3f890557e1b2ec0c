#include "pemba/condition/internal/lexer.h"

#include <algorithm>
#include <array>
#include <string>

namespace pemba::condition::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

struct Operator {
  std::string_view text;
  TokenKind kind;
};
// Longer ones first.
constexpr std::array<Operator, 25> kOperators{
    {{"==", TokenKind::kEqual},      {"!=", TokenKind::kNotEqual},
     {"<=", TokenKind::kLessEqual},  {">=", TokenKind::kGreaterEqual},
     {"&&", TokenKind::kAnd},        {"||", TokenKind::kOr},
     {"<", TokenKind::kLess},        {">", TokenKind::kGreater},
     {"[", TokenKind::kLeftBracket}, {"]", TokenKind::kRightBracket},
     {"{", TokenKind::kLeftBrace},   {"}", TokenKind::kRightBrace},
     {"(", TokenKind::kLeftParen},   {")", TokenKind::kRightParen},
     {".", TokenKind::kDot},         {",", TokenKind::kComma},
     {"-", TokenKind::kMinus},       {"!", TokenKind::kNot},
     {"?", TokenKind::kQuestion},    {":", TokenKind::kColon},
     {"+", TokenKind::kPlus},        {"*", TokenKind::kStar},
     {"/", TokenKind::kSlash},       {"%", TokenKind::kPercent},
     {"", TokenKind::kEnd}}};

}  // namespace

Token Lexer::Next() {
  SkipSpace();
  if (at_ >= source_.size()) return Take(TokenKind::kEnd, 0);
  const char c = Peek();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
  if (IsLetter(c)) return Word();
  if (c == '"' || c == '\'') return Text(TokenKind::kString, 0, false);
  if (c == '`') return QuotedIdentifier();
  return Punctuation();
}

void Lexer::SkipSpace() {
  for (;;) {
    while (at_ < source_.size() && IsSpace(Peek())) ++at_;
    if (Peek() != '/' || Peek(1) != '/') return;
    at_ = std::min(source_.find('\n', at_), source_.size());
  }
}

Token Lexer::Take(TokenKind kind, std::size_t size) {
  const Token token{kind, static_cast<std::uint32_t>(at_), source_.substr(at_, size)};
  at_ += size;
  return token;
}

Token Lexer::Number() {
  std::size_t size = 0;
  const auto skip_digits = [&] {
    while (IsDigit(Peek(size))) ++size;
  };
  TokenKind kind = TokenKind::kInt;
  if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X') && IsHexDigit(Peek(2))) {
    size = 2;
    while (IsHexDigit(Peek(size))) ++size;
  } else {
    skip_digits();
    if (Peek(size) == '.' && IsDigit(Peek(size + 1))) {
      kind = TokenKind::kDouble;
      ++size;
      skip_digits();
    }
    const bool exponent = Peek(size) == 'e' || Peek(size) == 'E';
    const std::size_t sign = Peek(size + 1) == '+' || Peek(size + 1) == '-' ? 1 : 0;
    if (exponent && IsDigit(Peek(size + 1 + sign))) {
      kind = TokenKind::kDouble;
      size += 1 + sign;
      skip_digits();
    }
  }
  if (kind == TokenKind::kInt && (Peek(size) == 'u' || Peek(size) == 'U')) {
    kind = TokenKind::kUint;
    ++size;
  }
  return Take(kind, size);
}

Token Lexer::Word() {
  std::size_t size = 1;
  while (IsLetter(Peek(size)) || IsDigit(Peek(size))) ++size;
  const auto word = source_.substr(at_, size);
  if (Peek(size) == '"' || Peek(size) == '\'') {
    const auto is = [&](std::string_view lower, std::string_view upper) {
      return word == lower || word == upper;
    };
    if (is("r", "R")) return Text(TokenKind::kString, 1, true);
    if (is("b", "B")) return Text(TokenKind::kBytes, 1, false);
    if (is("br", "BR") || is("bR", "Br")) return Text(TokenKind::kBytes, 2, true);
  }
  if (word == "true") return Take(TokenKind::kTrue, size);
  if (word == "false") return Take(TokenKind::kFalse, size);
  if (word == "null") return Take(TokenKind::kNull, size);
  if (word == "in") return Take(TokenKind::kIn, size);
  return Take(TokenKind::kIdentifier, size);
}

Token Lexer::Text(TokenKind kind, std::size_t prefix_size, bool raw) {
  const char quote = Peek(prefix_size);
  const bool triple = Peek(prefix_size + 1) == quote && Peek(prefix_size + 2) == quote;
  const std::string delimiter(triple ? 3 : 1, quote);
  std::size_t size = prefix_size + delimiter.size();
  for (;; ++size) {
    if (at_ + size >= source_.size()) return Unrecognized(size);
    const char c = Peek(size);
    if (!triple && (c == '\n' || c == '\r')) return Unrecognized(size);
    if (c == '\\' && !raw) {
      ++size;  // Whatever follows belongs to the escape sequence, a quote too.
      continue;
    }
    if (source_.substr(at_ + size).starts_with(delimiter)) break;
  }
  return Take(kind, size + delimiter.size());
}

Token Lexer::QuotedIdentifier() {
  std::size_t size = 1;
  const auto allowed = [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '.' || c == '-' || c == '/' || c == ' ';
  };
  while (allowed(Peek(size))) ++size;
  if (Peek(size) != '`' || size == 1) return Unrecognized(size);
  Token token = Take(TokenKind::kQuotedIdentifier, size + 1);
  token.text = token.text.substr(1, size - 1);
  return token;
}

Token Lexer::Punctuation() {
  const auto rest = source_.substr(at_);
  const auto* op = std::find_if(kOperators.begin(), kOperators.end(),
                                [&](const Operator& o) { return rest.starts_with(o.text); });
  if (op->text.empty()) return Unrecognized(1);
  return Take(op->kind, op->text.size());
}

Token Lexer::Unrecognized(std::size_t size) {
  // Never cut a character in two.
  while (at_ + size < source_.size() &&
         (static_cast<unsigned char>(source_[at_ + size]) & 0xc0) == 0x80) {
    ++size;
  }
  const Token token = Take(TokenKind::kError, std::min(size, source_.size() - at_));
  issues_.Report(token.offset,
                 "Syntax error: token recognition error at: '" + std::string(token.text) + "'");
  return token;
}

}  // namespace pemba::condition::internal
