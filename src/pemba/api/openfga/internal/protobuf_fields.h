// The wire form of protobuf, for those who read a message that they know in full without making it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pemba/base/text.h"

namespace pemba::api::openfga::internal {

// Takes what comes once.
inline bool Take(std::string_view text, std::string_view& out, unsigned field, unsigned& seen) {
  if ((seen & field) != 0) return false;
  seen |= field;
  out = text;
  return true;
}

// The fields of a message in the wire form of protobuf, one after the other. Numbers may take four
// bytes: nothing that plain readers read is longer than they say.
class ProtobufFields {
 public:
  explicit ProtobufFields(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t TakeByte() {
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  std::optional<unsigned> TakeNumber() {
    unsigned number = 0;
    for (unsigned shift = 0; shift < 28 && !rest_.empty(); shift += 7) {
      const unsigned byte = TakeByte();
      number |= (byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> TakeBytes() {
    const auto size = TakeNumber();
    if (!size || *size > rest_.size()) return std::nullopt;
    const auto bytes = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return bytes;
  }
  std::optional<std::string_view> TakeText() {
    const auto text = TakeBytes();
    return text && IsUtf8(*text) ? text : std::nullopt;
  }

 private:
  std::string_view rest_;
};

// A field's number and how it is encoded, as one byte.
constexpr std::uint8_t Tag(unsigned number, unsigned encoding) {
  return static_cast<std::uint8_t>(number << 3 | encoding);
}
inline constexpr unsigned kVarint = 0, kLengthDelimited = 2;

}  // namespace pemba::api::openfga::internal
