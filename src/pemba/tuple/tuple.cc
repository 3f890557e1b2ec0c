#include "pemba/tuple/tuple.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "pemba/base/text.h"

namespace pemba::tuple {
namespace {

bool HasAny(std::string_view text, std::string_view characters) {
  return text.find_first_of(characters) != text.npos;
}

// Eight bytes at a time; most texts are two or three of those, and a call of memchr costs more.
constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;

// A bit in the first byte that equals `c`, and none before; 0: there is no such byte.
std::uint64_t FirstMatch(std::uint64_t word, char c) {
  const auto x = word ^ kEachByte * static_cast<unsigned char>(c);
  return (x - kEachByte) & ~x & kHighBits;
}

// As text.find(c).
std::size_t FindByte(std::string_view text, char c) {
  static_assert(std::endian::native == std::endian::little);
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const auto match = FirstMatch(word, c);
    if (match != 0) return at + static_cast<std::size_t>(std::countr_zero(match)) / 8;
  }
  if (text.size() >= 8) {  // The last eight, again in part.
    std::uint64_t word;
    std::memcpy(&word, text.data() + text.size() - 8, 8);
    const auto match = FirstMatch(word, c);
    return match == 0 ? text.npos
                      : text.size() - 8 + static_cast<std::size_t>(std::countr_zero(match)) / 8;
  }
  for (; at < text.size(); ++at) {
    if (text[at] == c) return at;
  }
  return text.npos;
}

}  // namespace

ObjectParts SplitObject(std::string_view object) {
  const auto colon = FindByte(object, ':');
  if (colon == object.npos) return {{}, object};
  return {object.substr(0, colon), object.substr(colon + 1)};
}

SubjectParts SplitSubject(std::string_view subject) {
  // Few subjects have any.
  const auto hash = FindByte(subject, '#') == subject.npos ? subject.npos : subject.rfind('#');
  const auto object = SplitObject(subject.substr(0, hash));
  if (hash != subject.npos) {
    return {object.type, object.id, subject.substr(hash + 1), SubjectKind::kUserset};
  }
  const bool wildcard = object.id == "*" && !object.type.empty();
  return {object.type, object.id, {}, wildcard ? SubjectKind::kWildcard : SubjectKind::kObject};
}

bool IsObject(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return false;
  return !HasAny(text.substr(colon + 1), ":# ") && !HasAny(text.substr(0, colon), "# ") &&
         !HasControlCharacter(text);
}

bool IsRelation(std::string_view text) {
  return !text.empty() && !HasAny(text, ":#@ ") && !HasControlCharacter(text);
}

bool IsUserset(std::string_view text) {
  const auto hash = text.find('#');
  if (hash == text.npos || hash + 1 == text.size()) return false;
  const auto object = text.substr(0, hash);
  if (HasAny(text.substr(hash + 1), ":# ") || HasControlCharacter(text)) return false;
  return IsObject(object) && !HasAny(SplitObject(object).id, "*");
}

bool IsWildcard(std::string_view text) { return IsObject(text) && SplitObject(text).id == "*"; }

bool IsSubject(std::string_view text) {
  if (text.empty() || HasControlCharacter(text)) return false;
  return !HasAny(text, ":# ") || IsObject(text) || IsUserset(text);
}

Result<TupleView> ParseTuple(std::string_view text) {
  const auto hash = text.find('#');
  const auto at = hash == text.npos ? text.npos : text.find('@', hash);
  if (at == text.npos) {
    return Error{ErrorCode::kInvalidTuple,
                 "`" + std::string(text) + "` is not object#relation@subject"};
  }
  return TupleView{text.substr(0, hash), text.substr(hash + 1, at - hash - 1), text.substr(at + 1)};
}

std::string ToText(const TupleView& tuple) {
  std::string text;
  text.reserve(tuple.object.size() + tuple.relation.size() + tuple.subject.size() + 2);
  return text.append(tuple.object)
      .append("#")
      .append(tuple.relation)
      .append("@")
      .append(tuple.subject);
}

}  // namespace pemba::tuple
