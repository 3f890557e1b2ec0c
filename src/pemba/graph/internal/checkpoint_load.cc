#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "pemba/base/assert.h"
#include "pemba/graph/internal/checkpoint.h"
#include "pemba/graph/internal/checkpoint_format.h"
#include "pemba/graph/internal/state.h"

namespace pemba::graph::internal {
namespace {

// The file's bytes in huge pages. Reading costs little beside hashing, which touches every byte
// anyway, and checks on 4 KiB pages of a mapped file take three times as long: the address
// translation misses too. It also leaves nobody a way to alter the bytes after they were verified.
class Image {
 public:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  explicit Image(std::size_t bytes)
      : bytes_(bytes),
        reserved_((bytes + kHugePage - 1) / kHugePage * kHugePage + kHugePage),
        at_(::mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0)) {
    PEMBA_CHECK(at_ != MAP_FAILED);
    const auto address = reinterpret_cast<std::uintptr_t>(at_);
    first_ = static_cast<std::byte*>(at_) + (kHugePage - address % kHugePage) % kHugePage;
    // Without it everything works, only slower; a small store would waste most of a page.
    if (bytes >= kHugePage) static_cast<void>(::madvise(at_, reserved_, MADV_HUGEPAGE));
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { ::munmap(at_, reserved_); }
  std::span<std::byte> bytes() const { return {first_, bytes_}; }

 private:
  std::size_t bytes_;
  std::size_t reserved_;
  void* at_;
  std::byte* first_;
};

Error CannotRead(const std::string& path, int failure) {
  return {ErrorCode::kUnavailable,
          "checkpoint `" + path + "` cannot be read: " + std::strerror(failure)};
}

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// A part of the shared budget until it is handed over.
class Held {
 public:
  explicit Held(MemoryBudget* budget) : budget_(budget) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (budget_ != nullptr) budget_->Give(bytes_);
  }
  MemoryBudget::Taken Take(std::uint64_t bytes) {
    const auto taken = budget_ == nullptr ? MemoryBudget::Taken::kYes : budget_->Take(bytes);
    if (taken == MemoryBudget::Taken::kYes && budget_ != nullptr) bytes_ += bytes;
    return taken;
  }
  std::uint64_t HandOver() { return std::exchange(bytes_, 0); }

 private:
  MemoryBudget* budget_;
  std::uint64_t bytes_ = 0;
};

Result<std::shared_ptr<const Image>> ReadFile(const std::string& path, GraphOptions options,
                                              Held& held) {
  const File file(path);
  struct stat status {};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) return CannotRead(path, errno);
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes < sizeof(FileHeader)) {
    return Error{ErrorCode::kDataLoss, "checkpoint `" + path + "`: header: the file is truncated"};
  }
  if (options.memory_bytes_max != 0 && bytes > options.memory_bytes_max) {
    return Error{ErrorCode::kResourceExhausted,
                 "checkpoint `" + path + "` is larger than the store's memory budget"};
  }
  if (held.Take(bytes) == MemoryBudget::Taken::kNo) {
    return Error{ErrorCode::kResourceExhausted,
                 "the server's memory budget of " + std::to_string(options.budget->bytes_max()) +
                     " bytes has no room for checkpoint `" + path + "`"};
  }
  auto image = std::make_shared<const Image>(bytes);
  for (std::size_t at = 0; at < bytes;) {
    const auto count = ::read(file.fd(), image->bytes().data() + at, bytes - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotRead(path, errno);
    if (count == 0) break;  // Shorter than it said: the rest is zero, which no hash matches.
    at += static_cast<std::size_t>(count);
  }
  return image;
}

// The verified sections of a file.
class Reader {
 public:
  Reader(const std::string& path, std::span<std::byte> file) : path_(path), file_(file) {}

  Error Corrupt(const std::string& section, const std::string& what) const {
    return {ErrorCode::kDataLoss, "checkpoint `" + path_ + "`: " + section + ": " + what};
  }

  Result<FileHeader> Verify() {
    FileHeader header;
    std::memcpy(&header, file_.data(), sizeof(header));
    if (header.magic != kMagic) return Corrupt("header", "not a checkpoint of a graph");
    if (header.version != kFormatVersion && header.version != kFormatVersionExpiring) {
      return Corrupt("header", "version " + std::to_string(header.version) + " is not known");
    }
    const auto table_bytes = std::uint64_t{header.sections} * sizeof(SectionEntry);
    if (header.file_bytes != file_.size() || table_bytes > file_.size() ||
        header.table_offset != file_.size() - table_bytes) {
      return Corrupt("header", "the file is truncated or its length altered");
    }
    std::vector<SectionEntry> table(header.sections);
    std::memcpy(table.data(), file_.data() + header.table_offset, table_bytes);
    if (HashOfHeader(header, table) != header.hash) return Corrupt("header", "altered");

    std::uint64_t end = sizeof(FileHeader);
    for (const SectionEntry& section : table) {
      const auto name = NameOf(section.kind, section.index);
      const auto padded = (section.bytes + kSectionAlign - 1) / kSectionAlign * kSectionAlign;
      if (section.offset != end || padded < section.bytes ||
          padded > header.table_offset - section.offset) {
        return Corrupt(name, "out of place");
      }
      end += padded;
      const auto bytes = file_.subspan(section.offset, padded);
      if (XXH3_64bits(bytes.data(), bytes.size()) != section.hash) return Corrupt(name, "altered");
      sections_[{section.kind, section.index}] = bytes.first(section.bytes);
    }
    if (end != header.table_offset) return Corrupt("header", "sections are missing");
    return header;
  }

  std::span<std::byte> Bytes(SectionKind kind, std::uint32_t index) const {
    const auto at = sections_.find({kind, index});
    return at == sections_.end() ? std::span<std::byte>() : at->second;
  }
  template <class T>
  std::span<const T> Array(SectionKind kind, std::uint32_t index) const {
    const auto bytes = Bytes(kind, index);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  static std::uint64_t HashOfHeader(const FileHeader& header,
                                    const std::vector<SectionEntry>& table) {
    XXH3_state_t* const state = XXH3_createState();
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, &header, offsetof(FileHeader, hash));
    XXH3_64bits_update(state, table.data(), table.size() * sizeof(SectionEntry));
    const auto hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
  }

  const std::string& path_;
  const std::span<std::byte> file_;
  std::map<std::pair<SectionKind, std::uint32_t>, std::span<std::byte>> sections_;
};

// Takes numbers and texts from the names section; nothing more once it has run out.
class NameReader {
 public:
  explicit NameReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> Number() {
    std::uint64_t number = 0;
    if (rest_.size() < sizeof(number)) return std::nullopt;
    std::memcpy(&number, rest_.data(), sizeof(number));
    rest_ = rest_.subspan(sizeof(number));
    return number;
  }
  std::optional<std::string> Text() {
    const auto length = Number();
    if (!length || *length > rest_.size()) return std::nullopt;
    std::string text(reinterpret_cast<const char*>(rest_.data()), *length);
    rest_ = rest_.subspan(*length);
    return text;
  }

 private:
  std::span<const std::byte> rest_;
};

Status LoadNames(const Reader& reader, std::uint32_t version, GraphState& state) {
  const auto bad = reader.Corrupt(NameOf(SectionKind::kNames, 0), "inconsistent");
  NameReader names(reader.Bytes(SectionKind::kNames, 0));
  const auto types = names.Number();
  if (!types) return bad;
  for (std::uint64_t id = 0; id < *types; ++id) {
    const auto name = names.Text();
    if (!name || state.names.InternType(*name).id != id) return bad;
  }
  const auto partitions = names.Number();
  if (!partitions) return bad;
  for (std::uint64_t id = 0; id < *partitions; ++id) {
    PartitionKey key;
    for (std::string* part : {&key.object_type, &key.relation, &key.subject_type,
                              &key.subject_relation, &key.condition}) {
      auto text = names.Text();
      if (!text) return bad;
      *part = *std::move(text);
    }
    const auto flags = names.Number();
    const auto edges = names.Number();
    const auto flags_max = version == kFormatVersion ? kWildcard : kWildcard | kExpires;
    if (!flags || !edges || *flags > flags_max) return bad;
    key.wildcard = (*flags & kWildcard) != 0;
    key.expires = (*flags & kExpires) != 0;
    Partition& partition = state.names.InternPartition(key);
    if (partition.id != id) return bad;
    partition.writes.store(*edges, std::memory_order_relaxed);
    if (key.expires && *edges > 0) state.expiring.fetch_add(1);
  }
  if (state.names.Types().size() != *types) return bad;
  return Done{};
}

Status LoadDictionary(const Reader& reader, Dictionary& dictionary, SectionKind records,
                      SectionKind positions, SectionKind table, std::uint32_t index) {
  const auto adopted =
      dictionary.Adopt(reader.Array<char>(records, index),
                       reader.Array<std::uint32_t>(positions, index), reader.Bytes(table, index));
  if (adopted == Dictionary::Adopted::kYes) return Done{};
  return reader.Corrupt(NameOf(records, index), "inconsistent");
}

// The leaf at an offset of the section, or null if it does not lie within.
const Leaf* LeafAt(std::span<const std::byte> leaves, std::uint64_t offset, std::uint8_t parts) {
  if (offset % 8 != 0 || offset > leaves.size() || leaves.size() - offset < sizeof(Leaf)) {
    return nullptr;
  }
  const auto* const leaf = reinterpret_cast<const Leaf*>(leaves.data() + offset);
  const bool fits = leaf->form <= LeafForm::kOffsets && leaf->parts == parts &&
                    leaf->bytes == LeafBytes(leaf->form, parts, leaf->edges) &&
                    leaf->bytes <= leaves.size() - offset;
  return fits ? leaf : nullptr;
}

Status LoadSide(const Reader& reader, Side& side, SectionKind leaf_kind, SectionKind cell_kind,
                SectionKind segment_kind, std::uint32_t index) {
  const auto leaves = reader.Bytes(leaf_kind, index);
  for (const FileCell& cell : reader.Array<FileCell>(cell_kind, index)) {
    const Leaf* const leaf = LeafAt(leaves, cell.leaf, side.parts());
    const bool fits = leaf != nullptr && cell.page < kLocalNodes >> kPageBits &&
                      (cell.shift == kPageBits || cell.shift == kCellBits) &&
                      cell.cell < 1u << (kPageBits - cell.shift);
    if (!fits) return reader.Corrupt(NameOf(cell_kind, index), "inconsistent");
    side.AdoptCell(cell.page, cell.shift, cell.cell, leaf);
  }

  const auto segments = reader.Array<FileSegment>(segment_kind, index);
  for (std::size_t begin = 0; begin < segments.size();) {
    std::vector<NodeId> firsts;
    std::vector<const Leaf*> row;
    std::size_t end = begin;
    for (; end < segments.size() && segments[end].row == segments[begin].row; ++end) {
      firsts.push_back(segments[end].first);
      row.push_back(LeafAt(leaves, segments[end].leaf, side.parts()));
      const bool fits = row.back() != nullptr && row.back()->form == LeafForm::kOneRow &&
                        (end == begin ? firsts.back() == 0 : firsts.back() > firsts.end()[-2]);
      if (!fits) return reader.Corrupt(NameOf(segment_kind, index), "inconsistent");
    }
    if (segments[begin].row >= kLocalNodes) {
      return reader.Corrupt(NameOf(segment_kind, index), "inconsistent");
    }
    side.AdoptBigRow(segments[begin].row, firsts, row);
    begin = end;
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<GraphState>> LoadCheckpoint(const std::string& path, GraphOptions options) {
  Held held(options.budget);
  PEMBA_TRY(auto image, ReadFile(path, options, held));
  Reader reader(path, image->bytes());
  PEMBA_TRY(const FileHeader header, reader.Verify());

  auto state = std::make_unique<GraphState>(options, header.hash_seed, held.HandOver());
  state->image = image;
  state->memory.SetImage(image->bytes());
  PEMBA_TRY(std::ignore, LoadNames(reader, header.version, *state));
  using enum SectionKind;
  for (Type* type : state->names.Types()) {
    PEMBA_TRY(std::ignore, LoadDictionary(reader, type->nodes, kNodeRecords, kNodePositions,
                                          kNodeTable, type->id));
  }
  PEMBA_TRY(std::ignore, LoadDictionary(reader, state->contexts, kContextRecords, kContextPositions,
                                        kContextTable, 0));
  for (Partition* p : state->names.InOrder()) {
    PEMBA_TRY(std::ignore,
              LoadSide(reader, p->forward, kForwardLeaves, kForwardCells, kForwardSegments, p->id));
    PEMBA_TRY(std::ignore,
              LoadSide(reader, p->reverse, kReverseLeaves, kReverseCells, kReverseSegments, p->id));
  }
  const auto adopted = state->stamps.Adopt(state->memory, reader.Array<Stamps::Run>(kRuns, 0),
                                           reader.Array<std::int64_t>(kTimes, 0));
  if (adopted == Stamps::Adopted::kNo || state->stamps.last_revision() != header.revision) {
    return reader.Corrupt(NameOf(kRuns, 0), "inconsistent");
  }
  state->tuples.store(header.tuples, std::memory_order_relaxed);
  state->applied_revision.store(header.revision, std::memory_order_relaxed);
  state->published_revision.store(header.revision, std::memory_order_relaxed);
  state->gate.published.store(state->stamps.last(), std::memory_order_seq_cst);
  if (state->Hold(state->memory.total()) == MemoryBudget::Taken::kNo) {
    return Error{ErrorCode::kResourceExhausted,
                 "the server's memory budget has no room for checkpoint `" + path + "`"};
  }
  return state;
}

}  // namespace pemba::graph::internal
