// ULIDs: 128-bit ids that sort by the time they were made (https://github.com/ulid/spec).
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"

namespace pemba {

struct Ulid {
  std::uint64_t high = 0;  // 48 bits of milliseconds since 1970, then 16 bits of randomness.
  std::uint64_t low = 0;   // 64 bits of randomness.
  friend auto operator<=>(const Ulid&, const Ulid&) = default;

  std::uint64_t milliseconds() const { return high >> 16; }
};

// 26 characters of Crockford's base 32, upper case.
std::string ToText(const Ulid& ulid);
// Accepts exactly 26 upper-case characters of the alphabet with a value below 2^128.
std::optional<Ulid> ParseUlid(std::string_view text);

// Makes ULIDs that grow strictly, also within one millisecond and when the clock goes back.
// Thread-safe.
class UlidGenerator {
 public:
  explicit UlidGenerator(const Clock& clock) : clock_(clock), random_(std::random_device{}()) {}
  Ulid Next();

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  Ulid last_;
};

}  // namespace pemba
