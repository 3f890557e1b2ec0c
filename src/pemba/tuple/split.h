// Split: SplitObject and SplitSubject of tuple.h, inline.
//
// For who asks little else of a text, as a direct check does: it would wait for the call's result,
// which is written in halves and read as a whole, longer than the splitting takes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "pemba/tuple/tuple.h"

namespace pemba::tuple {
namespace internal {

// A bit in the first byte that equals `c`, and none before; 0: there is no such byte.
inline std::uint64_t FirstMatch(std::uint64_t word, char c) {
  constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
  const auto x = word ^ kEachByte * static_cast<unsigned char>(c);
  return (x - kEachByte) & ~x & kHighBits;
}

// As text.find(c). Eight bytes at a time; most texts are two or three of those, and a call of
// memchr costs more.
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

}  // namespace internal

inline ObjectParts SplitObjectInline(std::string_view object) {
  const auto colon = internal::FindByte(object, ':');
  if (colon == object.npos) return {{}, object};
  return {object.substr(0, colon), object.substr(colon + 1)};
}

inline SubjectParts SplitSubjectInline(std::string_view subject) {
  // Few subjects have any.
  const auto hash =
      internal::FindByte(subject, '#') == subject.npos ? subject.npos : subject.rfind('#');
  const auto object = SplitObjectInline(subject.substr(0, hash));
  if (hash != subject.npos) {
    return {object.type, object.id, subject.substr(hash + 1), SubjectKind::kUserset};
  }
  const bool wildcard = object.id == "*" && !object.type.empty();
  return {object.type, object.id, {}, wildcard ? SubjectKind::kWildcard : SubjectKind::kObject};
}

}  // namespace pemba::tuple
