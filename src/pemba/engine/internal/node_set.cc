#include "pemba/engine/internal/node_set.h"

namespace pemba::engine::internal {

Slot NodeSet::Next(Slot slot) const {
  if (!dense()) {
    const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), slot);
    return at == sorted_.end() ? kNoSlot : *at;
  }
  std::size_t i = slot / 64;
  if (i >= words_.size()) return kNoSlot;
  auto word = words_[i] & (~std::uint64_t{0} << (slot % 64));
  while (word == 0) {
    if (++i == words_.size()) return kNoSlot;
    word = words_[i];
  }
  return static_cast<Slot>(64 * i + __builtin_ctzll(word));
}

NodeSet GrowingSet::Finish() {
  constexpr Slot kSlotsPerSorted = 64;  // Denser than this, a bitmap is smaller than the run.
  if (!words_.empty() && members_.size() > slots_ / kSlotsPerSorted) {
    return NodeSet(words_, members_.size());
  }
  std::sort(members_.begin(), members_.end());
  return NodeSet(std::span<const Slot>(members_.begin(), members_.end()));
}

void GrowingSet::MakeDense() {
  words_ = arena_->NewArray<std::uint64_t>(slots_ / 64 + 1);
  for (const auto slot : members_) words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

}  // namespace pemba::engine::internal
