#include "pemba/graph/internal/slabs.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <sys/mman.h>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {
namespace {

// Sizes up to 512 in steps of 16, larger ones in 16 steps per doubling: a block is at most a
// sixteenth larger than asked for. A size that is a multiple of 64 has a class of such a size.
std::uint32_t ShiftOf(std::size_t bytes) {
  return std::max(4u, static_cast<std::uint32_t>(std::bit_width(bytes - 1)) - 5u);
}

// Maps `bytes` at a multiple of a huge page.
std::byte* MapAligned(std::size_t bytes) {
  constexpr std::size_t kAlign = Slabs::kHugePage;
  void* const at =
      ::mmap(nullptr, bytes + kAlign, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  PEMBA_CHECK(at != MAP_FAILED);
  auto* const begin = static_cast<std::byte*>(at);
  const auto skip = (kAlign - reinterpret_cast<std::uintptr_t>(at) % kAlign) % kAlign;
  if (skip != 0) ::munmap(begin, skip);
  ::munmap(begin + skip + bytes, kAlign - skip);
  static_cast<void>(::madvise(begin + skip, bytes, MADV_HUGEPAGE));  // Only a matter of speed.
  return begin + skip;
}

}  // namespace

Slabs::Slabs() {
  runs_.fill(kNone);
  partial_.fill(kNone);
}

Slabs::~Slabs() {
  for (const Region& region : regions_) ::munmap(region.first, region.pages * kPageBytes);
}

std::uint32_t Slabs::ClassOf(std::size_t bytes) {
  if (bytes <= 16) return 0;
  const auto shift = ShiftOf(bytes);
  const auto steps = (bytes + (std::size_t{1} << shift) - 1) >> shift;  // 17 to 32 from shift 5 on.
  return static_cast<std::uint32_t>((shift - 4) * 16 + steps - 1);
}

std::uint32_t Slabs::BlockBytes(std::uint32_t block_class) {
  if (block_class < 32) return (block_class + 1) << 4;
  const std::uint32_t shift = block_class / 16 + 3;
  return (block_class % 16 + 17) << shift;
}

// So long that hardly anything is left over behind the last block.
std::uint32_t Slabs::SpanPages(std::uint32_t block_class) { return block_class < 32 ? 4 : 16; }

std::uint32_t Slabs::Capacity(std::uint32_t block_class) {
  return SpanPages(block_class) * static_cast<std::uint32_t>(kPageBytes) / BlockBytes(block_class);
}

void* Slabs::Allocate(std::size_t bytes) {
  PEMBA_ASSERT(bytes > 0 && bytes <= kBlockMax);
  if (bytes > kSmallMax) {
    const auto pages = static_cast<std::uint32_t>((bytes + kPageBytes - 1) / kPageBytes);
    const auto first = TakeRun(pages);
    pages_[first].run = pages_[first + pages - 1].run = Page::kUsed;
    return AddressOf(first);
  }
  const auto block_class = ClassOf(bytes);
  const auto index = partial_[block_class] != kNone ? partial_[block_class] : NewSpan(block_class);
  Span& span = spans_[index];
  void* block = span.free;
  if (block != nullptr) {
    std::memcpy(&span.free, block, sizeof(void*));
  } else {
    block = AddressOf(span.first_page) + std::size_t{span.fresh++} * BlockBytes(block_class);
  }
  if (++span.used == Capacity(block_class)) UnlistSpan(index);
  return block;
}

Slabs::Freed Slabs::Free(void* block, std::size_t bytes) {
  const auto page = PageOf(block);
  if (page == kNone) return Freed::kNotMine;
  if (bytes > kSmallMax) {
    FreeRun(page, static_cast<std::uint32_t>((bytes + kPageBytes - 1) / kPageBytes));
    return Freed::kYes;
  }
  const auto index = pages_[page].run & ~Page::kUsed;
  Span& span = spans_[index];
  PEMBA_ASSERT(span.block_class == ClassOf(bytes) && span.used > 0);
  std::memcpy(block, &span.free, sizeof(void*));
  span.free = block;
  if (span.used-- == Capacity(span.block_class)) ListSpan(index);
  if (span.used == 0) {
    UnlistSpan(index);
    free_spans_.push_back(index);
    FreeRun(span.first_page, SpanPages(span.block_class));
  }
  return Freed::kYes;
}

std::byte* Slabs::AddressOf(std::uint32_t page) const {
  const auto after = std::upper_bound(
      regions_.begin(), regions_.end(), page,
      [](std::uint32_t number, const Region& region) { return number < region.first_page; });
  const Region& region = *std::prev(after);
  return region.first + std::size_t{page - region.first_page} * kPageBytes;
}

std::uint32_t Slabs::PageOf(const void* block) const {
  if (regions_.empty()) return kNone;
  const auto* const at = static_cast<const std::byte*>(block);
  const auto page_in = [&](const Region& region) {
    const bool inside = at >= region.first && at < region.first + region.pages * kPageBytes;
    return inside ? region.first_page + static_cast<std::uint32_t>((at - region.first) / kPageBytes)
                  : kNone;
  };
  if (const auto page = page_in(regions_[recent_]); page != kNone) return page;
  const auto after = std::upper_bound(
      by_address_.begin(), by_address_.end(), at,
      [this](const std::byte* address, std::uint32_t r) { return address < regions_[r].first; });
  if (after == by_address_.begin()) return kNone;
  const auto page = page_in(regions_[*std::prev(after)]);
  if (page != kNone) recent_ = *std::prev(after);
  return page;
}

// Takes the shortest run that will do, and frees what is left of it.
std::uint32_t Slabs::TakeRun(std::uint32_t pages) {
  for (;;) {
    std::uint32_t found = kNone;
    for (auto length = std::min(pages, kLongRun); length < kLongRun && found == kNone; ++length) {
      found = runs_[length];
    }
    if (found == kNone) {
      found = runs_[kLongRun];
      while (found != kNone && pages_[found].run < pages) found = pages_[found].next;
    }
    if (found == kNone) {
      AddRegion(pages);
      continue;
    }
    const auto length = pages_[found].run;
    UnlistRun(found);
    if (length > pages) ListRun(found + pages, length - pages);
    return found;
  }
}

void Slabs::FreeRun(std::uint32_t first, std::uint32_t pages) {
  if (const Page& after = pages_[first + pages]; (after.run & Page::kUsed) == 0) {
    const auto length = after.run;
    UnlistRun(first + pages);
    pages += length;
  }
  if (const Page& before = pages_[first - 1]; (before.run & Page::kUsed) == 0) {
    const auto length = before.run;
    UnlistRun(first - length);
    first -= length;
    pages += length;
  }
  ListRun(first, pages);
}

void Slabs::ListRun(std::uint32_t first, std::uint32_t pages) {
  auto& list = runs_[std::min(pages, kLongRun)];
  pages_[first + pages - 1].run = pages;
  pages_[first] = {pages, list, kNone};
  if (list != kNone) pages_[list].prev = first;
  list = first;
}

void Slabs::UnlistRun(std::uint32_t first) {
  const Page& page = pages_[first];
  if (page.next != kNone) pages_[page.next].prev = page.prev;
  if (page.prev != kNone) {
    pages_[page.prev].next = page.next;
  } else {
    runs_[std::min(page.run, kLongRun)] = page.next;
  }
}

// Grows by a quarter, so that there are few regions and little is mapped in vain.
void Slabs::AddRegion(std::uint32_t pages_min) {
  constexpr std::size_t kHugePagePages = kHugePage / kPageBytes;
  std::size_t pages = std::max<std::size_t>(pages_min, mapped_bytes_ / 4 / kPageBytes);
  pages = (pages + kHugePagePages - 1) / kHugePagePages * kHugePagePages;
  if (pages_.empty()) pages_.emplace_back();  // In use: what lies before the first region.
  PEMBA_CHECK(pages_.size() + pages < Page::kUsed);

  const Region region{MapAligned(pages * kPageBytes), static_cast<std::uint32_t>(pages_.size()),
                      static_cast<std::uint32_t>(pages)};
  const auto index = static_cast<std::uint32_t>(regions_.size());
  regions_.push_back(region);
  by_address_.insert(std::upper_bound(by_address_.begin(), by_address_.end(), region.first,
                                      [this](const std::byte* address, std::uint32_t r) {
                                        return address < regions_[r].first;
                                      }),
                     index);
  pages_.resize(pages_.size() + pages + 1);
  mapped_bytes_ += pages * kPageBytes;
  ListRun(region.first_page, region.pages);
}

std::uint32_t Slabs::NewSpan(std::uint32_t block_class) {
  const auto pages = SpanPages(block_class);
  const auto first = TakeRun(pages);
  if (free_spans_.empty()) {
    free_spans_.push_back(static_cast<std::uint32_t>(spans_.size()));
    spans_.emplace_back();
  }
  const auto index = free_spans_.back();
  free_spans_.pop_back();
  spans_[index] = Span{};
  spans_[index].first_page = first;
  spans_[index].block_class = block_class;
  for (std::uint32_t i = 0; i < pages; ++i) pages_[first + i].run = Page::kUsed | index;
  ListSpan(index);
  return index;
}

void Slabs::ListSpan(std::uint32_t index) {
  Span& span = spans_[index];
  auto& list = partial_[span.block_class];
  span.prev = kNone;
  span.next = list;
  if (list != kNone) spans_[list].prev = index;
  list = index;
}

void Slabs::UnlistSpan(std::uint32_t index) {
  const Span& span = spans_[index];
  if (span.next != kNone) spans_[span.next].prev = span.prev;
  if (span.prev != kNone) {
    spans_[span.prev].next = span.next;
  } else {
    partial_[span.block_class] = span.next;
  }
}

void Slabs::Trim() {
  for (auto run = runs_[kLongRun]; run != kNone; run = pages_[run].next) {
    const auto begin = reinterpret_cast<std::uintptr_t>(AddressOf(run));
    const auto end = begin + pages_[run].run * kPageBytes;
    const auto first = (begin + kHugePage - 1) / kHugePage * kHugePage;
    const auto last = end / kHugePage * kHugePage;
    if (first < last) {
      static_cast<void>(::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED));
    }
  }
}

}  // namespace pemba::graph::internal
