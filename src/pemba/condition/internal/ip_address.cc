#include "pemba/condition/internal/ip_address.h"

#include <algorithm>
#include <charconv>

namespace pemba::condition::internal {
namespace {

constexpr int kV4OffsetBits = 96;
constexpr std::size_t kV4OffsetBytes = 12;

bool IsMappedV4(const IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.begin() + 10,
                     [](std::uint8_t b) { return b == 0; }) &&
         address.bytes[10] == 0xff && address.bytes[11] == 0xff;
}

// Reads four decimal octets into `out`.
bool ParseOctets(std::string_view text, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    const auto dot = text.find('.');
    if ((dot == text.npos) != (i == 3)) return false;
    const auto octet = text.substr(0, dot);
    if (octet.empty() || octet.size() > 3 || (octet.size() > 1 && octet[0] == '0')) return false;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(octet.data(), octet.data() + octet.size(), value);
    if (error != std::errc() || end != octet.data() + octet.size() || value > 255) return false;
    out[i] = static_cast<std::uint8_t>(value);
    text.remove_prefix(dot == text.npos ? text.size() : dot + 1);
  }
  return true;
}

// Reads the 16-bit groups of `text`, an embedded IPv4 address at its end included.
// Returns the number of bytes written to `out`, or nothing if malformed.
std::optional<std::size_t> ParseGroups(std::string_view text, std::array<std::uint8_t, 16>& out,
                                       bool may_end_with_v4) {
  std::size_t written = 0;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    if (colon == text.npos && group.find('.') != group.npos) {
      if (!may_end_with_v4 || written + 4 > out.size()) return std::nullopt;
      if (!ParseOctets(group, out.data() + written)) return std::nullopt;
      return written + 4;
    }
    if (group.empty() || group.size() > 4 || written + 2 > out.size()) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (error != std::errc() || end != group.data() + group.size()) return std::nullopt;
    out[written++] = static_cast<std::uint8_t>(value >> 8);
    out[written++] = static_cast<std::uint8_t>(value & 0xff);
    if (colon == text.npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // A colon must be followed by more.
  }
  return written;
}

std::optional<IpAddress> ParseV6(std::string_view text) {
  IpAddress address;
  if (const auto percent = text.find('%'); percent != text.npos) {
    address.zone = text.substr(percent + 1);
    if (address.zone.empty()) return std::nullopt;
    text = text.substr(0, percent);
  }
  const auto gap = text.find("::");
  if (gap == text.npos) {
    const auto bytes = ParseGroups(text, address.bytes, true);
    if (bytes != address.bytes.size()) return std::nullopt;
    return address;
  }
  // What stands left of the gap goes to the front, what stands right of it to the back.
  const auto left = ParseGroups(text.substr(0, gap), address.bytes, false);
  std::array<std::uint8_t, 16> tail{};
  const auto right = ParseGroups(text.substr(gap + 2), tail, true);
  if (!left || !right || *left + *right > address.bytes.size() - 2) return std::nullopt;
  std::copy_n(tail.begin(), *right, address.bytes.end() - static_cast<std::ptrdiff_t>(*right));
  return address;
}

}  // namespace

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  if (text.find(':') != text.npos) return ParseV6(text);
  IpAddress address{.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, .is_v4 = true, .zone = {}};
  if (!ParseOctets(text, address.bytes.data() + kV4OffsetBytes)) return std::nullopt;
  return address;
}

std::optional<IpPrefix> ParseIpPrefix(std::string_view text) {
  const auto slash = text.rfind('/');
  if (slash == text.npos) return std::nullopt;
  const auto address = ParseIpAddress(text.substr(0, slash));
  if (!address || !address->zone.empty()) return std::nullopt;
  const auto digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) {
    return std::nullopt;
  }
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (bits > (address->is_v4 ? 32u : 128u)) return std::nullopt;
  IpPrefix prefix{*address, static_cast<int>(bits)};
  if (prefix.address.is_v4) {
    prefix.bits += kV4OffsetBits;
  } else if (IsMappedV4(prefix.address) && prefix.bits >= kV4OffsetBits) {
    prefix.address.is_v4 = true;
  }
  return prefix;
}

bool Contains(const IpPrefix& prefix, const IpAddress& address) {
  if (!address.zone.empty()) return false;
  const bool is_v4 = address.is_v4 || IsMappedV4(address);
  if (is_v4 != prefix.address.is_v4) return false;
  const auto whole = static_cast<std::size_t>(prefix.bits / 8);
  const auto& a = prefix.address.bytes;
  const auto& b = address.bytes;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) {
    return false;
  }
  const int rest = prefix.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

}  // namespace pemba::condition::internal
