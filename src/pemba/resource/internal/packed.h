// Packed: an object in few bytes, as the table and the history keep it. Readers get it unpacked.
//
// The document is coded as tags and values. What most objects have in common is said once for all
// of them, in a dictionary: names of fields, and texts that come again and again. What an object
// says twice (its name, its kind) is a tag; uids and times are numbers. Field order is kept.
//
// In memory only: the form may change with any build.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "pemba/base/hash.h"
#include "pemba/resource/object.h"

namespace pemba::resource::internal {

// Texts by number. Only grows, up to a limit.
//
// Written by one thread at a time. Read by any thread that got a packed object, from whoever packed
// it, through a lock: a number is in use only after its text is there, and texts do not move.
class Dictionary {
 public:
  static constexpr std::uint32_t kTextsMax = 1 << 16;
  static constexpr std::size_t kTextBytesMax = 200;
  static constexpr std::uint32_t kNone = ~0u;

  // The number of a field's name; kNone if it is too long, or there is no room.
  std::uint32_t OfName(std::string_view name) { return NumberOf(name, true); }
  // The number of a value that has come up several times; kNone: not yet.
  std::uint32_t OfValue(std::string_view text) { return NumberOf(text, false); }
  std::string_view Text(std::uint32_t number) const {
    return (*chunks_[number / kChunk])[number % kChunk];
  }

 private:
  static constexpr std::uint32_t kChunk = 1024;
  std::uint32_t NumberOf(std::string_view text, bool at_once);

  std::array<std::unique_ptr<std::array<std::string, kChunk>>, kTextsMax / kChunk> chunks_;
  std::uint32_t count_ = 0;
  StringViewMap<std::uint32_t> numbers_;
  // How often a value has come up lately, by its hash; two that share a place count as one.
  std::vector<std::uint8_t> sightings_ = std::vector<std::uint8_t>(1 << 16);
};

class Packed;
using PackedPtr = boost::intrusive_ptr<const Packed>;

// Immutable. One allocation.
class Packed {
 public:
  // As the object is under `revision`: what WithRevision would make of it.
  static PackedPtr Pack(const Object& object, Revision revision, Dictionary& dictionary);
  ObjectPtr Unpack(const Dictionary& dictionary) const;

  const Kind& kind() const { return *kind_; }
  std::string_view name_space() const { return {text(), name_space_bytes_}; }
  std::string_view name() const { return {text() + name_space_bytes_, name_bytes_}; }
  ObjectKey key() const { return {kind_, std::string(name_space()), std::string(name())}; }
  Revision revision() const { return revision_; }
  std::size_t bytes() const { return sizeof(Packed) + bytes_; }

 private:
  friend void intrusive_ptr_add_ref(const Packed* packed);
  friend void intrusive_ptr_release(const Packed* packed);
  Packed(const Object& object, Revision revision, std::size_t bytes);
  const char* text() const { return reinterpret_cast<const char*>(this + 1); }

  const Kind* const kind_;
  const Revision revision_;
  mutable std::atomic<std::uint32_t> references_{0};
  const std::uint32_t bytes_;  // That follow: namespace, name, document.
  const std::uint16_t name_space_bytes_, name_bytes_;
};

// Where an object is among those of its kind.
struct Place {
  std::string_view name_space, name;
  friend auto operator<=>(const Place&, const Place&) = default;
};
inline Place PlaceOf(const Packed& packed) { return {packed.name_space(), packed.name()}; }
inline Place PlaceOf(const ObjectKey& key) { return {key.name_space, key.name}; }

struct ByPlace {
  using is_transparent = void;
  bool operator()(const PackedPtr& a, const PackedPtr& b) const {
    return PlaceOf(*a) < PlaceOf(*b);
  }
  bool operator()(const PackedPtr& a, const Place& b) const { return PlaceOf(*a) < b; }
  bool operator()(const Place& a, const PackedPtr& b) const { return a < PlaceOf(*b); }
};

}  // namespace pemba::resource::internal
