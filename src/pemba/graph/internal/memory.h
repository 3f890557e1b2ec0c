// Memory: what one graph has allocated, by purpose, and what it has replaced but may not free yet.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pemba/graph/internal/pins.h"
#include "pemba/graph/internal/slabs.h"

namespace pemba::graph::internal {

// malloc, with huge pages if the block fills some. Freed with std::free.
void* AllocateLarge(std::size_t bytes);

enum class Use : std::uint8_t { kDictionary, kBase, kDelta, kWrites, kRetired };
inline constexpr std::size_t kUses = 5;

// Blocks of raw memory. Count and bytes() are for any thread; everything else is the writer's.
//
// A small graph takes its blocks from malloc, as anybody does; one that has grown takes new ones
// from huge pages (Slabs), of which the smallest is larger than a whole small graph.
//
// INVARIANT: a block that a reader may have seen is retired after it was unlinked, and freed only
// when every snapshot that was pinned before is gone.
class Memory {
 public:
  explicit Memory(PinGate& gate) : gate_(gate) {}
  ~Memory();  // Frees what is retired.
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Uninitialised, aligned to `align` (a power of two of at least 16, dividing `bytes` if above).
  void* Allocate(Use use, std::size_t bytes, std::size_t align = 16);
  void Free(Use use, void* block, std::size_t bytes);
  void Retire(Use use, void* block, std::size_t bytes);

  // For memory that others allocate.
  void Count(Use use, std::ptrdiff_t bytes) {
    bytes_[static_cast<std::size_t>(use)].fetch_add(static_cast<std::uint64_t>(bytes),
                                                    std::memory_order_relaxed);
  }

  // Blocks inside the image of a checkpoint are counted like others, but never freed.
  void SetImage(std::span<const std::byte> image) { image_ = image; }
  std::uint64_t image_bytes() const { return image_.size(); }

  // Gives memory that is free back to the system.
  void Trim() { slabs_.Trim(); }

  // Frees what no snapshot can see any more, and looks which stamps are pinned. O(pins + retired).
  void Collect();

  // Stamps between which readers tell no difference: every pinned one and the published one,
  // ascending, as of the last Collect. New pins see at least the last of them.
  std::span<const Stamp> boundaries() const { return boundaries_; }

  std::uint64_t bytes(Use use) const {
    return bytes_[static_cast<std::size_t>(use)].load(std::memory_order_relaxed);
  }
  std::uint64_t total() const;

 private:
  struct Retired {
    std::uint64_t epoch;
    void* block;
    std::size_t bytes;
  };

  void Release(void* block, std::size_t bytes);
  bool IsInImage(const void* block) const {
    const auto* at = static_cast<const std::byte*>(block);
    return at >= image_.data() && at < image_.data() + image_.size();
  }

  PinGate& gate_;
  std::span<const std::byte> image_;
  std::array<std::atomic<std::uint64_t>, kUses> bytes_{};
  Slabs slabs_;
  bool large_ = false;            // Takes blocks from slabs_ from now on.
  std::vector<Retired> retired_;  // Epochs ascend.
  std::vector<Stamp> boundaries_{0};
  PinSurvey survey_;
};

}  // namespace pemba::graph::internal
