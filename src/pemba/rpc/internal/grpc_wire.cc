#include "pemba/rpc/internal/grpc_wire.h"

#include <array>

namespace pemba::rpc::internal {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto kReverse = [] {
  std::array<std::int8_t, 256> reverse{};
  for (auto& entry : reverse) entry = -1;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    reverse[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return reverse;
}();

std::optional<std::int64_t> NanosecondsPerUnit(char unit) {
  switch (unit) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const auto unit = NanosecondsPerUnit(text.back());
  if (!unit) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  // Eight digits of hours are 11 thousand years and do not fit; a year is "no limit" enough.
  constexpr std::int64_t kLongest = 365LL * 24 * 3'600'000'000'000;
  if (value > kLongest / *unit) return std::chrono::nanoseconds(kLongest);
  return std::chrono::nanoseconds(value * *unit);
}

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kBase = "application/grpc";
  if (!content_type.starts_with(kBase)) return false;
  return content_type.size() == kBase.size() || content_type[kBase.size()] == '+' ||
         content_type[kBase.size()] == ';';
}

FramePrefix ReadFramePrefix(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  return {byte(0), static_cast<std::uint32_t>(byte(1)) << 24 |
                       static_cast<std::uint32_t>(byte(2)) << 16 |
                       static_cast<std::uint32_t>(byte(3)) << 8 | byte(4)};
}

void AppendFramePrefix(std::size_t message_bytes, std::string& out) {
  const char prefix[kFramePrefixBytes] = {
      0, static_cast<char>(message_bytes >> 24), static_cast<char>(message_bytes >> 16),
      static_cast<char>(message_bytes >> 8), static_cast<char>(message_bytes)};
  out.append(prefix, sizeof prefix);
}

void AppendBase64(std::string_view bytes, std::string& out) {
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    const std::size_t digits = bytes.size() - i >= 3 ? 4 : bytes.size() - i + 1;
    for (std::size_t k = 0; k < digits; ++k) out.push_back(kAlphabet[group >> (18 - 6 * k) & 63]);
  }
}

bool DecodeBase64(std::string_view text, std::string& out) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  const auto before = out.size();
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = kReverse[static_cast<unsigned char>(c)];
    if (value < 0) {
      out.resize(before);
      return false;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  return true;
}

std::string MessageTooLargeText(std::size_t bytes, std::size_t bytes_max) {
  return "received message larger than max (" + std::to_string(bytes) + " vs. " +
         std::to_string(bytes_max) + ")";
}

}  // namespace pemba::rpc::internal
