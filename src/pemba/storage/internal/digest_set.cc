#include "pemba/storage/internal/digest_set.h"

#include <cstring>

#include <openssl/sha.h>

namespace pemba::storage::internal {

DigestSet::Seen DigestSet::Add(std::string_view text) {
  if (2 * (size_ + 1) > slots_.size()) Grow();
  const auto digest = Of(text);
  auto& slot = slots_[SlotOf(slots_, digest)];
  if (slot == digest) return Seen::kYes;
  slot = digest;
  ++size_;
  return Seen::kNo;
}

DigestSet::Digest DigestSet::Of(std::string_view text) {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes);
  Digest digest;
  static_assert(sizeof digest <= sizeof bytes);
  std::memcpy(digest.data(), bytes, sizeof digest);
  if (digest == Digest{}) digest[0] = 1;
  return digest;
}

std::size_t DigestSet::SlotOf(const std::vector<Digest>& slots, const Digest& digest) {
  const std::size_t mask = slots.size() - 1;
  auto slot = static_cast<std::size_t>(digest[0]) & mask;
  while (slots[slot] != Digest{} && slots[slot] != digest) slot = (slot + 1) & mask;
  return slot;
}

void DigestSet::Grow() {
  std::vector<Digest> larger(2 * slots_.size());
  for (const auto& digest : slots_) {
    if (digest != Digest{}) larger[SlotOf(larger, digest)] = digest;
  }
  slots_.swap(larger);
}

}  // namespace pemba::storage::internal
