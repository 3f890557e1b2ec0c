// Facts about text that come from outside: UTF-8, control characters, code points.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pemba {

// True if every byte is a printable character of ASCII (0x20-0x7E). Looks at eight bytes at a time:
// nearly all texts are like that, and whoever has asked this need ask nothing finer.
bool IsPrintableAscii(std::string_view text);

// True for well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool IsUtf8(std::string_view text);

// The number of code points. Malformed bytes count as one each. O(n).
std::size_t CodePoints(std::string_view text);

// True if the text holds a character of Unicode category Cc (U+0000-001F, U+007F-009F).
bool HasControlCharacter(std::string_view text);

// The white space of the wire's patterns (`\s`): tab, LF, FF, CR, space; not VT, not NBSP.
constexpr bool IsWireSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

// Appends `text` as a JSON string with its quotes. HTML characters are not escaped, malformed UTF-8
// is passed on.
void AppendJsonString(std::string_view text, std::string& out);

// RFC 4648 base64. Url: the URL-safe alphabet with padding, as continuation tokens use it.
std::string Base64UrlEncode(std::string_view bytes);
std::optional<std::string> Base64UrlDecode(std::string_view text);  // Nothing if malformed.

}  // namespace pemba
