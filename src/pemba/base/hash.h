// The one hash of the house for bytes: XXH3, and the hash maps keyed by strings that use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <xxhash.h>

namespace pemba {

inline std::uint64_t HashBytes(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}
inline std::uint64_t HashBytes(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// Transparent: a map keyed by std::string is asked with a std::string_view, without a copy.
struct StringHash {
  using is_transparent = void;
  using is_avalanching = void;  // XXH3 mixes well; boost need not mix again.
  std::uint64_t operator()(std::string_view text) const { return HashBytes(text); }
};
struct StringEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

template <class Value>
using StringMap = boost::unordered_flat_map<std::string, Value, StringHash, StringEqual>;
using StringSet = boost::unordered_flat_set<std::string, StringHash, StringEqual>;
// Keys borrow their bytes: the map's owner keeps them alive.
template <class Value>
using StringViewMap = boost::unordered_flat_map<std::string_view, Value, StringHash, StringEqual>;

}  // namespace pemba
