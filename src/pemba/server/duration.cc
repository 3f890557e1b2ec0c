#include "pemba/server/duration.h"

#include <cstdint>
#include <limits>

namespace pemba::server {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Longer names first: "ms" is not "m" and an "s".
constexpr Unit kUnits[] = {
    {"ns", 1},         {"us", 1'000},        {"\u00b5s", 1'000},    {"\u03bcs", 1'000},
    {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000},
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  double total = 0;  // Exact up to 2^53 ns (104 days), and nobody configures more to the ns.
  while (!text.empty()) {
    double number = 0;
    double place = 1;
    std::size_t digits = 0;
    while (!text.empty() && IsDigit(text[0])) {
      number = number * 10 + (text[0] - '0');
      text.remove_prefix(1);
      ++digits;
    }
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      while (!text.empty() && IsDigit(text[0])) {
        place /= 10;
        number += (text[0] - '0') * place;
        text.remove_prefix(1);
        ++digits;
      }
    }
    if (digits == 0) return std::nullopt;
    const Unit* unit = nullptr;
    for (const auto& candidate : kUnits) {
      if (text.starts_with(candidate.name)) {
        unit = &candidate;
        break;
      }
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += number * static_cast<double>(unit->nanoseconds);
    if (total > static_cast<double>(std::numeric_limits<std::int64_t>::max() / 2)) {
      return std::nullopt;
    }
  }
  const auto nanoseconds = static_cast<std::int64_t>(total + 0.5);
  return std::chrono::nanoseconds(negative ? -nanoseconds : nanoseconds);
}

}  // namespace pemba::server
