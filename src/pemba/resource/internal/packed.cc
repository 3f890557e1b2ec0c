#include "pemba/resource/internal/packed.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/assert.h"

namespace pemba::resource::internal {
namespace {

namespace json = boost::json;

// A value that has come up so often gets a number.
constexpr std::uint8_t kSightings = 4;

// What a value begins with.
enum Tag : std::uint8_t {
  kNull,
  kFalse,
  kTrue,
  kInt,     // Zigzag.
  kUint,    // Above what an int64 holds.
  kDouble,  // 8 bytes.
  kText,    // Count, bytes.
  kKnown,   // Number in the dictionary.
  kUid,     // 16 bytes.
  kTime,    // Zigzag of seconds since 1970.
  kArray,   // Count, values.
  kObject,  // Count, fields: number of the name + 1, or 0 and the name; value.
  // Texts that the object says elsewhere.
  kOwnName,
  kOwnNamespace,
  kOwnApiVersion,
  kOwnKind,
  kOwnRevision,
};

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kUidForm = "00000000-0000-0000-0000-000000000000";
constexpr std::string_view kTimeForm = "0000-00-00T00:00:00Z";

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::array<char, 16>> UidBytes(std::string_view text) {
  if (text.size() != kUidForm.size()) return std::nullopt;
  std::array<char, 16> bytes{};
  std::size_t nibbles = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kUidForm[i] == '-') {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int nibble = Nibble(text[i]);
    if (nibble < 0) return std::nullopt;
    auto& byte = bytes[nibbles / 2];
    byte = static_cast<char>(nibbles % 2 == 0 ? nibble << 4 : (byte | nibble));
    ++nibbles;
  }
  return bytes;
}

using UidText = std::array<char, 36>;

UidText UidTextOf(const char* bytes) {
  UidText text;
  static_assert(kUidForm.size() == text.size());
  std::size_t nibbles = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kUidForm[i] == '-') {
      text[i] = '-';
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(bytes[nibbles / 2]);
    text[i] = kHex[nibbles % 2 == 0 ? byte >> 4 : byte & 0xF];
    ++nibbles;
  }
  return text;
}

// Of a text just as TimeText would write it.
std::optional<std::int64_t> TimeSeconds(std::string_view text) {
  if (text.size() != kTimeForm.size()) return std::nullopt;
  int parts[6] = {};
  std::size_t part = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kTimeForm[i] != '0') {
      if (text[i] != kTimeForm[i]) return std::nullopt;
      ++part;
    } else if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    } else {
      parts[part] = parts[part] * 10 + (text[i] - '0');
    }
  }
  using namespace std::chrono;
  const year_month_day date{year(parts[0]), month(static_cast<unsigned>(parts[1])),
                            day(static_cast<unsigned>(parts[2]))};
  if (!date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return std::nullopt;
  const auto days = sys_days(date).time_since_epoch();
  return duration_cast<seconds>(days).count() + parts[3] * 3600 + parts[4] * 60 + parts[5];
}

using TimeText = std::array<char, kTimeForm.size()>;

TimeText TimeTextOf(std::int64_t time) {
  using namespace std::chrono;
  const sys_seconds at{seconds(time)};
  const auto midnight = floor<days>(at);
  const year_month_day date(midnight);
  const auto left = static_cast<unsigned>((at - midnight).count());
  TimeText text;
  std::ranges::copy(kTimeForm, text.begin());
  const auto put = [&](std::size_t end, unsigned number) {  // To the left of `end`.
    for (; number != 0; number /= 10) text[--end] = static_cast<char>('0' + number % 10);
  };
  put(4, static_cast<unsigned>(static_cast<int>(date.year())));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, left / 3600);
  put(16, left / 60 % 60);
  put(19, left % 60);
  return text;
}

class Packer {
 public:
  Packer(const Object& object, Revision revision, Dictionary& dictionary, std::string& out)
      : object_(object),
        dictionary_(dictionary),
        api_version_(object.key.kind->api_version()),
        revision_(std::to_string(revision)),
        out_(out) {}

  void Document() {
    Put(kObject);
    Count(object_.document.size());
    for (const auto& [name, value] : object_.document) {
      Name(name);
      if (name == "metadata" && value.is_object()) {
        Metadata(value.get_object());
      } else {
        Value(value);
      }
    }
  }

 private:
  // With the revision, whichever it has.
  void Metadata(const json::object& metadata) {
    const bool has = metadata.contains("resourceVersion");
    Put(kObject);
    Count(metadata.size() + (has ? 0 : 1));
    for (const auto& [name, value] : metadata) {
      Name(name);
      if (name == "resourceVersion") {
        Put(kOwnRevision);
      } else {
        Value(value);
      }
    }
    if (has) return;
    Name("resourceVersion");
    Put(kOwnRevision);
  }

  void Fields(const json::object& object) {
    Put(kObject);
    Count(object.size());
    for (const auto& [name, value] : object) {
      Name(name);
      Value(value);
    }
  }

  void Name(std::string_view name) {
    const auto number = dictionary_.OfName(name);
    if (number != Dictionary::kNone) {
      Count(number + std::uint64_t{1});
    } else {
      Count(0);
      Bytes(name);
    }
  }

  void Value(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        return Put(kNull);
      case json::kind::bool_:
        return Put(value.get_bool() ? kTrue : kFalse);
      case json::kind::int64:
        Put(kInt);
        return Signed(value.get_int64());
      case json::kind::uint64:
        Put(kUint);
        return Count(value.get_uint64());
      case json::kind::double_: {
        const double number = value.get_double();
        Put(kDouble);
        out_.append(reinterpret_cast<const char*>(&number), sizeof number);
        return;
      }
      case json::kind::string:
        return Text(value.get_string());
      case json::kind::array:
        Put(kArray);
        Count(value.get_array().size());
        for (const auto& item : value.get_array()) Value(item);
        return;
      case json::kind::object:
        return Fields(value.get_object());
    }
  }

  void Text(std::string_view text) {
    if (text == object_.key.name) return Put(kOwnName);
    if (text == object_.key.name_space) return Put(kOwnNamespace);
    if (text == api_version_) return Put(kOwnApiVersion);
    if (text == object_.key.kind->name) return Put(kOwnKind);
    if (text == revision_) return Put(kOwnRevision);
    if (const auto uid = UidBytes(text)) {
      Put(kUid);
      out_.append(uid->data(), uid->size());
    } else if (const auto time = TimeSeconds(text)) {
      Put(kTime);
      Signed(*time);
    } else if (const auto number = dictionary_.OfValue(text); number != Dictionary::kNone) {
      Put(kKnown);
      Count(number);
    } else {
      Put(kText);
      Bytes(text);
    }
  }

  void Put(Tag tag) { out_.push_back(static_cast<char>(tag)); }
  void Count(std::uint64_t count) {
    for (; count >= 0x80; count >>= 7) out_.push_back(static_cast<char>(count | 0x80));
    out_.push_back(static_cast<char>(count));
  }
  void Signed(std::int64_t number) {
    Count((static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63));
  }
  void Bytes(std::string_view bytes) {
    Count(bytes.size());
    out_.append(bytes);
  }

  const Object& object_;
  Dictionary& dictionary_;
  const std::string api_version_, revision_;
  std::string& out_;
};

// INVARIANT: reads what Packer wrote, so that nothing is checked but the end.
class Unpacker {
 public:
  Unpacker(const Object& object, const Dictionary& dictionary, std::string_view in)
      : object_(object), dictionary_(dictionary), at_(in.data()), end_(at_ + in.size()) {}

  json::value Document() {
    auto value = Value();
    PEMBA_CHECK(at_ == end_);
    return value;
  }

 private:
  json::value Value() {
    const auto tag = static_cast<Tag>(*at_++);
    switch (tag) {
      case kNull:
        return nullptr;
      case kFalse:
        return false;
      case kTrue:
        return true;
      case kInt:
        return Signed();
      case kUint:
        return Count();
      case kDouble: {
        double number = 0;
        std::memcpy(&number, Take(sizeof number).data(), sizeof number);
        return number;
      }
      case kText:
        return Text(Take(Count()));
      case kKnown:
        return Text(dictionary_.Text(static_cast<std::uint32_t>(Count())));
      case kUid:
        return Text(UidTextOf(Take(16).data()));
      case kTime:
        return Text(TimeTextOf(Signed()));
      case kArray: {
        json::array array;
        auto count = Count();
        array.reserve(count);
        for (; count > 0; --count) array.push_back(Value());
        return array;
      }
      case kObject: {
        json::object object;
        auto count = Count();
        object.reserve(count);
        for (; count > 0; --count) {
          const auto number = Count();
          const auto name = number == 0 ? Take(Count())
                                        : dictionary_.Text(static_cast<std::uint32_t>(number - 1));
          object.emplace(json::string_view(name.data(), name.size()), Value());
        }
        return object;
      }
      case kOwnName:
        return Text(object_.key.name);
      case kOwnNamespace:
        return Text(object_.key.name_space);
      case kOwnApiVersion:
        return Text(object_.key.kind->api_version());
      case kOwnKind:
        return Text(object_.key.kind->name);
      case kOwnRevision:
        return Text(std::to_string(object_.revision));
    }
    PEMBA_CHECK(false);
    return nullptr;
  }

  static json::value Text(std::string_view text) {
    return json::string(json::string_view(text.data(), text.size()));
  }
  template <std::size_t count>
  static json::value Text(const std::array<char, count>& text) {
    return Text(std::string_view(text.data(), count));
  }
  std::string_view Take(std::uint64_t bytes) {
    const std::string_view taken(at_, bytes);
    at_ += bytes;
    return taken;
  }
  std::uint64_t Count() {
    std::uint64_t count = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at_++);
      count |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return count;
    }
  }
  std::int64_t Signed() {
    const auto count = Count();
    return static_cast<std::int64_t>(count >> 1) ^ -static_cast<std::int64_t>(count & 1);
  }

  const Object& object_;
  const Dictionary& dictionary_;
  const char* at_;
  const char* const end_;
};

}  // namespace

std::uint32_t Dictionary::NumberOf(std::string_view text, bool at_once) {
  if (text.size() > kTextBytesMax) return kNone;
  if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
  if (count_ == kTextsMax) return kNone;
  if (!at_once) {
    auto& seen = sightings_[HashBytes(text) % sightings_.size()];
    if (++seen < kSightings) return kNone;
    seen = 0;
  }
  auto& chunk = chunks_[count_ / kChunk];
  if (!chunk) chunk = std::make_unique<std::array<std::string, kChunk>>();
  auto& kept = (*chunk)[count_ % kChunk];
  kept = text;
  numbers_.emplace(kept, count_);
  return count_++;
}

Packed::Packed(const Object& object, Revision revision, std::size_t bytes)
    : kind_(object.key.kind),
      revision_(revision),
      bytes_(static_cast<std::uint32_t>(bytes)),
      name_space_bytes_(static_cast<std::uint16_t>(object.key.name_space.size())),
      name_bytes_(static_cast<std::uint16_t>(object.key.name.size())) {}

PackedPtr Packed::Pack(const Object& object, Revision revision, Dictionary& dictionary) {
  std::string text = object.key.name_space + object.key.name;
  PEMBA_CHECK(text.size() <= 0xFFFF);
  Packer(object, revision, dictionary, text).Document();
  PEMBA_CHECK(text.size() <= 0xFFFFFFFF);
  void* const memory = ::operator new(sizeof(Packed) + text.size());
  auto* const packed = new (memory) Packed(object, revision, text.size());
  std::memcpy(static_cast<char*>(memory) + sizeof(Packed), text.data(), text.size());
  return PackedPtr(packed);
}

ObjectPtr Packed::Unpack(const Dictionary& dictionary) const {
  auto object = std::make_shared<Object>();
  object->key = key();
  object->revision = revision_;
  const std::size_t names = std::size_t{name_space_bytes_} + name_bytes_;
  auto document = Unpacker(*object, dictionary, {text() + names, bytes_ - names}).Document();
  object->document = std::move(document.get_object());
  return object;
}

void intrusive_ptr_add_ref(const Packed* packed) {
  packed->references_.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(const Packed* packed) {
  if (packed->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  packed->~Packed();
  ::operator delete(const_cast<Packed*>(packed));
}

}  // namespace pemba::resource::internal
