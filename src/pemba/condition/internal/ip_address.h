// IP addresses and prefixes, for the type IPAddress and its function in_cidr.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pemba::condition::internal {

// An IPv4 address is held in its IPv4-mapped IPv6 form with `is_v4` set, so that one prefix
// comparison serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v4 = false;
  std::string_view zone;  // Of a scoped IPv6 address, without the percent sign; borrowed.
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

struct IpPrefix {
  IpAddress address;
  int bits = 0;  // Counted on the 128-bit form, so 96 more than written for IPv4.
};

// Dotted IPv4 without leading zeros, or IPv6 (RFC 4291) with an optional zone. `text` is borrowed
// by the zone.
std::optional<IpAddress> ParseIpAddress(std::string_view text);

// `address/bits`. The address need not be masked and has no zone. An IPv4-mapped IPv6 prefix of at
// least 96 bits becomes the IPv4 prefix that it means.
std::optional<IpPrefix> ParseIpPrefix(std::string_view text);

// IPv4-mapped IPv6 addresses count as IPv4; the two families never match each other; an address
// with a zone matches nothing.
bool Contains(const IpPrefix& prefix, const IpAddress& address);

}  // namespace pemba::condition::internal
