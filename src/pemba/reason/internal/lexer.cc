#include "pemba/reason/internal/lexer.h"

#include <array>
#include <cstddef>

#include "pemba/base/text.h"

namespace pemba::reason::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    while (true) {
      SkipBlanks();
      if (at_ == text_.size()) break;
      PEMBA_TRY(const Token token, Next());
      tokens_.push_back(token);
      last_end_ = at_;
    }
    tokens_.push_back(Token{TokenKind::kEnd, {}, position_, false});
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void Advance() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++position_.line;
      position_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++position_.column;  // Only the first byte of a code point counts.
    }
  }
  void Advance(std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) Advance();
  }

  void SkipBlanks() {
    while (at_ < text_.size()) {
      if (IsSpace(text_[at_])) {
        Advance();
      } else if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') Advance();
      } else {
        return;
      }
    }
  }

  // The bytes of the letter at `at`, 0 if none stands there. Beyond ASCII, everything is a letter
  // but the blanks and punctuation of U+0080-00A0, U+2000-206F and U+3000-3003.
  std::size_t LetterBytes(std::size_t at) const {
    if (at >= text_.size()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[at + i]); };
    if (byte(0) < 0x80) return IsAsciiLetter(text_[at]) ? 1 : 0;
    if (byte(0) >= 0xF0) return 4;
    if (byte(0) >= 0xE0) {
      const bool general_punctuation = byte(0) == 0xE2 && (byte(1) == 0x80 || byte(1) == 0x81);
      const bool ideographic_blank = byte(0) == 0xE3 && byte(1) == 0x80 && byte(2) <= 0x83;
      return general_punctuation || ideographic_blank ? 0 : 3;
    }
    return byte(0) == 0xC2 && byte(1) <= 0xA0 ? 0 : 2;
  }

  // The end of a name whose characters begin at `at`: letters, digits, `_` and `-`.
  std::size_t NameEnd(std::size_t at) const {
    while (at < text_.size()) {
      if (IsDigit(text_[at]) || text_[at] == '_' || text_[at] == '-') {
        ++at;
      } else if (const std::size_t bytes = LetterBytes(at); bytes != 0) {
        at += bytes;
      } else {
        break;
      }
    }
    return at;
  }

  Token Take(TokenKind kind, std::size_t bytes) {
    const Token token{kind, text_.substr(at_, bytes), position_,
                      !tokens_.empty() && last_end_ == at_};
    Advance(bytes);
    return token;
  }

  Result<Token> Next() {
    const char c = Peek();
    if (c == '$' || c == '?') return Variable();
    if (c == '"' || c == '\'') return String();
    if (IsDigit(c) || ((c == '-' || c == '+') && IsDigit(Peek(1)))) {
      return Number();
    }
    if (LetterBytes(at_) != 0) return Word();
    for (const std::string_view symbol : {"==", "!=", "<=", ">="}) {
      if (text_.substr(at_, 2) == symbol) return Take(TokenKind::kSymbol, 2);
    }
    if (std::string_view("(){}:;,=<>@+-*/%^").find(c) != std::string_view::npos) {
      return Take(TokenKind::kSymbol, 1);
    }
    const std::size_t bytes = CodePointBytes();
    return MakeError(Problem::kSyntax, position_,
                     "`" + std::string(text_.substr(at_, bytes)) + "` begins nothing in TypeQL");
  }

  std::size_t CodePointBytes() const {
    std::size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    return end - at_;
  }

  Result<Token> Variable() {
    const bool concept_variable = Peek() == '$';
    const Position start = position_;
    const bool glued = !tokens_.empty() && last_end_ == at_;
    std::size_t end = at_ + 1;
    if (concept_variable && Peek(1) == '_' && NameEnd(at_ + 1) == at_ + 2) {
      end = at_ + 2;
    } else if (IsDigit(Peek(1)) || LetterBytes(at_ + 1) != 0) {
      end = NameEnd(at_ + 1);
    } else {
      return MakeError(Problem::kSyntax, start,
                       std::string("expected the name of a variable after `") + Peek() +
                           "`: a letter or digit, then letters, digits, `_` and `-`");
    }
    const Token token{concept_variable ? TokenKind::kVariable : TokenKind::kValueVariable,
                      text_.substr(at_ + 1, end - at_ - 1), start, glued};
    Advance(end - at_);
    return token;
  }

  Result<Token> String() {
    const char quote = Peek();
    const Position start = position_;
    for (std::size_t end = at_ + 1; end < text_.size(); ++end) {
      if (text_[end] == '\\') {
        ++end;  // Whatever follows does not end the string.
      } else if (text_[end] == quote) {
        const Token token{TokenKind::kString, text_.substr(at_ + 1, end - at_ - 1), start, false};
        Advance(end + 1 - at_);
        return token;
      }
    }
    return MakeError(Problem::kSyntax, start, "this string has no end");
  }

  // Whether the text at `at` has the form of `pattern`, where `9` is any digit.
  bool Looks(std::size_t at, std::string_view pattern) const {
    if (text_.size() - at < pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      const char c = text_[at + i];
      if (pattern[i] == '9' ? !IsDigit(c) : c != pattern[i]) return false;
    }
    return true;
  }

  Result<Token> Number() {
    if (Looks(at_, "0x")) {
      std::size_t end = at_ + 2;
      while (end < text_.size() && IsHexDigit(text_[end])) ++end;
      return Ended(TokenKind::kIid, end);
    }
    if (Looks(at_, "9999-99-99")) {
      std::size_t end = at_ + 10;
      if (Looks(end, "T")) {
        ++end;
        while (end < text_.size() &&
               (IsDigit(text_[end]) || text_[end] == ':' || text_[end] == '.')) {
          ++end;
        }
      }
      return Ended(TokenKind::kDateTime, end);
    }
    std::size_t end = at_ + (IsDigit(Peek()) ? 0 : 1);
    while (end < text_.size() && IsDigit(text_[end])) ++end;
    if (end + 1 >= text_.size() || text_[end] != '.' || !IsDigit(text_[end + 1])) {
      return Ended(TokenKind::kLong, end);
    }
    ++end;
    while (end < text_.size() && IsDigit(text_[end])) ++end;
    return Ended(TokenKind::kDouble, end);
  }

  // A number with letters behind it is one mistake, not two tokens.
  Result<Token> Ended(TokenKind kind, std::size_t end) {
    if (end < text_.size() && (LetterBytes(end) != 0 || text_[end] == '_')) {
      const std::size_t name_end = NameEnd(end);
      return MakeError(
          Problem::kSyntax, position_,
          "`" + std::string(text_.substr(at_, name_end - at_)) + "` is neither number nor name");
    }
    return Take(kind, end - at_);
  }

  Token Word() {
    const std::size_t end = NameEnd(at_);
    const std::string_view word = text_.substr(at_, end - at_);
    const bool exclaimed = end < text_.size() && text_[end] == '!' &&
                           !(end + 1 < text_.size() && text_[end + 1] == '=');
    if (exclaimed && word == "isa") return Take(TokenKind::kIsaExact, 4);
    if (exclaimed && word == "sub") return Take(TokenKind::kSubExact, 4);
    return Take(TokenKind::kWord, end - at_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t last_end_ = 0;
  Position position_{1, 1};
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> Tokenize(std::string_view text) {
  if (!IsUtf8(text)) return MakeError(Problem::kSyntax, {}, "the text is not UTF-8");
  return Lexer(text).Run();
}

std::string Unescape(std::string_view written) {
  std::string text;
  text.reserve(written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] != '\\' || i + 1 == written.size()) {
      text.push_back(written[i]);
      continue;
    }
    switch (written[++i]) {
      case '"':
      case '\'':
      case '\\':
        text.push_back(written[i]);
        break;
      case 'n':
        text.push_back('\n');
        break;
      case 'r':
        text.push_back('\r');
        break;
      case 't':
        text.push_back('\t');
        break;
      default:
        text.push_back('\\');
        text.push_back(written[i]);
    }
  }
  return text;
}

}  // namespace pemba::reason::internal
