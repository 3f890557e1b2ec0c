// The tokens of the DSL and sets of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pemba::model::internal {

// The numbers order the tokens in "expecting {...}" texts, which tools compare; never reorder.
enum class TokenType : std::uint8_t {
  kEnd = 0,
  kColon = 1,
  kComma = 2,
  kLess = 3,
  kGreater = 4,
  kLeftBracket = 5,
  kLeftParen = 7,
  kRightParen = 8,
  kWhitespace = 9,
  kIdentifier = 10,
  kHash = 11,
  kAnd = 12,
  kOr = 13,
  kButNot = 14,
  kFrom = 15,
  kModule = 16,
  kModel = 17,
  kSchema = 18,
  kSchemaVersion = 19,
  kExtend = 20,
  kType = 21,
  kCondition = 22,
  kRelations = 23,
  kRelation = 24,
  kDefine = 25,
  kWith = 26,
  kEquals = 27,
  kNotEquals = 28,
  kIn = 29,
  kLessEquals = 30,
  kGreaterEquals = 31,
  kLogicalAnd = 32,
  kLogicalOr = 33,
  kRightBracket = 34,
  kLeftBrace = 35,
  kRightBrace = 36,
  kDot = 37,
  kMinus = 38,
  kExclamation = 39,
  kQuestion = 40,
  kPlus = 41,
  kStar = 42,
  kSlash = 43,
  kPercent = 44,
  kTrue = 45,
  kFalse = 46,
  kNull = 47,
  kComment = 48,  // Of CEL: `//` to the end of the line. Never reaches the parser.
  kFloat = 49,
  kInt = 50,
  kUint = 51,
  kString = 52,
  kBytes = 53,
  kExtendedIdentifier = 54,
  kNewline = 55,
  kContainer = 56,   // map, list; in a parameter list only
  kScalarType = 57,  // bool, string, ...; in a parameter list only
};
inline constexpr int kTokenTypes = 58;

// A set of token types, one bit each. kRuleEnd stands for "nothing": the end of a rule.
using TokenSet = std::uint64_t;
inline constexpr TokenSet kRuleEnd = TokenSet{1} << 63;
constexpr TokenSet Of(TokenType type) { return TokenSet{1} << static_cast<int>(type); }
template <class... Types>
constexpr TokenSet Of(TokenType first, Types... rest) {
  return Of(first) | Of(rest...);
}
constexpr bool Contains(TokenSet set, TokenType type) { return (set & Of(type)) != 0; }

// `{',', WHITESPACE}`; a single element without braces.
std::string ToText(TokenSet set);

struct SourcePosition {
  int line = 0;    // Zero based.
  int column = 0;  // Zero based, in UTF-16 units, as editors count.
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::string_view text;  // As written; of the end: "<EOF>".
  SourcePosition position;
};

// Text that is no token. It is reported when the parser first looks at tokens[before].
struct LexicalError {
  std::string message;
  SourcePosition position;
  std::size_t before = 0;
};

struct TokenList {
  std::vector<Token> tokens;  // The last one is kEnd.
  std::vector<LexicalError> errors;
};

// Splits text whose comments are already blanked. The tokens point into `text`. O(n).
TokenList Tokenize(std::string_view text);

// Removes comments: a line that starts with `#`, and everything from the first ` #` on, with the
// white space before it. Positions stay those of the original.
std::string BlankComments(std::string_view text);

// Where a name stands decides which words are taken.
enum class NamePlace : std::uint8_t { kTypeOrRelation, kCondition, kParameter };

// The text of a name in the DSL: itself or, if it would not be read back as itself there, in
// backquotes. Names with white space, `:`, `#`, `@` or control characters, which the wire refuses
// too, have no text: nullopt.
std::optional<std::string> NameText(std::string_view name, NamePlace place);

// The name that a token stands for.
std::string NameOf(std::string_view token_text);

// Width in UTF-16 units.
int Width(std::string_view text);

}  // namespace pemba::model::internal
