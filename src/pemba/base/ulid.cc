#include "pemba/base/ulid.h"

#include <chrono>

namespace pemba {
namespace {
constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
}

std::string ToText(const Ulid& ulid) {
  std::string text(26, '0');
  std::uint64_t high = ulid.high;
  std::uint64_t low = ulid.low;
  for (int i = 25; i >= 0; --i) {
    text[static_cast<std::size_t>(i)] = kCrockford[low & 31];
    low = low >> 5 | high << 59;
    high >>= 5;
  }
  return text;
}

std::optional<Ulid> ParseUlid(std::string_view text) {
  if (text.size() != 26 || text[0] > '7') return std::nullopt;
  Ulid ulid;
  for (const char c : text) {
    const auto value = kCrockford.find(c);
    if (value == kCrockford.npos) return std::nullopt;
    ulid.high = ulid.high << 5 | ulid.low >> 59;
    ulid.low = ulid.low << 5 | value;
  }
  return ulid;
}

Ulid UlidGenerator::Next() {
  const auto since_epoch = clock_.Now().time_since_epoch();
  const auto now_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  const std::lock_guard lock(mutex_);
  if (now_ms > last_.milliseconds()) {
    last_ = {now_ms << 16 | (random_() & 0xFFFF), random_()};
  } else if (++last_.low == 0) {
    ++last_.high;
  }
  return last_;
}

}  // namespace pemba
