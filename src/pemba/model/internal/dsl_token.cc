#include "pemba/model/internal/dsl_token.h"

#include <algorithm>
#include <array>

#include "pemba/base/text.h"

namespace pemba::model::internal {
namespace {

struct Spelling {
  TokenType type;
  std::string_view text;
};

// Outside parameter lists. Longer before shorter where one begins the other.
constexpr Spelling kPunctuation[] = {
    {TokenType::kEquals, "=="},      {TokenType::kNotEquals, "!="},
    {TokenType::kLessEquals, "<="},  {TokenType::kGreaterEquals, ">="},
    {TokenType::kLogicalAnd, "&&"},  {TokenType::kLogicalOr, "||"},
    {TokenType::kHash, "#"},         {TokenType::kColon, ":"},
    {TokenType::kComma, ","},        {TokenType::kLess, "<"},
    {TokenType::kGreater, ">"},      {TokenType::kLeftBracket, "["},
    {TokenType::kRightBracket, "]"}, {TokenType::kLeftBrace, "{"},
    {TokenType::kRightBrace, "}"},   {TokenType::kLeftParen, "("},
    {TokenType::kRightParen, ")"},   {TokenType::kDot, "."},
    {TokenType::kMinus, "-"},        {TokenType::kExclamation, "!"},
    {TokenType::kQuestion, "?"},     {TokenType::kPlus, "+"},
    {TokenType::kStar, "*"},         {TokenType::kSlash, "/"},
    {TokenType::kPercent, "%"},
};
constexpr Spelling kKeywords[] = {
    {TokenType::kAnd, "and"},
    {TokenType::kOr, "or"},
    {TokenType::kFrom, "from"},
    {TokenType::kModule, "module"},
    {TokenType::kModel, "model"},
    {TokenType::kSchema, "schema"},
    {TokenType::kExtend, "extend"},
    {TokenType::kType, "type"},
    {TokenType::kCondition, "condition"},
    {TokenType::kRelations, "relations"},
    {TokenType::kRelation, "relation"},
    {TokenType::kDefine, "define"},
    {TokenType::kWith, "with"},
    {TokenType::kIn, "in"},
    {TokenType::kTrue, "true"},
    {TokenType::kFalse, "false"},
    {TokenType::kNull, "null"},
};
constexpr Spelling kParameterPunctuation[] = {
    {TokenType::kLess, "<"},       {TokenType::kGreater, ">"}, {TokenType::kLeftParen, "("},
    {TokenType::kRightParen, ")"}, {TokenType::kColon, ":"},   {TokenType::kComma, ","},
};
constexpr Spelling kParameterKeywords[] = {
    {TokenType::kContainer, "map"},        {TokenType::kContainer, "list"},
    {TokenType::kScalarType, "bool"},      {TokenType::kScalarType, "string"},
    {TokenType::kScalarType, "int"},       {TokenType::kScalarType, "uint"},
    {TokenType::kScalarType, "double"},    {TokenType::kScalarType, "duration"},
    {TokenType::kScalarType, "timestamp"}, {TokenType::kScalarType, "ipaddress"},
};

// How a token type is named in "expecting" texts, where it has no single spelling.
constexpr Spelling kSymbolicNames[] = {
    {TokenType::kEnd, "<EOF>"},
    {TokenType::kWhitespace, "WHITESPACE"},
    {TokenType::kIdentifier, "IDENTIFIER"},
    {TokenType::kSchemaVersion, "SCHEMA_VERSION"},
    {TokenType::kComment, "CEL_COMMENT"},
    {TokenType::kFloat, "NUM_FLOAT"},
    {TokenType::kInt, "NUM_INT"},
    {TokenType::kUint, "NUM_UINT"},
    {TokenType::kString, "STRING"},
    {TokenType::kBytes, "BYTES"},
    {TokenType::kExtendedIdentifier, "EXTENDED_IDENTIFIER"},
    {TokenType::kNewline, "NEWLINE"},
    {TokenType::kContainer, "CONDITION_PARAM_CONTAINER"},
    {TokenType::kScalarType, "CONDITION_PARAM_TYPE"},
};

std::string DisplayName(TokenType type) {
  for (const auto& s : kSymbolicNames) {
    if (s.type == type) return std::string(s.text);
  }
  if (type == TokenType::kButNot) return "'but not'";
  for (const auto& s : kPunctuation) {
    if (s.type == type) return "'" + std::string(s.text) + "'";
  }
  for (const auto& s : kKeywords) {
    if (s.type == type) return "'" + std::string(s.text) + "'";
  }
  return {};
}

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
constexpr bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
constexpr bool IsBreak(char c) { return c == '\n' || c == '\r'; }

template <class Predicate>
std::size_t Run(std::string_view text, Predicate predicate) {
  std::size_t n = 0;
  while (n < text.size() && predicate(text[n])) ++n;
  return n;
}

char At(std::string_view text, std::size_t i) { return i < text.size() ? text[i] : '\0'; }

// Lengths of the name at the start of `text`, 0 if there is none.
std::size_t IdentifierLength(std::string_view text) {
  if (text.empty() || !IsNameStart(text[0])) return 0;
  return Run(text, [](char c) { return IsNamePart(c) || c == '-'; });
}
std::size_t ExtendedIdentifierLength(std::string_view text) {
  if (text.empty() || !IsNameStart(text[0])) return 0;
  std::size_t end = 1;
  for (;;) {
    const bool separated = At(text, end) == '/' || At(text, end) == '.' || At(text, end) == '-';
    const auto part = Run(text.substr(std::min(text.size(), end + separated)), IsNamePart);
    if (part == 0) return end;
    end += separated + part;
  }
}

// A name in backquotes, where a backquote in the name is written twice; 0 if there is none.
std::size_t QuotedNameLength(std::string_view text) {
  if (At(text, 0) != '`') return 0;
  std::size_t i = 1;
  for (; i < text.size() && !IsBreak(text[i]); ++i) {
    if (text[i] != '`') continue;
    if (At(text, i + 1) != '`') return i == 1 ? 0 : i + 1;
    ++i;
  }
  return 0;
}

// A match of some rule, or how far the longest attempt came.
struct Attempt {
  std::size_t length = 0;  // 0: no match.
  std::size_t failed_at = 0;
};

std::size_t EscapeLength(std::string_view text) {
  const auto hex = [&](std::size_t n) {
    return text.size() >= 2 + n && Run(text.substr(2, n), IsHex) == n ? 2 + n : 0;
  };
  const char c = At(text, 1);
  if (c == 'x') return hex(2);
  if (c == 'u') return hex(4);
  if (c == 'U') return hex(8);
  if (c >= '0' && c <= '3') {
    const auto octal = [](char d) { return d >= '0' && d <= '7'; };
    return octal(At(text, 2)) && octal(At(text, 3)) ? 4 : 0;
  }
  return c != '\0' && std::string_view("abfnrtv\"'`?\\").find(c) != std::string_view::npos ? 2 : 0;
}

// One string literal from its opening quote on, delimited by one or three quotes.
Attempt QuotedLiteral(std::string_view text, std::string_view quote, bool raw) {
  std::size_t i = quote.size();
  while (i < text.size()) {
    if (text.substr(i).starts_with(quote)) return {i + quote.size(), 0};
    if (quote.size() == 1 && IsBreak(text[i])) return {0, i};
    if (!raw && text[i] == '\\') {
      const auto escape = EscapeLength(text.substr(i));
      if (escape == 0) return {0, i + 1};
      i += escape;
    } else {
      ++i;
    }
  }
  return {0, i};
}

// A string or bytes literal with its prefix letters.
Attempt Literal(std::string_view text, TokenType& type) {
  type = TokenType::kString;
  std::size_t prefix = 0;
  if (At(text, 0) == 'b' || At(text, 0) == 'B') {
    type = TokenType::kBytes;
    prefix = 1;
  }
  const bool raw = At(text, prefix) == 'r' || At(text, prefix) == 'R';
  if (raw) ++prefix;
  const auto body = text.substr(std::min(prefix, text.size()));
  if (At(body, 0) != '"' && At(body, 0) != '\'') return {};
  Attempt attempt;
  if (At(body, 1) == body[0] && At(body, 2) == body[0]) {
    attempt = QuotedLiteral(body, body.substr(0, 3), raw);
  }
  if (attempt.length == 0) attempt = QuotedLiteral(body, body.substr(0, 1), raw);
  if (attempt.length != 0) attempt.length += prefix;
  attempt.failed_at += prefix;
  return attempt;
}

struct Match {
  TokenType type = TokenType::kEnd;
  std::size_t length = 0;
};

Match Number(std::string_view text) {
  const auto exponent = [&](std::size_t at) -> std::size_t {
    if (At(text, at) != 'e' && At(text, at) != 'E') return 0;
    const std::size_t sign = At(text, at + 1) == '+' || At(text, at + 1) == '-' ? 1 : 0;
    const auto digits = Run(text.substr(std::min(text.size(), at + 1 + sign)), IsDigit);
    return digits == 0 ? 0 : 1 + sign + digits;
  };
  const auto unsigned_suffix = [&](std::size_t at) {
    return At(text, at) == 'u' || At(text, at) == 'U';
  };
  if (At(text, 0) == '0' && At(text, 1) == 'x') {
    if (const auto digits = Run(text.substr(2), IsHex); digits > 0) {
      if (unsigned_suffix(2 + digits)) return {TokenType::kUint, 3 + digits};
      return {TokenType::kInt, 2 + digits};
    }
  }
  const auto whole = Run(text, IsDigit);
  std::size_t fraction = 0;
  if (At(text, whole) == '.') fraction = Run(text.substr(whole + 1), IsDigit);
  if (fraction > 0) {
    const auto mantissa = whole + 1 + fraction;
    if (const auto e = exponent(mantissa); e > 0) return {TokenType::kFloat, mantissa + e};
    return {whole > 0 ? TokenType::kSchemaVersion : TokenType::kFloat, mantissa};
  }
  if (whole == 0) return {};
  if (const auto e = exponent(whole); e > 0) return {TokenType::kFloat, whole + e};
  if (unsigned_suffix(whole)) return {TokenType::kUint, whole + 1};
  return {TokenType::kInt, whole};
}

template <std::size_t N>
Match Spelled(std::string_view text, const Spelling (&spellings)[N]) {
  for (const auto& s : spellings) {
    if (text.starts_with(s.text)) return {s.type, s.text.size()};
  }
  return {};
}

template <std::size_t N>
TokenType KeywordOr(std::string_view word, const Spelling (&keywords)[N], TokenType otherwise) {
  for (const auto& s : keywords) {
    if (s.text == word) return s.type;
  }
  return otherwise;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  TokenList Run() {
    while (at_ < text_.size()) Step();
    list_.tokens.push_back({TokenType::kEnd, "<EOF>", position_});
    return std::move(list_);
  }

 private:
  void Step() {
    const auto rest = text_.substr(at_);
    std::size_t failed_at = 0;
    const auto match = in_parameters_ ? ParameterToken(rest) : OrdinaryToken(rest, failed_at);
    if (match.length == 0) return Fail(rest, failed_at);
    const auto text = rest.substr(0, match.length);
    if (match.type != TokenType::kComment) list_.tokens.push_back({match.type, text, position_});
    if (match.type == TokenType::kCondition) in_parameters_ = true;
    if (match.type == TokenType::kRightParen) in_parameters_ = false;
    Advance(text);
  }

  static Match OrdinaryToken(std::string_view rest, std::size_t& failed_at) {
    if (IsBlank(rest[0]) || IsBreak(rest[0])) {
      const auto run = internal::Run(rest, [](char c) { return IsBlank(c) || IsBreak(c); });
      const bool breaks = rest.substr(0, run).find_first_of("\r\n") != std::string_view::npos;
      return {breaks ? TokenType::kNewline : TokenType::kWhitespace, run};
    }
    auto literal_type = TokenType::kString;
    const auto literal = Literal(rest, literal_type);
    if (literal.length > 0) return {literal_type, literal.length};
    if (rest.starts_with("but not")) return {TokenType::kButNot, 7};
    const auto identifier = IdentifierLength(rest);
    const auto extended = ExtendedIdentifierLength(rest);
    if (extended > identifier) return {TokenType::kExtendedIdentifier, extended};
    if (identifier > 0) {
      return {KeywordOr(rest.substr(0, identifier), kKeywords, TokenType::kIdentifier), identifier};
    }
    if (const auto quoted = QuotedNameLength(rest); quoted > 0) {
      return {TokenType::kIdentifier, quoted};
    }
    if (const auto number = Number(rest); number.length > 0) return number;
    if (rest.starts_with("//")) {
      return {TokenType::kComment, internal::Run(rest, [](char c) { return c != '\n'; })};
    }
    failed_at = literal.failed_at;
    if (rest[0] == '=' || rest[0] == '&' || rest[0] == '|') failed_at = 1;
    return Spelled(rest, kPunctuation);
  }

  static Match ParameterToken(std::string_view rest) {
    if (IsBlank(rest[0])) return {TokenType::kWhitespace, internal::Run(rest, IsBlank)};
    if (const auto name = IdentifierLength(rest); name > 0) {
      return {KeywordOr(rest.substr(0, name), kParameterKeywords, TokenType::kIdentifier), name};
    }
    if (const auto quoted = QuotedNameLength(rest); quoted > 0) {
      return {TokenType::kIdentifier, quoted};
    }
    return Spelled(rest, kParameterPunctuation);
  }

  // Skips what was tried, with the character at which it failed.
  void Fail(std::string_view rest, std::size_t failed_at) {
    auto end = failed_at + 1;
    while (end < rest.size() && (static_cast<unsigned char>(rest[end]) & 0xC0u) == 0x80u) ++end;
    const auto text = rest.substr(0, end);
    std::string message = "token recognition error at: '";
    for (const char c : text) {
      if (c == '\n') {
        message += "\\n";
      } else if (c == '\r') {
        message += "\\r";
      } else if (c == '\t') {
        message += "\\t";
      } else {
        message += c;
      }
    }
    list_.errors.push_back({message + "'", position_, list_.tokens.size()});
    Advance(text);
  }

  void Advance(std::string_view text) {
    at_ += text.size();
    const auto last = text.rfind('\n');
    if (last == std::string_view::npos) {
      position_.column += Width(text);
    } else {
      position_.line += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
      position_.column = Width(text.substr(last + 1));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  SourcePosition position_;
  bool in_parameters_ = false;
  TokenList list_;
};

bool IsPlainParameterName(std::string_view name) {
  return IdentifierLength(name) == name.size() &&
         KeywordOr(name, kParameterKeywords, TokenType::kIdentifier) == TokenType::kIdentifier;
}

bool IsPlainName(std::string_view name, NamePlace place) {
  if (place == NamePlace::kParameter) return IsPlainParameterName(name);
  const auto list = Tokenize(name);
  if (list.tokens.size() != 2 || !list.errors.empty() || name.starts_with('`')) return false;
  const auto type = list.tokens[0].type;
  if (place == NamePlace::kCondition) {
    // Parameter mode begins before the name where a condition is defined.
    return type == TokenType::kIdentifier && IsPlainParameterName(name);
  }
  return Contains(Of(TokenType::kIdentifier, TokenType::kExtendedIdentifier, TokenType::kModel,
                     TokenType::kSchema, TokenType::kType, TokenType::kRelation, TokenType::kModule,
                     TokenType::kExtend),
                  type);
}

}  // namespace

std::optional<std::string> NameText(std::string_view name, NamePlace place) {
  if (name.empty()) return std::nullopt;
  if (IsPlainName(name, place)) return std::string(name);
  if (HasControlCharacter(name) || !IsUtf8(name)) return std::nullopt;
  std::string text = "`";
  for (const char c : name) {
    if (IsWireSpace(c) || c == ':' || c == '#' || c == '@') return std::nullopt;
    if (c == '`') text += '`';
    text += c;
  }
  return text + "`";
}

std::string NameOf(std::string_view token_text) {
  if (!token_text.starts_with('`')) return std::string(token_text);
  std::string name;
  for (std::size_t i = 1; i + 1 < token_text.size(); ++i) {
    if (token_text[i] == '`') ++i;
    name += token_text[i];
  }
  return name;
}

int Width(std::string_view text) {
  int width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0u) != 0x80u) width += byte >= 0xF0 ? 2 : 1;
  }
  return width;
}

std::string ToText(TokenSet set) {
  std::string names;
  int count = 0;
  for (int i = 0; i < kTokenTypes; ++i) {
    const auto type = static_cast<TokenType>(i);
    if (!Contains(set, type)) continue;
    if (count++ > 0) names += ", ";
    names += DisplayName(type);
  }
  return count == 1 ? names : "{" + names + "}";
}

TokenList Tokenize(std::string_view text) { return Tokenizer(text).Run(); }

std::string BlankComments(std::string_view text) {
  const auto is_space = [](char c) { return IsWireSpace(c) || c == '\v'; };
  std::string out;
  out.reserve(text.size());
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (const auto first = Run(line, is_space); At(line, first) == '#') {
      line = {};
    } else if (const auto comment = line.find(" #"); comment != std::string_view::npos) {
      line = line.substr(0, comment);
      while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
    } else {
      while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
    }
    out += line;
    if (end < text.size()) out += '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace pemba::model::internal
