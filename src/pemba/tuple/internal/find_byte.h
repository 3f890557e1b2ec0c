// FindByte: where a character is in a short text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pemba::tuple::internal {

// A bit in the first byte that equals `c`, and none before; 0: there is no such byte.
inline std::uint64_t FirstMatch(std::uint64_t word, char c) {
  constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
  const auto x = word ^ kEachByte * static_cast<unsigned char>(c);
  return (x - kEachByte) & ~x & kHighBits;
}

// As text.find(c). Eight bytes at a time; most texts are two or three of those, and a call, also of
// memchr, costs more.
inline std::size_t FindByte(std::string_view text, char c) {
  static_assert(std::endian::native == std::endian::little);
  const auto match_at = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    return FirstMatch(word, c);
  };
  const auto place = [](std::size_t at, std::uint64_t match) {
    return at + static_cast<std::size_t>(std::countr_zero(match)) / 8;
  };
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    if (const auto match = match_at(at); match != 0) return place(at, match);
  }
  if (text.size() >= 8) {  // The last eight, again in part.
    const auto match = match_at(text.size() - 8);
    return match == 0 ? text.npos : place(text.size() - 8, match);
  }
  for (; at < text.size(); ++at) {
    if (text[at] == c) return at;
  }
  return text.npos;
}

}  // namespace pemba::tuple::internal
