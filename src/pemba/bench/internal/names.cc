#include <algorithm>
#include <charconv>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {

std::string Name(std::string_view type_and_prefix, std::uint64_t number) {
  constexpr std::size_t kDigits = 8;
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  std::string name;
  name.reserve(type_and_prefix.size() + std::max(kDigits, count) + 8);
  name.append(type_and_prefix);
  if (count < kDigits) name.append(kDigits - count, '0');
  return name.append(digits, count);
}

}  // namespace pemba::bench::internal
