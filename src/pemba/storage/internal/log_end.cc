#include "pemba/storage/internal/log_end.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace pemba::storage::internal {
namespace {

namespace fs = std::filesystem;

// RocksDB's log format: blocks of 32 KiB; in them records of checksum (4 bytes), length (2), type
// (1) and payload. A record that does not fit continues in the next block. Less than a head's room
// at the end of a block is left empty. Numbers are little-endian.
constexpr std::size_t kBlockBytes = 32 * 1024;
constexpr std::size_t kHeadBytes = 7;
constexpr std::uint8_t kTypeMax = 4;  // Whole, first, middle, last.

// The Castagnoli polynomial, reflected: RFC 3720 B.4.
constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t Number(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t number = 0;
  for (std::size_t i = count; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

// Where checksums lie beside what they cover, RocksDB masks them.
std::uint32_t Unmasked(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xA282EAD8u;
  return rotated >> 17 | rotated << 15;
}

// Whether the head at the start of `bytes` has the checksum of a payload of any length from
// `shortest` to `longest`. The type, right before the payload, is covered too.
bool IsWhole(std::string_view bytes, std::size_t shortest, std::size_t longest) {
  const std::uint32_t want = ~Unmasked(Number(bytes, 0, 4));
  std::uint32_t crc = ~0u;
  for (std::size_t i = kHeadBytes - 1; i < kHeadBytes + longest; ++i) {
    crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(bytes[i])) & 0xFF];
    if (i + 1 >= kHeadBytes + shortest && crc == want) return true;
  }
  return false;
}

bool HoldsWholeRecord(std::string_view rest) {
  if (IsWhole(rest, 0, rest.size() - kHeadBytes)) return true;  // Only its length is wrong.
  for (std::size_t at = 1; at + kHeadBytes <= rest.size(); ++at) {
    const auto type = static_cast<std::uint8_t>(rest[at + 6]);
    const std::size_t length = Number(rest, at + 4, 2);
    if (type == 0 || type > kTypeMax || at + kHeadBytes + length > rest.size()) continue;
    if (IsWhole(rest.substr(at), length, length)) return true;
  }
  return false;
}

bool IsZero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

Result<std::string> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad() || !file.is_open()) {
    return Error{ErrorCode::kUnavailable, "`" + path.string() + "` cannot be read"};
  }
  return bytes;
}

}  // namespace

LogEnd JudgeLogEnd(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto block_end = std::min(bytes.size(), (at / kBlockBytes + 1) * kBlockBytes);
    const auto rest = bytes.substr(at, block_end - at);
    if (rest.size() < kHeadBytes) {
      at = block_end;
      continue;
    }
    const std::size_t length = Number(rest, 4, 2);
    if (length == 0 && rest[6] == 0) {
      // A block that was made beforehand. RocksDB skips the rest of it.
      if (!IsZero(rest)) return LogEnd::kDamaged;
      at = block_end;
      continue;
    }
    if (kHeadBytes + length > rest.size()) {
      return HoldsWholeRecord(rest) ? LogEnd::kDamaged : LogEnd::kWholeOrTorn;
    }
    at += kHeadBytes + length;
  }
  return LogEnd::kWholeOrTorn;
}

Status CheckLogEnds(const fs::path& database) {
  std::error_code error;
  if (!fs::exists(database, error)) return Done{};
  fs::directory_iterator entries(database, error);
  if (error) return Error{ErrorCode::kUnavailable, error.message()};
  for (const auto& entry : entries) {
    const auto name = entry.path().filename().string();
    if (!name.ends_with(".log") && !name.starts_with("MANIFEST-")) continue;
    PEMBA_TRY(const auto bytes, ReadFile(entry.path()));
    if (JudgeLogEnd(bytes) == LogEnd::kDamaged) {
      return Error{ErrorCode::kDataLoss, "the log `" + entry.path().string() +
                                             "` is damaged: what was written later is behind "
                                             "a record that cannot be read"};
    }
  }
  return Done{};
}

}  // namespace pemba::storage::internal
