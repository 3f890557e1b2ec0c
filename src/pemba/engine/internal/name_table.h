// NameTable: the names of a model, each within a scope, and their numbers.
//
// A question names two types and a relation before anything else is known about it. Names are
// short: the first and the last eight bytes tell them apart, so that no hash over bytes and mostly
// no comparison of bytes is needed.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace pemba::engine::internal {

// Filled once, then immutable. Names are borrowed.
class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  // `names`: how many there will be at most.
  explicit NameTable(std::size_t names = 0) : slots_(std::bit_ceil(2 * names + 2)) {}

  // The name is new in its scope.
  void Add(std::uint32_t scope, std::string_view name, std::uint32_t value) {
    const auto key = KeyOf(name);
    auto at = Home(scope, key);
    while (slots_[at].value != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, name, scope, value};
  }

  // Its number; kNone: no such name. O(1).
  std::uint32_t Find(std::uint32_t scope, std::string_view name) const {
    const auto key = KeyOf(name);
    for (auto at = Home(scope, key);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.value == kNone) return kNone;
      if (slot.key.head != key.head || slot.key.tail != key.tail || slot.scope != scope) continue;
      if (slot.name.size() != name.size()) continue;
      if (name.size() <= 16 || slot.name == name) return slot.value;
    }
  }

 private:
  // All bytes of a name of at most 16.
  struct Key {
    std::uint64_t head = 0, tail = 0;
  };
  struct Slot {
    Key key;
    std::string_view name;
    std::uint32_t scope = 0;
    std::uint32_t value = kNone;
  };

  template <class Word>
  static std::uint64_t Load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof(Word));
    return word;
  }
  static Key KeyOf(std::string_view name) {
    const char* const first = name.data();
    const auto size = name.size();
    if (size >= 8) return {Load<std::uint64_t>(first), Load<std::uint64_t>(first + size - 8)};
    if (size >= 4) return {Load<std::uint32_t>(first), Load<std::uint32_t>(first + size - 4)};
    if (size == 0) return {};
    return {static_cast<unsigned char>(first[0]),
            static_cast<unsigned char>(first[size / 2]) * 256u +
                static_cast<unsigned char>(first[size - 1])};
  }
  std::size_t Home(std::uint32_t scope, const Key& key) const {
    constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15, kOther = 0xD6E8'FEB8'6659'FD93;
    const auto mixed = (key.head + scope) * kOdd ^ key.tail * kOther;
    return static_cast<std::size_t>((mixed ^ mixed >> 29) * kOdd >> 32) & (slots_.size() - 1);
  }

  std::vector<Slot> slots_;  // At most half full, linear probes.
};

}  // namespace pemba::engine::internal
