#include "pemba/api/patterns.h"

#include <array>
#include <cstddef>

#include "pemba/base/text.h"

namespace pemba::api {
namespace {

// A set of bytes. Bytes above 0x7F (parts of other code points) are members if `other` says so.
class Bytes {
 public:
  static constexpr Bytes Of(std::string_view members) {
    Bytes set;
    for (const char c : members) set.in_[static_cast<unsigned char>(c)] = true;
    return set;
  }
  static constexpr Bytes Except(std::string_view others) {
    Bytes set;
    set.in_.fill(true);
    for (const char c : others) set.in_[static_cast<unsigned char>(c)] = false;
    return set;
  }
  constexpr bool only_ascii() const {
    for (std::size_t i = 0x80; i < in_.size(); ++i) {
      if (in_[i]) return false;
    }
    return true;
  }
  constexpr bool HasAll(std::string_view text) const {
    for (const char c : text) {
      if (!in_[static_cast<unsigned char>(c)]) return false;
    }
    return true;
  }

 private:
  std::array<bool, 256> in_{};
};

#define PEMBA_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define PEMBA_LOWER "abcdefghijklmnopqrstuvwxyz"
#define PEMBA_DIGITS "0123456789"
#define PEMBA_SPACES "\t\n\f\r "
constexpr auto kUlidBytes = Bytes::Of("ABCDEFGHJKMNPQRSTVWXYZ" PEMBA_DIGITS);
constexpr auto kNoSpace = Bytes::Except(PEMBA_SPACES);
constexpr auto kTypeBytes = Bytes::Except(":#@" PEMBA_SPACES);
constexpr auto kChangesTypeBytes = Bytes::Except(":#" PEMBA_SPACES);
constexpr auto kStoreNameBytes =
    Bytes::Of(PEMBA_UPPER PEMBA_LOWER PEMBA_DIGITS PEMBA_SPACES ".-/^_&@");
constexpr auto kTokenBytes = Bytes::Of(PEMBA_UPPER PEMBA_LOWER PEMBA_DIGITS "-_");
constexpr auto kFileBytes = Bytes::Of(PEMBA_UPPER PEMBA_LOWER PEMBA_DIGITS "_-/");
#undef PEMBA_UPPER
#undef PEMBA_LOWER
#undef PEMBA_DIGITS
#undef PEMBA_SPACES

bool LengthIsWithin(std::string_view text, std::size_t min, std::size_t max) {
  if (text.size() < min || text.size() > 4 * max) return false;
  if (text.size() >= 4 * min && text.size() <= max) return true;  // However long its characters.
  const auto length = CodePoints(text);
  return length >= min && length <= max;
}

template <const Bytes& kBytes, std::size_t kMin, std::size_t kMax>
bool Matches(std::string_view text) {
  if constexpr (kBytes.only_ascii()) {  // A byte is a character.
    return text.size() >= kMin && text.size() <= kMax && kBytes.HasAll(text);
  }
  return LengthIsWithin(text, kMin, kMax) && kBytes.HasAll(text);
}

// Some colon has 1 to 511 characters on each side.
bool IsReadUser(std::string_view text) {
  if (!kNoSpace.HasAll(text)) return false;
  for (auto colon = text.find(':'); colon != text.npos; colon = text.find(':', colon + 1)) {
    if (LengthIsWithin(text.substr(0, colon), 1, 511) &&
        LengthIsWithin(text.substr(colon + 1), 1, 511)) {
      return true;
    }
  }
  return false;
}

bool IsObjectId(std::string_view text) {
  return !text.empty() && Bytes::Except("#:\t\n\f\r ").HasAll(text.substr(text.size() - 1));
}

bool IsToken(std::string_view text) {
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) {
    text.remove_suffix(1);
    if (text.empty()) return false;
  }
  return kTokenBytes.HasAll(text);
}

bool IsSourceFile(std::string_view text) {
  constexpr std::string_view kSuffix = ".fga";
  if (!text.ends_with(kSuffix)) return false;
  text.remove_suffix(kSuffix.size());
  return !text.empty() && text.size() <= 100 && kFileBytes.HasAll(text);
}

}  // namespace

const Pattern kUlidPattern{R"(^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$)", Matches<kUlidBytes, 26, 26>};
const Pattern kTypePattern{R"(^[^:#@\s]{1,254}$)", Matches<kTypeBytes, 1, 254>};
const Pattern kRelationPattern{R"(^[^:#@\s]{1,50}$)", Matches<kTypeBytes, 1, 50>};
const Pattern kObjectPattern{R"(^[^\s]{2,256}$)", Matches<kNoSpace, 2, 256>};
const Pattern kUserPattern{R"(^[^\s]{2,512}$)", Matches<kNoSpace, 2, 512>};
const Pattern kReadUserPattern{R"(^[^\s]{1,511}:[^\s]{1,511}$)", IsReadUser};
const Pattern kObjectIdPattern{R"([^#:\s]+$)", IsObjectId};
const Pattern kStoreNamePattern{R"(^[a-zA-Z0-9\s\.\-\/^_&@]{3,64}$)",
                                Matches<kStoreNameBytes, 3, 64>};
const Pattern kTokenPattern{R"(^$|^[A-Za-z0-9-_]+={0,2}$)", IsToken};
const Pattern kChangesTypePattern{R"(^[^:#\s]{1,254}$)", Matches<kChangesTypeBytes, 1, 254>};
const Pattern kSourceFilePattern{R"(^[a-zA-Z0-9_\-\/]{1,100}\.fga$)", IsSourceFile};
const Pattern kCorrelationIdPattern{R"(^[\w\d-]{1,36}$)", Matches<kTokenBytes, 1, 36>};
const Pattern kSubjectIdPattern{R"(^[^:#@\s]{1,500}$)", Matches<kTypeBytes, 1, 500>};
const Pattern kResourceIdPattern{R"(^[^:#@\s]{1,256}$)", Matches<kTypeBytes, 1, 256>};

}  // namespace pemba::api
