// Dictionary: texts of one kind (the ids of a type, or condition contexts) and their dense ids.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pemba/graph/internal/append_array.h"
#include "pemba/graph/internal/memory.h"

namespace pemba::graph::internal {

// Texts are records in one byte store: id, length, bytes. A table maps hashes to record positions,
// so that a probe is two dependent cache misses: a bucket of twelve slots with one tag byte each
// (as in F14 and Swiss tables), then the record itself.
//
// The table is split into segments by the leading bits of the hash (extendible hashing; Fagin et
// al., 1979): growth rehashes one segment of at most some thousand entries, never the whole. The
// hash is seeded, because texts are user input.
//
// One writer adds; any thread looks up, without locks. Publication: a record and its position are
// written before its tag (release); a tag, once seen (acquire), never changes. Replaced segments
// and directories are frozen and stay until no snapshot can see them.
class Dictionary {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr std::uint32_t kIdsMax = 0x8000'0000;

  Dictionary(Memory& memory, std::uint64_t seed) : memory_(memory), seed_(seed) {}
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  // Any thread. To look up many: Hash all, PrefetchBucket all, PrefetchRecord all, Find all.
  std::uint64_t Hash(std::string_view text) const;
  void PrefetchBucket(std::uint64_t hash) const;
  void PrefetchRecord(std::uint64_t hash) const;
  std::uint32_t Find(std::string_view text, std::uint64_t hash) const;  // kNone: absent.
  std::uint32_t Find(std::string_view text) const { return Find(text, Hash(text)); }

  // The same for several texts, in several dictionaries, their cache misses side by side.
  struct Lookup {
    const Dictionary* dictionary;
    std::string_view text;
    std::uint32_t id = kNone;  // The answer.
  };
  static constexpr std::size_t kLookupsMax = 16;
  static void FindAll(std::span<Lookup> lookups);  // At most kLookupsMax.
  // Of two. Everything is passed in registers: a check spends half its time here.
  class Ids {
   public:
    Ids(std::uint32_t first, std::uint32_t second) : both_(std::uint64_t{second} << 32 | first) {}
    std::uint32_t first() const { return static_cast<std::uint32_t>(both_); }
    std::uint32_t second() const { return static_cast<std::uint32_t>(both_ >> 32); }

   private:
    std::uint64_t both_;
  };
  static Ids FindBoth(const Dictionary& first, std::string_view first_text,
                      const Dictionary& second, std::string_view second_text);

  // Of an id that the caller learned from a lookup, a row, or as being below size().
  std::string_view Text(std::uint32_t id) const { return RecordText(positions_[id]); }
  std::uint32_t size() const { return size_.load(std::memory_order_acquire); }

  // The writer's.
  std::uint32_t FindOrAdd(std::string_view text, std::uint64_t hash);
  std::uint32_t FindOrAdd(std::string_view text) { return FindOrAdd(text, Hash(text)); }
  // Whether ids and positions suffice for so many more.
  enum class Room : std::uint8_t { kNo, kYes };
  Room RoomFor(std::uint64_t texts, std::uint64_t bytes) const;

  // The dictionary as three arrays of bytes, for a file.
  struct Image {
    std::vector<char> records;
    std::vector<std::uint32_t> positions;
    std::vector<std::byte> table;  // To be stored at a multiple of 64.
  };
  Image MakeImage() const;  // Of what is there now. Any thread.

  // Before the first use: starts from an image in memory that outlives the dictionary and may be
  // written to. kNo: it is not consistent, and the dictionary must not be used.
  enum class Adopted : std::uint8_t { kNo, kYes };
  Adopted Adopt(std::span<const char> records, std::span<const std::uint32_t> positions,
                std::span<std::byte> table);

 private:
  struct Bucket;
  struct Segment;
  struct Directory;
  class Search;

  std::string_view RecordText(std::uint32_t position) const;
  const Segment* SegmentOf(std::uint64_t hash) const;
  void Grow(std::uint64_t hash);
  void Rehash(const Segment& from, std::span<Segment* const> to);
  Segment* NewSegment(std::uint32_t buckets, std::uint32_t depth);
  Directory* NewDirectory(std::uint32_t depth);

  Memory& memory_;
  const std::uint64_t seed_;
  AppendBytes records_;
  AppendArray<std::uint32_t> positions_;
  std::atomic<Directory*> directory_{nullptr};  // Null: empty.
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace pemba::graph::internal
