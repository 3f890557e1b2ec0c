// What a checkpoint file holds. On disk: append, never reorder or reuse; a change of layout is a
// new version.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

#include "pemba/graph/types.h"

namespace pemba::graph::internal {

static_assert(std::endian::native == std::endian::little, "the layout in memory is the file's");

inline constexpr std::array<char, 8> kMagic = {'P', 'E', 'M', 'B', 'A', 'G', 'R', 'F'};
// 2: a partition's flags know kExpires. Files without such partitions are still written as 1.
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint32_t kFormatVersionExpiring = 2;

// Of a partition, in the names.
inline constexpr std::uint64_t kWildcard = 1;
inline constexpr std::uint64_t kExpires = 2;

inline constexpr std::uint64_t kSectionAlign = 64;

struct FileHeader {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t sections = 0;  // Entries of the table.
  std::uint64_t file_bytes = 0;
  std::uint64_t table_offset = 0;
  std::uint64_t revision = 0;
  std::uint64_t tuples = 0;
  std::uint64_t hash_seed = 0;  // Of the dictionaries.
  std::uint64_t hash = 0;       // Of the header up to here, then the table.
};
static_assert(sizeof(FileHeader) == 64);

enum class SectionKind : std::uint32_t {
  kNames = 0,           // Types and partitions, in id order; see checkpoint_save.cc.
  kRuns = 1,            // Stamps::Run.
  kTimes = 2,           // i64 nanoseconds by stamp.
  kContextRecords = 3,  // Dictionary::Image of the contexts.
  kContextPositions = 4,
  kContextTable = 5,
  kNodeRecords = 6,  // Of the type `index`.
  kNodePositions = 7,
  kNodeTable = 8,
  kForwardLeaves = 9,     // Of the partition `index`: Leaf after Leaf.
  kForwardCells = 10,     // FileCell.
  kForwardSegments = 11,  // FileSegment, by row and first.
  kReverseLeaves = 12,
  kReverseCells = 13,
  kReverseSegments = 14,
};
inline constexpr std::uint32_t kSectionKinds = 15;

inline std::string NameOf(SectionKind kind, std::uint32_t index) {
  static constexpr std::array<const char*, kSectionKinds> kNames = {"names",
                                                                    "runs",
                                                                    "times",
                                                                    "context records",
                                                                    "context positions",
                                                                    "context table",
                                                                    "node records",
                                                                    "node positions",
                                                                    "node table",
                                                                    "forward leaves",
                                                                    "forward cells",
                                                                    "forward segments",
                                                                    "reverse leaves",
                                                                    "reverse cells",
                                                                    "reverse segments"};
  const auto at = static_cast<std::uint32_t>(kind);
  return std::string(at < kSectionKinds ? kNames[at] : "unknown") + " " + std::to_string(index);
}

struct SectionEntry {
  SectionKind kind{};
  std::uint32_t index = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // Without padding.
  std::uint64_t hash = 0;   // With padding.
};
static_assert(sizeof(SectionEntry) == 32);

struct FileCell {
  std::uint32_t page = 0;
  std::uint16_t shift = 0;
  std::uint16_t cell = 0;
  std::uint64_t leaf = 0;  // Offset within the leaves.
};
static_assert(sizeof(FileCell) == 16);

struct FileSegment {
  NodeId row = 0;
  NodeId first = 0;
  std::uint64_t leaf = 0;
};
static_assert(sizeof(FileSegment) == 16);

}  // namespace pemba::graph::internal
