#include "pemba/graph/internal/dictionary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <optional>

// Most texts are short: called across a library's border, hashing one costs more than it takes.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pemba/base/assert.h"

namespace pemba::graph::internal {
namespace {

constexpr std::uint32_t kSlots = 12;            // Per bucket.
constexpr std::uint32_t kSegmentBuckets = 512;  // A larger segment is split, not doubled,
constexpr std::uint32_t kDepthMax = 22;         // unless its hashes are too much alike.
constexpr std::uint32_t kRecordHeaderMax = 4 + 5;

constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;
constexpr std::uint64_t kLowBits = 0x7F7F'7F7F'7F7F'7F7F;

// The high bit of each byte of `word` that equals `tag`, exactly (Warren, "Hacker's Delight" 6-1).
std::uint64_t MatchBytes(std::uint64_t word, std::uint8_t tag) {
  const std::uint64_t x = word ^ (kEachByte * tag);
  return ~(((x & kLowBits) + kLowBits) | x | kLowBits);
}

// The hash is used from both ends: leading bits choose the segment, the lowest seven are the tag,
// those above them choose the bucket.
std::uint8_t TagOf(std::uint64_t hash) { return static_cast<std::uint8_t>(hash | 0x80); }
std::uint32_t BucketOf(std::uint64_t hash, std::uint32_t mask) {
  return static_cast<std::uint32_t>(hash >> 7) & mask;
}
std::uint32_t LeadingBits(std::uint64_t hash, std::uint32_t count) {
  return static_cast<std::uint32_t>((hash >> 32) >> (32 - count));
}

std::uint32_t CapacityOf(std::uint32_t buckets) { return buckets * kSlots / 5 * 4; }

std::uint32_t RecordBytes(std::string_view text) {
  std::uint32_t length_bytes = 1;
  for (auto rest = text.size() >> 7; rest != 0; rest >>= 7) ++length_bytes;
  return 4 + length_bytes + static_cast<std::uint32_t>(text.size());
}

void WriteRecord(char* at, std::uint32_t id, std::string_view text) {
  std::memcpy(at, &id, 4);
  at += 4;
  auto length = text.size();
  for (; length >= 0x80; length >>= 7) *at++ = static_cast<char>(length | 0x80);
  *at++ = static_cast<char>(length);
  std::memcpy(at, text.data(), text.size());
}

std::string_view TextOf(const char* record) {
  const char* at = record + 4;
  std::size_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    length |= std::size_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return {at, length};
  }
}

// memcmp() == 0 without the call.
bool SameBytes(const char* a, const char* b, std::size_t count) {
  const auto differ = [&]<class Word>(Word, std::size_t at) {
    Word x, y;
    std::memcpy(&x, a + at, sizeof(Word));
    std::memcpy(&y, b + at, sizeof(Word));
    return x != y;
  };
  if (count >= 8) {
    for (std::size_t at = 0; at + 8 < count; at += 8) {
      if (differ(std::uint64_t{}, at)) return false;
    }
    return !differ(std::uint64_t{}, count - 8);
  }
  if (count >= 4) return !differ(std::uint32_t{}, 0) && !differ(std::uint32_t{}, count - 4);
  for (std::size_t at = 0; at < count; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

}  // namespace

// One cache line. Tag bytes 12 to 15 are unused and zero.
struct alignas(64) Dictionary::Bucket {
  std::atomic<std::uint64_t> tags[2];  // Zero: free.
  std::uint32_t positions[kSlots];     // Valid where the tag is set.

  // Calls visit(position) for each slot with the tag until it returns true; then true.
  template <class Visit>
  bool Visit12(std::uint8_t tag, const Visit& visit) const {
    for (std::uint32_t half = 0; half < 2; ++half) {
      auto matches = MatchBytes(tags[half].load(std::memory_order_acquire), tag);
      for (; matches != 0; matches &= matches - 1) {
        if (visit(
                positions[half * 8 + static_cast<std::uint32_t>(std::countr_zero(matches)) / 8])) {
          return true;
        }
      }
    }
    return false;
  }

  // A bit for each slot with the tag; see SlotOf(). Without branches: which half it is in is a coin
  // toss.
  std::uint64_t Matches(std::uint8_t tag) const {
    const auto low = MatchBytes(tags[0].load(std::memory_order_acquire), tag);
    const auto high = MatchBytes(tags[1].load(std::memory_order_acquire), tag);
    return low >> 7 | high >> 6;  // Bit 0 of a byte: the first half; bit 1: the second.
  }
  // Of the lowest bit.
  static std::uint32_t SlotOf(std::uint64_t matches) {
    const auto bit = static_cast<std::uint32_t>(std::countr_zero(matches));
    return bit / 8 + bit % 8 * 8;
  }

  // The first free slot, or kSlots.
  std::uint32_t FreeSlot() const {
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto free = MatchBytes(tags[half].load(std::memory_order_acquire), 0);
      if (free != 0) return half * 8 + static_cast<std::uint32_t>(std::countr_zero(free)) / 8;
    }
    return kSlots;
  }
};

// Followed by its buckets. Stored in files as it is.
struct alignas(64) Dictionary::Segment {
  std::uint32_t mask;   // Buckets, a power of two, less one.
  std::uint32_t depth;  // Leading hash bits that all its entries share.
  std::uint32_t used;   // The writer's.
  std::uint32_t reserved[13];

  Bucket* buckets() { return reinterpret_cast<Bucket*>(this + 1); }
  const Bucket* buckets() const { return reinterpret_cast<const Bucket*>(this + 1); }
  std::size_t bytes() const { return sizeof(Segment) + (std::size_t{mask} + 1) * sizeof(Bucket); }

  static Segment* Format(void* at, std::uint32_t bucket_count, std::uint32_t depth) {
    auto* const segment = new (at) Segment{bucket_count - 1, depth, 0, {}};
    for (std::uint32_t i = 0; i < bucket_count; ++i) new (segment->buckets() + i) Bucket{};
    return segment;
  }

  // The writer's. There is a free slot.
  void Put(std::uint64_t hash, std::uint32_t position) {
    for (auto i = BucketOf(hash, mask);; i = (i + 1) & mask) {
      Bucket& bucket = buckets()[i];
      const auto slot = bucket.FreeSlot();
      if (slot == kSlots) continue;
      bucket.positions[slot] = position;
      auto& tags = bucket.tags[slot / 8];
      tags.store(
          tags.load(std::memory_order_relaxed) | std::uint64_t{TagOf(hash)} << (slot % 8 * 8),
          std::memory_order_release);
      ++used;
      return;
    }
  }

  // The positions whose tag matches, along the probe sequence, until visit returns true.
  template <class Visit>
  bool Probe(std::uint64_t hash, const Visit& visit) const {
    for (auto i = BucketOf(hash, mask);; i = (i + 1) & mask) {
      const Bucket& bucket = buckets()[i];
      if (bucket.Visit12(TagOf(hash), visit)) return true;
      if (bucket.FreeSlot() != kSlots) return false;
    }
  }
};

struct Dictionary::Directory {
  std::uint32_t depth;
  std::uint32_t reserved;
  // Then 2^depth pointers; several may point to one segment.

  std::atomic<Segment*>* segments() { return reinterpret_cast<std::atomic<Segment*>*>(this + 1); }
  const std::atomic<Segment*>* segments() const {
    return reinterpret_cast<const std::atomic<Segment*>*>(this + 1);
  }

  static std::size_t Bytes(std::uint32_t depth) {
    return sizeof(Directory) + (sizeof(Segment*) << depth);
  }
};

Dictionary::~Dictionary() {
  Directory* const directory = directory_.load(std::memory_order_relaxed);
  if (directory == nullptr) return;
  const std::uint32_t count = std::uint32_t{1} << directory->depth;
  for (std::uint32_t i = 0; i < count;) {
    Segment* const segment = directory->segments()[i].load(std::memory_order_relaxed);
    i += std::uint32_t{1} << (directory->depth - segment->depth);
    memory_.Free(Use::kDictionary, segment, segment->bytes());
  }
  memory_.Free(Use::kDictionary, directory, Directory::Bytes(directory->depth));
}

std::string_view Dictionary::RecordText(std::uint32_t position) const {
  return TextOf(records_.At(position));
}

const Dictionary::Segment* Dictionary::SegmentOf(std::uint64_t hash) const {
  const Directory* const directory = directory_.load(std::memory_order_acquire);
  if (directory == nullptr) return nullptr;
  return directory->segments()[LeadingBits(hash, directory->depth)].load(std::memory_order_acquire);
}

void Dictionary::PrefetchBucket(std::uint64_t hash) const {
  const Segment* const segment = SegmentOf(hash);
  if (segment != nullptr) {
    __builtin_prefetch(segment->buckets() + BucketOf(hash, segment->mask));
  }
}

void Dictionary::PrefetchRecord(std::uint64_t hash) const {
  const Segment* const segment = SegmentOf(hash);
  if (segment == nullptr) return;
  segment->buckets()[BucketOf(hash, segment->mask)].Visit12(
      TagOf(hash), [this](std::uint32_t position) {
        __builtin_prefetch(records_.At(position));
        return true;
      });
}

// One lookup, cut where it waits for memory.
class Dictionary::Search {
 public:
  [[gnu::always_inline]] void Start(const Dictionary& dictionary, std::string_view text) {
    Start(dictionary, text, dictionary.Hash(text));
    if (segment_ != nullptr) __builtin_prefetch(bucket_);
  }
  [[gnu::always_inline]] void Start(const Dictionary& dictionary, std::string_view text,
                                    std::uint64_t hash) {
    dictionary_ = &dictionary;
    text_ = text.data();
    text_bytes_ = text.size();
    hash_ = hash;
    segment_ = dictionary.SegmentOf(hash);
    if (segment_ != nullptr) bucket_ = segment_->buckets() + BucketOf(hash, segment_->mask);
  }
  // Reads the bucket: the slot that matches there is mostly the one.
  [[gnu::always_inline]] void Guess() {
    matches_ = segment_ == nullptr ? 0 : bucket_->Matches(TagOf(hash_));
    if (matches_ == 0) return;
    record_ = Record(matches_);
    __builtin_prefetch(record_);
  }
  // Reads the record.
  [[gnu::always_inline]] std::uint32_t Finish() const {
    std::uint32_t id = kNone;
    if (matches_ != 0) {
      if (IsIt(record_, {text_, text_bytes_})) {
        std::memcpy(&id, record_, 4);
        return id;
      }
    } else if (segment_ == nullptr || bucket_->FreeSlot() != kSlots) {
      return id;
    }
    return FindElsewhere(*dictionary_, *segment_, {text_, text_bytes_}, hash_);
  }

 private:
  const char* Record(std::uint64_t matches) const {
    return dictionary_->records_.At(bucket_->positions[Bucket::SlotOf(matches)]);
  }
  [[gnu::always_inline]] static bool IsIt(const char* record, std::string_view text) {
    // A length below 128 is one byte.
    if (text.size() < 0x80) {
      return static_cast<unsigned char>(record[4]) == text.size() &&
             SameBytes(record + 5, text.data(), text.size());
    }
    return TextOf(record) == text;
  }
  // Another slot has the tag, or the bucket is full and it may be in one behind: all of it again.
  [[gnu::noinline]] static std::uint32_t FindElsewhere(const Dictionary& dictionary,
                                                       const Segment& segment,
                                                       std::string_view text, std::uint64_t hash) {
    std::uint32_t id = kNone;
    segment.Probe(hash, [&](std::uint32_t position) {
      const char* const record = dictionary.records_.At(position);
      if (!IsIt(record, text)) return false;
      std::memcpy(&id, record, 4);
      return true;
    });
    return id;
  }

  const Dictionary* dictionary_;
  const char* text_;
  std::size_t text_bytes_;
  std::uint64_t hash_;
  const Segment* segment_;
  const Bucket* bucket_;
  std::uint64_t matches_;  // The bucket's slots with the tag.
  const char* record_;     // Of the first of these.
};

std::uint64_t Dictionary::Hash(std::string_view text) const {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed_);
}

std::uint32_t Dictionary::Find(std::string_view text, std::uint64_t hash) const {
  Search search;
  search.Start(*this, text, hash);
  search.Guess();
  return search.Finish();
}

Dictionary::Ids Dictionary::FindBoth(const Dictionary& first, std::string_view first_text,
                                     const Dictionary& second, std::string_view second_text) {
  Search one, other;
  one.Start(first, first_text);
  other.Start(second, second_text);
  one.Guess();
  other.Guess();
  const auto id = one.Finish();
  return {id, other.Finish()};
}

void Dictionary::FindAll(std::span<Lookup> lookups) {
  PEMBA_ASSERT(lookups.size() <= kLookupsMax);
  std::array<Search, kLookupsMax> searches;
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    searches[i].Start(*lookups[i].dictionary, lookups[i].text);
  }
  for (std::size_t i = 0; i < lookups.size(); ++i) searches[i].Guess();
  for (std::size_t i = 0; i < lookups.size(); ++i) lookups[i].id = searches[i].Finish();
}

Dictionary::Room Dictionary::RoomFor(std::uint64_t texts, std::uint64_t bytes) const {
  const std::uint64_t ids = size_.load(std::memory_order_relaxed) + texts;
  // A record that does not fit a segment of the byte store skips to the next: twice the size.
  const std::uint64_t end = records_.size() + 2 * (bytes + texts * kRecordHeaderMax);
  return ids < kIdsMax && end < AppendBytes::kSizeMax ? Room::kYes : Room::kNo;
}

std::uint32_t Dictionary::FindOrAdd(std::string_view text, std::uint64_t hash) {
  if (const auto id = Find(text, hash); id != kNone) return id;

  const std::uint32_t id = positions_.size();
  char* record = nullptr;
  const auto position = records_.Append(memory_, Use::kDictionary, RecordBytes(text), &record);
  WriteRecord(record, id, text);
  positions_.Append(memory_, Use::kDictionary, position);

  const Segment* segment = SegmentOf(hash);
  while (segment == nullptr || segment->used >= CapacityOf(segment->mask + 1)) {
    Grow(hash);
    segment = SegmentOf(hash);
  }
  const_cast<Segment*>(segment)->Put(hash, position);
  size_.store(id + 1, std::memory_order_release);
  return id;
}

Dictionary::Segment* Dictionary::NewSegment(std::uint32_t buckets, std::uint32_t depth) {
  const auto bytes = sizeof(Segment) + buckets * sizeof(Bucket);
  return Segment::Format(memory_.Allocate(Use::kDictionary, bytes, alignof(Segment)), buckets,
                         depth);
}

Dictionary::Directory* Dictionary::NewDirectory(std::uint32_t depth) {
  void* const at = memory_.Allocate(Use::kDictionary, Directory::Bytes(depth));
  auto* const directory = new (at) Directory{.depth = depth, .reserved = 0};
  for (std::uint32_t i = 0; i < std::uint32_t{1} << depth; ++i) {
    new (directory->segments() + i) std::atomic<Segment*>(nullptr);
  }
  return directory;
}

// Puts the entries of `from` into `to`: one segment, or two by the bit after from's depth.
void Dictionary::Rehash(const Segment& from, std::span<Segment* const> to) {
  // The records lie anywhere: those of a bucket are on their way while the one before is worked on.
  const auto prefetch = [&](const Bucket& bucket) {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto tags = bucket.tags[slot / 8].load(std::memory_order_relaxed);
      if ((tags >> (slot % 8 * 8) & 0xFF) == 0) continue;
      __builtin_prefetch(records_.At(bucket.positions[slot]));
    }
  };
  prefetch(from.buckets()[0]);
  for (std::uint32_t b = 0; b <= from.mask; ++b) {
    const Bucket& bucket = from.buckets()[b];
    if (b < from.mask) prefetch(from.buckets()[b + 1]);
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto tags = bucket.tags[slot / 8].load(std::memory_order_relaxed);
      if ((tags >> (slot % 8 * 8) & 0xFF) == 0) continue;
      const auto hash = Hash(RecordText(bucket.positions[slot]));
      const auto which = to.size() == 1 ? 0 : LeadingBits(hash, from.depth + 1) & 1;
      to[which]->Put(hash, bucket.positions[slot]);
    }
  }
}

// Makes room in the segment of `hash`: doubles it while it is small, splits it later.
void Dictionary::Grow(std::uint64_t hash) {
  Directory* directory = directory_.load(std::memory_order_relaxed);
  if (directory == nullptr) {
    directory = NewDirectory(0);
    directory->segments()[0].store(NewSegment(1, 0), std::memory_order_relaxed);
    directory_.store(directory, std::memory_order_release);
    return;
  }
  auto entry = LeadingBits(hash, directory->depth);
  Segment* const old = directory->segments()[entry].load(std::memory_order_relaxed);

  const bool split = old->mask + 1 >= kSegmentBuckets && old->depth < kDepthMax;
  if (split && old->depth == directory->depth) {
    Directory* const wider = NewDirectory(directory->depth + 1);
    for (std::uint32_t i = 0; i < std::uint32_t{2} << directory->depth; ++i) {
      wider->segments()[i].store(directory->segments()[i / 2].load(std::memory_order_relaxed),
                                 std::memory_order_relaxed);
    }
    directory_.store(wider, std::memory_order_release);
    memory_.Retire(Use::kDictionary, directory, Directory::Bytes(directory->depth));
    directory = wider;
    entry = LeadingBits(hash, directory->depth);
  }

  std::array<Segment*, 2> fresh{};
  const std::size_t count = split ? 2 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    fresh[i] = split ? NewSegment(old->mask + 1, old->depth + 1)
                     : NewSegment(2 * (old->mask + 1), old->depth);
  }
  Rehash(*old, {fresh.data(), count});

  // The run of directory entries that share the old segment, one half per new one.
  const std::uint32_t run = std::uint32_t{1} << (directory->depth - old->depth);
  const std::uint32_t first = entry & ~(run - 1);
  for (std::uint32_t i = 0; i < run; ++i) {
    directory->segments()[first + i].store(fresh[i * count / run], std::memory_order_release);
  }
  memory_.Retire(Use::kDictionary, old, old->bytes());
}

Dictionary::Image Dictionary::MakeImage() const {
  Image image;
  const std::uint32_t count = size();
  image.positions.reserve(count);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(count);
  std::uint32_t depth = 0;
  while (depth < kDepthMax && count >> depth > CapacityOf(kSegmentBuckets) * 7 / 8) ++depth;

  std::vector<std::uint32_t> segment_ends(std::size_t{1} << depth);  // First counts, then ends.
  for (std::uint32_t id = 0; id < count; ++id) {
    const auto text = Text(id);
    image.positions.push_back(static_cast<std::uint32_t>(image.records.size()));
    image.records.resize(image.records.size() + RecordBytes(text));
    WriteRecord(image.records.data() + image.positions.back(), id, text);
    hashes.push_back(Hash(text));
    ++segment_ends[LeadingBits(hashes.back(), depth)];
  }

  std::vector<std::size_t> offsets;
  std::size_t table_bytes = 0;
  for (const auto entries : segment_ends) {
    std::uint32_t buckets = 1;
    while (CapacityOf(buckets) < entries) buckets *= 2;
    offsets.push_back(table_bytes);
    table_bytes += sizeof(Segment) + buckets * sizeof(Bucket);
  }
  offsets.push_back(table_bytes);
  // Formatted in aligned memory of its own, then copied: a vector's bytes are not aligned to 64.
  auto* const table =
      static_cast<std::byte*>(std::aligned_alloc(64, std::max<std::size_t>(table_bytes, 64)));
  PEMBA_CHECK(table != nullptr);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const auto buckets = (offsets[i + 1] - offsets[i] - sizeof(Segment)) / sizeof(Bucket);
    Segment::Format(table + offsets[i], static_cast<std::uint32_t>(buckets), depth);
  }
  for (std::uint32_t id = 0; id < count; ++id) {
    const auto segment = LeadingBits(hashes[id], depth);
    reinterpret_cast<Segment*>(table + offsets[segment])->Put(hashes[id], image.positions[id]);
  }
  if (count != 0) image.table.assign(table, table + table_bytes);
  std::free(table);
  return image;
}

Dictionary::Adopted Dictionary::Adopt(std::span<const char> records,
                                      std::span<const std::uint32_t> positions,
                                      std::span<std::byte> table) {
  if (positions.empty()) return table.empty() ? Adopted::kYes : Adopted::kNo;
  if (positions.size() >= kIdsMax || records.size() >= AppendBytes::kSizeMax) return Adopted::kNo;

  std::vector<Segment*> segments;
  std::uint64_t used = 0;
  for (std::size_t at = 0; at < table.size();) {
    if (table.size() - at < sizeof(Segment)) return Adopted::kNo;
    auto* const segment = reinterpret_cast<Segment*>(table.data() + at);
    const auto buckets = std::uint64_t{segment->mask} + 1;
    if (!std::has_single_bit(buckets) || segment->bytes() > table.size() - at ||
        segment->used > CapacityOf(static_cast<std::uint32_t>(buckets))) {
      return Adopted::kNo;
    }
    used += segment->used;
    at += segment->bytes();
    segments.push_back(segment);
  }
  if (used != positions.size() || !std::has_single_bit(segments.size())) return Adopted::kNo;
  const auto depth = static_cast<std::uint32_t>(std::countr_zero(segments.size()));
  for (const Segment* segment : segments) {
    if (segment->depth != depth) return Adopted::kNo;
  }
  std::uint32_t end = 0;  // Records lie one after the other, in id order.
  for (const auto position : positions) {
    if (position < end || position >= records.size()) return Adopted::kNo;
    end = position + 1;
  }

  records_.Adopt(records.data(), static_cast<std::uint32_t>(records.size()));
  positions_.Adopt(positions.data(), static_cast<std::uint32_t>(positions.size()));
  Directory* const directory = NewDirectory(depth);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    directory->segments()[i].store(segments[i], std::memory_order_relaxed);
  }
  memory_.Count(Use::kDictionary, static_cast<std::ptrdiff_t>(
                                      records.size() + positions.size_bytes() + table.size()));
  directory_.store(directory, std::memory_order_release);
  size_.store(static_cast<std::uint32_t>(positions.size()), std::memory_order_release);
  return Adopted::kYes;
}

}  // namespace pemba::graph::internal
