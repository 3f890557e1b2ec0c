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

// The text of the field that began with `tag`. False if it is no text, or comes again.
inline bool TakeTextOnce(ProtobufFields& fields, std::uint8_t tag, std::string_view& out,
                         unsigned& seen) {
  const auto text = fields.TakeText();
  return text && Take(*text, out, 1u << tag / 8, seen);
}

// A tuple key without a condition, in each of the forms that requests have. False if there is more.
inline bool ReadPlainKey(std::string_view bytes, std::string_view& user, std::string_view& relation,
                         std::string_view& object) {
  unsigned seen = 0;
  for (ProtobufFields fields(bytes); !fields.empty();) {
    const auto tag = fields.TakeByte();
    std::string_view* const out = tag == Tag(1, kLengthDelimited)   ? &user
                                  : tag == Tag(2, kLengthDelimited) ? &relation
                                  : tag == Tag(3, kLengthDelimited) ? &object
                                                                    : nullptr;
    if (out == nullptr || !TakeTextOnce(fields, tag, *out, seen)) return false;
  }
  return true;
}

}  // namespace pemba::api::openfga::internal
