#include "pemba/condition/internal/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace pemba::condition::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// The power of ten of the first significant digit: what decides between overflow and underflow.
bool IsTiny(std::string_view text) {
  const auto e = text.find_first_of("eE");
  const auto mantissa = text.substr(0, e);
  if (mantissa.find_first_of("123456789") == mantissa.npos) return true;
  if (e != text.npos) return e + 1 < text.size() && text[e + 1] == '-';
  return !mantissa.empty() && (mantissa[0] == '0' || mantissa[0] == '.');
}

}  // namespace

std::string DoubleText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr int kFixedExponentMin = -4;
  constexpr int kFixedExponentMax = 5;
  std::array<char, 64> buffer;
  auto end = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const auto e = scientific.rfind('e');
  int exponent = 0;
  const char* digits = scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits, end, exponent);
  if (exponent < kFixedExponentMin || exponent > kFixedExponentMax) return std::string(scientific);
  end = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::fixed).ptr;
  return {buffer.data(), end};
}

std::optional<std::int64_t> ParseInt(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> ParseUint(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsDecimalFloat(std::string_view text) {
  std::size_t i = 0;
  const auto skip_digits = [&] {
    const auto from = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i > from;
  };
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  bool has_digits = skip_digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    has_digits = skip_digits() || has_digits;
  }
  if (!has_digits) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!skip_digits()) return false;
  }
  return i == text.size();
}

std::optional<double> ParseDouble(std::string_view text) {
  std::string_view magnitude = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) magnitude.remove_prefix(1);
  const double sign = negative ? -1.0 : 1.0;
  if (EqualsIgnoringCase(magnitude, "inf") || EqualsIgnoringCase(magnitude, "infinity")) {
    return sign * std::numeric_limits<double>::infinity();
  }
  if (EqualsIgnoringCase(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (!IsDecimalFloat(text)) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(magnitude.data(), magnitude.data() + magnitude.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (!IsTiny(magnitude)) return std::nullopt;
    return sign * 0.0;
  }
  if (error != std::errc() || std::isinf(value)) return std::nullopt;
  return sign * value;
}

}  // namespace pemba::condition::internal
