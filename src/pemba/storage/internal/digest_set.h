// DigestSet: texts that were seen, by their digests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pemba::storage::internal {

// Keeps 128 bits of SHA-256 of each text: nobody can make two texts that pass for one. 32 to 64
// bytes for each of them, 96 while it grows.
class DigestSet {
 public:
  enum class Seen : std::uint8_t { kNo, kYes };
  Seen Add(std::string_view text);
  std::size_t size() const { return size_; }

 private:
  using Digest = std::array<std::uint64_t, 2>;  // All zero: a free slot.

  static Digest Of(std::string_view text);
  static std::size_t SlotOf(const std::vector<Digest>& slots, const Digest& digest);
  void Grow();

  std::vector<Digest> slots_ = std::vector<Digest>(1024);  // A power of two, at most half full.
  std::size_t size_ = 0;
};

}  // namespace pemba::storage::internal
