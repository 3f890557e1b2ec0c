#include "pemba/api/call_text.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>

namespace pemba::api {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> Unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return Error{ErrorCode::kValidation,
                     "invalid URL escape \"" + std::string(text.substr(i, 3)) + "\""};
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

// xoshiro256++ (Blackman, Vigna, 2019), seeded by the system.
class Random {
 public:
  Random() {
    std::random_device device;
    for (auto& word : state_) word = (std::uint64_t{device()} << 32) | device();
  }
  std::uint64_t Next() {
    const auto result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const auto shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

constexpr auto kHexPairs = [] {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte) {
    pairs[byte] = {kHex[byte >> 4], kHex[byte & 15]};
  }
  return pairs;
}();

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto part = query.substr(0, end);
    query.remove_prefix(end == query.npos ? query.size() : end + 1);
    if (part.empty()) continue;
    const auto equals = part.find('=');
    PEMBA_TRY(auto name, Unescaped(part.substr(0, equals)));
    PEMBA_TRY(auto value,
              Unescaped(equals == part.npos ? std::string_view() : part.substr(equals + 1)));
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

std::string PercentDecoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size();
    const int high = escape ? HexDigit(text[i + 1]) : -1;
    const int low = escape ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

RequestId NewRequestId() {
  static thread_local Random random;
  const std::uint64_t high = (random.Next() & ~std::uint64_t{0xF000}) | 0x4000;  // Version 4.
  const std::uint64_t low =
      (random.Next() & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);  // The RFC's variant.
  RequestId text;
  char* at = text.data();
  const auto append = [&](std::uint64_t word, int from, int bytes) {
    for (int i = from; i < from + bytes; ++i) {
      std::memcpy(at, kHexPairs[(word >> (56 - 8 * i)) & 0xFF].data(), 2);
      at += 2;
    }
  };
  append(high, 0, 4);
  *at++ = '-';
  append(high, 4, 2);
  *at++ = '-';
  append(high, 6, 2);
  *at++ = '-';
  append(low, 0, 2);
  *at++ = '-';
  append(low, 2, 6);
  return text;
}

}  // namespace pemba::api
