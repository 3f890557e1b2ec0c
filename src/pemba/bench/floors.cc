#include "pemba/bench/floors.h"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// A floor does not call into a library for every key.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pemba/base/assert.h"

namespace pemba::bench {

namespace {

// Zeroed, in huge pages where there are any: as the graph's own tables.
void* AllocateHuge(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* const block = std::aligned_alloc(kHugePage, rounded);
  PEMBA_CHECK(block != nullptr);
  static_cast<void>(madvise(block, rounded, MADV_HUGEPAGE));  // Only a matter of speed.
  std::memset(block, 0, rounded);
  return block;
}

std::uint64_t HashOf(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

std::uint64_t PlaceFor(std::size_t text_bytes) { return (text_bytes + 1 + 3) / 4 * 4; }

}  // namespace

ProbeTable::ProbeTable(const Scenario& scenario) {
  std::string text;
  const auto each = [&](const auto& visit) {
    scenario.EachTuple([&](const TupleOut& out) {
      text.assign(out.tuple.object).append("#").append(out.tuple.relation);
      text.append("@").append(out.tuple.subject);
      visit();
    });
  };
  std::uint64_t tuples = 0, bytes = used_;
  each([&] {
    ++tuples;
    bytes += PlaceFor(text.size());
    PEMBA_CHECK(text.size() < 0x100);
  });
  PEMBA_CHECK(bytes / 4 <= 0xFFFF'FFFF);
  mask_ = std::bit_ceil(2 * tuples + 2) - 1;
  slots_ = static_cast<Slot*>(AllocateHuge((mask_ + 1) * sizeof(Slot)));
  texts_ = static_cast<char*>(AllocateHuge(bytes));
  each([&] {
    if (!Has(text)) Add(text);
  });
}

ProbeTable::~ProbeTable() {
  std::free(slots_);
  std::free(texts_);
}

void ProbeTable::Add(std::string_view text) {
  const auto hash = HashOf(text);
  auto at = hash & mask_;
  while (slots_[at].place != 0) at = (at + 1) & mask_;
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(used_ / 4)};
  texts_[used_] = static_cast<char>(text.size());
  std::memcpy(texts_ + used_ + 1, text.data(), text.size());
  used_ += PlaceFor(text.size());
}

bool ProbeTable::Has(std::string_view text) const {
  const auto hash = HashOf(text);
  for (auto at = hash & mask_;; at = (at + 1) & mask_) {
    const Slot slot = slots_[at];
    if (slot.place == 0) return false;
    if (slot.hash != hash >> 32) continue;
    const char* const known = texts_ + std::uint64_t{slot.place} * 4;
    if (static_cast<unsigned char>(*known) == text.size() &&
        std::memcmp(known + 1, text.data(), text.size()) == 0) {
      return true;
    }
  }
}

Result<Histogram> MeasureSync(const std::filesystem::path& directory, std::uint32_t times) {
  auto path = (directory / "pemba-bench-XXXXXX").string();
  const int file = mkostemp(path.data(), O_APPEND | O_CLOEXEC);
  const auto failed = [&] {
    return Error{ErrorCode::kUnavailable, path + ": " + std::strerror(errno)};
  };
  if (file < 0) return failed();
  unlink(path.c_str());
  const std::string record(200, 'x');
  Histogram took;
  for (std::uint32_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (write(file, record.data(), record.size()) != 200 || fdatasync(file) != 0) {
      const auto error = failed();
      close(file);
      return error;
    }
    took.Add(static_cast<std::uint64_t>((std::chrono::steady_clock::now() - start).count()));
  }
  close(file);
  return took;
}

}  // namespace pemba::bench
