#include "pemba/api/call_text.h"

#include <cstdint>
#include <random>

namespace pemba::api {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> Unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Error{ErrorCode::kValidation,
                     "invalid URL escape \"" + std::string(text.substr(i, 3)) + "\""};
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto part = query.substr(0, end);
    query.remove_prefix(end == query.npos ? query.size() : end + 1);
    if (part.empty()) continue;
    const auto equals = part.find('=');
    PEMBA_TRY(auto name, Unescaped(part.substr(0, equals)));
    PEMBA_TRY(auto value,
              Unescaped(equals == part.npos ? std::string_view() : part.substr(equals + 1)));
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

std::string PercentDecoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size();
    const int high = escape ? HexDigit(text[i + 1]) : -1;
    const int low = escape ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string NewRequestId() {
  static thread_local std::mt19937_64 random(
      (static_cast<std::uint64_t>(std::random_device{}()) << 32) | std::random_device{}());
  static constexpr char kHex[] = "0123456789abcdef";
  std::uint64_t high = random();
  std::uint64_t low = random();
  high = (high & ~std::uint64_t{0xF000}) | 0x4000;                     // Version 4.
  low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);  // Variant of the RFC.
  std::string text(36, '-');
  std::size_t at = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) ++at;
    const auto word = digit < 16 ? high : low;
    text[at++] = kHex[(word >> (60 - 4 * (digit % 16))) & 15];
  }
  return text;
}

}  // namespace pemba::api
