#include "pemba/condition/internal/literal.h"

#include <charconv>
#include <string>

#include "pemba/condition/internal/number.h"

namespace pemba::condition::internal {
namespace {

constexpr std::uint32_t kCodePointMax = 0x10ffff;

void AppendUtf8(std::uint32_t c, std::string& out) {
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

// Turns the body of a literal into what it means. In bytes, `\x` and octal escapes stand for
// octets, and there are no Unicode escapes.
class Unescaper {
 public:
  Unescaper(std::string_view body, bool is_bytes) : rest_(body), is_bytes_(is_bytes) {}

  std::optional<std::string> Run() {
    while (!rest_.empty()) {
      if (rest_.front() != '\\') {
        out_ += rest_.front();
        rest_.remove_prefix(1);
      } else if (rest_.remove_prefix(1); !Escape()) {
        return std::nullopt;
      }
    }
    return std::move(out_);
  }

 private:
  bool Escape() {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    if (c >= '0' && c <= '3') return Code(3, 8);
    rest_.remove_prefix(1);
    switch (c) {
      case 'a':
        return Plain('\a');
      case 'b':
        return Plain('\b');
      case 'f':
        return Plain('\f');
      case 'n':
        return Plain('\n');
      case 'r':
        return Plain('\r');
      case 't':
        return Plain('\t');
      case 'v':
        return Plain('\v');
      case '\\':
      case '?':
      case '"':
      case '\'':
      case '`':
        return Plain(c);
      case 'x':
      case 'X':
        return Code(2, 16);
      case 'u':
        return !is_bytes_ && Code(4, 16);
      case 'U':
        return !is_bytes_ && Code(8, 16);
      default:
        return false;
    }
  }

  bool Plain(char c) {
    out_ += c;
    return true;
  }

  bool Code(std::size_t digits, int base) {
    if (rest_.size() < digits) return false;
    std::uint32_t code = 0;
    const char* end = rest_.data() + digits;
    const auto [stop, error] = std::from_chars(rest_.data(), end, code, base);
    if (error != std::errc() || stop != end) return false;
    rest_.remove_prefix(digits);
    if (is_bytes_) return Plain(static_cast<char>(code));
    if (code > kCodePointMax || (code >= 0xd800 && code <= 0xdfff)) return false;
    AppendUtf8(code, out_);
    return true;
  }

  std::string_view rest_;
  bool is_bytes_;
  std::string out_;
};

// Line breaks of all systems read as `\n`.
std::string NormalizeNewlines(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 >= text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

std::optional<Value> TextLiteral(const Token& token, Arena& arena) {
  auto body = token.text;
  const bool is_bytes = token.kind == TokenKind::kBytes;
  const auto prefix = body.substr(0, body.find_first_of("'\""));
  const bool raw = prefix.find_first_of("rR") != prefix.npos;
  body.remove_prefix(prefix.size());
  const bool triple = body.starts_with("'''") || body.starts_with("\"\"\"");
  const std::size_t quotes = triple ? 3 : 1;
  body = body.substr(quotes, body.size() - 2 * quotes);

  std::string text = NormalizeNewlines(body);
  if (!raw) {
    auto unescaped = Unescaper(text, is_bytes).Run();
    if (!unescaped) return std::nullopt;
    text = *std::move(unescaped);
  }
  const auto copy = arena.Copy(text);
  return is_bytes ? Value::Bytes(copy) : Value::String(copy);
}

std::optional<std::uint64_t> Magnitude(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Value> IntLiteral(std::string_view text, bool negative) {
  const auto magnitude = Magnitude(text);
  const auto limit = (std::uint64_t{1} << 63) - (negative ? 0 : 1);
  if (!magnitude || *magnitude > limit) return std::nullopt;
  return Value::Int(static_cast<std::int64_t>(negative ? ~*magnitude + 1 : *magnitude));
}

}  // namespace

std::optional<Value> LiteralValue(const Token& token, bool negative, Arena& arena) {
  switch (token.kind) {
    case TokenKind::kInt:
      return IntLiteral(token.text, negative);
    case TokenKind::kUint: {
      const auto magnitude = Magnitude(token.text.substr(0, token.text.size() - 1));
      if (!magnitude) return std::nullopt;
      return Value::Uint(*magnitude);
    }
    case TokenKind::kDouble: {
      const auto magnitude = ParseDouble(token.text);
      if (!magnitude) return std::nullopt;
      return Value::Double(negative ? -*magnitude : *magnitude);
    }
    default:
      return TextLiteral(token, arena);
  }
}

}  // namespace pemba::condition::internal
