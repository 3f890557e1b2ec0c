// Slabs: blocks of memory side by side in huge pages.
//
// A graph at size is hundreds of megabytes in blocks of some hundred bytes that are read in random
// order. On pages of 4 KiB nearly every such read misses in address translation too; on pages of
// 2 MiB hardly any does. malloc has huge pages only if the environment of the process asks for
// them, so blocks come from here once a graph is large.
//
// Two levels, as in tcmalloc's page heap and in Bonwick's slab allocator (USENIX 1994): runs of
// 4 KiB pages, joined with their free neighbours when they are freed; and spans, which are runs
// that are cut into blocks of one size. A span whose blocks are all free becomes a free run again:
// rows grow in step while a store is loaded, so sizes come out of use all at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pemba::graph::internal {

// Not thread-safe: the writer's. Frees everything when it goes.
class Slabs {
 public:
  static constexpr std::size_t kBlockMax = std::size_t{256} << 10;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  Slabs();
  ~Slabs();
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;

  // Uninitialised; `bytes` is 1 to kBlockMax. Aligned to 16, and to 64 if `bytes` is a multiple of
  // that. O(1) but for the occasional new region. Ends the process if there is no memory.
  void* Allocate(std::size_t bytes);

  // kNotMine: the block was not allocated here, and nothing was done. `bytes` as allocated.
  enum class Freed : std::uint8_t { kNotMine, kYes };
  Freed Free(void* block, std::size_t bytes);

  // Gives huge pages that are free as a whole back to the system. O(free runs).
  void Trim();

  std::size_t mapped_bytes() const { return mapped_bytes_; }  // Not all of it touched yet.

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::size_t kSmallMax = 4096;  // Larger blocks are runs of their own.
  static constexpr std::size_t kClasses = 80;     // See ClassOf.
  static constexpr std::uint32_t kLongRun = 64;   // Free runs from here on share a list.

  // Pages are numbered through all regions; one number between two regions stays unused and in use,
  // so that runs are not joined across them.
  struct Region {
    std::byte* first;
    std::uint32_t first_page;
    std::uint32_t pages;
  };
  // Of a free run: its length, in its first and its last page; the first is in a list. In use: the
  // span in every page of a span; anything in the first and last page of a run.
  struct Page {
    static constexpr std::uint32_t kUsed = 0x8000'0000;
    std::uint32_t run = kUsed;
    std::uint32_t next = kNone, prev = kNone;
  };
  struct Span {
    void* free = nullptr;     // A list through the free blocks.
    std::uint32_t used = 0;   // Blocks.
    std::uint32_t fresh = 0;  // Blocks from here on were never used.
    std::uint32_t first_page = 0;
    std::uint32_t block_class = 0;
    std::uint32_t next = kNone, prev = kNone;  // Of the spans of a class that have free blocks.
  };

  static std::uint32_t ClassOf(std::size_t bytes);
  static std::uint32_t BlockBytes(std::uint32_t block_class);
  static std::uint32_t SpanPages(std::uint32_t block_class);
  static std::uint32_t Capacity(std::uint32_t block_class);

  std::byte* AddressOf(std::uint32_t page) const;
  std::uint32_t PageOf(const void* block) const;  // kNone: not in a region.
  std::uint32_t TakeRun(std::uint32_t pages);
  void FreeRun(std::uint32_t first, std::uint32_t pages);
  void ListRun(std::uint32_t first, std::uint32_t pages);
  void UnlistRun(std::uint32_t first);
  void AddRegion(std::uint32_t pages_min);
  std::uint32_t NewSpan(std::uint32_t block_class);
  void ListSpan(std::uint32_t span);
  void UnlistSpan(std::uint32_t span);

  std::vector<Region> regions_;                   // By page number.
  std::vector<std::uint32_t> by_address_;         // Regions by address.
  mutable std::uint32_t recent_ = 0;              // The region that was asked for last.
  std::vector<Page> pages_;                       // By page number.
  std::array<std::uint32_t, kLongRun + 1> runs_;  // First free run of each length.
  std::vector<Span> spans_;
  std::vector<std::uint32_t> free_spans_;        // Unused elements of spans_.
  std::array<std::uint32_t, kClasses> partial_;  // First span with free blocks, by class.
  std::size_t mapped_bytes_ = 0;
};

}  // namespace pemba::graph::internal
