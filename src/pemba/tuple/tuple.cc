#include "pemba/tuple/tuple.h"

#include <array>
#include <cstdint>

#include "pemba/base/text.h"
#include "pemba/tuple/split.h"

namespace pemba::tuple {
namespace {

// What the shapes look at: which of these characters a text holds, as bits.
enum Holds : std::uint8_t {
  kColon = 1,
  kHash = 2,
  kAt = 4,
  kSpace = 8,
  kStar = 16,
  kSuspicious = 32,  // Perhaps a part of a control character.
};

constexpr std::array<std::uint8_t, 256> MakeHolds() {
  std::array<std::uint8_t, 256> holds{};
  holds[':'] = kColon;
  holds['#'] = kHash;
  holds['@'] = kAt;
  holds[' '] = kSpace;
  holds['*'] = kStar;
  for (std::size_t c = 0; c < 0x20; ++c) holds[c] = kSuspicious;
  holds[0x7F] = holds[0xC2] = kSuspicious;
  return holds;
}
constexpr auto kHolds = MakeHolds();

unsigned WhatHolds(std::string_view text) {
  unsigned held = 0;
  for (const char c : text) held |= kHolds[static_cast<unsigned char>(c)];
  return held;
}

bool HasControl(std::string_view text, unsigned held) {
  return (held & kSuspicious) != 0 && HasControlCharacter(text);
}

}  // namespace

ObjectParts SplitObject(std::string_view object) { return SplitObjectInline(object); }
SubjectParts SplitSubject(std::string_view subject) { return SplitSubjectInline(subject); }

bool IsObject(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto type = WhatHolds(text.substr(0, colon)), id = WhatHolds(text.substr(colon + 1));
  return (id & (kColon | kHash | kSpace)) == 0 && (type & (kHash | kSpace)) == 0 &&
         !HasControl(text, type | id);
}

bool IsRelation(std::string_view text) {
  const auto held = WhatHolds(text);
  return !text.empty() && (held & (kColon | kHash | kAt | kSpace)) == 0 && !HasControl(text, held);
}

bool IsUserset(std::string_view text) {
  const auto hash = text.find('#');
  if (hash == text.npos || hash + 1 == text.size()) return false;
  const auto object = text.substr(0, hash), relation = text.substr(hash + 1);
  const auto held = WhatHolds(relation);
  if ((held & (kColon | kHash | kSpace | kStar)) != 0 || HasControl(relation, held)) return false;
  return IsObject(object) && (WhatHolds(SplitObject(object).id) & kStar) == 0;
}

bool IsWildcard(std::string_view text) { return IsObject(text) && SplitObject(text).id == "*"; }

bool IsSubject(std::string_view text) {
  const auto held = WhatHolds(text);
  if (text.empty() || HasControl(text, held)) return false;
  if ((held & (kColon | kHash | kSpace)) == 0) return true;
  return (held & kHash) != 0 ? IsUserset(text) : IsObject(text);
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
